"""Counters of tries."""

# A law is its name, so it has no docstring beside it.
# ruff: noqa: D102

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from sojourn.core.clock import DAY
from sojourn.stores.base import SessionStore
from sojourn.stores.limited import OneTime, Throttle, Tried
from sojourn.testing.law import T, law
from sojourn.testing.session_laws.taking import ODD_NAMES

#: What the laws wait for after each try, and how long a counter is kept.
DELAYS = (0, 0, 100, 1_000)
FORGET = 10_000

#: How many try at once.
_MANY = 100


class LimitedStore(SessionStore, OneTime, Throttle, Protocol):
    """A store that counts tries, and keeps values that are taken once."""


async def counted(store: Throttle, *times: int, name: str = "login", delays: Sequence[int] = DELAYS) -> list[Tried]:
    """The outcomes of a try at each of ``times``, milliseconds after :data:`~sojourn.testing.law.T`."""
    return [await store.count_try(name, delays, T + at, forget=FORGET) for at in times]


class ThrottleLaws:
    """Laws of :class:`~sojourn.stores.limited.Throttle`."""

    @law("THR-1")
    async def test_each_try_is_counted_and_waits_for_its_delay_to_the_instant(self, store: LimitedStore) -> None:
        assert await counted(store, 0, 0, 0) == [(True, 1, 0), (True, 2, 0), (True, 3, 100)]
        assert await counted(store, 99) == [(False, 4, 1)]
        assert await counted(store, 100, 100, 1_099) == [(True, 5, 1_000), (False, 6, 1_000), (False, 7, 1)]
        assert await counted(store, 1_100, 2_100) == [(True, 8, 1_000), (True, 9, 1_000)]

    @law("THR-2")
    async def test_a_try_that_is_not_admitted_moves_nothing_but_the_count(self, store: LimitedStore) -> None:
        delays = (100, 200, 300, 400)
        assert await counted(store, 0, delays=delays) == [(True, 1, 100)]
        assert await counted(store, 50, 98, 99, delays=delays) == [(False, 2, 50), (False, 3, 2), (False, 4, 1)]
        assert await counted(store, 100, delays=delays) == [(True, 5, 400)]

    @law("THR-3")
    async def test_a_counter_that_rests_begins_at_0_without_a_delay(self, store: LimitedStore) -> None:
        delays = (0, 3 * FORGET)
        assert await counted(store, 0, FORGET - 1, delays=delays) == [(True, 1, 0), (True, 2, 3 * FORGET)]
        last = 2 * FORGET - 2  # a try that is refused is a count too
        assert await counted(store, last, delays=delays) == [(False, 3, 2 * FORGET + 1)]
        assert await counted(store, last + FORGET - 1, delays=delays) == [(False, 4, FORGET + 2)]
        late = last + 2 * FORGET - 1
        assert await counted(store, late, late, delays=delays) == [(True, 1, 0), (True, 2, 3 * FORGET)]
        assert (await counted(store, late, delays=delays))[0] == (False, 3, 3 * FORGET)

    @law("THR-4")
    async def test_what_is_given_back_is_counted_no_more_and_admits_the_next(self, store: LimitedStore) -> None:
        await counted(store, 0, 0, 0)
        await store.give_back("login", T)
        assert await counted(store, 0) == [(True, 3, 100)]
        assert await counted(store, 0) == [(False, 4, 100)]
        await store.give_back("login", T)
        assert await counted(store, 1) == [(True, 4, 1_000)]
        assert await counted(store, 2) == [(False, 5, 999)]

    @law("THR-5")
    async def test_nothing_is_given_back_below_0(self, store: LimitedStore) -> None:
        await store.give_back("login", T)
        await counted(store, 0)
        for _ in range(3):
            await store.give_back("login", T)
        assert await counted(store, 0, 0, 0, 0) == [(True, 1, 0), (True, 2, 0), (True, 3, 100), (False, 4, 100)]
        await store.give_back("login", T + FORGET)
        assert await counted(store, FORGET, FORGET) == [(True, 1, 0), (True, 2, 0)]

    @law("THR-6")
    async def test_a_reset_counts_from_0(self, store: LimitedStore) -> None:
        await store.reset("login")
        await counted(store, 0, 0, 0, 0, 0)
        await store.reset("login")
        assert await counted(store, 0, 0, 0, 0) == [(True, 1, 0), (True, 2, 0), (True, 3, 100), (False, 4, 100)]

    @law("THR-7")
    async def test_of_many_at_once_every_one_counts_and_as_many_as_the_delays_allow_go_on(
        self, store: LimitedStore
    ) -> None:
        tries = (store.count_try("login", (*DELAYS, 0), T, forget=FORGET) for _ in range(_MANY))
        outcomes = await asyncio.gather(*tries)
        assert sorted(tried.tries for tried in outcomes) == list(range(1, _MANY + 1))
        assert sorted(tried.tries for tried in outcomes if tried.admitted) == [1, 2, 3]
        assert {tried.wait for tried in outcomes if tried.tries > 2} == {100}
        assert await counted(store, 100) == [(True, _MANY + 1, 1_000)]

    @law("THR-8")
    async def test_without_delays_every_try_is_admitted(self, store: LimitedStore) -> None:
        assert await counted(store, 0, 0, 0, delays=()) == [(True, 1, 0), (True, 2, 0), (True, 3, 0)]

    @law("THR-9")
    async def test_the_last_delay_stands_for_all_later_tries(self, store: LimitedStore) -> None:
        days = (0, 40 * DAY)
        tried = [await store.count_try("login", days, T + at * 40 * DAY, forget=100 * DAY) for at in (0, 0, 1, 2, 3)]
        assert tried == [(True, 1, 0), *((True, tries, 40 * DAY) for tries in (2, 3, 4, 5))]

    @law("THR-10")
    async def test_counters_and_values_are_kept_apart_by_name(self, store: LimitedStore) -> None:
        for name in ODD_NAMES:
            assert await counted(store, 0, name=name, delays=(100,)) == [(True, 1, 100)]
            assert await store.put(name, "1", T + 100, T) is True
        await store.reset("a")
        await store.drop("A")
        assert await counted(store, 0, name="a") == [(True, 1, 0)]
        for name in ODD_NAMES[1:]:
            assert await counted(store, 0, name=name, delays=(100,)) == [(False, 2, 100)]
        assert [name for name in ODD_NAMES if await store.look(name, T) != "1"] == ["A"]

    @law("THR-11")
    async def test_a_sweep_leaves_what_counts(self, store: LimitedStore) -> None:
        for i in range(5):
            await counted(store, 0, name=f"rests {i}")
        await counted(store, 0, 1, 1)
        while (swept := await store.sweep(T + FORGET, 2)).more:
            assert swept.handled == 0
        assert await counted(store, FORGET) == [(True, 4, 1_000)]
        assert await counted(store, FORGET, name="rests 0") == [(True, 1, 0)]
