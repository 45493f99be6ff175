"""How late an acknowledged change is read: measured, because every revocation holds from then on."""

from __future__ import annotations

from sojourn.engine.database import Delayed, EngineDatabase


class WriteToRead:
    """The delay of the engine database as it was measured last; 0 on SQLite, where a commit is what readers see."""

    def __init__(self, db: EngineDatabase) -> None:
        self._db = db
        #: Seconds from the acknowledgement of a change until a process could read it; 0 = at once.
        self.seconds = 0.0

    async def measure(self) -> None:
        """Measure it. Raises ``Unavailable``."""
        if isinstance(self._db, Delayed):
            self.seconds = await self._db.delay()
