"""Random acts on one-time values and counters of tries, with a moving clock: every store answers as the memory store does."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from sojourn.core.ids import new_token
from sojourn.stores.memory import MemoryStore
from sojourn.testing.law import T
from tests.stores.conftest import opened

pytestmark = pytest.mark.anyio

_DELAYS = ((), (0,), (5,), (0, 0, 7, 20), (3, 9, 40))


async def act(store: Any, chance: random.Random, name: str, now: int) -> object:
    """One act; two stores with chances of one seed do the same."""
    what = chance.choice(("put", "take", "take", "look", "drop", "count", "count", "count", "give_back", "reset"))
    match what:
        case "put":
            return await store.put(name, f'"{now}"', now + chance.choice((-1, 0, 1, 9, 60)), now)
        case "take":
            return await store.take(name, now, remember=chance.choice((0, 0, 1, 20, 90)))
        case "count":
            return await store.count_try(name, chance.choice(_DELAYS), now, forget=chance.choice((1, 30, 100)))
        case "look" | "give_back":
            return await getattr(store, what)(name, now)
        case _:
            return await getattr(store, what)(name)


async def compare(store: Any, seeds: range, acts: int, *, sweeps: bool) -> None:
    """One step = one act on both stores at one instant, which may be before the last one."""
    for seed in seeds:
        memory, run, now = MemoryStore(), new_token(), T
        chances, steps = [random.Random(seed) for _ in range(2)], random.Random(-seed)
        for step in range(acts):
            now += steps.choice((0, 0, 0, 1, 4, 20, -2))
            name = f"{run}{steps.randrange(3)}"
            known, found = [
                await act(one, chance, name, now) for one, chance in zip((memory, store), chances, strict=True)
            ]
            assert found == known, f"seed {seed}, step {step}"
            if sweeps and steps.random() < 0.05:
                await asyncio.gather(*(one.sweep(now) for one in (memory, store)))


async def test_a_store_limits_as_the_memory_store_does(shared_store: Any, address: str) -> None:
    await compare(shared_store, range(6), 120, sweeps="valkey" not in address)


@pytest.mark.soak
async def test_a_store_limits_as_the_memory_store_does_for_long(shared_store: Any, address: str) -> None:
    await compare(shared_store, range(100, 300), 300, sweeps="valkey" not in address)


async def test_a_sweep_deletes_what_is_over(any_store: Any, request: pytest.FixtureRequest) -> None:
    """Of a Valkey the server's own expiry does that, by the real time."""
    for i in range(5):
        await any_store.put(f"over {i}", "1", T + 100, T)
        await any_store.count_try(f"over {i}", (), T, forget=100)
    await any_store.put("there", "1", T + 101, T)
    await any_store.count_try("there", (), T + 1, forget=100)
    while (await any_store.sweep(T + 100, 2)).more:
        pass
    kept_until_the_server_expires_it = "valkey" in request.node.callspec.id
    wanted = "1" if kept_until_the_server_expires_it else None
    assert [await any_store.look(f"over {i}", T) for i in range(5)] == [wanted] * 5
    tries = [(await any_store.count_try(f"over {i}", (), T, forget=100)).tries for i in range(5)]
    assert tries == [2 if kept_until_the_server_expires_it else 1] * 5
    assert await any_store.look("there", T + 100) == "1"
    assert (await any_store.count_try("there", (), T + 100, forget=100)).tries == 2


@pytest.mark.parametrize("address", ["sqlite", "postgresql"], indirect=True)
async def test_a_sweep_is_bounded(shared_store: Any, address: str) -> None:
    for i in range(5):
        await shared_store.put(f"{i}", "1", T + 100, T)
        await shared_store.count_try(f"{i}", (), T, forget=100)
    assert await shared_store.sweep(T + 100, 3) == (0, True)
    assert [await shared_store.look(f"{i}", T) for i in range(5)].count(None) == 3
    assert await shared_store.sweep(T + 100, 3) == (0, False)
    async with opened(address) as again:
        assert [await again.look(f"{i}", T) for i in range(5)] == [None] * 5


async def test_valkey_deletes_what_is_over_a_minute_later_by_its_own_clock(valkey_server: Any, valkey_url: str) -> None:
    async with opened(valkey_url) as store:
        await store.put("there", "1", T + 5_000, T)
        await store.put("taken", "1", T + 500_000, T)
        await store.take("taken", T, remember=7_000)
        await store.count_try("tried", (1,), T, forget=9_000)
        left = [_milliseconds(valkey_server, key) for key in ("sj:o:{0}there", "sj:o:{0}taken", "sj:t:{0}tried")]
        for found, wanted in zip(left, (65_000, 67_000, 69_000), strict=True):
            assert wanted - 5_000 < found <= wanted


def _milliseconds(server: Any, key: str) -> int:
    return int(server.run("PTTL", key)[1:])
