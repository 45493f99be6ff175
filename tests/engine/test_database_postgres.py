"""The engine database on PostgreSQL: transactions, errors, generation, outages."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from sojourn.core.clock import ManualClock
from sojourn.core.errors import (
    OutcomeUnknown,
    StoreBusy,
    StoreCorrupt,
    StoreReadOnly,
    StoreUnavailable,
    StoreVersion,
    Unavailable,
)
from sojourn.engine.accounts.records import Accounts
from sojourn.engine.database import Delayed, EngineDatabase, Examined, RowConflict, TextRefused, schema
from sojourn.engine.facts import Facts
from sojourn.stores.libpq import connecting
from tests.patience import HANGS, elapsing
from tests.servers.postgres import PostgresServer
from tests.servers.relay import Relay

pytestmark = pytest.mark.anyio

#: Seconds after which a caller must have heard something, whatever the server does.
SOON = 5.5

_mark, _group = schema.store_mark, schema.user_group


@pytest.fixture
def engine_url(postgres_engine_database: str) -> str:
    return postgres_engine_database


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of these tests' own, which is stopped, paused and killed."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


@asynccontextmanager
async def opened(url: str, patience: float | None = None) -> AsyncIterator[EngineDatabase]:
    db = await EngineDatabase.open(url, Path(), patience=patience)
    try:
        yield db
    finally:
        await db.close()


@pytest.fixture
async def away(server: PostgresServer) -> AsyncIterator[EngineDatabase]:
    """A database on the server that goes away."""
    url = server.new_database()
    async with opened(url) as db:
        yield db
    server.drop_database(url)


@asynccontextmanager
async def relayed(url: str) -> AsyncIterator[tuple[Relay, EngineDatabase]]:
    """The database once more, by way of a relay."""
    server, _, name = url.rpartition("/")
    async with (
        Relay(int(server.rpartition(":")[2])) as relay,
        opened(f"postgresql://tests@127.0.0.1:{relay.port}/{name}") as db,
    ):
        yield relay, db


def add_group(connection: Connection, name: str = "staff") -> int:
    row = insert(_group).values(directory="main", name=name, live_name=name, created=1)
    return int(connection.execute(row.returning(_group.c.key)).scalar_one())


def add_event(connection: Connection) -> int:
    texts = dict.fromkeys(("kind", "outcome", "realm", "actor", "session", "address"), "")
    return connection.execute(insert(schema.audit_event).values(at=1, detail="{}", **texts)).rowcount


def count_groups(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(_group)).scalar_one()


def count_events(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(schema.audit_event)).scalar_one()


async def soon(act: Awaitable[object]) -> Exception | None:
    """The error that ``act`` is refused with; it is an assertion that something comes in time."""
    said = None
    async with elapsing() as elapsed:
        try:
            await act
        except Unavailable as error:
            said = error
    assert elapsed.seconds < SOON
    return said


def acts(db: EngineDatabase) -> list[Awaitable[object]]:
    return [db.generation(), db.read(count_groups), db.write(add_event), db.append(add_event)]


async def test_what_was_written_is_read_at_once_and_after_reopening(db: EngineDatabase, engine_url: str) -> None:
    await db.write(add_group)
    assert await db.read(count_groups) == 1
    async with opened(engine_url) as again:
        assert await again.read(count_groups) == 1
        assert again.installation == db.installation


async def test_a_work_that_raises_writes_nothing(db: EngineDatabase) -> None:
    def work(connection: Connection) -> None:
        add_group(connection)
        raise KeyError

    with pytest.raises(KeyError):
        await db.write(work)
    assert await db.read(count_groups) == 0


async def test_contradictions_are_conflicts(db: EngineDatabase) -> None:
    await db.write(add_group)
    with pytest.raises(RowConflict):
        await db.write(add_group)
    lost = insert(schema.membership).values(user_group=7, member_group=8, position=1)
    with pytest.raises(RowConflict):
        await db.write(lambda connection: connection.execute(lost).rowcount)


async def test_a_text_that_cannot_be_kept_is_refused(db: EngineDatabase) -> None:
    for text_of_it in ("a\0b", "a\ud800b"):
        with pytest.raises(TextRefused):
            await db.read(
                lambda connection, name=text_of_it: connection.execute(  # type: ignore[misc]
                    select(_group.c.key).where(_group.c.name == name)
                ).all()
            )


async def test_a_work_that_went_on_after_a_failed_statement_is_never_acknowledged(db: EngineDatabase) -> None:
    def work(connection: Connection) -> None:
        add_group(connection)
        try:
            connection.execute(text("SELECT 1/0"))
        except DBAPIError:
            return

    with pytest.raises(AssertionError):
        await db.write(work)
    assert await db.read(count_groups) == 0
    await db.write(add_group)


async def test_a_read_sees_one_snapshot_and_cannot_write(db: EngineDatabase, engine_url: str) -> None:
    def work(connection: Connection) -> tuple[int, int]:
        before = count_groups(connection)
        with psycopg.connect(engine_url, autocommit=True) as other:
            other.execute("INSERT INTO sojourn_engine.user_group(directory, name, created) VALUES ('main', 'x', 1)")
        return before, count_groups(connection)

    assert await db.read(work) == (0, 0)
    assert await db.read(count_groups) == 1
    with pytest.raises(StoreReadOnly):
        await db.read(add_group)


async def test_writers_of_several_processes_decide_by_what_they_read(db: EngineDatabase, engine_url: str) -> None:
    first = {"number": 0, "era": 0, "installation": "", "counter": 0, "run": "", "noted_at": 0}
    await db.write(lambda connection: connection.execute(insert(_mark).values(first)).rowcount)

    def count(connection: Connection) -> None:
        known = connection.execute(select(_mark.c.counter)).scalar_one()
        connection.execute(update(_mark).values(counter=known + 1))

    async with opened(engine_url) as one, opened(engine_url) as two:
        await asyncio.gather(*(each.write(count) for each in (db, one, two) for _ in range(15)))
    assert await db.read(lambda connection: connection.execute(select(_mark.c.counter)).scalar_one()) == 45


async def test_who_appends_waits_for_no_writer_and_a_writer_not_for_ever(db: EngineDatabase, engine_url: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        add_group(connection)
        begun.set()
        go_on.wait(20)

    async with opened(engine_url, patience=0.2) as other:
        holding = asyncio.create_task(db.write(hold))
        await asyncio.to_thread(begun.wait)
        try:
            await asyncio.gather(other.append(add_event), db.append(add_event))
            assert await other.read(count_events) == 2
            assert await other.read(count_groups) == await db.read(count_groups) == 0
            with pytest.raises(StoreBusy):
                await other.write(add_group)
        finally:
            go_on.set()
        await holding
        assert await other.read(count_groups) == 1


async def test_no_key_is_ever_used_twice(db: EngineDatabase) -> None:
    first = await db.write(add_group)
    await db.write(lambda connection: connection.execute(delete(_group)).rowcount)
    assert await db.write(add_group) > first


async def test_the_generation_moves_with_facts_of_anybody_but_not_with_the_log(
    db: EngineDatabase, engine_url: str, foreign: Callable[[str], None]
) -> None:
    async with opened(engine_url) as other:
        first = (await db.generation()).number
        await other.append(add_event)
        assert (await db.generation()).number == first
        await other.write(add_group)
        second = (await db.generation()).number
        assert second > first
    foreign("TRUNCATE user_group CASCADE")
    assert (await db.generation()).number > second
    assert db.glimpse() is None


async def test_each_table_of_facts_has_its_triggers(db: EngineDatabase, foreign: Callable[[str], None]) -> None:
    def found(connection: Connection) -> set[str]:
        names = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'"
        return set(connection.execute(text(names)).scalars())

    assert await db.read(found) >= {f"generation_{t.name}{end}" for t in schema.FACTS for end in ("", "_truncate")}
    before = await db.generation()
    foreign("UPDATE installation SET auth_epoch = auth_epoch + 1")
    assert await db.generation() > before


async def test_one_reading_of_the_generation_serves_all_who_came_before_it(db: EngineDatabase, engine_url: str) -> None:
    async with relayed(engine_url) as (relay, watched):
        await watched.generation()
        relay.heard.clear()
        told = await asyncio.gather(*(watched.generation() for _ in range(100)))
        assert len(set(told)) == len(relay.heard) == 1
        relay.open.clear()
        early = asyncio.create_task(watched.generation())
        while len(relay.heard) < 2:
            await asyncio.sleep(0.001)
        await db.write(add_group)
        late = asyncio.create_task(watched.generation())
        await asyncio.sleep(0.05)
        relay.open.set()
        assert (await early).number < (await late).number == (await db.generation()).number


async def test_nobody_is_served_from_facts_of_before_an_outage(
    engine_url: str, db: EngineDatabase, accounts: Accounts, clock: ManualClock
) -> None:
    """A server that was put back may count up to the same number once more."""
    async with relayed(engine_url) as (relay, watched):
        facts = Facts(watched, accounts.seal, clock)
        first = await facts.current()
        assert await facts.current() is first
        relay.cut = 0
        second = await facts.current()
        assert second is not first
        assert second.generation.number == first.generation.number


async def test_a_connection_that_breaks_at_the_commit_leaves_the_outcome_unknown(
    db: EngineDatabase, engine_url: str
) -> None:
    async with relayed(engine_url) as (relay, watched):

        def work(connection: Connection) -> None:
            add_group(connection)
            relay.cut = 0

        for act in (watched.write, watched.append):
            with pytest.raises(OutcomeUnknown):
                await act(work)
            assert await db.write(lambda connection: connection.execute(delete(_group)).rowcount) == 1
        await watched.write(add_group)

        def early(connection: Connection) -> None:
            relay.cut = 0
            add_event(connection)

        with pytest.raises(StoreUnavailable):
            await watched.write(early)


async def test_a_server_that_was_away_is_used_again_without_a_restart(
    server: PostgresServer, away: EngineDatabase
) -> None:
    before = await away.generation()
    for stop in (server.stop, server.kill):
        stop()
        assert [type(await soon(act)) for act in acts(away)] == [StoreUnavailable] * 4
        server.start()
        assert [await soon(act) for act in acts(away)] == [None] * 4
    assert (await away.generation()).number == before.number
    assert (await away.generation()) != before


async def test_a_server_that_is_restarted_while_nobody_asks_is_not_noticed(
    server: PostgresServer, away: EngineDatabase
) -> None:
    for act in acts(away):
        await act
    server.restart()
    assert [await soon(act) for act in acts(away)] == [None] * 4


async def test_a_server_that_does_not_answer_is_given_up_in_time(server: PostgresServer, away: EngineDatabase) -> None:
    for act in acts(away):
        await act
    server.pause()
    try:
        refused = await asyncio.gather(*(soon(act) for act in acts(away)))
    finally:
        server.resume()
    assert all(isinstance(error, StoreUnavailable) for error in refused), refused
    assert [await soon(act) for act in acts(away)] == [None] * 4


async def test_a_server_that_takes_no_writes_says_so(server: PostgresServer, away: EngineDatabase) -> None:
    server.run("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    try:
        server.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'tests'"
        )
        await away.read(count_groups)
        await takes_writes(away, wanted=False)
        for act in (away.write, away.append):
            with pytest.raises(StoreReadOnly):
                await act(add_group)
    finally:
        server.run(
            "BEGIN READ WRITE", "COMMIT", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"
        )
    await takes_writes(away, wanted=True)
    await away.write(add_group)


async def takes_writes(db: EngineDatabase, *, wanted: bool) -> None:
    """Until the server has read its settings again."""
    async with asyncio.timeout(HANGS):
        while await one_write(db) is not wanted:
            await asyncio.sleep(0.01)


async def one_write(db: EngineDatabase) -> bool:
    try:
        await db.write(add_event)
    except StoreReadOnly:
        return False
    return True


async def test_a_replica_is_refused(server: PostgresServer, away: EngineDatabase) -> None:
    replica = server.replica()
    replica.start()
    try:
        with pytest.raises(StoreReadOnly, match="replica"):
            await EngineDatabase.open(replica.url, Path())
    finally:
        replica.remove()


async def test_plain_text_over_a_network_is_refused(engine_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "is_loopback", lambda _host: False)
    with pytest.raises(StoreUnavailable, match="without TLS"):
        await EngineDatabase.open(engine_url, Path())


async def test_an_address_that_leads_nowhere_is_told_without_its_password() -> None:
    for url in ("postgresql://sojourn:geheim@127.0.0.1:1/x", "postgresql://sojourn:geheim@%/x"):
        with pytest.raises(StoreUnavailable) as told:
            await EngineDatabase.open(url, Path())
        assert "geheim" not in str(told.value)


async def test_without_the_extra_the_message_names_it(engine_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sojourn.engine.database.postgres.database", None)
    with pytest.raises(StoreUnavailable, match=r"sojourn\[postgres\]"):
        await EngineDatabase.open(engine_url, Path())


async def test_use_after_close_is_unavailable(engine_url: str) -> None:
    async with opened(engine_url) as db:
        await db.close()
        for act in acts(db):
            with pytest.raises(StoreUnavailable):
                await act


OPENER = """
import asyncio, pathlib, sys
from sojourn.engine.database import EngineDatabase

async def main():
    db = await EngineDatabase.open(sys.argv[1], pathlib.Path())
    print(db.installation)
    await db.close()

asyncio.run(main())
"""


def test_processes_that_start_at_once_share_one_fresh_database(postgres_server: PostgresServer) -> None:
    url = postgres_server.new_database()
    command = [sys.executable, "-c", OPENER, url]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = {process.communicate(timeout=HANGS)[0] for process in started}
    assert [process.returncode for process in started] == [0] * 3
    assert len(said) == 1
    postgres_server.drop_database(url)


async def test_a_database_of_a_newer_engine_is_refused(engine_url: str, foreign: Callable[[str], None]) -> None:
    foreign("UPDATE alembic_version SET version_num = '9' || version_num")
    try:
        with pytest.raises(StoreVersion):
            await EngineDatabase.open(engine_url, Path())
    finally:
        foreign("UPDATE alembic_version SET version_num = substr(version_num, 2)")


async def test_a_database_without_its_counter_serves_nobody(db: EngineDatabase, foreign: Callable[[str], None]) -> None:
    foreign("DELETE FROM generation")
    with pytest.raises(StoreCorrupt):
        await db.generation()


async def test_the_check_sees_triggers_and_rights(
    postgres_server: PostgresServer, prepared_engine_database: str, foreign: Callable[[str], None]
) -> None:
    async def found(url: str) -> dict[str, tuple[str, str]]:
        async with opened(url) as db:
            assert isinstance(db, Examined)
            assert (await db.contract()).facts["installation"] == db.installation
            return {finding.what: (finding.level, finding.text) for finding in await db.findings()}

    usual = await found(prepared_engine_database)
    assert [usual[what][0] for what in ("role", "schema", "triggers", "rights")] == ["ok", "ok", "ok", "warning"]
    assert usual["fsync"][0] == "failure"
    foreign("ALTER TABLE scope_grant DISABLE TRIGGER generation_scope_grant")
    foreign("CREATE ROLE little LOGIN")
    foreign("GRANT USAGE ON SCHEMA sojourn_engine TO little")
    foreign("GRANT SELECT ON ALL TABLES IN SCHEMA sojourn_engine TO little")
    try:
        worse = await found(prepared_engine_database.replace("tests@", "little@"))
    finally:
        foreign("ALTER TABLE scope_grant ENABLE TRIGGER generation_scope_grant")
        foreign("DROP OWNED BY little")
        foreign("DROP ROLE little")
    assert (worse["triggers"][0], worse["rights"][0]) == ("failure", "failure")
    assert "generation_scope_grant" in worse["triggers"][1]
    assert "account" in worse["rights"][1]


async def test_a_change_is_read_without_delay_on_a_primary(db: EngineDatabase) -> None:
    before = await db.generation()
    assert isinstance(db, Delayed)
    assert await db.delay() == 0.0
    assert await db.generation() == before
