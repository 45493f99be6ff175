"""DataSets of scripts on the host's side: rows as text, as the worker writes and reads it, see ``prelude/data_changes.js``.

The text of a field's value is exact: a decimal is its digits, an integer that no number of JavaScript holds too, a date its
ISO text, bytes are base64, JSON is its text.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec

from sojourn.core import json
from sojourn.core.errors import InvalidJson
from sojourn.data.port import ColumnType
from sojourn.scripting.values import MAX_SAFE_INTEGER, Value, of_json

#: What a field keeps.
Kept = bool | int | float | str | None
#: Whether a row waits to be applied, and how.
Status = Literal["inserted", "modified", "deleted"]

_DECIMAL_PLACES: Final = 1_000
#: Characters of an ISO instant up to its milliseconds, and up to its microseconds.
_MILLISECONDS: Final = 23
_MICROSECONDS: Final = 26


class BadTable(Exception):
    """The text is none of a DataSet."""


class Field(msgspec.Struct, frozen=True):
    """A field of a DataSet."""

    name: str
    type: ColumnType


class Packed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole DataSet."""

    table: str
    key: str
    fields: Annotated[list[Field], msgspec.Meta(max_length=1_000)]
    rows: list[list[Kept]]
    #: Rows that wait to be applied: place, how, and the values in the database when they are others.
    changed: list[tuple[int, Status, list[Kept] | None]]


class DataSetValue(list[Value]):
    """A DataSet that a script has handed over: the list of its rows as JSON, the deleted ones left out.

    Where a script gets it, it is a DataSet again, with what waits to be applied.
    """

    def __init__(self, rows: list[Value], packed: str) -> None:
        super().__init__(rows)
        #: All of it, as text.
        self.packed = packed


def unpack(text: str) -> DataSetValue:
    """The DataSet that a worker has written; raises :class:`BadTable`."""
    try:
        found = _decoder.decode(text)
        _check(found)
        gone = {place for place, status, _ in found.changed if status == "deleted"}
        rows: list[Value] = [_shown(found, row) for place, row in enumerate(found.rows) if place not in gone]
    except (msgspec.DecodeError, ValueError, ArithmeticError) as error:
        raise BadTable(f"malformed DataSet: {error}") from None
    return DataSetValue(rows, text)


def _check(found: Packed) -> None:
    width = len(found.fields)
    originals = (original for _, _, original in found.changed if original is not None)
    if any(len(row) != width for row in (*found.rows, *originals)):
        raise ValueError("a row has another number of fields")
    places = [place for place, _, _ in found.changed]
    if places != sorted(set(places)) or (places and not 0 <= places[0] <= places[-1] < len(found.rows)):
        raise ValueError("there is no such changed row")


def _shown(found: Packed, row: list[Kept]) -> Value:
    return {field.name: _as_json(field.type, kept) for field, kept in zip(found.fields, row, strict=True)}


def _as_json(kind: ColumnType, kept: Kept) -> Any:
    """What a field keeps as ``toJSON`` of the DataSet gives it."""
    if not isinstance(kept, str) or kind not in _FROM_TEXT:
        return kept
    return _FROM_TEXT[kind](kept)


def _instant(text: str) -> str:
    return text[: _MILLISECONDS if text[_MILLISECONDS:_MICROSECONDS] == "000" else _MICROSECONDS] + "Z"


def _document(text: str) -> Value:
    """The value that a JSON text spells; the text itself where it says what only JavaScript takes for JSON."""
    try:
        return of_json(json.decode(text))
    except InvalidJson:
        return text


def _number(text: str) -> int | float | str:
    """A number where one is exact, else the text itself."""
    if len(text) > _DECIMAL_PLACES:
        return text
    exact, near = Decimal(text), float(text)
    if exact == exact.to_integral_value() and abs(exact) <= MAX_SAFE_INTEGER:
        return int(exact)
    return near if Decimal(repr(near)) == exact else text


_FROM_TEXT: Final[dict[str, Callable[[str], Any]]] = {
    "decimal": _number,
    "datetime": _instant,
    "json": _document,
}
_decoder = msgspec.json.Decoder(Packed)
