"""Whatever a project's files hold, the answer is a project or a ConfigError that names file and line."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sojourn.config.documents import read_document
from sojourn.config.problems import ConfigError, Problem
from sojourn.config.project import load_project

# What the formats are made of; a random order of it comes closer to their edges than random bytes.
TOML_WORDS = rb"""
[server] [stores] [keys] [[server]] host publicUrl trustedProxies listen session masterKeyFile = = = . , [ ] { } "a" 'b'
''' "http://[::1]:0" "http://a:99999" "sqlite:///x" "memory://" ["::/0"] -1 1e400 nan true 2001-01-01 12:30:00 "\u0000" #
""".split()
TOML_WORDS += [b"\n", b"\r\n", b'"""', rb'"\ud800"']
JSON_WORDS = rb"""
{ } [ ] : , "sessionIdle" "hosts" "timeouts" "nist-aal2" "off" "environmentType" "stateful" "freshLogin" "keepAtLogin"
"loginScope" "" -0 1 "\ud800" "\u0000" 1E400 true null / # \ NaN
""".split()
JSON_WORDS += [b"\n", b"9" * 30]
YAML_WORDS = rb"""
- : ? , [ ] { } & * ! !! | > |+2 >- % @ %YAML %TAG ` ' " \ \x4 \U00110000 \UFFFFFFFF # --- ... << ~ a key: .nan 1e9 0o8 0x
!<tag:a> &a *a
""".split()
YAML_WORDS += [b"%YAML 1.1", b"%YAML 3.99", b"- -", b"\n", b"\n  ", b"\n\t", b"\r", b"\0", "\u2028\x85\ufeff".encode()]

any_time = settings(deadline=None)


def texts(words: list[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes at random, and parts of the format in random order."""
    parts = st.lists(st.sampled_from(words), max_size=30)
    return st.binary(max_size=60) | st.builds(bytes.join, st.sampled_from([b"", b" "]), parts)


def problems_of(read: Callable[[], object]) -> tuple[Problem, ...]:
    """What ``read`` says is wrong; nothing when it succeeds. Any other exception is a failure of the test."""
    try:
        read()
    except ConfigError as error:
        return error.problems
    return ()


def load(files: Mapping[str, bytes]) -> tuple[Problem, ...]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "realms" / "main").mkdir(parents=True)
        for file, raw in files.items():
            (folder / file).write_bytes(raw)
        return problems_of(lambda: load_project(folder, {}))


def assert_named(problems: tuple[Problem, ...], files: Mapping[str, bytes]) -> None:
    """Every problem has a file, one of its lines, and a message on one line."""
    for problem in problems:
        assert 1 <= problem.line <= files[problem.file].count(b"\n") + 1
        assert problem.message
        assert str(problem).isprintable()


@any_time
@given(texts(TOML_WORDS))
@example(b"a=" + b"[" * 5000)
@example(b".".join([b"a"] * 2000) + b"=1")
@example(b'[server]\nhost="\\u0000"\npublicUrl="http://\\u0000"\n[keys]\nmasterKeyFile="\\u0000"')
@example(b"[server]\nport=" + b"9" * 5000)
def test_any_bytes_as_settings(raw: bytes) -> None:
    files = {"sojourn.toml": raw}
    assert_named(load(files), files)


@any_time
@given(texts(JSON_WORDS))
@example(b"[" * 100_000)
@example(b'{"a":' * 5000)
@example(b'{"sessionIdle": ' + b"9" * 5000 + b"}")
@example(b'{"\\ud800": 1}')
@example(b"\x0b")
def test_any_bytes_as_a_realm(raw: bytes) -> None:
    files = {"sojourn.toml": b"", "realms/main/realm.json": raw}
    assert_named(load(files), files)


@any_time
@given(texts(JSON_WORDS))
def test_any_bytes_as_globals(raw: bytes) -> None:
    files = {"sojourn.toml": b"", "realms/main/globals.json": raw}
    assert_named(load(files), files)


@any_time
@given(texts(YAML_WORDS))
@example(b"[" * 5000)
@example(b"- " * 5000)
@example(b"&a [" * 200)
@example(b'"\\U00110000"')
def test_any_bytes_as_yaml(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "a.yaml")
        path.write_bytes(raw)
        problems = problems_of(lambda: read_document(path, Path(name)))
    # YAML knows more line ends than \n, so the lines are only bounded.
    assert all(1 <= problem.line <= len(raw) + 1 and str(problem).isprintable() for problem in problems)


@pytest.mark.parametrize("name", ["sojourn.toml", "realms/main/realm.json"])
def test_a_folder_where_a_file_belongs_is_a_problem(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir(parents=True)
    (tmp_path / "sojourn.toml").touch()
    with pytest.raises(ConfigError) as error:
        load_project(tmp_path, {})
    assert str(error.value) == f"{name}:1: cannot be read: Is a directory"
