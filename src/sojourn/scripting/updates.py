"""Changes of DataSets on their way into the database: what ``prelude/data_changes.js`` has written, typed and checked."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from sojourn.core import json
from sojourn.core.errors import InvalidJson, StaleSession
from sojourn.data.errors import BadValue
from sojourn.data.port import Cell, ColumnType, Key, Table
from sojourn.data.terms import Deleted, Modified, TableChanges
from sojourn.scripting.declare import BadArgument
from sojourn.scripting.tables import Field, Kept


class Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What waits in one DataSet."""

    table: str
    #: Name of the key field, empty when the DataSet has none.
    key: str
    fields: list[Field]
    #: Epoch of the session when its rows were read, None when no query has given them.
    epoch: int | None
    inserted: list[list[Kept]]
    #: Key, places of the changed fields and what they shall hold, places of those that are known and what they held.
    modified: list[tuple[Kept, list[int], list[Kept], list[int], list[Kept]]]
    #: Key, places of the fields that are known and what they held.
    deleted: list[tuple[Kept, list[int], list[Kept]]]


def read(text: str, epoch: int) -> list[Sent]:
    """What a worker has sent; raises ``BadArgument``, and ``StaleSession`` for rows that were read under another login."""
    try:
        found = _decoder.decode(text)
        for one in found:
            _check(one)
    except (msgspec.DecodeError, ValueError) as error:
        raise BadArgument(f"these are no changes: {error}") from None
    if any(one.epoch not in (None, epoch) for one in found):
        raise StaleSession(epoch)
    return found


def changes(sent: Sent, table: Table) -> TableChanges:
    """The same with Python values, for a table. Raises ``BadValue``.

    A field without a value of a new row is left out, so that its column gets its default. Of a deleted row only what the
    table has in the same type is compared.
    """
    compared = {place for place, field in enumerate(sent.fields) if _same_type(field, table)}
    return TableChanges(
        table=table.name,
        inserted=[_row(sent, enumerate(row), present=True) for row in sent.inserted],
        modified=[
            Modified(
                _key(sent, key),
                _row(sent, zip(known, before, strict=True)),
                _row(sent, zip(places, after, strict=True)),
            )
            for key, places, after, known, before in sent.modified
        ],
        deleted=[
            Deleted(
                _key(sent, key),
                _row(sent, (pair for pair in zip(known, before, strict=True) if pair[0] in compared)),
            )
            for key, known, before in sent.deleted
        ],
    )


def _check(sent: Sent) -> None:
    width = len(sent.fields)
    if any(len(row) != width for row in sent.inserted):
        raise ValueError("a row has another number of fields")
    pairs: list[tuple[list[int], list[Kept]]] = [
        *((places, after) for _, places, after, _, _ in sent.modified),
        *((known, before) for _, _, _, known, before in sent.modified),
        *((known, before) for _, known, before in sent.deleted),
    ]
    if any(len(places) != len(kept) or any(not 0 <= place < width for place in places) for places, kept in pairs):
        raise ValueError("there is no such field")


def _same_type(field: Field, table: Table) -> bool:
    column = table.columns.get(field.name)
    return column is not None and column.type == field.type


def _row(sent: Sent, kept: Iterable[tuple[int, Kept]], *, present: bool = False) -> dict[str, Cell]:
    found = {}
    for place, value in kept:
        field = sent.fields[place]
        if value is not None or not present:
            found[field.name] = _cell(field, value)
    return found


def _key(sent: Sent, kept: Kept) -> Key:
    field = next((field for field in sent.fields if field.name == sent.key), None)
    found = kept if field is None else _cell(field, kept)
    if not isinstance(found, int | str) or isinstance(found, bool):
        raise BadValue("a row has no key")
    return found


def _cell(field: Field, kept: Kept) -> Cell:
    if kept is None:
        return None
    try:
        found: Cell = _CELLS[field.type](kept)
    except (ValueError, TypeError, InvalidOperation, InvalidJson, binascii.Error):
        raise BadValue(f"the value of {field.name[:60]} is no {field.type}") from None
    return found


def _same(kept: Any) -> Any:
    return kept


def _decimal(kept: Any) -> Decimal:
    return Decimal(kept if isinstance(kept, str) else repr(kept))


def _bytes(kept: Any) -> bytes:
    return base64.b64decode(kept, validate=True)


_CELLS: Final[Mapping[ColumnType, Callable[[Any], Any]]] = {
    "string": _same,
    "integer": int,
    "number": float,
    "decimal": _decimal,
    "boolean": _same,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "datetime": datetime.fromisoformat,
    "bytes": _bytes,
    "json": json.decode,
}
_decoder = msgspec.json.Decoder(list[Sent])
