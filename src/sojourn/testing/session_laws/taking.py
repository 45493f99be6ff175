"""Values that exactly one caller can take."""

# A law is its name, so it has no docstring beside it.
# ruff: noqa: D102

from __future__ import annotations

import asyncio
from typing import Protocol

from sojourn.core.clock import DAY
from sojourn.stores.base import SessionStore
from sojourn.stores.limited import OneTime, Taken
from sojourn.testing.law import T, law

#: How many want one value at once.
_MANY = 20

#: Names that a store must not take for something else.
ODD_NAMES = ("a", "A", "a ", "a:b", "a:", "{a}", "}{", "a*", "%", "a'\"\\", "?", "$1", ":name", "n" * 200, "n" * 199)


class OneTimeStore(SessionStore, OneTime, Protocol):
    """A store of values that are taken once."""


class OneTimeLaws:
    """Laws of :class:`~sojourn.stores.limited.OneTime`."""

    @law("ONE-1")
    async def test_a_value_is_taken_once_and_looking_takes_nothing(self, store: OneTimeStore) -> None:
        assert await store.put("code", '{"user":1}', T + 100, T) is True
        assert [await store.look("code", T), await store.look("code", T)] == ['{"user":1}'] * 2
        assert await store.take("code", T + 9) == Taken('{"user":1}', first=True, at=T + 9)
        assert [await store.look("code", T + 9), await store.take("code", T + 9)] == [None, None]

    @law("ONE-2")
    async def test_what_was_never_there_is_not_there(self, store: OneTimeStore) -> None:
        await store.drop("code")
        assert [await store.look("code", T), await store.take("code", T)] == [None, None]
        assert await store.take("code", T, remember=100) is None
        assert await store.put("code", "1", T + 100, T) is True

    @law("ONE-3")
    async def test_at_the_very_instant_a_value_is_gone(self, store: OneTimeStore) -> None:
        for name in ("looked", "taken", "put"):
            await store.put(name, "1", T + 100, T)
        assert await store.look("looked", T + 99) == "1"
        assert await store.look("looked", T + 100) is None
        assert await store.take("taken", T + 100) is None
        assert await store.put("put", "2", T + 200, T + 99) is False
        assert await store.put("put", "2", T + 200, T + 100) is True
        assert await store.take("put", T + 199) == Taken("2", first=True, at=T + 199)

    @law("ONE-4")
    async def test_nothing_is_put_that_nobody_could_take(self, store: OneTimeStore) -> None:
        assert [await store.put("late", "1", until, T) for until in (T - 1, T, T + 1)] == [False, False, True]
        assert await store.take("late", T) == Taken("1", first=True, at=T)

    @law("ONE-5")
    async def test_a_second_put_changes_nothing(self, store: OneTimeStore) -> None:
        assert [await store.put("code", text, T + 100, T) for text in "12"] == [True, False]
        assert await store.put("code", "3", T + 900, T + 99) is False
        assert await store.take("code", T + 99, remember=50) == Taken("1", first=True, at=T + 99)
        await store.put("state", "1", T + 100, T)
        await store.take("state", T, remember=50)
        assert await store.put("state", "2", T + 900, T + 49) is False
        assert await store.take("state", T + 49) == Taken("1", first=False, at=T)

    @law("ONE-6")
    async def test_that_it_was_taken_is_remembered_as_long_as_the_first_said(self, store: OneTimeStore) -> None:
        await store.put("code", "1", T + 1_000, T)
        assert await store.take("code", T + 7, remember=50) == Taken("1", first=True, at=T + 7)
        assert await store.look("code", T + 7) is None
        assert await store.take("code", T + 8, remember=900) == Taken("1", first=False, at=T + 7)
        assert await store.take("code", T + 56, remember=900) == Taken("1", first=False, at=T + 7)
        assert await store.take("code", T + 57, remember=900) is None

    @law("ONE-7")
    async def test_it_is_not_remembered_beyond_its_time(self, store: OneTimeStore) -> None:
        await store.put("code", "1", T + 100, T)
        assert await store.take("code", T + 60, remember=50) == Taken("1", first=True, at=T + 60)
        assert await store.take("code", T + 99) == Taken("1", first=False, at=T + 60)
        assert await store.take("code", T + 100) is None

    @law("ONE-8")
    async def test_what_is_forgotten_may_be_put_again(self, store: OneTimeStore) -> None:
        for remember in (0, 50):
            await store.put("code", "1", T + 1_000, T)
            assert await store.take("code", T, remember=remember) == Taken("1", first=True, at=T)
            assert await store.put("code", "2", T + 1_000, T + remember) is True
            assert await store.take("code", T + remember) == Taken("2", first=True, at=T + remember)

    @law("ONE-9")
    async def test_what_was_dropped_never_was(self, store: OneTimeStore) -> None:
        for take in (False, True):
            await store.put("code", "1", T + 100, T)
            if take:
                await store.take("code", T, remember=50)
            await store.drop("code")
            assert [await store.look("code", T), await store.take("code", T)] == [None, None]
        assert await store.put("code", "2", T + 100, T) is True

    @law("ONE-10")
    async def test_of_many_at_once_one_is_first(self, store: OneTimeStore) -> None:
        for name, remember in (("forgotten", 0), ("remembered", 50)):
            put = await asyncio.gather(*(store.put(name, str(i), T + 100, T) for i in range(_MANY)))
            assert put.count(True) == 1
            text = str(put.index(True))
            taken = await asyncio.gather(*(store.take(name, T, remember=remember) for _ in range(_MANY)))
            assert taken.count(Taken(text, first=True, at=T)) == 1
            assert taken.count(Taken(text, first=False, at=T) if remember else None) == _MANY - 1

    @law("ONE-11")
    async def test_names_are_kept_apart_and_texts_come_back_as_they_were(self, store: OneTimeStore) -> None:
        texts = [f'{{"{name[:5]}":"ü€😀 \\u0000{"x" * (i * 700)}"}}' for i, name in enumerate(ODD_NAMES)]
        texts[0] = ""
        for name, text in zip(ODD_NAMES, texts, strict=True):
            assert await store.put(name, text, T + 40 * DAY, T) is True
        await store.drop("a")
        assert await store.look("a", T) is None
        for name, text in list(zip(ODD_NAMES, texts, strict=True))[1:]:
            assert await store.look(name, T) == text
            assert await store.take(name, T + 40 * DAY - 1) == Taken(text, first=True, at=T + 40 * DAY - 1)

    @law("ONE-12")
    async def test_a_sweep_leaves_what_is_there_and_what_is_remembered(self, store: OneTimeStore) -> None:
        for i in range(5):
            await store.put(f"gone {i}", "1", T + 100, T)
        await store.put("there", "1", T + 101, T)
        await store.put("remembered", "1", T + 1_000, T)
        await store.take("remembered", T, remember=101)
        while (swept := await store.sweep(T + 100, 2)).more:
            assert swept.handled == 0
        assert await store.look("there", T + 100) == "1"
        assert await store.take("remembered", T + 100) == Taken("1", first=False, at=T)
