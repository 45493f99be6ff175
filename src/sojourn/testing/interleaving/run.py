"""Running a scene: every order of its clients' steps, each with a session of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, cast

from sojourn.core.errors import SojournError
from sojourn.core.ids import new_token
from sojourn.model.field import Field
from sojourn.stores.base import Bags, SessionStore
from sojourn.stores.memory import MemoryStore
from sojourn.testing.interleaving.checks import faults
from sojourn.testing.interleaving.history import History
from sojourn.testing.interleaving.likeness import differences
from sojourn.testing.interleaving.orders import orders
from sojourn.testing.interleaving.scene import Found, Memory, Scene
from sojourn.testing.interleaving.watched import Watched
from sojourn.testing.law import HERE, T

# Orders that run side by side; they share nothing but the store.
_TOGETHER = 8


class Violation(AssertionError):
    """What a store did that no store may do, with the history that shows it."""

    def __init__(self, scene: Scene, faults: Sequence[str], history: History) -> None:
        lines = [f"{scene.name}:", *(f"- {fault}" for fault in faults), "what happened:", history.text()]
        super().__init__("\n".join(lines))
        self.faults = faults
        self.history = history


class Staged(NamedTuple):
    """A scene that is set: what the clients find, and what each of them knows."""

    principal: str
    found: Found
    memories: Sequence[Memory]


async def check_scene(store: SessionStore, scene: Scene, *, most: int | None = None) -> int:
    """Run every order of the clients' steps; how many there were. Raises :class:`Violation`.

    Each order is run on a memory store too, which must have answered alike. ``most`` = no more than so many orders,
    taken at even distances.
    """
    every = list(orders([len(client.steps) for client in scene.clients]))
    every = every[:: -(-len(every) // most)] if most else every
    together = 1 if scene.alone else _TOGETHER
    for at in range(0, len(every), together):
        await asyncio.gather(*(check_order(store, scene, order) for order in every[at : at + together]))
    return len(every)


async def check_order(store: SessionStore, scene: Scene, order: Sequence[int]) -> None:
    """Run one order of the clients' steps and judge it."""
    token = new_token()
    history = await _run(store, scene, order, token)
    wanted = await _run(MemoryStore(), scene, order, token)
    if different := differences(history, wanted):
        raise Violation(scene, different, history)


async def _run(store: SessionStore, scene: Scene, order: Sequence[int], token: str) -> History:
    staged = await stage(store, scene, token)
    history = History()
    faces = [Watched(store, client.name, history) for client in scene.clients]
    steps = [iter(client.steps) for client in scene.clients]
    for number in order:
        with suppress(SojournError):  # a refusal is in the history, and the client goes on
            await next(steps[number])(faces[number], staged.memories[number])
        if scene.most is not None and len(live := await store.list(HERE, staged.principal, T)) > scene.most:
            raise Violation(scene, [f"{len(live)} sessions live, the limit is {scene.most}"], history)
    await judge(store, scene, history, staged)
    return history


async def stage(store: SessionStore, scene: Scene, token: str = "") -> Staged:
    """Set the scene for a principal of its own."""
    principal = f"a:{token or new_token()}"
    session = await scene.prepare(store, principal)
    start = await store.load(HERE, session.id, T)
    assert start is not None, "the session that a scene begins with lives"
    bag = await _bag(store, scene, principal)
    memories = [Memory(principal, start.session) for _ in scene.clients]
    return Staged(principal, Found(start, {}, frozenset(), bag, {}), memories)


async def judge(store: SessionStore, scene: Scene, history: History, staged: Staged) -> None:
    """Look at what is there now, and raise :class:`Violation` when it or the history cannot be right."""
    sids = history.sids()
    live = await store.list(HERE, staged.principal, T)
    found = staged.found._replace(
        sessions=dict(zip(sids, [await store.load(HERE, sid, T) for sid in sids], strict=True)),
        listed=frozenset(session.id for session in live),
        bag=await _bag(store, scene, staged.principal),
    )
    if wrong := list(faults(scene, history, found)):
        raise Violation(scene, wrong, history)


async def _bag(store: SessionStore, scene: Scene, principal: str) -> dict[str, Field]:
    return dict(await cast("Bags", store).read_bag(HERE, principal, T)) if scene.shares else {}
