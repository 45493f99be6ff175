"""A Valkey that is away, slow, full, read-only or damaged: what is said, how soon, and what is left afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest

from sojourn.core.errors import (
    OutcomeUnknown,
    SojournError,
    StoreCorrupt,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
    StoreVersion,
    Unavailable,
)
from sojourn.core.ids import new_token
from sojourn.model.field import increment, put
from sojourn.model.session import Session
from sojourn.stores.base import Ended
from sojourn.stores.limited import Taken
from sojourn.stores.valkey import ValkeyStore
from sojourn.stores.valkey.wire import LOOK_EVERY
from sojourn.testing.law import ALICE, HERE, LOGOUT, T, a_rotation, a_session, created, refused, texts
from tests.patience import elapsing
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.anyio

_WITHIN = 5.0


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
async def store(server: ValkeyServer) -> AsyncIterator[ValkeyStore]:
    async with _opened(server.url) as store:
        yield store


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[ValkeyStore]:
    store = await ValkeyStore.open(url)
    try:
        yield store
    finally:
        await store.close()


def _writes(store: ValkeyStore, session: Session) -> list[Awaitable[object]]:
    return [
        store.create(a_session(), {"x": "1"}, T),
        store.change(HERE, session.id, 1, [increment("n")], T),
        store.change(HERE, session.id, 1, [], T),
        store.change_bag(HERE, session.id, 1, [put("x", "1")], T, idle=9),
        store.rotate(HERE, session.id, 1, a_rotation(), T),
        store.put("another code", "1", T + 9, T),
        store.count_try("login", (1,), T, forget=9),
    ]


def _acts(store: ValkeyStore, session: Session) -> list[Awaitable[object]]:
    return [
        *_writes(store, session),
        store.end(HERE, session.id, LOGOUT, T),
        store.load(HERE, session.id, T),
        store.list(HERE, None, T),
        store.list(HERE, ALICE, T),
        store.why(HERE, session.id, T),
        store.count(T),
        store.sweep(T),
        store.read_bag(HERE, ALICE, T),
        store.look("code", T),
        store.take("code", T),
        store.drop("code"),
        store.give_back("login", T),
        store.reset("login"),
        store.mark(),
        store.advance(),
        store.time(),
        store.ping(),
    ]


async def _all_say(kind: type[SojournError], acts: list[Awaitable[object]]) -> None:
    async with elapsing() as elapsed:
        outcomes = await asyncio.gather(*acts, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {kind}
    assert elapsed.seconds < _WITHIN


async def _serves_again(store: ValkeyStore, session: Session) -> dict[str, str]:
    async with elapsing() as elapsed:
        while True:
            try:
                return await texts(store, session)
            except Unavailable:
                assert elapsed.seconds < _WITHIN
                await asyncio.sleep(0.02)


async def test_a_server_that_is_stopped_is_unavailable_and_nothing_is_written(
    server: ValkeyServer, store: ValkeyStore
) -> None:
    session = await created(store, {"x": "1"})
    server.stop()
    await asyncio.sleep(2 * LOOK_EVERY + 0.05)  # until commands are held back
    await _all_say(StoreUnavailable, _acts(store, session))
    server.start()
    assert await _serves_again(store, session) == {"x": "1"}
    await store.change(HERE, session.id, 1, [put("x", "2")], T)
    assert len(await store.list(HERE, None, T)) == 1


async def test_what_is_under_way_when_the_server_pauses_has_an_unknown_outcome_and_what_comes_later_none(
    server: ValkeyServer, store: ValkeyStore
) -> None:
    session = await created(store)
    server.pause()
    async with elapsing() as elapsed:
        sent = asyncio.create_task(refused(OutcomeUnknown, store.change(HERE, session.id, 1, [increment("n")], T)))
        reading = asyncio.create_task(refused(StoreUnavailable, store.load(HERE, session.id, T)))
        await asyncio.sleep(2 * LOOK_EVERY + 0.05)  # until commands are held back
        await _all_say(StoreUnavailable, _acts(store, session))
        await asyncio.gather(sent, reading)
    assert elapsed.seconds < _WITHIN
    server.resume()
    assert (await _serves_again(store, session)).get("n") in (None, "1")
    assert (await store.change(HERE, session.id, 1, [put("x", "2")], T)).values == {}


async def test_no_acknowledged_write_is_lost_when_the_server_is_killed() -> None:
    server = ValkeyServer()
    server.start("always")
    try:
        async with _opened(server.url) as store:
            sessions = [await created(store, idle=0, absolute=10**9) for _ in range(8)]
            ended = [await created(store) for _ in range(40)]
            for _ in range(2):
                before = [int((await texts(store, session)).get("n", "0")) for session in sessions]
                stop, tallies = asyncio.Event(), [_Tally() for _ in sessions]
                pairs = zip(sessions, tallies, strict=True)
                writers = [asyncio.create_task(_count(store, session, tally, stop)) for session, tally in pairs]
                done: list[str] = []
                taken: list[str] = []
                enders = asyncio.gather(_end_some(store, ended, done), _take_some(store, taken))
                await asyncio.sleep(0.3)
                await asyncio.to_thread(server.kill)
                stop.set()
                await asyncio.gather(*writers, enders)
                server.start("always")
                await _serves_again(store, sessions[0])
                for session, tally, had in zip(sessions, tallies, before, strict=True):
                    value = int((await texts(store, session)).get("n", "0")) - had
                    assert tally.counted <= value <= tally.counted + tally.unknown
                assert sum(tally.counted for tally in tallies) > 50
                assert [await store.load(HERE, sid, T) for sid in done] == [None] * len(done)
                assert done
                assert [await store.look(name, T) for name in taken] == [None] * len(taken)
                assert [await store.take(name, T) for name in taken] == [None] * len(taken)
                assert taken
    finally:
        server.remove()


@dataclass
class _Tally:
    counted: int = 0
    unknown: int = 0


async def _count(store: ValkeyStore, session: Session, tally: _Tally, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await store.change(HERE, session.id, 1, [increment("n")], T)
            tally.counted += 1
        except OutcomeUnknown:
            tally.unknown += 1
        except StoreUnavailable:
            await asyncio.sleep(0.01)


async def _end_some(store: ValkeyStore, sessions: list[Session], done: list[str]) -> None:
    with suppress(Unavailable):
        while sessions:
            session = sessions.pop()
            ended = await store.end(HERE, session.id, LOGOUT, T)
            assert ended == Ended(now=True, end=LOGOUT)
            done.append(session.id)
            await asyncio.sleep(0.01)


async def _take_some(store: ValkeyStore, taken: list[str]) -> None:
    with suppress(Unavailable):
        while True:
            name = new_token()
            await store.put(name, "1", T + 1_000, T)
            assert await store.take(name, T) == Taken("1", first=True, at=T)
            taken.append(name)
            await asyncio.sleep(0.01)


async def test_a_full_server_refuses_but_lets_sessions_end(server: ValkeyServer, store: ValkeyStore) -> None:
    ended, brief, swept, live = [await created(store, {"x": "1"}, idle=idle) for idle in (0, 500, 600, 0)]
    for name in ("code", "brief code"):
        await store.put(name, "1", T + 900, T)
    await store.count_try("tried", (100,), T, forget=900)
    server.run("CONFIG", "SET", "maxmemory", "1mb")
    await _all_say(StoreFull, _writes(store, live))
    await refused(StoreFull, store.ping())
    assert await store.end(HERE, ended.id, LOGOUT, T) == Ended(now=True, end=LOGOUT)
    assert await store.load(HERE, brief.id, T + 500) is None
    assert await store.take("code", T, remember=500) == Taken("1", first=True, at=T)
    assert await store.take("code", T, remember=500) == Taken("1", first=False, at=T)
    assert await store.take("brief code", T) == Taken("1", first=True, at=T)
    await store.give_back("tried", T)
    await refused(StoreFull, store.count_try("tried", (100,), T, forget=900))
    assert (await store.sweep(T + 600)).handled == 1
    assert await store.why(HERE, swept.id, T + 600) is not None
    assert await texts(store, live, T) == {"x": "1"}
    assert [session.id for session in await store.list(HERE, ALICE, T)] == [live.id]
    server.run("CONFIG", "SET", "maxmemory", "0")
    await store.create(a_session(), {}, T, most=2)


async def test_a_replica_takes_no_writes(server: ValkeyServer, store: ValkeyStore) -> None:
    session = await created(store, {"x": "1"})
    server.run("REPLICAOF", "127.0.0.1", "1")
    await _all_say(StoreReadOnly, [*_writes(store, session), store.end(HERE, session.id, LOGOUT, T), store.ping()])
    assert await texts(store, session) == {"x": "1"}
    with pytest.raises(StoreReadOnly):
        await ValkeyStore.open(server.url)


async def test_a_server_that_has_forgotten_the_scripts_gets_them_again(
    server: ValkeyServer, store: ValkeyStore
) -> None:
    session = await created(store)
    for command in (("SCRIPT", "FLUSH"), ("SCRIPT", "FLUSH")):
        server.run(*command)
        changes = (store.change(HERE, session.id, 1, [increment("n")], T) for _ in range(20))
        await asyncio.gather(*changes)
    assert await texts(store, session) == {"n": "40"}


async def test_odd_data_is_corrupt_and_newer_data_is_said_to_be_newer(server: ValkeyServer, store: ValkeyStore) -> None:
    odd, newer, field = [await created(store, {"x": "1"}) for _ in range(3)]
    server.run("HSET", f"sj:s:{{0}}{odd.id}", ".l", "yesterday")
    server.run("HSET", f"sj:s:{{0}}{newer.id}", ".V", "2")
    server.run("HSET", f"sj:s:{{0}}{field.id}", "fx", "no version")
    for session, kind in ((odd, StoreCorrupt), (newer, StoreVersion)):
        await refused(kind, store.load(HERE, session.id, T))
        await refused(kind, store.change(HERE, session.id, 1, [put("x", "2")], T))
        await refused(kind, store.rotate(HERE, session.id, 1, a_rotation(), T))
        await refused(kind, store.end(HERE, session.id, LOGOUT, T))
        await refused(kind, store.why(HERE, session.id, T))
    await refused(StoreCorrupt, store.load(HERE, field.id, T))
    await refused(StoreCorrupt, store.change(HERE, field.id, 1, [increment("x")], T))
    server.run("HSET", "sj:m:{0}", "format", "2")
    with pytest.raises(StoreVersion):
        await ValkeyStore.open(server.url)


async def test_plain_text_to_another_machine_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(StoreUnavailable, match="valkeys://") as error:
        await ValkeyStore.open("valkey://me:s3cret@192.0.2.1:6379")
    assert "s3cret" not in str(error.value)


async def test_a_wrong_password_is_refused_without_being_shown(server: ValkeyServer) -> None:
    server.run("ACL", "SETUSER", "shop", "on", ">right", "~sj:*", "+@all")
    address = server.url.removeprefix("valkey://")
    with pytest.raises(StoreUnavailable) as error:
        await ValkeyStore.open(f"valkey://shop:wr0ng@{address}")
    assert "wr0ng" not in str(error.value)
    async with _opened(f"valkey://shop:right@{address}") as store:
        assert await store.load(HERE, new_token(), T) is None


async def test_another_run_of_the_server_is_told_apart(server: ValkeyServer, store: ValkeyStore) -> None:
    await store.adopt("here")
    await store.advance()
    before = await store.mark()
    server.restart()
    await asyncio.sleep(2 * LOOK_EVERY + 0.05)  # until commands are held back
    async with elapsing() as elapsed:
        while True:
            with suppress(Unavailable):
                after = await store.mark()
                break
            assert elapsed.seconds < _WITHIN
            await asyncio.sleep(0.01)
    assert after[:2] == before[:2] == ("here", 1)
    assert after.run != before.run
    assert len(before.run) > 40
