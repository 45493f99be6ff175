"""The store's clock as this node knows it: measured, not believed."""

from __future__ import annotations

from sojourn.core.clock import SECOND, StoreClock
from sojourn.stores.base import SessionStore, Timed

#: The largest error of time, in milliseconds, with which a node serves.
MOST_ERROR = SECOND


class StoreTime:
    """Measures how far the store's clock is ahead, and keeps the engine's clock by it.

    A store without a clock of its own is on this machine, and its time is the machine's.
    """

    def __init__(self, store: SessionStore, clock: StoreClock) -> None:
        self._store = store
        self._clock = clock
        self._measured = False
        #: How wrong the time may have been when it was measured last, in milliseconds: half the way there and back, or
        #: by how much the two clocks have parted since the time before.
        self.error = 0
        #: How long the last question took, in milliseconds.
        self.round_trip = 0

    @property
    def offset(self) -> int:
        """Milliseconds that the store's clock is ahead of this machine's."""
        return self._clock.offset

    @property
    def good(self) -> bool:
        """Whether the time is known well enough to serve."""
        return self.error <= MOST_ERROR

    async def measure(self) -> None:
        """Ask the store for its time once. Raises ``Unavailable``."""
        if not isinstance(self._store, Timed):
            return
        sent = self._clock.system.now()
        told = await self._store.time()
        self.round_trip = max(0, self._clock.system.now() - sent)
        offset = told - (sent + self.round_trip // 2)
        parted = abs(offset - self._clock.offset) if self._measured else 0
        self.error = max(self.round_trip // 2, parted)
        self._measured = True
        self._clock.adjust(offset)

    async def now(self) -> int:
        """The store's own clock at this moment; the machine's where it has none. Raises ``Unavailable``."""
        return await self._store.time() if isinstance(self._store, Timed) else self._clock.now()
