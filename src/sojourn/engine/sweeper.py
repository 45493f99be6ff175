"""The sweeper: turns sessions past their limits into tombstones and forgets old ones. Correctness never waits for it."""

from __future__ import annotations

import asyncio
import logging

from sojourn.core.clock import Clock
from sojourn.core.errors import SojournError
from sojourn.engine.journal import EndJournal
from sojourn.stores.base import SessionStore

_log = logging.getLogger(__name__)

#: Seconds between two looks; dead rows are gone long before ten minutes have passed.
LOOK_EVERY = 10.0

#: Seconds between two chunks of one round, so that requests come in between.
BREATH = 0.01


class Sweeper:
    """Sweeps one store in chunks of at most 50 sessions."""

    def __init__(self, store: SessionStore, journal: EndJournal, clock: Clock) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        #: Sessions handled since the start, for metrics.
        self.handled = 0

    async def run(self) -> None:
        """Sweep until cancelled. A store that cannot be reached is tried again at the next look."""
        while True:
            try:
                await self.round()
            except SojournError as error:
                _log.warning("sweeping was put off: %s", error.code)
            await asyncio.sleep(LOOK_EVERY)

    async def round(self) -> int:
        """Sweep all that is due now; how many sessions were handled."""
        handled, more = 0, True
        while more:
            swept = await self._store.sweep(self._clock.now())
            handled, more = handled + swept.handled, swept.more
            await asyncio.sleep(BREATH)
        while await self._journal.prune(self._clock.now()):
            await asyncio.sleep(BREATH)
        self.handled += handled
        return handled
