"""How long tests wait on a machine that has little time for them, or none for seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

#: Seconds after which something hangs; nothing that works takes so long, whatever else the machine does.
HANGS = 300.0

_BEAT = 0.02


class Elapsed:
    """Seconds in which this event loop went round."""

    def __init__(self) -> None:
        self.seconds = 0.0


@asynccontextmanager
async def elapsing() -> AsyncIterator[Elapsed]:
    """The time of a block without what the machine took away: it hardly goes on while the event loop cannot.

    For what must happen in time. Whoever waits for somebody who does not answer waits with a loop that goes round, so
    that is counted in full.
    """
    elapsed = Elapsed()

    async def beat() -> None:
        while True:
            await asyncio.sleep(_BEAT)
            elapsed.seconds += _BEAT

    beating = asyncio.create_task(beat())
    try:
        yield elapsed
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
