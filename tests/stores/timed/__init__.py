"""A store with a clock of its own, for the mutants of its laws; the real ones need a server."""

import time

from sojourn.stores.memory import MemoryStore


class TimedStore(MemoryStore):
    """The memory store that tells the time."""

    async def time(self) -> int:
        """See :meth:`sojourn.stores.base.Timed.time`."""
        return time.time_ns() // 1_000_000
