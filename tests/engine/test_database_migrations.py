"""The migrations against the schema, and what a start costs."""

import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from sojourn.core.errors import StoreVersion
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.database.migrate import HEAD, alembic_config
from sojourn.engine.ends.journal import EndJournal
from sojourn.engine.watch.marks import StoreMarks
from tests.patience import HANGS

pytestmark = pytest.mark.anyio

URL = "sqlite:///var/engine.db"

Shape = set[tuple[str, str, str]]

FIRST_ROWS = (
    "INSERT INTO installation(id, auth_epoch) VALUES ('here', 3)",
    "INSERT INTO generation(number) VALUES (40)",
    "INSERT INTO realm(id, name, live_name, auth_epoch, created) VALUES ('r1', 'acme', 'acme', 2, 5)",
    """INSERT INTO account(directory, name, live_name, password, state, auth_epoch, ended_reason, created, changed)
    VALUES ('main', 'anna', 'anna', 'hash', 'active', 7, 'dropped', 5, 6)""",
    "INSERT INTO end_journal(sid, realm, epoch, at, reason, keep_until) VALUES ('s1', 'r1', 4, 9, 'logout', 99)",
    """INSERT INTO audit_event(at, kind, outcome, realm, actor, session, address, detail)
    VALUES (9, 'LOGOUT', 'ok', 'r1', 'anna', 's1', '', '{}')""",
)


def shape(file: Path) -> Shape:
    """Every table, index and trigger with its text, blanks and quotes aside."""
    connection = sqlite3.connect(file)
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name <> 'alembic_version'").fetchall()
    connection.close()
    return {
        (kind, name, "".join(sql.replace('"', "").split())) for kind, name, sql in rows if sql and "alembic" not in sql
    }


def declared_shape(folder: Path) -> Shape:
    """What ``schema`` declares."""
    engine = create_engine(f"sqlite:///{folder}/declared.db")
    schema.metadata.create_all(engine)
    engine.dispose()
    return shape(folder / "declared.db")


async def test_all_migrations_make_the_very_schema(tmp_path: Path) -> None:
    db = await EngineDatabase.open(URL, tmp_path)
    await db.close()
    declared = declared_shape(tmp_path)
    assert len(declared) > len(schema.metadata.tables) + 3 * len(schema.FACTS)
    assert shape(tmp_path / "var/engine.db") == declared


def fill_first_revision(file: Path, more: Sequence[str] = ()) -> None:
    """A database as the first release left it, with a row in each table that a later revision changes."""
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0001")
        for statement in (*FIRST_ROWS, *more):
            connection.execute(text(statement))
    engine.dispose()


async def test_a_database_of_the_first_release_keeps_all_and_gets_what_is_new(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    fill_first_revision(tmp_path / "var/engine.db")
    db = await EngineDatabase.open(URL, tmp_path)
    assert db.installation == "here"
    assert (await db.generation()).number > 40

    def read(connection: Connection) -> list[dict[str, object]]:
        tables = ("installation", "realm", "account", "end_journal", "audit_event")
        rows = [connection.execute(text(f"SELECT * FROM {table}")).mappings().one() for table in tables]
        return [dict(row) for row in rows]

    installation, realm, account, journal, audit = await db.read(read)
    assert (installation["auth_epoch"], installation["not_before"], installation["ended_reason"]) == (3, 0, "")
    assert (realm["id"], realm["auth_epoch"], realm["ended_actor"]) == ("r1", 2, "")
    assert (account["password"], account["auth_epoch"], account["ended_reason"]) == ("hash", 7, "dropped")
    assert (journal["sid"], journal["epoch"], journal["confirmed"], journal["actor"]) == ("s1", 4, None, "")
    assert audit["session"] == "s1"
    ends = EndJournal(db)
    assert [entry.sid for entry in await ends.unconfirmed(2**60)] == ["s1"]
    assert await StoreMarks(db).read() is None
    await db.close()
    again = await EngineDatabase.open(URL, tmp_path)
    assert again.installation == "here"
    await again.close()
    assert shape(tmp_path / "var/engine.db") == declared_shape(tmp_path)


CLASHING_ROWS = (
    "INSERT INTO account(directory, name, state, created, changed) VALUES ('main', 'gone', 'deleted', 1, 1)",
    """INSERT INTO account(directory, name, live_name, state, created, changed)
    VALUES ('main', 'eve', 'everyone', 'active', 1, 1)""",
    "INSERT INTO user_group(directory, name, live_name, created) VALUES ('main', 'staff', 'staff', 1)",
    "INSERT INTO user_group(directory, name, live_name, created) VALUES ('main', 'clerks', 'clerks', 1)",
    "INSERT INTO user_group(directory, name, live_name, created) VALUES ('shop', 'shop', 'shop', 1)",
    "INSERT INTO user_group(directory, name, live_name, created) VALUES ('shop', 'late', 'late', 1)",
    "INSERT INTO membership(user_group, account, position) VALUES (1, 2, 1)",
    "INSERT INTO membership(user_group, member_group, position) VALUES (1, 2, 1)",
    "INSERT INTO scope_grant(user_group, scope, realm, created) VALUES (2, 'stock.read', '*', 1)",
)


async def test_groups_get_keys_of_their_own_and_memberships_and_grants_follow(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    fill_first_revision(tmp_path / "var/engine.db", CLASHING_ROWS)
    db = await EngineDatabase.open(URL, tmp_path)

    def read(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
        found = {
            "accounts": "SELECT key, live_name FROM account ORDER BY key",
            "groups": "SELECT key, name, kind, directory FROM user_group ORDER BY key",
            "members": "SELECT user_group, account, member_group FROM membership ORDER BY key",
            "grants": "SELECT user_group, scope FROM scope_grant",
            "keys": "SELECT key, live_name FROM assignee ORDER BY key",
        }
        return {name: [tuple(row) for row in connection.execute(text(sql))] for name, sql in found.items()}

    found = await db.read(read)
    assert found["accounts"] == [(1, "anna"), (2, None), (3, "everyone")]
    assert found["groups"] == [
        (4, "late", "group", "shop"),
        (5, "staff", "group", "main"),
        (6, "clerks", "group", "main"),
        (7, "shop", "group", "shop"),
        (8, "everyone-2", "everyone", "main"),
        (9, "everyone", "everyone", "shop"),
    ]
    assert found["members"] == [(5, 2, None), (5, None, 6)]
    assert found["grants"] == [(6, "stock.read")]
    names = ["anna", None, "everyone", "late", "staff", "clerks", "shop", "everyone-2", "everyone"]
    assert found["keys"] == list(enumerate(names, 1))
    await db.close()


async def test_the_head_that_a_start_compares_with_is_the_newest_revision(tmp_path: Path) -> None:
    with create_engine("sqlite://").connect() as connection:
        assert ScriptDirectory.from_config(alembic_config(connection)).get_current_head() == HEAD


async def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(project: Path) -> None:
    tool = sqlite3.connect(project / "var/engine.db", isolation_level=None)
    tool.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreVersion):
        await EngineDatabase.open(URL, project)
    assert tool.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    tool.close()


def test_a_start_on_a_migrated_file_imports_no_migration_tool(project: Path) -> None:
    program = f"""
import asyncio, pathlib, sys
import sojourn
assert "sqlalchemy" not in sys.modules
from sojourn.engine.database import EngineDatabase
db = asyncio.run(EngineDatabase.open({URL!r}, pathlib.Path(sys.argv[1])))
asyncio.run(db.close())
assert "sqlalchemy" in sys.modules and "alembic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program, str(project)], check=True, timeout=HANGS)
