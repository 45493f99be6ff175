"""What SQLite says of the application's database, in the errors of the data layer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError

from sojourn.core.errors import SojournError, StoreBusy, StoreCorrupt, StoreFull
from sojourn.data.errors import (
    BadParameters,
    BadStatement,
    BadValue,
    ConstraintFailed,
    DatabaseUnavailable,
    QueryTimeout,
    ResultTooLarge,
    StatementRefused,
    TableUnknown,
)
from sojourn.engine.database.sqlite.faults import FAULTS, primary_code

#: What the driver says itself, before SQLite is asked.
_OF_DRIVER = (sqlite3.ProgrammingError, sqlite3.InterfaceError, UnicodeEncodeError, OverflowError)

#: What the codes of SQLite mean for a statement of an author.
_PLAIN: Final[Mapping[int, type[SojournError]]] = {
    sqlite3.SQLITE_INTERRUPT: QueryTimeout,
    sqlite3.SQLITE_AUTH: StatementRefused,
    sqlite3.SQLITE_TOOBIG: ResultTooLarge,
    sqlite3.SQLITE_NOMEM: ResultTooLarge,
    sqlite3.SQLITE_MISMATCH: BadValue,
}

#: How SQLite words a refusal of the authorizer that has no code of its own.
_REFUSED: Final = ("not authorized", " is prohibited", "vtable constructor failed")


def busy() -> StoreBusy:
    """Other writers kept it for too long."""
    return StoreBusy("the database is busy; nothing was written")


@contextmanager
def of_author() -> Iterator[None]:
    """For a statement of an author: what is wrong with it is said."""
    try:
        yield
    except (*FAULTS, *_OF_DRIVER) as error:
        raise _of_author(error) from error


@contextmanager
def of_engine() -> Iterator[None]:
    """For statements of ours."""
    try:
        yield
    except (OverflowError, UnicodeEncodeError) as error:
        raise BadValue("a number has more than 64 bits, or a text holds half of a pair of characters") from error
    except FAULTS as error:
        fault = _of_engine(error)
        if fault is None:
            raise
        raise fault from error


def _of_author(error: Exception) -> SojournError:
    code = primary_code(error)
    if code in _PLAIN:
        return _PLAIN[code]()
    if isinstance(error, _OF_DRIVER) and not code:
        return BadParameters("a parameter cannot be given to SQLite")
    if code == sqlite3.SQLITE_ERROR:
        refused = any(words in str(error) for words in _REFUSED)
        return StatementRefused() if refused else _mistake(str(error))
    if code == 0 and isinstance(error, sqlite3.DatabaseError):
        # The driver's own: text that is not UTF-8, a statement that it does not take.
        return BadStatement(str(error)[:200])
    return _of_engine(error) or DatabaseUnavailable()


def _of_engine(error: BaseException) -> SojournError | None:
    code = primary_code(error)
    text = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    if code in _OF_ENGINE:
        return _OF_ENGINE[code](text)
    return DatabaseUnavailable() if code or isinstance(error, OSError) else None


def _constraint(text: str) -> SojournError:
    # A STRICT table says so of a value of another type.
    return BadValue(text) if "cannot store" in text else ConstraintFailed(text)


def _mistake(text: str) -> SojournError:
    return TableUnknown(text) if text.startswith("no such table") else BadStatement(text[:500])


_OF_ENGINE: Final[Mapping[int, Callable[[str], SojournError]]] = {
    sqlite3.SQLITE_BUSY: lambda _text: busy(),
    sqlite3.SQLITE_LOCKED: lambda _text: busy(),
    sqlite3.SQLITE_CONSTRAINT: _constraint,
    sqlite3.SQLITE_MISMATCH: BadValue,
    sqlite3.SQLITE_TOOBIG: BadValue,
    sqlite3.SQLITE_CORRUPT: lambda _text: StoreCorrupt("the database of the application is damaged"),
    sqlite3.SQLITE_NOTADB: lambda _text: StoreCorrupt("the database of the application is damaged"),
    sqlite3.SQLITE_FULL: lambda _text: StoreFull("the disk of the database is full; nothing was written"),
    sqlite3.SQLITE_ERROR: _mistake,
}
