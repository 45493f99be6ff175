"""Moving the write-ahead log into the file, by the writer while it holds the writer lock."""

from __future__ import annotations

import sqlite3
from pathlib import Path

#: Bytes of log after which it is moved.
_GROWN = 4 * 1024 * 1024

# A reader of another process may pin the log; the writer does not wait long for it, and elsewhere not at all.
_BRIEFLY = "PRAGMA busy_timeout=20"
_NOT_AT_ALL = "PRAGMA busy_timeout=0"


class Checkpoints:
    """Decides when; a log that a reader pins is tried again when it has doubled."""

    def __init__(self, path: Path) -> None:
        self._log = path.with_name(path.name + "-wal")
        self._due = _GROWN
        #: How many were done.
        self.done = 0

    def consider(self, db: sqlite3.Connection) -> None:
        """Checkpoint when the log has grown; ``db`` is outside a transaction. Never an error: the log stays valid."""
        size = self._log.stat().st_size
        if size < self._due:
            return
        db.execute(_BRIEFLY).fetchall()
        busy, in_log, moved = db.execute("PRAGMA wal_checkpoint(FULL)").fetchall()[0]
        db.execute(_NOT_AT_ALL).fetchall()
        complete = not busy and in_log == moved
        self._due = _GROWN if complete else 2 * size
        self.done += complete
