"""Clients that meet at a session: every order of their steps on every store, and what the checker sees on broken ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from math import factorial, prod
from pathlib import Path
from typing import Any

import pytest

from sojourn.model.field import Field, put
from sojourn.model.session import End, Loaded, Session
from sojourn.stores.base import Ended, SessionLimit
from sojourn.stores.memory import MemoryStore
from sojourn.stores.valkey import ValkeyStore, registry
from sojourn.testing.interleaving import (
    BAG_SCENES,
    SCENES,
    Client,
    Gate,
    Scene,
    Violation,
    check_order,
    check_scene,
    explore,
    orders,
)
from sojourn.testing.interleaving.steps import a_start, change, load
from tests.stores.mutation import broken
from tests.stores.mutation import opened as opened_mutant
from tests.stores.test_mutants import MUTANTS

pytestmark = pytest.mark.anyio

BY_NAME = {scene.name: scene for scene in (*SCENES, *BAG_SCENES)}

#: Scenes whose acts take several round trips where owners and sessions lie apart.
APART = [
    "two logins at the limit",
    "three sessions begin where one has room, and one ends",
    "a logout makes room for a login",
    "an expired session and a login at the limit",
    "a login, a logout and an operator",
    "two sessions share a bag, and one ends",
    "a login against writers of the bag by the old handle",
]


@pytest.mark.parametrize("name", BY_NAME)
async def test_clients_may_meet_in_any_order(any_store: Any, name: str) -> None:
    scene = BY_NAME[name]
    # A sweep asks each of the 4,096 parts of a cluster.
    far = scene.alone and any_store.contract().facts.get("mode") == "cluster"
    assert await check_scene(any_store, scene, most=4 if far else None) >= 4


@asynccontextmanager
async def gated(url: str, gate: Gate) -> AsyncIterator[ValkeyStore]:
    """A Valkey store whose round trips wait for their turn."""
    store = await ValkeyStore.open(url)
    link: Any = store._link
    for name in ("script", "read", "whole", "command"):
        setattr(link, name, _held(gate, name, getattr(link, name)))
    yield store
    await store.close()


def _held(gate: Gate, name: str, sends: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    async def send(*args: object, **kwargs: object) -> object:
        async with gate.passing(name):
            return await sends(*args, **kwargs)

    return send


@pytest.fixture
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "GRACE", 10)


@pytest.mark.usefixtures("_impatience")
@pytest.mark.parametrize("name", APART)
async def test_round_trips_of_valkey_may_come_in_any_order(valkey_url: str, name: str) -> None:
    gate = Gate()
    async with gated(valkey_url, gate) as store:
        explored = await explore(store, gate, BY_NAME[name], interruptions=2, most=60)
    assert explored.orders > 20


@pytest.mark.soak
@pytest.mark.usefixtures("_impatience")
@pytest.mark.parametrize("place", ["valkey_url", "valkey_cluster_url"])
@pytest.mark.parametrize("name", APART)
async def test_round_trips_of_valkey_may_come_in_all_orders(
    request: pytest.FixtureRequest, place: str, name: str
) -> None:
    gate = Gate()
    async with gated(request.getfixturevalue(place), gate) as store:
        await explore(store, gate, BY_NAME[name], interruptions=3, most=5_000)


#: A mutant of the law suite, and the scene in which its fault shows.
CAUGHT = [
    ("changes the dead for every epoch", "a slow request against a logout"),
    ("does not look at the version of put_if", "two requests that read, think and write"),
    ("gives every field the new version", "three requests that change one field in place"),
    ("changes for every epoch", "a login against requests by the old handle"),
    ("rotates for every epoch", "two logins at one session"),
    ("names the latest end", "a login, a logout and an operator"),
    ("ends for every epoch", "a login, a logout and an operator"),
    ("counts the session that rotates", "two logins at the limit"),
    ("counts the dead", "a logout makes room for a login"),
    ("counts the expired", "an expired session and a login at the limit"),
    ("loads without settling", "a request against the expiry that others see"),
    ("rotates after the limit", "a login against the expiry"),
    ("sweeps by the idle limit of before", "a shorter idle limit against requests and the sweeper"),
    ("writes into bags for every epoch", "a login against writers of the bag by the old handle"),
    ("does not delete from bags", "two sessions share a bag, and one ends"),
]


@pytest.mark.parametrize(("mutant", "name"), CAUGHT, ids=[mutant for mutant, _ in CAUGHT])
async def test_a_broken_store_is_seen_in_its_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutant: str, name: str
) -> None:
    backend, found = next((backend, one) for backend, one in MUTANTS if one.name == mutant)
    with broken(backend, found, tmp_path, monkeypatch) as package:
        async with opened_mutant(package, tmp_path / "broken.db") as store:
            with pytest.raises(Violation) as seen:
                await check_scene(store, BY_NAME[name])
    assert name in str(seen.value)
    assert "what happened:" in str(seen.value)


class Hasty(MemoryStore):
    """Counts in one round trip and writes in the next."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    async def create(self, session: Session, fields: Mapping[str, str], now: int, *, most: int | None = None) -> None:
        async with self._gate.passing("count"):
            live = await self.list(session.realm, session.owner, now)
        if most is not None and len(live) >= most:
            raise SessionLimit(live)
        async with self._gate.passing("write"):
            await super().create(session, fields, now)


class Forgetful(MemoryStore):
    """Looks in one round trip, and in the next it ends what it saw alive."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    async def end(self, realm: str, sid: str, end: End, now: int, *, epoch: int | None = None) -> Ended | None:
        async with self._gate.passing("look"):
            live = await self.load(realm, sid, now)
        async with self._gate.passing("end"):
            ended = await super().end(realm, sid, end, now, epoch=epoch)
        return Ended(now=True, end=end) if live else ended


@pytest.mark.parametrize(
    ("kind", "name", "fault"),
    [
        (Hasty, "three sessions begin where one has room, and one ends", "the limit is 2"),
        (Forgetful, "a login, a logout and an operator", "has several ends"),
    ],
)
async def test_a_store_that_is_right_only_between_its_acts_is_seen(kind: Any, name: str, fault: str) -> None:
    gate = Gate()
    await check_scene(kind(gate), BY_NAME[name])
    with pytest.raises(Violation, match=fault):
        await explore(kind(gate), gate, BY_NAME[name])


async def test_a_history_is_told_line_by_line() -> None:
    class Generous(MemoryStore):
        async def load(self, realm: str, sid: str, now: int) -> Loaded | None:
            found = await super().load(realm, sid, now)
            return found and Loaded(found.session, {**found.fields, "x": Field(9, '"mine"')})

    scene = Scene("a reader", (Client("reader", (load(),)), Client("writer", (change(put("x", "1")),))), a_start())
    with pytest.raises(Violation) as seen:
        await check_order(Generous(), scene, (1, 0))
    said = str(seen.value).splitlines()
    assert said[0] == "a reader:"
    assert said[-2:] == [
        "  1. writer: change s1 epoch 1 put x 1 at …0 -> version 1",
        '  2. reader: load s1 at …0 -> s1 epoch 1 version 1 {x="mine"@9}',
    ]


@pytest.mark.parametrize("steps", [(1,), (2, 3), (2, 2, 2), (3, 0, 1)])
def test_there_is_each_order_once(steps: tuple[int, ...]) -> None:
    every = list(orders(steps))
    assert len(set(every)) == len(every) == factorial(sum(steps)) // prod(map(factorial, steps))
    assert all(Counter(order) == Counter({i: count for i, count in enumerate(steps) if count}) for order in every)
