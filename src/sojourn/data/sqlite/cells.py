"""Values of SQLite: which type a declared column has, what a stored value means.

SQLite has five kinds of stored values and no types, so a type is a custom of ours: dates and times are ISO texts as
SQLite's own functions write them (``2026-11-22 10:30:00.250``, UTC), truth is 0 or 1, JSON is text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from sojourn.core import json
from sojourn.core.errors import InvalidJson
from sojourn.data.errors import BadValue
from sojourn.data.port import Cell, ColumnType

#: What the driver takes and gives.
Stored = None | int | float | str | bytes

#: Bytes that one value may have: no statement makes a larger one, and no column keeps one.
LARGEST: Final = 64 << 20

_WORDS: Final[tuple[tuple[str, ColumnType], ...]] = (
    ("BOOL", "boolean"),
    ("JSON", "json"),
    ("DATETIME", "datetime"),
    ("TIMESTAMP", "datetime"),
    ("DATE", "date"),
    ("TIME", "time"),
    ("INT", "integer"),
    ("CHAR", "string"),
    ("CLOB", "string"),
    ("TEXT", "string"),
    ("STRING", "string"),
    ("UUID", "string"),
    ("BLOB", "bytes"),
    ("BINARY", "bytes"),
    ("REAL", "number"),
    ("FLOA", "number"),
    ("DOUB", "number"),
)
_INTEGERS: Final = range(-(2**63), 2**63)
#: Digits that a double keeps whatever they are: SQLite stores decimals as doubles.
_DIGITS = 15


def column_type(declared: str) -> ColumnType | None:
    """The type that the declared type of a column stands for, None where nothing is declared."""
    upper = declared.upper()
    if not upper:
        return None
    return next((kind for word, kind in _WORDS if word in upper), "decimal")


def keeps(declared: str) -> bool:
    """Whether a column gives back what an image has written: SQLite turns texts into numbers where it can."""
    upper = declared.upper()
    texts = any(word in upper for word in ("CHAR", "CLOB", "TEXT")) and "INT" not in upper
    match column_type(declared):
        case "string":
            return texts
        case "json":
            return not texts
        case _:
            return bool(upper)


def type_of(value: Stored) -> ColumnType:
    """The type of a value of an expression, which has no declared one."""
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "bytes" if isinstance(value, bytes) else "string"


# --- out: stored value -> cell ---


def _truth(value: Stored) -> Cell:
    return bool(value) if value in (0, 1) else value


def _date(value: Stored) -> Cell:
    return _iso(value, date.fromisoformat)


def _time(value: Stored) -> Cell:
    return _iso(value, time.fromisoformat)


def _datetime(value: Stored) -> Cell:
    found = _iso(value, datetime.fromisoformat)
    if not isinstance(found, datetime):
        return found
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _iso(value: Stored, read: Callable[[str], Cell]) -> Cell:
    """What another program has stored in another form stays as it is."""
    if not isinstance(value, str):
        return value
    try:
        return read(value)
    except ValueError:
        return value


def _decimal(value: Stored) -> Cell:
    return Decimal(repr(value)) if isinstance(value, float) and math.isfinite(value) else value


def _json(value: Stored) -> Cell:
    if not isinstance(value, str):
        return _decimal(value)
    try:
        decoded: Cell = json.decode(value)
    except InvalidJson:
        return value
    return decoded


#: How a stored value becomes a cell, for the types where the two differ; NULL is never asked.
READERS: Final[Mapping[ColumnType, Callable[[Any], Cell]]] = {
    "boolean": _truth,
    "date": _date,
    "time": _time,
    "datetime": _datetime,
    "decimal": _decimal,
    "json": _json,
}


# --- in: cell -> stored value ---


def _as_string(value: Cell) -> Stored:
    if not isinstance(value, str):
        raise BadValue
    return value


def _as_integer(value: Cell) -> Stored:
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value not in _INTEGERS:
        raise BadValue
    return value


def _as_number(value: Cell) -> Stored:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise BadValue
    return _finite(value)


def _as_decimal(value: Cell) -> Stored:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        raise BadValue
    if value == int(value) and int(value) in _INTEGERS:
        return int(value)
    if len(Decimal(repr(value) if isinstance(value, float) else value).normalize().as_tuple().digits) > _DIGITS + 2 * (
        isinstance(value, float)
    ):
        raise BadValue(f"SQLite keeps {_DIGITS} digits of a number with a fraction")
    return _finite(value)


def _finite(value: int | float | Decimal) -> float:  # noqa: PYI041 - what is given is told apart here
    try:
        number = float(value)
    except OverflowError:
        raise BadValue from None
    if not math.isfinite(number):
        raise BadValue
    return number


def _as_truth(value: Cell) -> Stored:
    if value not in (0, 1) or not isinstance(value, bool | int | float | Decimal):
        raise BadValue
    return int(value)


def _as_date(value: Cell) -> Stored:
    if isinstance(value, str):
        value = _parsed(value, date.fromisoformat)
    if isinstance(value, datetime) or not isinstance(value, date):
        raise BadValue
    return value.isoformat()


def _as_time(value: Cell) -> Stored:
    if isinstance(value, str):
        value = _parsed(value, time.fromisoformat)
    if not isinstance(value, time) or value.tzinfo is not None:
        raise BadValue
    return value.isoformat("milliseconds" if value.microsecond else "seconds")


def _as_datetime(value: Cell) -> Stored:
    if isinstance(value, str):
        value = _parsed(value, datetime.fromisoformat)
    if not isinstance(value, datetime):
        raise BadValue
    at = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return at.isoformat(" ", "milliseconds" if at.microsecond >= 1_000 else "seconds")  # noqa: PLR2004 - µs of a ms


def _parsed(value: str, read: Callable[[str], Cell]) -> Cell:
    try:
        return read(value)
    except ValueError:
        raise BadValue from None


def _as_bytes(value: Cell) -> Stored:
    if not isinstance(value, bytes):
        raise BadValue
    return value


def _as_json(value: Cell) -> Stored:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        # A column that is declared as JSON has numeric affinity: of the text of a number it would make a double.
        return _as_decimal(value)
    try:
        json.check_finite(value)
        return json.encode_text(value)
    except InvalidJson:
        raise BadValue from None


_WRITERS: Final[Mapping[ColumnType, Callable[[Cell], Stored]]] = {
    "string": _as_string,
    "integer": _as_integer,
    "number": _as_number,
    "decimal": _as_decimal,
    "boolean": _as_truth,
    "date": _as_date,
    "time": _as_time,
    "datetime": _as_datetime,
    "bytes": _as_bytes,
    "json": _as_json,
}


#: Python has more than SQLite: years before 1 once they are in UTC, numbers beyond every double, lists without end.
_UNFIT: Final = (ValueError, ArithmeticError, RecursionError)


def to_stored(kind: ColumnType, value: Cell) -> Stored:
    """The value that a column of this type keeps for a cell; raises ``BadValue``."""
    try:
        return None if value is None else _WRITERS[kind](value)
    except _UNFIT:
        raise BadValue from None


def plain(kind: ColumnType, value: Cell) -> bool:
    """Whether a cell is kept as it is, in the column and in an image."""
    exact = type(value)
    return (
        value is None
        or (exact is str and kind == "string")
        or (exact is int and kind == "integer" and value in _INTEGERS)
    )


def parameter(value: Cell) -> Stored:
    """A parameter of a statement, whose column nobody knows; raises ``BadValue``."""
    try:
        return _parameter(value)
    except _UNFIT:
        raise BadValue from None


def _parameter(value: Cell) -> Stored:
    if value is None or type(value) in (int, float, str, bytes):
        if isinstance(value, int) and value not in _INTEGERS:
            raise BadValue("an integer has at most 64 bits")
        return value  # type: ignore[return-value]
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return _as_decimal(value)
    if isinstance(value, datetime):
        return _as_datetime(value)
    if isinstance(value, date):
        return _as_date(value)
    return _as_time(value) if isinstance(value, time) else _as_json(value)
