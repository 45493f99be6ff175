"""``sojourn data``: make tables, look at them, read with statements that can only read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Line

PEN = """
CREATE TABLE pen (
    "iKey" BIGINT PRIMARY KEY, "iVersion" BIGINT, ink VARCHAR(20), price DECIMAL(10, 2)
)"""


@pytest.fixture
def pens(line: Line) -> Line:
    """A project with a table."""
    done = line.run("data", "define", PEN, "--tag", "setup")
    assert (done.exit_code, done.stdout) == (0, "1 statement done\n")
    return line


def test_a_table_is_made_shown_and_logged(pens: Line) -> None:
    (pen,) = [table for table in pens.json("data", "tables") if table["name"] == "pen"]
    assert (pen["kind"], pen["key"]) == ("table", "iKey")
    assert [(one["name"], one["type"]) for one in pen["columns"]][2:] == [("ink", "string"), ("price", "decimal")]
    listed = pens.run("changes", "list", "--tag", "setup").stdout.splitlines()
    assert len(listed) == 2, "a statement of several lines is one line of the list"
    assert 'CREATE TABLE pen ( "iKey" BIGINT PRIMARY KEY' in listed[1]
    assert pens.json("changes", "list", "--tag", "setup")[0]["content"] == PEN


def test_a_file_of_statements_is_done_until_the_first_fault(pens: Line, tmp_path: Path) -> None:
    file = tmp_path / "schema.sql"
    file.write_text("CREATE TABLE a (i INT);\nCREATE TABLE pen (i INT);\nCREATE TABLE b (i INT);\n")
    done = pens.run("data", "define", "--file", str(file))
    assert (done.exit_code, done.stderr) == (1, "table pen already exists\n")
    assert {table["name"] for table in pens.json("data", "tables")} >= {"a", "pen"}
    assert "b" not in {table["name"] for table in pens.json("data", "tables")}
    assert pens.run("data", "define", "--file", str(tmp_path / "none.sql")).exit_code == 1
    assert pens.run("data", "define").exit_code == 2


def test_a_query_takes_values_in_order_or_by_name(pens: Line) -> None:
    assert pens.json("data", "query", "SELECT ? AS a, ? AS b", "--param", "7", "--param", "seven") == [
        {"a": 7, "b": "seven"}
    ]
    assert pens.json("data", "query", "SELECT :n AS n", "--param", "n=1.5") == [{"n": 1.5}]
    shown = pens.run("data", "query", "SELECT 1 AS one, NULL AS none")
    assert [line.split() for line in shown.stdout.splitlines()] == [["one", "none"], ["1"]]
    assert pens.run("data", "query", "SELECT 1 AS one", "--csv").stdout == "one\n1\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("query", "DELETE FROM pen"), "database.statement_refused"),
        (("query", "SELECT * FROM sojourn_change"), "database.statement_refused"),
        (("query", "SELECT ?"), "database.bad_parameters"),
        (("query", "SELECT * FROM nowhere"), "database.table_unknown"),
        (("query", "SELECT 1 UNION SELECT 2", "--limit", "1"), "database.result_too_large"),
        (("query", "SELECT 1", "--database", "none"), "database.unknown"),
        (("define", "CREATE TRIGGER t"), "database.statement_refused"),
        (("roles",), "data.no_roles"),
    ],
)
def test_what_is_refused_says_so_and_leaves_with_1(pens: Line, arguments: tuple[str, ...], code: str) -> None:
    done = pens.run("data", *arguments, "--json")
    assert done.exit_code == 1
    assert f'"code":"{code}"' in done.stdout
