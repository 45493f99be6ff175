"""The sweeper: turns sessions past their limits into tombstones and forgets old ones. Correctness never waits for it."""

from __future__ import annotations

import asyncio
import logging
import time

from sojourn.core.clock import Clock
from sojourn.core.errors import SojournError
from sojourn.engine.ends.journal import EndJournal
from sojourn.engine.leases import Lease
from sojourn.engine.watch.storetime import StoreTime
from sojourn.stores.base import SessionStore

_log = logging.getLogger(__name__)

#: Seconds between two rounds; dead rows are gone long before ten minutes have passed.
SWEEP_EVERY = 10.0

#: Sessions swept with one act, and the most where there is a great backlog.
CHUNK = 50
LARGEST_CHUNK = 400

#: Seconds between two acts of one round, so that requests come in between; and how long an act should take at most.
BREATH = 0.01
ACT = 0.02

#: Seconds that a round may take before it makes more haste.
PATIENT_FOR = 15.0


class Pace:
    """How fast one round sweeps: gently at first, and with more haste the longer it lasts."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        #: Sessions of the next act.
        self.chunk = CHUNK

    @property
    def lasted(self) -> float:
        """Seconds since the round began."""
        return time.monotonic() - self._began

    @property
    def breath(self) -> float:
        """Seconds before the next act."""
        return BREATH if self.lasted < PATIENT_FOR else 0.0

    def took(self, seconds: float) -> None:
        """Learn from the last act: in haste an act may be larger as long as it stays short."""
        if seconds > ACT:
            self.chunk = max(CHUNK, self.chunk // 2)
        elif self.lasted >= PATIENT_FOR and seconds < ACT / 2:
            self.chunk = min(LARGEST_CHUNK, self.chunk * 2)


class Sweeper:
    """Sweeps one store, by the store's own clock.

    For metrics: :attr:`handled`, :attr:`lasted`, :attr:`backlog`.
    """

    def __init__(self, *, store: SessionStore, journal: EndJournal, store_time: StoreTime, clock: Clock) -> None:
        self._store = store
        self._journal = journal
        self._time = store_time
        self._clock = clock
        #: Sessions handled since the start.
        self.handled = 0
        #: Seconds that the last round took.
        self.lasted = 0.0
        #: Whether more is due than the acts of this round could sweep so far.
        self.backlog = False

    async def run(self, lease: Lease) -> None:
        """Sweep while ``lease`` is held, until cancelled. A store that cannot be reached is tried again."""
        while True:
            try:
                if lease.held:
                    await self.round()
            except SojournError as error:
                _log.warning("sweeping was put off: %s", error.code)
            except Exception:  # noqa: BLE001 - logged with all that is known
                # A defect, of a store perhaps; the next round may come further.
                _log.exception("sweeping was put off")
            await asyncio.sleep(SWEEP_EVERY)

    async def round(self) -> int:
        """Sweep all that is due now; how many sessions were handled. Two rounds at once do no harm."""
        pace, handled, more = Pace(), 0, True
        while more:
            began = time.monotonic()
            swept = await self._store.sweep(await self._time.now(), pace.chunk)
            pace.took(time.monotonic() - began)
            handled, more = handled + swept.handled, swept.more
            self.handled, self.backlog = self.handled + swept.handled, more
            await asyncio.sleep(pace.breath)
        while await self._journal.prune(self._clock.now()):
            await asyncio.sleep(BREATH)
        self.lasted = pace.lasted
        return handled
