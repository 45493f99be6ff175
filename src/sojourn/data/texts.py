"""Data sets as JSON and as CSV, out and in.

JSON keeps everything: ``{"table", "key", "columns": [{"name", "type"}], "rows": [[…]]}``, numbers with all their digits, dates
and times as ISO texts, bytes as base64. CSV keeps texts; who reads it says which columns they are.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

import msgspec

from sojourn.core import json
from sojourn.core.errors import InvalidJson
from sojourn.data.dataset import DataSet
from sojourn.data.errors import BadValue
from sojourn.data.port import Cell, Column, ColumnType, Rows

#: How a spreadsheet is kept from taking a text for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class _Column(msgspec.Struct, frozen=True):
    name: str
    type: ColumnType


class _Text(msgspec.Struct, frozen=True):
    """A set as JSON."""

    columns: Annotated[list[_Column], msgspec.Meta(min_length=1)]
    rows: list[list[Any]]
    table: str = ""
    key: str = ""


def to_json(found: DataSet) -> str:
    """The rows with their changes, as JSON."""
    names = found.names
    return json.encode_text(
        {
            "table": found.table,
            "key": found.key,
            "columns": [{"name": column.name, "type": column.type} for column in found.columns],
            "rows": [[json_cell(row.get(name)) for name in names] for row in found],
        }
    )


def from_json(text: str) -> DataSet:
    """The set that :func:`to_json` has written. Raises ``InvalidJson``, ``BadValue``."""
    try:
        told = msgspec.convert(json.decode(text), _Text)
    except msgspec.ValidationError as error:
        raise BadValue(f"this is no data set: {error}") from None
    columns = [Column(column.name, column.type) for column in told.columns]
    rows = [_row(columns, row) for row in told.rows]
    return DataSet(Rows(columns, rows, told.table, told.key if told.key in {one.name for one in columns} else ""))


def to_csv(found: DataSet) -> str:
    """The rows with their changes as CSV (RFC 4180, names in the first line); texts that look like formulas are quoted."""
    written = io.StringIO()
    lines = csv.writer(written)
    lines.writerow(found.names)
    lines.writerows([csv_cell(row.get(name)) for name in found.names] for row in found)
    return written.getvalue()


def from_csv(text: str, columns: Iterable[Column], *, table: str = "", key: str = "") -> DataSet:
    """The rows of a CSV text whose first line has names; an empty cell is no value.

    ``columns`` say what is read, in any order; others are left out. The quote that :func:`to_csv` puts before formulas is
    taken away. Raises ``BadValue`` with the line.
    """
    lines = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    wanted = list(columns)
    rows: list[tuple[Cell, ...]] = []
    try:
        rows.extend(tuple(_from_text(column, line.get(column.name)) for column in wanted) for line in lines)
    except (csv.Error, BadValue) as error:
        raise BadValue(f"line {lines.line_num}: {error}") from None
    missing = [column.name for column in wanted if column.name not in (lines.fieldnames or ())]
    if missing:
        raise BadValue(f"the first line has no {', '.join(missing)}")
    return DataSet(Rows(wanted, rows, table, key))


def json_cell(cell: Cell) -> Any:
    """A value of a row as JSON."""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    return base64.b64encode(cell).decode() if isinstance(cell, bytes) else cell


def csv_cell(cell: Cell) -> str:
    """A value of a row as a cell of CSV."""
    if cell is None:
        return ""
    text = json.encode_text(cell) if isinstance(cell, (list, dict, bool)) else str(json_cell(cell))
    return f"'{text}" if isinstance(cell, str) and text.startswith(_FORMULA) else text


def typed(kind: ColumnType, value: Any) -> Cell:
    """A value of JSON as a column of that type has it. Raises ``BadValue``."""
    if value is None:
        return None
    read = _READ.get(kind)
    try:
        found: Cell = read(value) if read and isinstance(value, str) else _FITS[kind](value)
    except (ValueError, TypeError, InvalidOperation, InvalidJson):
        raise BadValue(f"{str(value)[:40]!r} is no {kind}") from None
    return found


def _row(columns: list[Column], row: list[Any]) -> tuple[Cell, ...]:
    if len(row) != len(columns):
        raise BadValue("a row has not as many values as there are columns")
    return tuple(typed(column.type, value) for column, value in zip(columns, row, strict=True))


def _from_text(column: Column, text: str | None) -> Cell:
    if text is None or text == "":
        return None
    if column.type == "string":
        return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text
    if column.type in _FROM_TEXT:
        try:
            found: Cell = _FROM_TEXT[column.type](text)
        except (ValueError, KeyError, InvalidOperation, InvalidJson):
            raise BadValue(f"{column.name}: {text[:40]!r} is no {column.type}") from None
        return found
    return typed(column.type, text)


def _is(*kinds: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ValueError
        return value

    return check


_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "datetime": datetime.fromisoformat,
    "bytes": lambda text: base64.b64decode(text, validate=True),
}

_FITS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "string": _is(str),
    "integer": _is(int),
    "number": lambda value: float(_is(int, float, Decimal)(value)),
    "decimal": lambda value: Decimal(str(_is(int, float, Decimal)(value))),
    "boolean": _is(bool),
    "json": lambda value: value,
    "date": _is(date),
    "time": _is(time),
    "datetime": _is(datetime),
    "bytes": _is(bytes),
}

_FROM_TEXT: Final[Mapping[str, Callable[[str], Any]]] = {
    "integer": int,
    "number": float,
    "decimal": Decimal,
    "boolean": lambda text: {"true": True, "false": False, "1": True, "0": False}[text.lower()],
    "json": json.decode,
}
