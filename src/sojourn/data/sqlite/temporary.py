"""What SQLite keeps on the disk while statements run: sorters and interim results have no limit of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_OPEN: Final = Path("/proc/self/fd")
#: What the names of SQLite's temporary files begin with; they are deleted as soon as they are open.
_NAME: Final = "etilqs_"


def temporary() -> int:
    """Bytes of all temporary files of this process; 0 where the system does not tell."""
    try:
        return sum(map(_size, _OPEN.iterdir()))
    except OSError:
        return 0


def _size(descriptor: Path) -> int:
    try:
        return descriptor.stat().st_size if _NAME in descriptor.readlink().name else 0
    except OSError:
        # Closed meanwhile.
        return 0
