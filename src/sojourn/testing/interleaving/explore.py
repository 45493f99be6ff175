"""Every order of the round trips of acts, for stores whose acts take more than one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from sojourn.core.errors import SojournError
from sojourn.stores.base import SessionStore
from sojourn.testing.interleaving.gate import Gate
from sojourn.testing.interleaving.history import History
from sojourn.testing.interleaving.run import judge, stage
from sojourn.testing.interleaving.scene import Client, Memory, Scene
from sojourn.testing.interleaving.watched import Watched


class Explored(NamedTuple):
    """How far an exploration came."""

    orders: int
    #: Whether there was no further order within the bound.
    complete: bool


class _Choice(NamedTuple):
    taken: int
    #: How many there were to choose from.
    of: int


async def explore(
    store: SessionStore, gate: Gate, scene: Scene, *, interruptions: int = 2, most: int = 2_000
) -> Explored:
    """Run a scene in every order of the round trips that go through ``gate``; raises :class:`~.run.Violation`.

    At most ``interruptions`` times a client that could go on is made to wait for another: nearly every fault shows with
    two of them, and without a bound their number explodes. ``most`` is how many orders are run.
    """
    path: list[_Choice] = []
    for number in range(1, most + 1):
        path = await _follow(store, gate, scene, [choice.taken for choice in path], interruptions)
        while path and path[-1].taken + 1 >= path[-1].of:
            path.pop()
        if not path:
            return Explored(number, complete=True)
        path[-1] = path[-1]._replace(taken=path[-1].taken + 1)
    return Explored(most, complete=False)


async def _follow(
    store: SessionStore, gate: Gate, scene: Scene, path: Sequence[int], interruptions: int
) -> list[_Choice]:
    """Run the scene once: first the choices of ``path``, then always the first; what was chosen, and from how many."""
    staged, history = await stage(store, scene), History()
    tasks = [
        gate.start(number, _act(store, client, memory, history))
        for number, (client, memory) in enumerate(zip(scene.clients, staged.memories, strict=True))
    ]
    made: list[_Choice] = []
    last = -1
    while waiting := await gate.ready():
        can_go_on = [one for one in waiting if one.client == last]
        ordered = can_go_on + [one for one in waiting if one.client != last]
        free = len(ordered) if interruptions or not can_go_on else len(can_go_on)
        taken = min(path[len(made)], free - 1) if len(made) < len(path) else 0
        made.append(_Choice(taken, free))
        interruptions -= bool(can_go_on) and ordered[taken].client != last
        last = ordered[taken].client
        gate.release(ordered[taken])
    await asyncio.gather(*tasks)
    await judge(store, scene, history, staged)
    return made


async def _act(store: SessionStore, client: Client, memory: Memory, history: History) -> None:
    face = Watched(store, client.name, history)
    for step in client.steps:
        with suppress(SojournError):  # a refusal is in the history, and the client goes on
            await step(face, memory)
