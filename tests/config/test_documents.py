"""What the three formats allow, with the line of everything."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.config.documents import MAX_SIZE, Document, read_document
from sojourn.config.positions import MAX_DEPTH
from sojourn.config.problems import ConfigError
from sojourn.core import json

FOLDER = Path(__file__).parent / "documents"
MARK = "# expect: "


def read(folder: Path, name: str, text: bytes | str) -> Document:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_document(path, folder)


def refused(folder: Path, name: str, text: bytes | str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(folder, name, text)
    return [f"{problem.line}: {problem.message}" for problem in error.value.problems]


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.iterdir()))
def test_what_yaml_does_not_allow_here_is_said_at_its_line(name: str) -> None:
    lines = (FOLDER / name).read_text().splitlines()
    expected = [f"{name}:{number}: {line.split(MARK)[1]}" for number, line in enumerate(lines, 1) if MARK in line]
    with pytest.raises(ConfigError) as error:
        read_document(FOLDER / name, FOLDER)
    assert [str(problem) for problem in error.value.problems] == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1: not valid JSON: expected a value, found the end of the file"),
        ("\n\n{} {}", "3: not valid JSON: expected nothing more after the value, found '{'"),
        ("{'a': 1}", """1: not valid JSON: unexpected "'a':\""""),
        ("{a: 1}", "1: not valid JSON: unexpected 'a:'"),
        ('{"a": 1\n "b": 2}', "2: not valid JSON: expected ',' or '}', found '\"b\"'"),
        ('{"a"\n1}', "2: not valid JSON: expected ':' after the key, found '1'"),
        ("[1,\n2 3]", "2: not valid JSON: expected ',' or ']', found '3'"),
        ("[1,\n]", "2: not valid JSON: expected a value, found ']'"),
        ('["a\n"]', "1: not valid JSON: a text that is not closed on its line, or has a bad escape"),
        (r'["\x41"]', "1: not valid JSON: a text that is not closed on its line, or has a bad escape"),
        (r'["\ud800"]', "1: not valid JSON: half of a surrogate pair"),
        ("[01]", "1: not valid JSON: unexpected '01]'"),
        ("[+1]", "1: not valid JSON: unexpected '+1]'"),
        ("[NaN]", "1: not valid JSON: unexpected 'NaN]'"),
        ("[True]", "1: not valid JSON: unexpected 'True]'"),
        ("[0x10]", "1: not valid JSON: unexpected '0x10]'"),
        ("# no\n{}", "1: not valid JSON: JSON has no comments"),
        ("\ufeff{}", "1: not valid JSON: unexpected '\\ufeff{}'"),
        ("a: 1", "1: not valid JSON: unexpected 'a:'"),
        (f"[{'9' * 1001}]", "1: a number has at most 1000 digits"),
        ("[\n1e1001]", "2: the number is out of all bounds"),
        ("[" * 102 + "]" * 102, f"1: nested deeper than {MAX_DEPTH}"),
    ],
)
def test_only_json_is_json(tmp_path: Path, text: str, message: str) -> None:
    assert refused(tmp_path, "a.json", text) == [message]


def test_both_keys_that_stand_twice_are_named_in_json(tmp_path: Path) -> None:
    text = '{"a": 1, "b": {\n"c": 1, "c": 2},\n"a": 3}'
    assert refused(tmp_path, "a.json", text) == [
        "2: key 'c' stands twice, first in line 2",
        "3: key 'a' stands twice, first in line 1",
    ]


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.toml"])
def test_a_file_that_is_not_utf8_or_too_large_is_refused(tmp_path: Path, name: str) -> None:
    assert refused(tmp_path, name, b"\n\n\xff") == ["3: not UTF-8"]
    assert refused(tmp_path, name, b" " * (MAX_SIZE + 1)) == [f"1: larger than {MAX_SIZE} bytes"]


def test_a_file_that_cannot_be_read_is_a_problem_of_that_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read_document(tmp_path / "none.yaml", tmp_path)
    assert str(error.value) == "none.yaml:1: cannot be read: No such file or directory"


def test_numbers_keep_every_digit(tmp_path: Path) -> None:
    numbers = [12345678901234567, Decimal("0.12345678901234567890"), Decimal("10.10"), -1, Decimal("1E+5")]
    text = "[12345678901234567, 0.12345678901234567890, 10.10, -1, 1E+5]"
    for name in ("a.json", "a.yaml"):
        found = read(tmp_path, name, text).data
        assert list(map(str, found)) == list(map(str, numbers))
        assert [type(number) for number in found] == [type(number) for number in numbers]
    assert str(read(tmp_path, "a.toml", "a = 10.10").data["a"]) == "10.10"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("yes", "yes"),
        ("on", "on"),
        ("True", True),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("2001-01-01", "2001-01-01"),
        ("12:30:45", "12:30:45"),
        ("017", 17),
        ("+5", 5),
        (".5", Decimal("0.5")),
        ("'5'", "5"),
        ('"{{ message.body.sku }}"', "{{ message.body.sku }}"),
        ("|\n  two\n  lines", "two\nlines\n"),
    ],
)
def test_yaml_scalars_follow_the_core_schema_of_yaml_1_2(tmp_path: Path, text: str, value: object) -> None:
    found = read(tmp_path, "a.yaml", f"a: {text}\n").data["a"]
    assert (found, type(found)) == (value, type(value))


def test_an_empty_yaml_file_is_null(tmp_path: Path) -> None:
    assert read(tmp_path, "a.yaml", "# nothing\n").data is None


YAML = """\
flow:
  - step: one
    params:
      fields:
        - a
        -
          b
"""
JSON = '{"flow": [\n {"step": "one",\n "params":\n {"fields":\n ["a",\n\n "b"]}}]}'
TOML = """\
# comment = [
title = '''
[not.a.table]
x = 1'''
[server] # a table
"host" = "a" # host = "b"
trustedProxies = [
  "10.0.0.0/8", # ]

  "::1", { a = [1,
  2] }, [
  3],
  4
]
log.level = "info"
[server.deep]
port = 1
[[list]]
port = 2
"""


def test_every_value_of_a_yaml_file_has_its_line(tmp_path: Path) -> None:
    document = read(tmp_path, "a.yaml", YAML)
    assert document.line(("flow",)) == 2
    assert document.line(("flow",), key=True) == 1
    assert document.line(("flow", 0, "params")) == 4
    assert document.line(("flow", 0, "params"), key=True) == 3
    assert document.line(("flow", 0, "params", "fields", 1)) == 7
    assert document.line(("flow", 0, "component")) == 2, "the place it would stand in"


def test_every_value_of_a_json_file_has_its_line(tmp_path: Path) -> None:
    document = read(tmp_path, "a.json", JSON)
    assert document.line(("flow", 0, "params")) == 4
    assert document.line(("flow", 0, "params"), key=True) == 3
    assert document.line(("flow", 0, "params", "fields", 1)) == 7


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_key_and_every_item_of_a_toml_file_has_its_line(tmp_path: Path, newline: str) -> None:
    document = read(tmp_path, "a.toml", TOML.replace("\n", newline))
    lines = {
        ("title",): 2,
        ("server",): 5,
        ("server", "host"): 6,
        ("server", "trustedProxies"): 7,
        ("server", "trustedProxies", 0): 8,
        ("server", "trustedProxies", 1): 10,
        ("server", "trustedProxies", 2): 10,
        ("server", "trustedProxies", 3): 11,
        ("server", "trustedProxies", 4): 13,
        ("server", "log"): 15,
        ("server", "log", "level"): 15,
        ("server", "deep", "port"): 17,
        ("list",): 18,
        ("list", "port"): 19,
    }
    assert {path: document.line(path) for path in lines} == lines


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False, places=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_json_that_the_engine_writes_is_read_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    folder = tmp_path_factory.mktemp("json", numbered=True)
    text = json.encode(value)
    assert json.encode(read(folder, "a.json", text).data) == text
