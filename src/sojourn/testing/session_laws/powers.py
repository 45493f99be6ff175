"""Laws of what a store may be able to do beside :class:`~sojourn.stores.base.SessionStore`."""

# A law is its name, so it has no docstring beside it.
# ruff: noqa: D102

from __future__ import annotations

import asyncio
from typing import Protocol

from sojourn.core.errors import StoreUnavailable
from sojourn.core.ids import new_token
from sojourn.model.field import Op, put
from sojourn.model.session import TOMBSTONE_FOR, End
from sojourn.stores.base import Lifecycle, Mark, Marked, SessionLimit, SessionStore, Tombstones
from sojourn.stores.limited import OneTime, Taken, Throttle
from sojourn.testing.law import (
    ALICE,
    BOB,
    HERE,
    LOGOUT,
    THERE,
    T,
    a_rotation,
    a_session,
    all_refused,
    created,
    law,
    outcomes_of,
    texts,
)
from sojourn.testing.session_laws.trying import LimitedStore


class RememberingStore(SessionStore, Tombstones, Protocol):
    """A store with tombstones."""


class ClosableStore(SessionStore, Lifecycle, Protocol):
    """A store that is opened and closed."""


class MarkedStore(SessionStore, Marked, Protocol):
    """A store that knows its installation."""


class TombstoneLaws:
    """Laws of :class:`~sojourn.stores.base.Tombstones`."""

    @law("WHY-1")
    async def test_a_tombstone_tells_the_end_and_the_last_record(self, store: RememberingStore) -> None:
        session = await created(store, {"x": "1"})
        end = End("dropped", T + 1, actor="admin", rule="by hand")
        await store.end(HERE, session.id, end, T + 1)
        stone = await store.why(HERE, session.id, T + 1)
        assert stone is not None
        assert stone.end == end
        assert (stone.session.id, stone.session.secret, stone.session.principal) == (session.id, session.secret, ALICE)
        assert stone.session.epoch == 2

    @law("WHY-2")
    async def test_why_sees_the_expiry_at_its_instant_and_writes_it(self, store: RememberingStore) -> None:
        session = await created(store, idle=500)
        assert await store.why(HERE, session.id, T + 499) is None
        stone = await store.why(HERE, session.id, T + 500)
        assert stone is not None
        assert stone.end == End("idle", T + 500)
        assert await store.load(HERE, session.id, T) is None

    @law("WHY-3")
    async def test_why_knows_nothing_of_the_living_the_unknown_and_the_foreign(self, store: RememberingStore) -> None:
        live, ended = await created(store), await created(store)
        await store.end(HERE, ended.id, LOGOUT, T)
        assert await store.why(HERE, live.id, T) is None
        assert await store.why(HERE, new_token(), T) is None
        assert await store.why(THERE, ended.id, T) is None

    @law("WHY-4")
    async def test_a_tombstone_stays_thirty_days(self, store: RememberingStore) -> None:
        logged_out, expired = await created(store), await created(store, idle=500)
        await store.end(HERE, logged_out.id, LOGOUT, T)
        assert (await store.sweep(T + 500)).handled == 1
        assert (await store.sweep(T + TOMBSTONE_FOR - 1)).handled == 0
        assert await store.why(HERE, logged_out.id, T + 500) is not None
        assert (await store.sweep(T + TOMBSTONE_FOR)).handled == 1
        assert await store.why(HERE, logged_out.id, T + 500) is None
        assert await store.why(HERE, expired.id, T + 500) is not None
        assert (await store.sweep(T + TOMBSTONE_FOR + 500)).handled == 1

    @law("WHY-5")
    async def test_tombstones_are_listed_in_order_and_by_pages(self, store: RememberingStore) -> None:
        made = [await created(store, created=T + i, principal=(ALICE, BOB)[i % 2]) for i in range(6)]
        for session in reversed(made[:5]):
            await store.end(HERE, session.id, LOGOUT, T + 5)
        ended = [session.id for session in made[:5]]
        assert [stone.session.id for stone in await store.list_ended(HERE, None)] == ended
        assert [stone.session.id for stone in await store.list_ended(HERE, ALICE, limit=2)] == [ended[0], ended[2]]
        rest = await store.list_ended(HERE, None, after=(made[1].created, made[1].id), limit=2)
        assert [(stone.session.id, stone.end.reason) for stone in rest] == [(sid, "logout") for sid in ended[2:4]]
        assert await store.list_ended(THERE, None) == []

    @law("WHY-6")
    async def test_a_sweep_writes_which_limit_it_was_and_when(self, store: RememberingStore) -> None:
        idle = await created(store, idle=500)
        old = await created(store, idle=600, absolute=400)
        both = await created(store, idle=500, absolute=500)
        assert (await store.sweep(T + 1_000)).handled == 3
        told = [await store.why(HERE, session.id, T + 1_000) for session in (idle, old, both)]
        ends = [End("idle", T + 500), End("absolute", T + 400), End("absolute", T + 500)]
        assert [tombstone and tombstone.end for tombstone in told] == ends


class MarkedLaws:
    """Laws of :class:`~sojourn.stores.base.Marked`."""

    @law("MRK-1")
    async def test_the_first_installation_stays(self, store: MarkedStore) -> None:
        assert (await store.mark())[:2] == ("", 0)
        assert [await store.adopt("first"), await store.adopt("second")] == ["first", "first"]
        assert (await store.mark())[:2] == ("first", 0)

    @law("MRK-2")
    async def test_the_counter_grows_by_each_advance(self, store: MarkedStore) -> None:
        counted = await asyncio.gather(*(store.advance() for _ in range(9)))
        assert sorted(counted) == list(range(1, 10))
        assert (await store.mark())[:2] == ("", 9)

    @law("MRK-3")
    async def test_it_is_one_run_while_nothing_happens_to_the_store(self, store: MarkedStore) -> None:
        before = await store.mark()
        await created(store)
        await store.adopt("first")
        await store.advance()
        assert await store.mark() == Mark("first", 1, before.run)


class LifecycleLaws:
    """Laws of :class:`~sojourn.stores.base.Lifecycle`."""

    @law("CLO-1", bystander=False)
    async def test_a_closed_store_says_so(self, store: ClosableStore) -> None:
        session = await created(store)
        await store.ping()
        await store.close()
        await store.close()
        await all_refused(
            StoreUnavailable,
            store.ping(),
            store.load(HERE, session.id, T),
            store.create(a_session(), {}, T),
            store.change(HERE, session.id, 1, [], T),
            store.rotate(HERE, session.id, 1, a_rotation(), T),
            store.end(HERE, session.id, LOGOUT, T),
            store.list(HERE, None, T),
            store.sweep(T),
        )
        if isinstance(store, OneTime):
            acts = (store.put("x", "1", T + 1, T), store.look("x", T), store.take("x", T), store.drop("x"))
            await all_refused(StoreUnavailable, *acts)
        if isinstance(store, Throttle):
            tries = (store.count_try("x", (), T, forget=1), store.give_back("x", T), store.reset("x"))
            await all_refused(StoreUnavailable, *tries)


class DurableLaws:
    """Laws of a store whose data outlive it; ``peer`` is a second opening of the same data."""

    @law("DUR-1")
    async def test_what_was_answered_is_there_for_another_process(
        self, store: SessionStore, peer: SessionStore
    ) -> None:
        session, gone = await created(store, {"x": "1"}), await created(store)
        await store.change(HERE, session.id, 1, [put("x", "2")], T)
        assert await texts(peer, session) == {"x": "2"}
        await store.end(HERE, gone.id, LOGOUT, T)
        assert await peer.load(HERE, gone.id, T) is None
        rotated = await peer.rotate(HERE, session.id, 1, a_rotation(), T)
        loaded = await store.load(HERE, session.id, T)
        assert loaded is not None
        assert loaded.session == rotated

    @law("ATO-1")
    async def test_a_change_is_seen_whole_or_not_at_all(self, store: SessionStore, peer: SessionStore) -> None:
        session = await created(store, dict.fromkeys("abc", _counted(0)))
        writing = asyncio.create_task(_count_up(store, session.id, 60))
        seen = []
        while not writing.done():
            seen.append(set((await texts(peer, session)).values()))
            await asyncio.sleep(0)
        await writing
        assert {len(different) for different in seen} == {1}
        assert await texts(peer, session) == dict.fromkeys("abc", _counted(59))

    @law("DUR-2")
    async def test_one_limit_holds_for_all_openings(self, store: SessionStore, peer: SessionStore) -> None:
        acts = (one.create(a_session(), {}, T, most=5) for _ in range(20) for one in (store, peer))
        begun, _ = await outcomes_of(SessionLimit, acts)
        assert begun == len(await store.list(HERE, ALICE, T)) == len(await peer.list(HERE, ALICE, T)) == 5

    @law("DUR-3")
    async def test_a_value_is_taken_by_one_of_all_openings(self, store: LimitedStore, peer: LimitedStore) -> None:
        for i in range(3):
            assert await store.put(f"code {i}", "1", T + 100, T) is True
            assert await peer.look(f"code {i}", T) == "1"
            takes = (one.take(f"code {i}", T, remember=50) for _ in range(20) for one in (store, peer))
            taken = await asyncio.gather(*takes)
            assert taken.count(Taken("1", first=True, at=T)) == 1
            assert taken.count(Taken("1", first=False, at=T)) == 39

    @law("DUR-4")
    async def test_the_tries_of_all_openings_count(self, store: LimitedStore, peer: LimitedStore) -> None:
        counts = (one.count_try("x", (0, 0, 100), T, forget=500) for _ in range(20) for one in (store, peer))
        tried = await asyncio.gather(*counts)
        assert sorted(one.tries for one in tried) == list(range(1, 41))
        assert sorted(one.tries for one in tried if one.admitted) == [1, 2, 3]
        await peer.give_back("x", T)
        assert await store.count_try("x", (0, 0, 100), T, forget=500) == (True, 40, 100)
        await store.reset("x")
        assert await peer.count_try("x", (0, 0, 100), T, forget=500) == (True, 1, 0)


async def _count_up(store: SessionStore, sid: str, steps: int) -> None:
    for step in range(steps):
        ops: list[Op] = [put(name, _counted(step)) for name in "abc"]
        await store.change(HERE, sid, 1, ops, T)


def _counted(step: int) -> str:
    """Small and large in turn, so that the parts of a session that lie apart are written too."""
    return f'"{step}{"x" * (3_000 if step % 2 else 0)}"'
