"""SQL taken into tokens as SQLite and PostgreSQL do it."""

from __future__ import annotations

import sqlite3

import pytest

from sojourn.data.definition import check_definition
from sojourn.data.errors import BadStatement, StatementRefused
from sojourn.data.lexer import LONGEST, Dialect, lex
from sojourn.data.parameters import bind


def kinds(sql: str, dialect: Dialect = "sqlite") -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in lex(sql, dialect).tokens]


def test_tokens_of_both() -> None:
    for dialect in ("sqlite", "postgresql"):
        assert kinds("""SELECT "a""b", 'it''s', x1.y FROM t -- ? ; '\nWHERE a>=:n /* :m */ AND b=?;""", dialect) == [
            *(("word", "SELECT"), ("name", 'a"b'), ("mark", ","), ("string", "'it''s'"), ("mark", ",")),
            *(("word", "x1"), ("mark", "."), ("word", "y"), ("word", "FROM"), ("word", "t"), ("word", "WHERE")),
            *(("word", "a"), ("mark", ">"), ("mark", "="), ("parameter", ":n"), ("word", "AND"), ("word", "b")),
            *(("mark", "="), ("parameter", "?")),
        ]


def test_tokens_of_sqlite() -> None:
    assert kinds("[a'b] `c``d` @x $y #z ?7 'a\\'") == [
        *(("name", "a'b"), ("name", "c`d"), ("foreign", "@x"), ("foreign", "$y"), ("foreign", "#z")),
        *(("foreign", "?7"), ("string", "'a\\'")),
    ]


def test_tokens_of_postgresql() -> None:
    assert kinds("a[1:2] E'x\\'y' $$ ' ; $$ $t$ $$ $t$ b::int $1", "postgresql") == [
        *(("word", "a"), ("mark", "["), ("number", "1"), ("mark", ":"), ("number", "2"), ("mark", "]")),
        *(("string", "E'x\\'y'"), ("string", "$$ ' ; $$"), ("string", "$t$ $$ $t$"), ("word", "b"), ("mark", "::")),
        *(("word", "int"), ("foreign", "$1")),
    ]
    assert kinds("E'a\\''\n  'b\\''", "postgresql") == [("string", "E'a\\''\n  'b\\''")]


@pytest.mark.parametrize(
    "sql", ["", ";", "SELECT 1;;SELECT 2", "'", '"', "/*", "/* /* */ */", "`a", "SELECT \0", "--x", " " * (LONGEST + 1)]
)
def test_what_is_no_single_statement(sql: str) -> None:
    with pytest.raises(BadStatement):
        lex(sql, "sqlite")


def test_a_statement_ends_before_its_semicolon() -> None:
    assert lex("SELECT 1 ; ; -- x", "sqlite").sql == "SELECT 1"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ';' AS a, \";\" AS b, [;] AS c, `;` AS d FROM (SELECT 1 AS ';', 2 AS [;])",
        "SELECT 1 --;\n+ 1",
        "SELECT 1 /*;*/ + 1",
        "SELECT '--', '/*', 1",
        "SELECT 'a''--', 1",
    ],
)
def test_sqlite_sees_one_statement_where_we_do(sql: str) -> None:
    lexed = lex(sql, "sqlite")
    with sqlite3.connect(":memory:") as connection:
        connection.execute(lexed.sql)


def test_long_texts_take_no_longer_than_they_are_long() -> None:
    for part in ("'", "''", '"', "/*", "/* *", "$a$", "E'\\", "--", "a.", "((", "::"):
        try:
            lex(part * 20_000 + ".", "postgresql")
        except BadStatement:
            continue


def test_placeholders_are_put_in_place() -> None:
    text, values = bind(lex("SELECT :a, ':a', :b, :a", "postgresql"), {"a": 1, "b": 2}, lambda number: f"${number}")
    assert (text, values) == ("SELECT $1, ':a', $2, $3", [1, 2, 1])


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT DEFAULT 'x', c INTEGER GENERATED ALWAYS AS (a + 1), CHECK (a > 0))",
        "create table if not exists t (a int references u on delete restrict)",
        "CREATE UNIQUE INDEX i ON t (a)",
        "CREATE VIEW v AS SELECT a FROM t",
        "ALTER TABLE t ADD COLUMN d TEXT",
        "ALTER TABLE t RENAME COLUMN a TO b",
        "DROP TABLE t",
        "DROP VIEW IF EXISTS v",
        "CREATE TABLE t (cascade_text TEXT DEFAULT 'ON DELETE CASCADE')",
    ],
)
def test_definitions_that_an_author_may_run(statement: str) -> None:
    check_definition(lex(statement, "sqlite"))


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (1)",
        "CREATE TEMP TABLE t (a)",
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1 END",
        "CREATE VIRTUAL TABLE t USING fts5(a)",
        "CREATE TABLE t AS SELECT 1",
        "CREATE TABLE t (a INTEGER REFERENCES u ON DELETE CASCADE)",
        "CREATE TABLE t (a INTEGER REFERENCES u ON UPDATE SET NULL)",
        "CREATE TABLE t (a INTEGER REFERENCES u ON DELETE /* x */ SET DEFAULT)",
        "CREATE TABLE sojourn_x (a INTEGER)",
        'CREATE TABLE "SOJOURN_x" (a INTEGER)',
        "CREATE TABLE 'sojourn_x' (a INTEGER)",
        "CREATE TABLE [iLog] (a INTEGER)",
        "ALTER TABLE t RENAME TO iGroupUser",
        "DROP TABLE sojourn_change",
        "DROP VIEW iLog",
        "CREATE VIEW v AS SELECT * FROM iLog",
        "DROP TABLE t CASCADE",
        "COMMENT ON TABLE t IS 'x'",
        "REINDEX",
        "VACUUM",
        "ATTACH 'x' AS y",
    ],
)
def test_definitions_that_nobody_runs(statement: str) -> None:
    with pytest.raises(StatementRefused):
        check_definition(lex(statement, "sqlite"))
