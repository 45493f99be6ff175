"""What PostgreSQL refuses, in Sojourn's own error classes."""

from __future__ import annotations

import msgspec
import psycopg

from sojourn.core.errors import (
    SojournError,
    StoreBusy,
    StoreCorrupt,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
    StoreVersion,
)

#: The statement was rolled back as a whole because of what others did at the same time: it may run again.
REPEATABLE = frozenset({"40001", "40P01"})

#: The connection knows no statement of that name, or another one: a proxy stands before the server.
STATEMENT_LOST = frozenset({"26000", "42P05"})

_BY_STATE: dict[str, type[SojournError]] = {
    "25006": StoreReadOnly,
    "25P03": StoreUnavailable,  # the server hung up in the middle of a transaction: this process had stood still
    "3F000": StoreCorrupt,  # the schema is gone
    "42883": StoreVersion,  # the functions of this version are gone: a newer engine has dropped them
    "42P01": StoreCorrupt,
    "42703": StoreCorrupt,
    "42501": StoreUnavailable,  # missing right
    "53100": StoreFull,
    "55P03": StoreBusy,
    "57014": StoreBusy,  # by statement_timeout, or by the operator
    "58P01": StoreCorrupt,  # a file of a table is gone
    "58P02": StoreCorrupt,
    "XX001": StoreCorrupt,
    "XX002": StoreCorrupt,
}
_BY_CLASS: dict[str, type[SojournError]] = {
    "08": StoreUnavailable,
    "28": StoreUnavailable,
    "3D": StoreUnavailable,
    "53": StoreUnavailable,
    "57": StoreUnavailable,
    "58": StoreUnavailable,
}
#: Raised by our own functions.
_ISOLATION = "SJ001"


def typed(error: Exception) -> Exception:
    """``error`` as the caller shall see it. What is no trouble of the server is a defect and stays what it is."""
    if not isinstance(error, psycopg.Error):
        return error
    if error.sqlstate == _ISOLATION:
        return wrong_isolation()
    kind = kind_of(error)
    return kind() if kind else error


def kind_of(error: psycopg.Error) -> type[SojournError] | None:
    """What kind of trouble of the server it is; None for a defect."""
    state = error.sqlstate or ""
    if state in REPEATABLE:
        return StoreBusy
    kind = _BY_STATE.get(state) or _BY_CLASS.get(state[:2])
    if kind is None and not state and isinstance(error, psycopg.OperationalError):
        return StoreUnavailable
    return kind


def wrong_isolation() -> StoreUnavailable:
    """The database does not begin transactions as the store needs them."""
    return StoreUnavailable(
        "Sojourn needs READ COMMITTED; set default_transaction_isolation of the role or database to it"
    )


class Decoding:
    """Around what makes sense of rows: nonsense in them is :class:`StoreCorrupt`."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, msgspec.DecodeError | UnicodeDecodeError):
            raise StoreCorrupt from error
