"""What PostgreSQL says when it fails, in the errors of the data layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError, StatementError

from sojourn.core.errors import SojournError, StoreBusy, StoreCorrupt, StoreFull, StoreReadOnly
from sojourn.data.errors import (
    BadParameters,
    BadStatement,
    BadValue,
    ConstraintFailed,
    DatabaseDeadlock,
    DatabaseUnavailable,
    QueryTimeout,
    ResultTooLarge,
    StatementRefused,
    TableUnknown,
)

#: What a call of the driver may raise for reasons outside the program.
FAULTS = (DBAPIError, psycopg.Error)

#: Rolled back for the sake of others.
_DEADLOCK = frozenset({"40001", "40P01"})

#: What holds for every statement, by SQLSTATE or its class.
_ALWAYS: dict[str, type[SojournError]] = {
    "08": DatabaseUnavailable,
    "25P03": DatabaseUnavailable,  # the server hung up in the middle of a transaction: this process had stood still
    "28": DatabaseUnavailable,
    "3D": DatabaseUnavailable,
    "53": DatabaseUnavailable,
    "57": DatabaseUnavailable,
    "58": DatabaseUnavailable,
    "58P01": StoreCorrupt,
    "58P02": StoreCorrupt,
    "XX001": StoreCorrupt,
    "XX002": StoreCorrupt,
}

_OURS: dict[str, type[SojournError]] = _ALWAYS | {
    "22": BadValue,
    "23": ConstraintFailed,
    "25006": StoreReadOnly,
    "428C9": BadValue,  # a generated column
    "42703": BadValue,  # the column has gone meanwhile
    "42804": BadValue,
    "42P01": TableUnknown,  # the table has gone meanwhile
    "42501": DatabaseUnavailable,
    "44000": ConstraintFailed,
    "53100": StoreFull,
    "55P03": StoreBusy,
    "57014": StoreBusy,
}

_AUTHORS: dict[str, type[SojournError]] = _ALWAYS | {
    "23": ConstraintFailed,
    "25006": StatementRefused,
    "3F000": TableUnknown,
    "42501": StatementRefused,
    "42P01": TableUnknown,
    "42P18": BadParameters,
    "53200": ResultTooLarge,
    "53400": ResultTooLarge,  # temp_file_limit
    "54000": ResultTooLarge,
    "55P03": QueryTimeout,
    "57014": QueryTimeout,
}


@contextmanager
def house_errors() -> Iterator[None]:
    """Around what the engine asks and writes; what is a fault of the program passes as it is."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise BadValue("a text holds half of a pair of characters") from error
    except FAULTS as error:
        fault = translated(error, _OURS)
        if fault is None:
            raise
        raise fault from error
    except StatementError as error:
        if isinstance(error.orig, UnicodeEncodeError):
            raise BadValue("a text holds half of a pair of characters") from error
        raise


def of_authors(error: psycopg.Error) -> SojournError:
    """What the author of a statement is told."""
    return translated(error, _AUTHORS) or BadStatement(_said(error))


def translated(error: BaseException, kinds: dict[str, type[SojournError]]) -> SojournError | None:
    """``error`` in the words of the house, None where ``kinds`` says nothing of it."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg.Error):
        return None
    state = cause.sqlstate or ""
    if state in _DEADLOCK:
        return DatabaseDeadlock()
    kind = kinds.get(state) or kinds.get(state[:2])
    if kind is None and not state:
        kind = BadValue if isinstance(cause, psycopg.DataError) else DatabaseUnavailable
    if kind in (StatementRefused, TableUnknown, BadParameters, BadValue, ConstraintFailed):
        return kind(_said(cause))
    return kind() if kind else None


def _said(error: psycopg.Error) -> str:
    """The first line of what the server says, which names tables and columns and repeats no row."""
    return (error.diag.message_primary or str(error).partition("\n")[0]).strip()
