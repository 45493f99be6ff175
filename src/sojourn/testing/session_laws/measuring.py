"""Counting without listing, and the clock of a store on another machine."""

# A law is its name, so it has no docstring beside it.
# ruff: noqa: D102

from __future__ import annotations

from typing import Protocol

from sojourn.core.clock import DAY, SECOND, SystemClock
from sojourn.stores.base import Count, Counted, SessionStore, Timed
from sojourn.testing.law import ALICE, BOB, HERE, LOGOUT, THERE, T, a_rotation, created, law

_EXTERNAL = "x:space:sub"


class CountingStore(SessionStore, Counted, Protocol):
    """A store that counts."""


class TimedStore(SessionStore, Timed, Protocol):
    """A store with a clock of its own."""


class CountLaws:
    """Laws of :class:`~sojourn.stores.base.Counted`."""

    @law("CNT-1")
    async def test_the_living_are_counted_by_realm_and_kind(self, store: CountingStore) -> None:
        assert await _counted(store) == {(THERE, "account"): 1}
        for principal in (ALICE, BOB, BOB, "", "", "", _EXTERNAL):
            await created(store, principal=principal)
        assert await _counted(store) == {
            (THERE, "account"): 1,
            (HERE, "account"): 3,
            (HERE, "anonymous"): 3,
            (HERE, "external"): 1,
        }

    @law("CNT-2")
    async def test_a_count_follows_ends_logins_and_sweeps(self, store: CountingStore) -> None:
        visitor, ended, brief = [await created(store, principal="", idle=idle) for idle in (0, 0, 500)]
        await store.rotate(HERE, visitor.id, 1, a_rotation(principal=ALICE), T)
        await store.end(HERE, ended.id, LOGOUT, T)
        assert await _counted(store) == {(THERE, "account"): 1, (HERE, "account"): 1, (HERE, "anonymous"): 1}
        await store.sweep(T + 500)
        assert await _counted(store, T + 500) == {(THERE, "account"): 1, (HERE, "account"): 1}
        assert await store.load(HERE, brief.id, T) is None


class TimedLaws:
    """Laws of :class:`~sojourn.stores.base.Timed`."""

    @law("TIM-1")
    async def test_the_store_tells_the_milliseconds_since_1970(self, store: TimedStore) -> None:
        assert abs(await store.time() - SystemClock().now()) < DAY

    @law("TIM-2")
    async def test_its_clock_goes_on(self, store: TimedStore) -> None:
        seen = [await store.time() for _ in range(20)]
        assert seen == sorted(seen)
        patience = SystemClock().now() + 5 * SECOND
        while await store.time() == seen[-1]:
            assert SystemClock().now() < patience


async def _counted(store: CountingStore, now: int = T) -> dict[tuple[str, str], int]:
    counts: list[Count] = list(await store.count(now))
    found = {(count.realm, count.kind): count.live for count in counts}
    assert len(found) == len(counts)
    assert 0 not in found.values()
    return {(realm, kind): live for (realm, kind), live in found.items()}
