"""PostgreSQL is stopped, killed, paused, restarted, made read-only, filled, and made to deadlock: what the callers hear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator

import psycopg
import pytest

from sojourn.core.errors import (
    OutcomeUnknown,
    StoreBusy,
    StoreCorrupt,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
    Unavailable,
)
from sojourn.model.field import append, increment, put
from sojourn.stores.base import SessionLimit
from sojourn.stores.postgres import PostgresStore
from sojourn.testing.law import ALICE, HERE, LOGOUT, T, a_rotation, a_session, created, refused, texts
from tests.patience import elapsing
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.anyio

#: Seconds after which a caller must have heard something, whatever the server does.
SOON = 5.0


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of these tests' own."""
    server = PostgresServer(deadlock_timeout="200ms")
    server.start()
    yield server
    server.remove()


@pytest.fixture
async def store(server: PostgresServer) -> AsyncIterator[PostgresStore]:
    url = server.new_database()
    store = await PostgresStore.open(url)
    yield store
    await store.close()
    server.drop_database(url)


def database_of(store: PostgresStore) -> str:
    return str(store._lanes._parameters["dbname"])


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


async def works_again(store: PostgresStore) -> None:
    """The same store object goes on by itself."""
    async with elapsing() as elapsed:
        while await soon(store.ping()) is not None:
            assert elapsed.seconds < SOON
            await asyncio.sleep(0.02)
    session = await created(store, {"x": "1"})
    assert await texts(store, session) == {"x": "1"}


async def test_a_stopped_server_is_unavailable_at_once_and_no_longer_than_it_is_stopped(
    server: PostgresServer, store: PostgresStore
) -> None:
    session = await created(store, {"x": "1"})
    server.stop()
    for act in (
        store.load(HERE, session.id, T),
        store.change(HERE, session.id, 1, [put("x", "2")], T),
        store.create(a_session(), {}, T),
        store.end(HERE, session.id, LOGOUT, T),
        store.put("code", "1", T + 9, T),
        store.look("code", T),
        store.take("code", T),
        store.count_try("login", (1,), T, forget=9),
        store.give_back("login", T),
        store.ping(),
        store.time(),
    ):
        # The first act may be sent before the loop has seen that the line is dead.
        assert isinstance(await soon(act), StoreUnavailable | OutcomeUnknown)
    assert type(await soon(store.create(a_session(), {}, T))) is StoreUnavailable
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await PostgresStore.open(server.url)
    server.start()
    await works_again(store)
    assert await store.load(HERE, session.id, T) is not None


async def test_a_paused_server_gives_errors_and_no_hanging(server: PostgresServer, store: PostgresStore) -> None:
    session = await created(store, {"x": "1"})
    await asyncio.gather(*(store.load(HERE, session.id, T) for _ in range(20)))
    server.pause()
    try:
        acts: list[Awaitable[object]] = [store.change(HERE, session.id, 1, [put("x", "2")], T)]
        acts += [store.change(HERE, session.id, 1, [], T), store.end(HERE, session.id, LOGOUT, T, epoch=7)]
        acts += [store.load(HERE, session.id, T) for _ in range(20)]
        errors = await asyncio.gather(*(soon(act) for act in acts), soon(PostgresStore.open(server.url)))
    finally:
        server.resume()
    assert all(isinstance(error, StoreUnavailable | OutcomeUnknown) for error in errors)
    assert isinstance(errors[0], OutcomeUnknown), "it was sent, and nobody knows what became of it"
    assert OutcomeUnknown not in map(type, errors[3:]), "reads and what was not sent have no unknown outcome"
    await works_again(store)
    assert (await texts(store, session))["x"] in ("1", "2")


async def test_a_restart_in_order_is_survived_without_opening_again(
    server: PostgresServer, store: PostgresStore
) -> None:
    session = await created(store, {"x": "1"})
    before = await store.mark()
    server.restart()
    await works_again(store)
    assert await texts(store, session) == {"x": "1"}
    assert await store.mark() == before, "a restart is no other line of history"


async def test_what_was_acknowledged_survives_the_death_of_the_server() -> None:
    server = PostgresServer(durable=True)
    server.start()
    store = await PostgresStore.open(server.url)
    try:
        await kill_twice(server, store)
    finally:
        await store.close()
        server.remove()


async def kill_twice(server: PostgresServer, store: PostgresStore) -> None:
    sessions = [await created(store, idle=0) for _ in range(6)]
    for _ in range(2):
        counts = [asyncio.create_task(write_until_refused(store, session.id)) for session in sessions]
        ended = await created(store)
        begun = store.counters()["changes"]
        while store.counters()["changes"] < begun + 200:
            await asyncio.sleep(0.001)
        await store.end(HERE, ended.id, LOGOUT, T)
        await store.put("code", "1", T + 1_000, T)
        assert await store.take("code", T) == ("1", True, T)
        server.kill()
        outcomes = await asyncio.gather(*counts)
        server.start()
        await works_again(store)
        assert await store.load(HERE, ended.id, T) is None
        assert await store.take("code", T) is None
        for session, (acknowledged, unknown) in zip(sessions, outcomes, strict=True):
            assert acknowledged > 0
            fields = await texts(store, session)
            assert int(fields["n"]) - acknowledged in ((0, 1) if unknown else (0,))
            assert fields["log"].count(",") + 1 == int(fields["n"]), "a change was applied by halves"
            await store.change(HERE, session.id, 1, [put("n", "0"), put("log", "[]")], T)


async def write_until_refused(store: PostgresStore, sid: str) -> tuple[int, bool]:
    """How many changes were acknowledged, and whether it is unknown what became of the last one."""
    for count in range(100_000):
        try:
            await store.change(HERE, sid, 1, [increment("n"), append("log", "1")], T)
        except Unavailable as error:
            return count, isinstance(error, OutcomeUnknown)
    raise AssertionError("nobody killed the server")


async def test_a_read_only_server_says_so_and_still_answers_reads(server: PostgresServer, store: PostgresStore) -> None:
    session = await created(store, {"x": "1"})
    server.run("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    try:
        while await soon(store.ping()) is None:
            await asyncio.sleep(0.01)
        await refused(StoreReadOnly, store.ping())
        await refused(StoreReadOnly, store.change(HERE, session.id, 1, [put("x", "2")], T))
        await refused(StoreReadOnly, store.create(a_session(), {}, T))
        await refused(StoreReadOnly, store.end(HERE, session.id, LOGOUT, T))
        await refused(StoreReadOnly, store.take("code", T))
        await refused(StoreReadOnly, store.count_try("login", (1,), T, forget=9))
        assert await texts(store, session) == {"x": "1"}
        assert "failure" in [finding.level for finding in await store.check() if finding.what == "read only"]
    finally:
        server.run(
            "SET default_transaction_read_only = off",
            "ALTER SYSTEM RESET default_transaction_read_only",
            "SELECT pg_reload_conf()",
        )
    await works_again(store)


@pytest.mark.parametrize(("state", "kind"), [("53100", StoreFull), ("XX001", StoreCorrupt), ("57014", StoreBusy)])
async def test_trouble_of_the_server_is_told_by_kind_and_nothing_is_written(
    server: PostgresServer, store: PostgresStore, state: str, kind: type[Unavailable]
) -> None:
    session = await created(store, {"x": "1"})
    server.run(*trouble(state, "TRUE"), database=database_of(store))
    await refused(kind, store.change(HERE, session.id, 1, [put("x", "2")], T))
    await refused(kind, store.create(a_session(), {"x": "1"}, T))
    assert await texts(store, session) == {"x": "1"}
    assert len(await store.list(HERE, None, T)) == 1


def trouble(state: str, when: str) -> tuple[str, ...]:
    """Statements after which writing a field fails with ``state``."""
    return (
        "CREATE SEQUENCE public.tries",
        (
            "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {when} THEN RAISE EXCEPTION 'trouble' USING ERRCODE = '{state}'; END IF; RETURN new; END $$"
        ),
        "CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON sojourn.field FOR EACH ROW EXECUTE FUNCTION public.fail()",
    )


@pytest.mark.parametrize("state", ["40P01", "40001"])
async def test_what_the_server_rolled_back_for_the_sake_of_others_runs_again_three_times(
    server: PostgresServer, store: PostgresStore, state: str
) -> None:
    session = await created(store)
    server.run(*trouble(state, "nextval('public.tries') % 5 < 4"), database=database_of(store))
    await store.change(HERE, session.id, 1, [increment("n")], T)  # three times in vain, then done
    await refused(StoreBusy, store.change(HERE, session.id, 1, [increment("n"), increment("m")], T))
    assert await texts(store, session) == {"n": "1"}
    assert store.counters()["repeats"] == 7


async def test_a_real_deadlock_costs_one_of_the_two_a_repetition(server: PostgresServer, store: PostgresStore) -> None:
    expired = await created(store, idle=100)
    await store.create(a_session(), {}, T, most=9)  # makes the row of the owner
    other = await psycopg.AsyncConnection.connect(server.url_of(database_of(store)))
    async with other:
        await other.execute("SET deadlock_timeout = '60s'")
        await other.execute("SELECT FROM sojourn.session WHERE id = %s FOR UPDATE", [expired.id])
        creating = asyncio.create_task(store.create(a_session(), {}, T + 500, most=9))
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while server.run(waits) != [(1,)]:
            await asyncio.sleep(0.01)
        await other.execute("SELECT FROM sojourn.owner WHERE owner = %s FOR UPDATE", [ALICE])
    await creating
    # On a slow machine the repetition may meet the same locks once more.
    assert 1 <= store.counters()["repeats"] <= 3
    assert len(await store.list(HERE, ALICE, T + 500)) == 2


async def test_a_session_that_somebody_holds_is_busy_and_not_waited_for_for_ever(
    server: PostgresServer, store: PostgresStore
) -> None:
    session = await created(store, {"x": "1"})
    other = await psycopg.AsyncConnection.connect(server.url_of(database_of(store)))
    async with other:
        await other.execute("SELECT FROM sojourn.session WHERE id = %s FOR UPDATE", [session.id])
        acts = [
            store.change(HERE, session.id, 1, [put("x", "2")], T),
            store.rotate(HERE, session.id, 1, a_rotation(), T),
        ]
        assert [type(error) for error in await asyncio.gather(*map(soon, acts))] == [StoreBusy] * 2
        assert await texts(store, session) == {"x": "1"}, "reads wait for nobody"
    await store.change(HERE, session.id, 1, [put("x", "3")], T)


async def test_fifty_creates_from_two_stores_never_make_more_than_five(
    server: PostgresServer, store: PostgresStore
) -> None:
    peer = await PostgresStore.open(server.url_of(database_of(store)))
    most_seen = 0

    async def watch() -> None:
        nonlocal most_seen
        while True:
            most_seen = max(most_seen, len(await peer.list(HERE, ALICE, T)))

    for _ in range(3):
        watching = asyncio.create_task(watch())
        acts = [one.create(a_session(), {}, T, most=5) for _ in range(25) for one in (store, peer)]
        outcomes = await asyncio.gather(*acts, return_exceptions=True)
        watching.cancel()
        assert [type(outcome) for outcome in outcomes].count(SessionLimit) == 45
        live = await store.list(HERE, ALICE, T)
        assert max(most_seen, len(live)) == 5
        for session in live:
            await store.end(HERE, session.id, LOGOUT, T)
    await asyncio.wait([watching])
    await peer.close()


async def test_a_caller_that_gives_up_does_not_stop_what_was_sent(server: PostgresServer, store: PostgresStore) -> None:
    peer = await PostgresStore.open(server.url_of(database_of(store)))
    session = await created(peer)
    task = asyncio.create_task(peer.change(HERE, session.id, 1, [increment("n")], T))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await peer.close()  # which finishes what is under way
    assert await texts(store, session) == {"n": "1"}
