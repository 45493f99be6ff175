"""What changed in a file, for the audit log: bounded, whatever the file is."""

from __future__ import annotations

import difflib
from typing import Final

#: Bytes and lines of each side up to which lines are compared, and lines of the result.
_MOST_BYTES: Final = 64 << 10
_MOST_LINES: Final = 2_000
_MOST_SHOWN: Final = 200


def changed_lines(before: bytes, after: bytes) -> list[str]:
    """The lines that went (``-``) and came (``+``) with their neighbours; empty where that cannot be said."""
    old, new = _lines(before), _lines(after)
    if old is None or new is None:
        return []
    found = list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]
    return found if len(found) <= _MOST_SHOWN else [*found[:_MOST_SHOWN], f"… {len(found) - _MOST_SHOWN} lines more"]


def _lines(content: bytes) -> list[str] | None:
    if len(content) > _MOST_BYTES:
        return None
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        return None
    return lines if len(lines) <= _MOST_LINES else None
