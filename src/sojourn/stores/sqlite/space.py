"""A disk that runs full: what is left is kept for ends and sweeps, so that a logout still works."""

from __future__ import annotations

import shutil
from pathlib import Path

from sojourn.core.errors import StoreFull

#: Bytes that only ends, observed expiries and sweeps may use.
RESERVE = 64 * 1024 * 1024


class DiskSpace:
    """Looks at the disk at each turn of the sweeper, and before each act while it is scarce."""

    def __init__(self, path: Path, reserve: int = RESERVE) -> None:
        self._folder = path.parent
        #: Bytes that only ends, observed expiries and sweeps may use.
        self.reserve = reserve
        self._scarce = False
        self.look()

    def look(self) -> bool:
        """Whether space is scarce now."""
        self._scarce = shutil.disk_usage(self._folder).free < self.reserve
        return self._scarce

    def admit(self) -> None:
        """Raise :class:`StoreFull` while space is scarce."""
        if self._scarce and self.look():
            raise StoreFull
