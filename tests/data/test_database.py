"""The database as a session has it: reading, writing, the log beside it, and who may."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from sojourn.bootstrap import Engine
from sojourn.config.project import load_project
from sojourn.core import json
from sojourn.core.errors import InsufficientScope, SessionEnded
from sojourn.data import schema
from sojourn.data.database import Database
from sojourn.data.errors import (
    BadTag,
    BadValue,
    ConstraintFailed,
    DatabaseLoginRequired,
    DatabaseUnknown,
    RecordConflict,
    StatementRefused,
    TableUnknown,
    TableUnnamed,
    TableWithoutKey,
)
from sojourn.data.terms import Deleted, Modified, TableChanges
from sojourn.scripting.run import Kept
from tests.data.conftest import PASSWORD, Enter, cheap, product

pytestmark = pytest.mark.anyio


def _log(connection: Connection) -> list[tuple[object, ...]]:
    change = schema.change.c
    rows = connection.execute(select(change.kind, change.table_name, change.record, change.before, change.after))
    return [tuple(row) for row in rows]


async def logged(database: Database, engine: Engine) -> list[tuple[object, ...]]:
    backend = await engine.databases.named(database.name)
    return await backend.read(_log)


def inserted(table: str, *rows: dict[str, object]) -> TableChanges:
    return TableChanges(table=table, inserted=list(rows))  # type: ignore[arg-type]


async def test_what_is_written_is_read_and_logged(engine: Engine, database: Database) -> None:
    first = await database.apply_updates([inserted("product", product(1), product(2, price=Decimal("9.5")))])
    change = Modified(1, {"name": "product 1"}, {"name": "lamp"})
    removed = Deleted(2, {"name": "product 2"})
    second = await database.apply_updates([TableChanges(table="product", modified=[change], deleted=[removed])])
    assert second > first > 0
    assert await database.version() == second
    found = await database.query("SELECT * FROM product WHERE name = ?", ["lamp"])
    assert list(found) == [
        {"iKey": 1, "iVersion": second, "name": "lamp", "price": Decimal(1), "stock": 0, "sold": False}
    ]
    assert (found.table, found.key) == ("product", "iKey")
    rows = await logged(database, engine)
    assert [row[:3] for row in rows] == [
        ("INSERT", "product", "1"),
        ("INSERT", "product", "2"),
        ("DELETE", "product", "2"),
        ("UPDATE", "product", "1"),
    ]
    before, after = (json.decode(str(image)) for image in rows[3][3:])
    assert before == {"iVersion": first, "name": "product 1"}
    assert after == {"iVersion": second, "name": "lamp"}


async def test_nothing_to_change_is_version_0(database: Database, engine: Engine) -> None:
    assert await database.apply_updates([]) == 0
    await database.apply_updates([inserted("product", product(1))])
    same = Modified(1, {"name": "product 1"}, {"name": "product 1"})
    assert await database.apply_updates([TableChanges(table="product", modified=[same])]) == 0
    assert len(await logged(database, engine)) == 1


async def test_every_type_comes_back(database: Database, database_kind: str) -> None:
    row: dict[str, object] = {
        "key": 1,
        "text": "a'b\"c\u0000d" if database_kind == "sqlite" else "a'b\"c\\d",  # PostgreSQL keeps no U+0000
        "whole": 2**63 - 1,
        "real": 0.1,
        "money": Decimal("12345678901.2345"),
        "truth": True,
        "day": date(2026, 11, 22),
        "hour": time(10, 30),
        "at": datetime(2026, 11, 22, 10, 30, 0, 250_000, tzinfo=UTC),
        "data": {"a": [1, Decimal("1.5"), None]},
    }
    nothing = dict.fromkeys(row) | {"key": 2}
    await database.apply_updates([inserted("thing", row, nothing)])
    found = await database.query("SELECT * FROM thing ORDER BY key")
    assert list(found) == [row, nothing]
    assert [column.type for column in found.columns] == [
        *("integer", "string", "integer", "number", "decimal", "boolean", "date", "time", "datetime", "json")
    ]
    empty = await database.query("SELECT * FROM thing WHERE key = 3")
    assert empty.columns == found.columns
    assert len(empty) == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("whole", "x"),
        ("whole", 1.5),
        ("whole", 2**63),
        ("real", "1"),
        ("money", Decimal("NaN")),
        ("truth", 2),
        ("day", "tomorrow"),
        ("hour", 7),
        ("at", "x"),
        ("text", 5),
        ("nothing", 1),
    ],
)
async def test_a_value_that_does_not_fit_is_refused(
    database: Database, engine: Engine, column: str, value: object
) -> None:
    with pytest.raises(BadValue):
        await database.apply_updates(
            [inserted("country", {"code": "pt", "name": "Portugal"}), inserted("thing", {"key": 1, column: value})]
        )
    assert await logged(database, engine) == []
    assert len(await database.query("SELECT * FROM country")) == 0


async def test_a_record_that_somebody_has_changed_is_a_conflict(database: Database, engine: Engine) -> None:
    await database.apply_updates([inserted("product", product(1), product(2))])
    mine = Modified(1, {"name": "product 1", "stock": 0}, {"name": "mine"})
    theirs = Modified(1, {"name": "product 1"}, {"name": "theirs"})
    await database.apply_updates([TableChanges(table="product", modified=[theirs])])
    before = await logged(database, engine)
    with pytest.raises(RecordConflict) as raised:
        await database.apply_updates([TableChanges(table="product", modified=[mine], inserted=[product(3)])])
    assert (raised.value.table, raised.value.key, raised.value.fields) == ("product", 1, "name")
    with pytest.raises(RecordConflict):
        await database.apply_updates([TableChanges(table="product", deleted=[Deleted(7, {})])])
    assert await logged(database, engine) == before
    assert len(await database.query("SELECT * FROM product")) == 2


async def test_a_constraint_undoes_all(database: Database, engine: Engine) -> None:
    await database.apply_updates([inserted("product", product(1))])
    with pytest.raises(ConstraintFailed):
        await database.apply_updates([inserted("product", product(2), product(1))])
    with pytest.raises(ConstraintFailed):
        await database.apply_updates([inserted("country", {"code": "pt", "name": None})])
    assert len(await logged(database, engine)) == 1


async def test_tables_that_cannot_be_written(database: Database) -> None:
    for table, error in (
        ("", TableUnnamed),
        ("nowhere", TableUnknown),
        ("cheap", TableUnknown),
        ("sojourn_change", TableUnknown),
        ("loose", TableWithoutKey),
    ):
        with pytest.raises(error):
            await database.apply_updates([inserted(table, {"iKey": 1})])


async def test_a_schema_is_changed_with_the_scope(database: Database, engine: Engine, enter: Enter) -> None:
    version = await database.execute_ddl("CREATE TABLE note (iKey INTEGER PRIMARY KEY, text TEXT)")
    assert version == await database.version()
    assert await database.apply_updates([inserted("note", {"iKey": 1, "text": "x"})]) > version
    assert [row[0] for row in await logged(database, engine)] == ["DDL", "INSERT"]
    other = engine.database(await enter("ben"))
    with pytest.raises(InsufficientScope):
        await other.execute_ddl("DROP TABLE note")
    with pytest.raises(StatementRefused):
        await database.execute_ddl("CREATE TABLE sojourn_mine (a INTEGER)")


async def test_without_a_login_there_is_no_database(engine: Engine, enter: Enter) -> None:
    session = await enter()
    made = engine.database(session, follows=False)
    with pytest.raises(DatabaseLoginRequired):
        await made.query("SELECT 1")
    with pytest.raises(DatabaseLoginRequired):
        await made.apply_updates([])
    assert not await made.login("ben", "wrong")
    assert made.user_key == -1
    assert await made.login("ben", PASSWORD)
    assert made.user_name == "ben"
    assert (await made.query("SELECT 1 AS one")).rows == [(1,)]
    made.logout()
    assert made.user_name == "anonymous"
    assert await made.login_by_session()
    assert made.user_name == "anna"


async def test_the_default_connection_follows_the_session(engine: Engine, enter: Enter) -> None:
    session = await enter()
    database = engine.database(session)
    assert database.user_name == "anna"
    await session.logout()
    assert database.user_key == -1
    with pytest.raises(DatabaseLoginRequired):
        await database.query("SELECT 1")
    assert await session.login("ben", PASSWORD)
    assert database.user_name == "ben"


async def test_a_session_that_ends_before_the_commit_writes_nothing(engine: Engine, enter: Enter) -> None:
    session = await enter()
    database = engine.database(session)
    backend = await engine.databases.named()
    held = asyncio.Event()

    async def hold() -> None:
        held.set()
        await session.end()

    waiting = asyncio.create_task(backend.write(lambda _connection: None, hold))
    await held.wait()
    # The session ended while this change waited for its turn.
    with pytest.raises(SessionEnded):
        await database.apply_updates([inserted("product", product(1))])
    await waiting
    other = engine.database(await enter("ben"))
    assert len(await other.query("SELECT * FROM product")) == 0


async def test_tags(engine: Engine, enter: Enter) -> None:
    kept = Kept()
    database = engine.database(await enter(), terms=kept, execution_key="run 1")
    await database.apply_updates([inserted("product", product(1))])
    kept.tracking_id = "T"
    await database.apply_updates([inserted("product", product(2))])
    database.tracking_id = "U"
    await database.apply_updates([inserted("product", product(3))])
    for bad in ("x" * 101, "a\nb", "\x00"):
        with pytest.raises(BadTag):
            database.tracking_id = bad
    assert database.tracking_id == "U"
    database.tracking_id = ""
    assert database.tracking_id == "T"
    backend = await engine.databases.named()
    tags = await backend.read(lambda c: c.execute(select(schema.change.c.tag, schema.change.c.fresh)).all())
    assert [tuple(row) for row in tags] == [("run 1", True), ("T", True), ("U", True)]


async def test_a_database_that_nobody_knows(engine: Engine, enter: Enter) -> None:
    with pytest.raises(DatabaseUnknown):
        await engine.database(await enter(), "other").query("SELECT 1")


async def test_pages_come_from_one_snapshot(database: Database) -> None:
    await database.apply_updates([inserted("product", *(product(key) for key in range(1, 26)))])
    seen = []
    async for page in database.stream('SELECT "iKey" FROM product ORDER BY "iKey"', page=10):
        seen.append(len(page))
        await database.apply_updates([inserted("product", product(100 + len(seen)))])
    assert seen == [10, 10, 5]


async def test_tables_that_refer_to_each_other_are_given_with_the_parents_first(database: Database) -> None:
    await database.execute_ddl("CREATE TABLE parent (key BIGINT PRIMARY KEY)")
    await database.execute_ddl("CREATE TABLE child (key BIGINT PRIMARY KEY, parent BIGINT REFERENCES parent (key))")
    rows = [inserted("parent", {"key": 1}), inserted("child", {"key": 1, "parent": 1})]
    assert await database.apply_updates(rows)
    gone = [TableChanges(table=table, deleted=[Deleted(1, {})]) for table in ("parent", "child")]
    with pytest.raises(ConstraintFailed):
        await database.apply_updates(gone[:1])
    assert await database.apply_updates(gone)


async def test_a_record_is_named_once(database: Database) -> None:
    await database.apply_updates([inserted("product", product(1))])
    twice = [Modified(1, {}, {"stock": 1}), Modified(1, {}, {"stock": 2})]
    with pytest.raises(BadValue):
        await database.apply_updates([TableChanges(table="product", modified=twice)])
    with pytest.raises(BadValue):
        await database.apply_updates([TableChanges(table="product", modified=[one]) for one in twice])
    with pytest.raises(BadValue):
        await database.apply_updates([TableChanges(table="product", modified=[Modified(1, {}, {"iKey": 2})])])
    replaced = TableChanges(table="product", deleted=[Deleted(1, {})], inserted=[product(1, name="again")])
    assert await database.apply_updates([replaced])
    assert (await database.query("SELECT name FROM product")).rows == [("again",)]


async def test_a_scope_that_was_taken_back_does_not_hold(database: Database, engine: Engine) -> None:
    assert await database.user_has_scope("database.alterSchema")
    await engine.rules.grants.revoke("anna", "database.alterSchema", actor="test")
    assert not await database.user_has_scope("database.alterSchema")
    with pytest.raises(InsufficientScope):
        await database.execute_ddl("DROP TABLE product")


async def test_a_database_of_another_name(made_project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(made_project, folder)
    shutil.copy(made_project.parent / "master.key", tmp_path)
    settings = {"SOJOURN_DATABASES_REPORTS_URL": "sqlite:///var/reports.db"}
    async with Engine.open(load_project(folder, settings), hasher=cheap(), recover=False) as engine:
        assert engine.databases.names == ["main", "reports"]
        session = await engine.login("shop", "anna", PASSWORD)
        assert session is not None
        main, reports = engine.database(session), engine.database(session, "reports")
        await reports.execute_ddl("CREATE TABLE product (iKey INTEGER PRIMARY KEY, name TEXT)")
        await reports.apply_updates([inserted("product", {"iKey": 7, "name": "of reports"})])
        await main.apply_updates([inserted("product", product(1))])
        assert (await reports.query("SELECT iKey FROM product")).rows == [(7,)]
        assert (await main.query("SELECT iKey FROM product")).rows == [(1,)]
        assert (await reports.version(), await main.version()) == (2, 1)
