"""Values on their way: cells out of results, parameters of authors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.types.string import TextLoader

from sojourn.core import json
from sojourn.core.errors import InvalidJson
from sojourn.data.errors import BadParameters
from sojourn.data.port import Cell, ColumnType

#: The types that have a Python type of their own; all others come as the text that PostgreSQL prints.
_TYPES: Final[Mapping[str, ColumnType]] = {
    "bool": "boolean",
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "oid": "integer",
    "float4": "number",
    "float8": "number",
    "numeric": "decimal",
    "date": "date",
    "time": "time",
    "timestamp": "datetime",
    "timestamptz": "datetime",
    "bytea": "bytes",
    "json": "json",
    "jsonb": "json",
}
_KNOWN = psycopg.adapters.types


class _ExactJson(Loader):
    """JSON without losing a digit."""

    def load(self, data: Buffer) -> Any:
        return json.decode(bytes(data))


def oid_of(name: str) -> int:
    """The number of a type of PostgreSQL's own."""
    return _KNOWN[name].oid


def _adapters() -> AdaptersMap:
    found = AdaptersMap(psycopg.adapters)
    for info in _KNOWN:
        if info.name in ("json", "jsonb"):
            found.register_loader(info.oid, _ExactJson)
        elif info.name not in _TYPES:
            found.register_loader(info.oid, TextLoader)
            if info.array_oid and info.delimiter != ",":
                found.register_loader(info.array_oid, TextLoader)
    return found


#: How cells are made of what the server sends, all of it in text form.
ADAPTERS: Final = _adapters()

_BY_OID: Final[Mapping[int, ColumnType]] = {oid_of(name): kind for name, kind in _TYPES.items()} | {
    info.array_oid: "json" for info in _KNOWN if info.array_oid and info.delimiter == ","
}

BOOL, INT2, INT4, INT8 = map(oid_of, ("bool", "int2", "int4", "int8"))
FLOAT8, NUMERIC, BYTEA, JSONB = map(oid_of, ("float8", "numeric", "bytea", "jsonb"))
DATE, TIME, TIMESTAMP, TIMESTAMPTZ = map(oid_of, ("date", "time", "timestamp", "timestamptz"))
JSON_TYPES: Final = frozenset({oid_of("json"), JSONB})
BITS: Final = {INT2: 16, INT4: 32, INT8: 64}


def type_of(oid: int) -> ColumnType:
    """What a column of the type ``oid`` holds."""
    return _BY_OID.get(oid, "string")


def is_array(oid: int) -> bool:
    """Whether ``oid`` is a type of arrays."""
    return type_of(oid) == "json" and oid not in JSON_TYPES


class Bound(NamedTuple):
    """A parameter as it is sent: the type it has, 0 where the server shall find out, and its text."""

    oid: int
    text: bytes | None


def bound(value: Cell) -> Bound:
    """``value`` for a statement; a list is an array. Raises ``BadParameters``."""
    if value is None:
        return Bound(0, None)
    try:
        oid, text = _spelled(value)
        data = text.encode()
    except (ValueError, OverflowError, RecursionError, InvalidJson) as error:
        # Half of a pair of characters; a number of thousands of digits; a time that UTC has in the year 0.
        raise BadParameters("a parameter holds what PostgreSQL cannot keep") from error
    if b"\0" in data:
        raise BadParameters("a parameter holds the character U+0000, which PostgreSQL cannot keep")
    return Bound(oid, data)


def _spelled(value: Any) -> tuple[int, str]:
    """Type and text of a value that is there."""
    for kind, spell in _SPELLINGS:
        if isinstance(value, kind):
            return spell(value)
    raise BadParameters(f"a parameter is a {type(value).__name__}, which no column holds")


def _whole(value: int) -> int:
    for oid in (INT4, INT8):
        if fits(value, BITS[oid]):
            return oid
    return NUMERIC


def fits(value: int, bits: int) -> bool:
    """Whether a number of so many bits, its sign among them, holds ``value``."""
    return -(1 << (bits - 1)) <= value < 1 << (bits - 1)


def _array(values: Sequence[Any]) -> str:
    return "{" + ",".join(_element(value) for value in values) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list | tuple):
        return _array(value)
    text = _spelled(value)[1]
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# In this order: True is an int, and a datetime a date.
_SPELLINGS: Final[Sequence[tuple[type | tuple[type, ...], Callable[[Any], tuple[int, str]]]]] = (
    (bool, lambda value: (BOOL, "t" if value else "f")),
    (int, lambda value: (_whole(value), str(value))),
    (float, lambda value: (FLOAT8, repr(value))),
    (Decimal, lambda value: (NUMERIC, str(value))),
    (str, lambda value: (0, value)),
    (bytes, lambda value: (BYTEA, "\\x" + value.hex())),
    (datetime, lambda value: (TIMESTAMPTZ, aware(value).isoformat())),
    (date, lambda value: (DATE, value.isoformat())),
    (time, lambda value: (TIME, value.isoformat())),
    (dict, lambda value: (JSONB, json.encode_text(value))),
    ((list, tuple), lambda value: (0, _array(value))),
)


def aware(value: datetime) -> datetime:
    """A time without a zone is one of UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def in_utc(value: Any) -> Any:
    """A cell of a column of times without a zone."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
