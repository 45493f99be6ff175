"""What can go wrong with the file, in Sojourn's own error classes."""

from __future__ import annotations

import sqlite3

import msgspec

from sojourn.core.errors import (
    SojournError,
    StoreBusy,
    StoreCorrupt,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
    Unavailable,
)

_BY_CODE: dict[int, type[Unavailable]] = {
    sqlite3.SQLITE_BUSY: StoreBusy,
    sqlite3.SQLITE_LOCKED: StoreBusy,
    sqlite3.SQLITE_CORRUPT: StoreCorrupt,
    sqlite3.SQLITE_NOTADB: StoreCorrupt,
    sqlite3.SQLITE_FULL: StoreFull,
    sqlite3.SQLITE_READONLY: StoreReadOnly,
}
_PRIMARY = 0xFF


def typed(error: Exception) -> Exception:
    """``error`` as the caller shall see it. What is no trouble of the file is a defect and stays what it is."""
    if isinstance(error, SojournError):
        return error
    if isinstance(error, msgspec.DecodeError):
        return StoreCorrupt()
    if isinstance(error, sqlite3.Error):
        return _BY_CODE.get(primary_code(error), StoreUnavailable)()
    if isinstance(error, OSError):
        return StoreUnavailable()
    return error


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, 0 where the module itself raised."""
    return int(getattr(error, "sqlite_errorcode", 0)) & _PRIMARY
