"""Acts held between their round trips to a server, one going on at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

#: Seconds without anything moving after which a scene is given up.
_PATIENCE = 20.0

# Turns of the event loop after which whoever was answered has come to its next round trip.
_TURNS = 12

_client: ContextVar[int] = ContextVar("client", default=-1)


class Waiting(NamedTuple):
    """A round trip that is about to begin."""

    client: int
    label: str
    go: asyncio.Event


class Gate:
    """Put ``async with gate.passing("what"):`` around each round trip of a store's client, in a wrapper for tests.

    Round trips of whoever is no client of a scene pass freely.
    """

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._under_way = 0
        self._moves = 0
        self._running = 0

    @asynccontextmanager
    async def passing(self, label: str) -> AsyncIterator[None]:
        """Wait for one's turn, then go through."""
        if _client.get() < 0:
            yield
            return
        waiting = Waiting(_client.get(), label, asyncio.Event())
        self._waiting.append(waiting)
        self._moves += 1
        await waiting.go.wait()
        try:
            yield
        finally:
            self._under_way -= 1
            self._moves += 1

    def start(self, client: int, script: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run ``script`` as client number ``client``."""
        self._running += 1
        return asyncio.create_task(self._run(client, script))

    async def _run(self, client: int, script: Coroutine[Any, Any, None]) -> None:
        _client.set(client)
        try:
            await script
        finally:
            self._running -= 1
            self._moves += 1

    async def ready(self) -> list[Waiting]:
        """Wait until nobody moves; the round trips that could begin, empty when all scripts are done."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE
        while True:
            await self._calm()
            if not self._running or (self._waiting and not self._under_way):
                return list(self._waiting)
            if loop.time() > until:
                raise TimeoutError("nothing moves any more")
            # Something is under way, or waits for time to pass.
            await asyncio.sleep(0.0005)

    async def _calm(self) -> None:
        """Let whoever was answered come to where it waits."""
        calm, seen = 0, self._moves
        while calm < _TURNS:
            await asyncio.sleep(0)
            calm, seen = (calm + 1, seen) if seen == self._moves else (0, self._moves)

    def release(self, waiting: Waiting) -> None:
        """Let one round trip begin."""
        self._waiting.remove(waiting)
        self._under_way += 1
        waiting.go.set()
