"""What SQLite says when it fails, in the errors of the house."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from sojourn.core.errors import SojournError
from sojourn.engine.database.faults import RowConflict, away, busy, damaged

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_ABSENT = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)

#: What a database call may raise for reasons outside the program.
FAULTS = (DBAPIError, sqlite3.Error, OSError)


def primary_code(error: BaseException) -> int:
    """SQLite's primary result code of ``error``, 0 when it has none."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF


def is_busy(error: BaseException) -> bool:
    """Whether another connection holds the lock that was needed."""
    return primary_code(error) in _BUSY


@contextmanager
def house_errors() -> Iterator[None]:
    """Turn the driver's errors into ours; what is a fault of the program passes as it is."""
    try:
        yield
    except FAULTS as error:
        fault = _translated(error)
        if fault is None:
            raise
        raise fault from error


def _translated(error: BaseException) -> SojournError | None:
    code = primary_code(error)
    if code in _BUSY:
        return busy()
    if code in _DAMAGED:
        return damaged()
    if code == sqlite3.SQLITE_CONSTRAINT:
        return RowConflict()
    if code in _ABSENT or isinstance(error, OSError):
        return away()
    return None
