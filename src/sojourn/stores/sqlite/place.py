"""The file and what SQLite keeps beside it: how it is noticed that another file was put in its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sojourn.stores.sqlite.lock import WriterLock

#: What SQLite keeps beside a file in WAL mode.
_BESIDE = ("-wal", "-shm")


class Place:
    """A path, and which file stood there when it was opened."""

    def __init__(self, path: Path) -> None:
        """Make it after the connection was opened: only then the log stands there."""
        self._path = path
        self._file = path.stat().st_ino
        self._beside = _inodes(path)

    @property
    def taken(self) -> bool:
        """Whether another file stands there now. Raises ``OSError`` when none does."""
        return self._path.stat().st_ino != self._file

    def clear(self) -> None:
        """Remove log and index of the file that stood here, once no process writes.

        They belong to the old file. Read with the new one, they would mix the pages of two times.
        """
        lock = WriterLock(self._path)
        try:
            with lock.held():
                for beside, inode in _inodes(self._path).items():
                    if self._beside.get(beside) == inode:
                        beside.unlink()
        finally:
            lock.close()


def _inodes(path: Path) -> Mapping[Path, int]:
    beside = [path.with_name(path.name + suffix) for suffix in _BESIDE]
    return {each: each.stat().st_ino for each in beside if each.exists()}
