"""An alarm that a store raises by itself, between two looks at it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from sojourn.stores.base import Alarmed


class Alarm:
    """Rings until somebody who began to look after it rang has heeded it; ``then`` is called at each ring."""

    def __init__(self, store: object, then: Callable[[], None]) -> None:
        self._then = then
        self._heeded = 0
        self._rung = asyncio.Event()
        #: How often it rang.
        self.count = 0
        if isinstance(store, Alarmed):
            store.on_another_run(self._ring)

    @property
    def rings(self) -> bool:
        """Whether nobody has looked since."""
        return self._heeded != self.count

    def heed(self, count: int) -> None:
        """Somebody looked, who began when it had rung ``count`` times."""
        self._heeded = count

    async def sleep(self, seconds: float) -> None:
        """Wait so long, or until it rings."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()

    def _ring(self) -> None:
        self.count += 1
        self._rung.set()
        self._then()
