"""What the roles on PostgreSQL may, with SQL that nobody has looked at before; and the engine's tables beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from sojourn.core.errors import SojournError
from sojourn.data.errors import DatabaseUnavailable
from sojourn.data.port import Backend, Bounds, Statement
from sojourn.data.postgres import roles as roles_
from sojourn.data.postgres.backend import PostgresBackend
from sojourn.data.postgres.names import quoted, roles_of
from sojourn.engine.database import EngineDatabase
from sojourn.stores.postgres import migrate
from tests.data.conftest import SECRET
from tests.servers.postgres import PostgresServer, name_of

pytestmark = pytest.mark.anyio

TABLE = 'CREATE TABLE item ("iKey" BIGINT PRIMARY KEY, name TEXT)'


@pytest.fixture(scope="module")
def whole(postgres_server: PostgresServer) -> str:
    """The URL of a database in which everything lies: sessions, engine, application."""
    url = postgres_server.new_database()

    async def make() -> None:
        await migrate(url)
        engine = await EngineDatabase.open(url, Path())
        backend = await PostgresBackend.open("main", url, secret=SECRET, installation=engine.installation)
        await backend.define(TABLE, lambda _connection: None)
        await backend.close()
        await engine.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, make()).result()
    return url


@pytest.fixture
async def backend(whole: str, postgres_server: PostgresServer) -> AsyncIterator[Backend]:
    installation = postgres_server.run("SELECT id FROM sojourn_engine.installation", database=name_of(whole))[0][0]
    opened = await PostgresBackend.open("main", whole, secret=SECRET, installation=str(installation))
    yield opened
    await opened.close()


def as_role(server: PostgresServer, url: str, role: str) -> psycopg.Connection:
    return psycopg.connect(server.url_of(name_of(url)), user=role, password="not asked for", autocommit=True)


async def test_the_views_of_the_engine_show_what_they_show(backend: Backend) -> None:
    for name in ("iGroupUser", '"iGroupUser"', "igroupuser", "iVfs", "iLog", "iGroupUserMember", "iGroupUserScope"):
        await backend.query([Statement(f"SELECT * FROM {name}")], Bounds())
    found = (await backend.query([Statement("SELECT iKey, iName FROM iGroupUser WHERE iKey = -1")], Bounds()))[0]
    assert [column.name for column in found.columns] == ["iKey", "iName"]
    assert found.rows == [(-1, "anonymous")]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM sojourn_engine.account",
        "SELECT digest FROM sojourn_engine.api_key",
        "SELECT sealed FROM sojourn_engine.engine_secret",
        'SELECT * FROM sojourn_engine."iVfs"',
        "SELECT record FROM iGroupUser",
        "SELECT * FROM sojourn.session",
        "SELECT * FROM sojourn.field",
        "SELECT number FROM sojourn_engine.generation FOR UPDATE",
        "SELECT 'sojourn_engine.account'::regclass::oid, (SELECT count(*) FROM sojourn_engine.account)",
    ],
)
async def test_no_table_of_the_engine_is_read(backend: Backend, sql: str) -> None:
    with pytest.raises(SojournError):
        await backend.query([Statement(sql)], Bounds())


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO application.item VALUES (1, 'x')",
        "DELETE FROM application.item",
        "UPDATE application.item SET name = 'x'",
        "TRUNCATE application.item",
        "LOCK TABLE application.item IN EXCLUSIVE MODE",
        "DROP TABLE application.item",
        "CREATE TABLE application.mine (a INT)",
        "CREATE TABLE sojourn_data.mine (a INT)",
        "SELECT * FROM sojourn_data.sojourn_change",
        "INSERT INTO sojourn_data.sojourn_version VALUES (2, 2)",
        'DELETE FROM sojourn_data."iLog"',
        'DELETE FROM sojourn_data."iGroupUser"',
        "SELECT nextval('sojourn_data.sojourn_change_number_seq')",
        "SELECT * FROM sojourn_engine.account",
        "SELECT * FROM sojourn.session",
        "SELECT * FROM pg_authid",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "COPY application.item TO '/tmp/x'",
        "COPY application.item FROM PROGRAM 'id'",
        "SET ROLE tests",
        "SET SESSION AUTHORIZATION tests",
        "CREATE ROLE mine",
        "CREATE SCHEMA mine",
        "CREATE EXTENSION dblink",
        "ALTER SYSTEM SET fsync = off",
    ],
)
async def test_the_reader_has_no_right_for_it_even_outside_of_a_read_transaction(
    whole: str, postgres_server: PostgresServer, sql: str
) -> None:
    roles = roles_of("tests", name_of(whole))
    with as_role(postgres_server, whole, roles.reader) as connection:
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.Error):
            connection.execute(sql.encode())


async def test_nobody_logs_in_as_the_owner(whole: str, postgres_server: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        as_role(postgres_server, whole, roles_of("tests", name_of(whole)).owner)


@pytest.mark.parametrize(
    ("grant", "revoke", "why"),
    [
        ("GRANT tests TO {reader}", "REVOKE tests FROM {reader}", "it is a member of tests"),
        ("GRANT {owner} TO {reader}", "REVOKE {owner} FROM {reader}", "it is a member of"),
        ("ALTER ROLE {reader} CREATEROLE", "ALTER ROLE {reader} NOCREATEROLE", "it is a superuser, makes roles"),
        (
            "GRANT USAGE ON SCHEMA sojourn_engine TO {reader}",
            "REVOKE USAGE ON SCHEMA sojourn_engine FROM {reader}",
            "it may use the schema sojourn_engine",
        ),
        (
            "GRANT SELECT (tag) ON sojourn_data.sojourn_change TO {reader}",
            "REVOKE SELECT (tag) ON sojourn_data.sojourn_change FROM {reader}",
            "it may use sojourn_data.sojourn_change",
        ),
        (
            "GRANT INSERT ON application.item TO {reader}",
            "REVOKE INSERT ON application.item FROM {reader}",
            "it may write application.item",
        ),
    ],
)
async def test_a_reader_with_more_rights_is_not_used(
    whole: str, postgres_server: PostgresServer, grant: str, revoke: str, why: str
) -> None:
    found = roles_of("tests", name_of(whole))
    names = {"reader": quoted(found.reader), "owner": quoted(found.owner)}
    postgres_server.run(grant.format(**names), database=name_of(whole))
    try:
        with pytest.raises(DatabaseUnavailable, match=why):
            await PostgresBackend.open("main", whole, secret=SECRET)
    finally:
        postgres_server.run(revoke.format(**names), database=name_of(whole))
    await (await PostgresBackend.open("main", whole, secret=SECRET)).close()


async def test_what_a_superuser_can_close_is_closed_to_the_reader_too(postgres_server: PostgresServer) -> None:
    url = postgres_server.new_database()
    opened = await PostgresBackend.open("main", url, secret=SECRET)
    findings = {finding.what: finding for finding in await opened.findings()}
    assert (findings["roles"].level, findings["functions"].level) == ("ok", "warning")
    found = roles_of("tests", name_of(url))
    postgres_server.run(*roles_.hardening(found, name_of(url)), database=name_of(url))
    with as_role(postgres_server, url, found.reader) as connection:
        for sql in ("SELECT pg_advisory_lock(1)", "SELECT pg_notify('a', 'b')", "SELECT pg_sleep(0)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.encode())
    findings = {finding.what: finding for finding in await opened.findings()}
    assert findings["functions"].level == "ok"
    await opened.close()
    await (await PostgresBackend.open("main", url, secret=SECRET)).close()
