"""One writer at a time over all processes of a project, by a lock file that the kernel frees when a process dies.

Whoever writes, migrates, checkpoints, opens or closes the engine database holds the gate. SQLite before 3.51.3 can
damage a WAL when two connections checkpoint and write at the same instant (the WAL-reset fault), so no connection of
ours checkpoints by itself and none does so outside the gate.
"""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sojourn.core.errors import StoreBusy
from sojourn.engine.database.faults import busy

#: Longest wait for the other writers, in seconds.
PATIENCE = 10.0

#: Longest pause between two tries, in seconds; the pause is random so that waiting processes do not march in step.
_PAUSE = 0.004


class Deadline:
    """How long one act may go on trying."""

    def __init__(self, patience: float, over: Callable[[], StoreBusy] = busy) -> None:
        #: What is raised when the time is over.
        self._over = over
        self._end = time.monotonic() + patience

    def pause(self) -> None:
        """Wait a random moment; raises :class:`StoreBusy` when the time is over."""
        if time.monotonic() >= self._end:
            raise self._over()
        time.sleep(random.uniform(_PAUSE / 4, _PAUSE))  # noqa: S311 - jitter, not a secret


class Gate:
    """The lock file ``<database>.writer``."""

    def __init__(self, database: Path) -> None:
        path = database.with_name(database.name + ".writer")
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def held(self, deadline: Deadline) -> Iterator[None]:
        """Hold the gate for a block; raises :class:`StoreBusy` when others keep it past the deadline."""
        self.acquire(deadline)
        try:
            yield
        finally:
            self.release()

    def acquire(self, deadline: Deadline) -> None:
        """Take the gate; raises :class:`StoreBusy` when others keep it past the deadline."""
        while not self._try():
            deadline.pause()

    def release(self) -> None:
        """Give the gate to the next."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file, and of the gate with it; may be called once.

        The gate is given back in so many words: a child process that was forked from this one has the same open file, and
        to close it here alone would leave the gate taken for as long as the child lives.
        """
        self.release()
        os.close(self._file)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
