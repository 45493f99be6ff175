"""A database of the application on a PostgreSQL that fails, is used by others, or gives few rights."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from sqlalchemy import Connection, text

from sojourn.data.changelog import next_version
from sojourn.data.errors import (
    BadValue,
    DatabaseDeadlock,
    DatabaseUnavailable,
    QueryTimeout,
    StatementRefused,
    TableUnknown,
)
from sojourn.data.port import Bounds, Cell, Statement
from sojourn.data.postgres import opening, writers
from sojourn.data.postgres.backend import PostgresBackend
from sojourn.data.postgres.names import roles_of
from tests.patience import elapsing
from tests.servers.postgres import PostgresServer, name_of

pytestmark = pytest.mark.anyio

SECRET = b"s" * 32

TABLES = (
    "CREATE TABLE one (key BIGINT PRIMARY KEY, name TEXT)",
    "CREATE TABLE two (key BIGINT PRIMARY KEY, name TEXT)",
)

#: Whoever is not the server's own superuser needs a password.
_LOGINS = "host all tests 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with TemporaryDirectory(prefix="pg-logins-") as folder:  # whoever the server runs as must reach it
        logins = Path(folder, "logins")
        logins.write_text(_LOGINS)
        Path(folder).chmod(0o755)
        made = PostgresServer(hba_file=str(logins))
        made.start()
        yield made
        made.remove()


@pytest.fixture(scope="module")
def url(server: PostgresServer) -> str:
    return server.new_database()


@pytest.fixture
async def backend(server: PostgresServer, url: str) -> AsyncIterator[PostgresBackend]:
    opened = await PostgresBackend.open("main", url, secret=SECRET)
    for table in TABLES:
        if table.split()[2] not in await opened.tables():
            await opened.define(table, lambda _connection: None)
    await opened.write(lambda connection: connection.execute(text("TRUNCATE one, two")).rowcount)
    await opened.write(
        lambda connection: connection.execute(text("INSERT INTO one VALUES (1, 'a'), (2, 'b')")).rowcount
    )
    yield opened
    await opened.close()


async def ask(backend: PostgresBackend, sql: str, **bounds: int) -> list[tuple[object, ...]]:
    return list((await backend.query([Statement(sql)], Bounds(**bounds)))[0].rows)


async def names(backend: PostgresBackend) -> list[object]:
    return [row[0] for row in await ask(backend, "SELECT name FROM one ORDER BY key")]


def rename(name: str, key: int = 1):  # type: ignore[no-untyped-def]
    def work(connection: Connection) -> int:
        wanted = {"name": name, "key": key}
        return connection.execute(text("UPDATE one SET name = :name WHERE key = :key"), wanted).rowcount

    return work


async def test_a_server_that_stands_still_is_refused_in_time(
    backend: PostgresBackend, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "PATIENCE", 1.0)
    assert await names(backend) == ["a", "b"]
    server.pause()
    try:
        async with elapsing() as elapsed:
            with pytest.raises(DatabaseUnavailable):
                await ask(backend, "SELECT 1", time=300)
        assert elapsed.seconds < 4
        async with elapsing() as elapsed:
            with pytest.raises(DatabaseUnavailable):
                await backend.write(rename("lost"))
        assert elapsed.seconds < 4
    finally:
        server.resume()
    assert await names(backend) == ["a", "b"]
    await backend.write(rename("c"))
    assert await names(backend) == ["c", "b"]


async def test_a_restart_between_two_calls_is_not_noticed(backend: PostgresBackend, server: PostgresServer) -> None:
    assert await names(backend) == ["a", "b"]
    server.restart()
    assert await names(backend) == ["a", "b"]
    await backend.write(rename("c"))
    assert "one" in await backend.tables()


async def test_a_connection_that_breaks_in_a_transaction_leaves_nothing(
    backend: PostgresBackend, server: PostgresServer, url: str
) -> None:
    def work(connection: Connection) -> None:
        rename("half")(connection)
        mine = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        server.run(f"SELECT pg_terminate_backend({mine})", database=name_of(url))
        connection.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable):
        await backend.write(work)
    assert await names(backend) == ["a", "b"]
    running = asyncio.create_task(ask(backend, "SELECT count(*) FROM generate_series(1, 1000000000)", time=60_000))
    for _ in range(500):
        await asyncio.sleep(0.01)
        killed = server.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT count(*) FROM generate%'"
        )
        if killed:
            break
    with pytest.raises(DatabaseUnavailable):
        await running
    assert await names(backend) == ["a", "b"]


async def test_two_that_wait_for_each_other(backend: PostgresBackend) -> None:
    both = threading.Barrier(2)

    def crossing(first: int, second: int):  # type: ignore[no-untyped-def]
        def work(connection: Connection) -> None:
            rename(f"by {first}", first)(connection)
            both.wait(60)
            rename(f"by {first}", second)(connection)

        return work

    done = await asyncio.gather(backend.write(crossing(1, 2)), backend.write(crossing(2, 1)), return_exceptions=True)
    assert sorted(type(one) for one in done if one is not None) == [DatabaseDeadlock]  # type: ignore[type-var]
    assert len(set(await names(backend))) == 1, "all of one transaction, nothing of the other"


async def test_what_is_cancelled_or_refused_before_the_commit_is_undone(backend: PostgresBackend) -> None:
    async def refuse() -> None:
        raise StatementRefused

    with pytest.raises(StatementRefused):
        await backend.write(rename("refused"), refuse)
    begun = asyncio.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.sleep(60)

    waiting = asyncio.create_task(backend.write(rename("cancelled"), wait))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await names(backend) == ["a", "b"]

    def long(connection: Connection) -> None:
        rename("long")(connection)
        connection.execute(text("SELECT pg_sleep(15)"))

    running = asyncio.create_task(backend.write(long))
    await asyncio.sleep(0.3)
    since = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - since < 10, "the statement was stopped"
    assert await names(backend) == ["a", "b"]


async def test_a_schema_that_others_change(backend: PostgresBackend, server: PostgresServer, url: str) -> None:
    def run(statement: str) -> None:
        server.run(statement, database=name_of(url))

    before = (await backend.tables())["one"]
    assert await names(backend) == ["a", "b"]
    run("ALTER TABLE application.one ADD COLUMN extra INTEGER")
    after = (await backend.tables())["one"]
    assert set(after.columns) - set(before.columns) == {"extra"}
    assert await ask(backend, "SELECT * FROM one WHERE key = 1") == [(1, "a", None)]
    image = backend.rows.image(after, {"key": 3, "name": "c", "extra": 1})
    run("ALTER TABLE application.one DROP COLUMN extra")
    with pytest.raises(BadValue):
        await backend.write(lambda connection: backend.rows.insert(connection, after, [image]))
    assert "extra" not in (await backend.tables())["one"].columns
    run("ALTER TABLE application.one RENAME TO uno")
    try:
        with pytest.raises(TableUnknown):
            await names(backend)
        with pytest.raises(TableUnknown):
            await backend.write(lambda connection: backend.rows.delete(connection, before, [1]))
        assert "uno" in await backend.tables()
    finally:
        run("ALTER TABLE application.uno RENAME TO one")
    assert await names(backend) == ["a", "b"]


async def test_who_waits_for_a_definition_is_told_in_time(
    backend: PostgresBackend, server: PostgresServer, url: str
) -> None:
    with psycopg.connect(server.url_of(name_of(url))) as other:
        other.execute("LOCK TABLE application.one IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(QueryTimeout):
            await ask(backend, "SELECT * FROM one", time=300)
        assert await ask(backend, "SELECT count(*) FROM two") == [(0,)]
    assert await names(backend) == ["a", "b"]


async def test_versions_are_given_once_to_any_number_of_processes(url: str, backend: PostgresBackend) -> None:
    others = [await PostgresBackend.open("main", url, secret=SECRET) for _ in range(2)]
    given = await asyncio.gather(*(one.write(next_version) for _ in range(10) for one in (backend, *others)))
    assert len(set(given)) == 30
    for one in others:
        await one.close()


async def test_the_reader_has_a_password_that_every_process_of_the_engine_knows(
    server: PostgresServer, url: str, backend: PostgresBackend
) -> None:
    reader = roles_of("tests", name_of(url)).reader
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url, user=reader, password="guessed")
    server.run(f"ALTER ROLE {reader} PASSWORD 'changed by somebody'")
    again = await PostgresBackend.open("main", url, secret=SECRET)
    assert await names(again) == ["a", "b"]
    await again.close()


@pytest.mark.parametrize("rights", ["NOCREATEROLE", "CREATEROLE"])
async def test_the_engine_needs_no_superuser(server: PostgresServer, rights: str) -> None:
    clerk = f"clerk_{rights.lower()}"
    server.run(f"CREATE ROLE {clerk} LOGIN {rights} PASSWORD 'clerk'")
    found = server.new_database()
    server.run(f"ALTER DATABASE {name_of(found)} OWNER TO {clerk}")
    mine = f"postgresql://{clerk}:clerk@127.0.0.1:{server.port}/{name_of(found)}"
    if rights == "NOCREATEROLE":
        with pytest.raises(DatabaseUnavailable, match="sojourn data roles"):
            await PostgresBackend.open("main", mine, secret=SECRET)
        printed = await asyncio.to_thread(opening.printed, mine, SECRET)
        server.run(*printed, database=name_of(found))
    opened = await PostgresBackend.open("main", mine, secret=SECRET)
    await opened.define(TABLES[0], lambda _connection: None)
    tables = await opened.tables()
    row = opened.rows.image(tables["one"], {"key": 1, "name": "a"})
    await opened.write(lambda connection: opened.rows.insert(connection, tables["one"], [row]))
    assert await names(opened) == ["a"]
    with pytest.raises(StatementRefused):
        await ask(opened, "SELECT * FROM sojourn_data.sojourn_change")
    levels = {finding.what: finding.level for finding in await opened.findings()}
    assert (levels["roles"], levels["rights"]) == ("ok", "ok")
    assert levels["functions"] == ("ok" if rights == "NOCREATEROLE" else "warning")
    await opened.close()
    again = await PostgresBackend.open("main", mine, secret=SECRET)
    assert await names(again) == ["a"]
    await again.close()


async def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable) as raised:
        await PostgresBackend.open("main", "postgresql://nobody:hidden@127.0.0.1:1/none", secret=SECRET)
    assert "hidden" not in raised.value.message


async def test_an_image_is_what_is_read_back(backend: PostgresBackend) -> None:
    """The change log keeps it without reading the row again."""
    columns = (
        "price DECIMAL(8, 2), big DECIMAL(4, -2), free DECIMAL, short VARCHAR(3), real DOUBLE PRECISION, at TIMESTAMPTZ"
    )
    await backend.define(f"CREATE TABLE exact (key BIGINT PRIMARY KEY, {columns})", lambda _connection: None)
    table = (await backend.tables())["exact"]
    assert table.exact
    rows: list[dict[str, Cell]] = [
        {"price": Decimal("1.005"), "big": 149, "free": Decimal("1.50"), "short": "abc  ", "real": 0.1},
        {"price": Decimal("-1.005"), "big": 150, "free": Decimal("1E+3"), "short": "a ", "real": 1e300},
        {
            "price": 7,
            "big": None,
            "free": 0.25,
            "short": "",
            "real": -0.0,
            "at": datetime(2026, 1, 2, 3, 4, 5, 60, UTC),
        },
    ]
    images = [backend.rows.image(table, {"key": key, "at": None, **row}) for key, row in enumerate(rows)]
    await backend.write(lambda connection: backend.rows.insert(connection, table, images))
    found = await backend.read(lambda connection: backend.rows.images(connection, table, range(3)))
    assert [found[key] for key in range(3)] == images
    await backend.define("ALTER TABLE exact ADD COLUMN padded CHAR(5)", lambda _connection: None)
    assert not (await backend.tables())["exact"].exact
    await backend.define("DROP TABLE exact", lambda _connection: None)
