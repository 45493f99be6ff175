"""What PostgreSQL says when it fails, in the errors of the house."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError

from sojourn.core.errors import SojournError, StoreBusy, StoreCorrupt, StoreFull, StoreReadOnly, StoreUnavailable
from sojourn.engine.database.faults import RowConflict, TextRefused, away, busy, damaged
from sojourn.stores.libpq.failures import kind_of

#: What a database call may raise for reasons outside the program.
FAULTS = (DBAPIError, psycopg.Error)

#: Class of SQLSTATE: a constraint was violated.
_CONSTRAINT = "23"

#: A text that the encoding of the database cannot hold.
_TEXTS = frozenset({"22021", "22P05"})


@contextmanager
def house_errors() -> Iterator[None]:
    """Turn the driver's errors into ours; what is a fault of the program passes as it is."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise TextRefused from error
    except FAULTS as error:
        fault = _translated(error)
        if fault is None:
            raise
        raise fault from error


def _translated(error: BaseException) -> SojournError | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg.Error):
        return None
    state = cause.sqlstate or ""
    if state.startswith(_CONSTRAINT):
        return RowConflict()
    if state in _TEXTS or (not state and isinstance(cause, psycopg.DataError)):
        return TextRefused()
    kind = kind_of(cause)
    return _told(kind) if kind else None


def _told(kind: type[SojournError]) -> SojournError:
    if kind is StoreBusy:
        return busy()
    if kind is StoreCorrupt:
        return damaged()
    if kind is StoreUnavailable:
        return away()
    if kind is StoreFull:
        return StoreFull("the engine database has no room left; nothing was written")
    if kind is StoreReadOnly:
        return StoreReadOnly("the engine database takes no writes now; nothing was written")
    return kind()
