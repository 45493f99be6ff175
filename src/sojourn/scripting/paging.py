"""Results of queries on their way into a script: pages of text, each of which fits into a message of its worker."""

from __future__ import annotations

import base64
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

import msgspec

from sojourn.core import json
from sojourn.data.port import Cell, Column, ColumnType, Rows
from sojourn.scripting.values import MAX_SAFE_INTEGER, Value

#: About how many characters one answer of the host has.
ENOUGH: Final = 1 << 20
#: Rows that are written at once, at first and at most.
_FIRST_ROWS: Final = 100
_MOST_ROWS: Final = 2_000


class Pages:
    """The pages of one or several results, handed out as a worker asks for them.

    Args:
        results: The rows, with the place of the result that they belong to; rows of one result come together.
        epoch: Of the session that has asked.
    """

    def __init__(self, results: AsyncGenerator[tuple[int, Rows], None], epoch: int) -> None:
        self._results = results
        self._texts = self._written()
        self._epoch = epoch
        self._over = False

    @property
    def over(self) -> bool:
        """Whether all of it was handed out."""
        return self._over

    async def take(self) -> list[Value]:
        """The next pages, some :data:`ENOUGH` characters of them and one at least while there is one."""
        taken: list[Value] = []
        size = 0
        while size < ENOUGH and not self._over:
            found = await anext(self._texts, None)
            if found is None:
                self._over = True
                break
            place, text = found
            size += len(text)
            taken.append({"place": place, "text": text})
        return taken

    async def close(self) -> None:
        """Let go of the results. May be called again."""
        self._over = True
        await self._texts.aclose()
        await self._results.aclose()

    async def _written(self) -> AsyncGenerator[tuple[int, str], None]:
        writers: dict[int, _Writer] = {}
        async for place, rows in self._results:
            writer = writers.get(place)
            if writer is None:
                writer = writers[place] = _Writer(rows, self._epoch)
            for text in writer.write(rows.rows):
                yield place, text


async def of_lists(found: Sequence[Rows]) -> AsyncGenerator[tuple[int, Rows], None]:
    """Whole results as :class:`Pages` take them."""
    for place, rows in enumerate(found):
        yield place, rows


class _Writer:
    """Writes the rows of one result."""

    def __init__(self, first: Rows, epoch: int) -> None:
        self._columns: Sequence[Column] = first.columns
        self._types: list[ColumnType] = [column.type for column in first.columns]
        self._head: dict[str, object] = {
            "names": _distinct([column.name for column in first.columns]),
            "table": first.table,
            "key": first.key,
            "epoch": epoch,
        }
        self._slice = _FIRST_ROWS

    def write(self, rows: Sequence[tuple[Cell, ...]]) -> list[str]:
        """Pages of rows; one at least, so that a result without rows has its columns."""
        texts: list[str] = []
        at = 0
        while at < len(rows) or (self._head and not texts):
            part = rows[at : at + self._slice]
            at += len(part)
            texts.append(self._page(part))
            if part:
                fitting = ENOUGH * len(part) // len(texts[-1])
                self._slice = max(1, min(_MOST_ROWS, fitting))
        return texts

    def _page(self, rows: Sequence[tuple[Cell, ...]]) -> str:
        texts: list[int] = []
        columns: list[Sequence[object]] = [[0] * len(rows), [None] * len(rows)]
        for place, cells in enumerate(zip(*rows, strict=True)):
            written, as_text = self._column(place, cells)
            columns.append(written)
            if as_text:
                texts.append(place)
        head, self._head = self._head, {}
        page = {"rows": list(zip(*columns, strict=True)), "texts": texts, "types": self._types, **head}
        return msgspec.json.encode(page).decode()

    def _column(self, place: int, cells: Sequence[Cell]) -> tuple[Sequence[object], bool]:
        """The cells as text or number, and whether some came as text that is a number; widens the type where it must."""
        while True:
            kind = self._types[place]
            fits, write = _TYPES[kind]
            odd = next((cell for cell in cells if cell is not None and not fits(cell)), None)
            if odd is None:
                break
            self._types[place] = _wider(kind, odd)
        if kind == "integer":
            return _integers(cells)
        if kind == "number":
            return _numbers(cells)
        return (cells if write is None else [None if cell is None else write(cell) for cell in cells]), False


def _distinct(names: Sequence[str]) -> list[str]:
    """Names of fields: a second ``a`` is ``a_2``, an empty one by its place."""
    found: list[str] = []
    for place, name in enumerate(names, 1):
        made, number = name or f"column_{place}", 2
        while made in found:
            made, number = f"{name}_{number}", number + 1
        found.append(made)
    return found


def _wider(kind: ColumnType, odd: Cell) -> ColumnType:
    """A type that holds what a column held so far, and ``odd`` too."""
    if kind == "integer" and isinstance(odd, float) and not isinstance(odd, bool):
        return "number"
    if kind in ("integer", "number") and isinstance(odd, Decimal) and odd.is_finite():
        return "decimal"
    return "string"


def _integers(cells: Sequence[Cell]) -> tuple[Sequence[object], bool]:
    known: list[Any] = [cell for cell in cells if cell is not None]
    if not known or -MAX_SAFE_INTEGER <= min(known) <= max(known) <= MAX_SAFE_INTEGER:
        return cells, False
    return [str(cell) if isinstance(cell, int) and abs(cell) > MAX_SAFE_INTEGER else cell for cell in cells], True


def _numbers(cells: Sequence[Cell]) -> tuple[Sequence[object], bool]:
    if all(cell is None or math.isfinite(cell) for cell in cells):  # type: ignore[arg-type]
        return [cell if cell is None else float(cell) for cell in cells], False  # type: ignore[arg-type]
    return [_infinite(cell) if isinstance(cell, float) and not math.isfinite(cell) else cell for cell in cells], True


def _infinite(cell: float) -> str:
    return "NaN" if math.isnan(cell) else "Infinity" if cell > 0 else "-Infinity"


def _instant(cell: Any) -> str:
    aware = cell.replace(tzinfo=UTC) if cell.tzinfo is None else cell.astimezone(UTC)
    return str(aware.isoformat(timespec="microseconds")).replace("+00:00", "Z")


def _decimal(cell: Any) -> str:
    return (
        format(Decimal(repr(cell)) if isinstance(cell, float) else cell, "f")
        if not isinstance(cell, int)
        else str(cell)
    )


def _text(cell: Any) -> str:
    if isinstance(cell, bytes):
        return base64.b64encode(cell).decode()
    if isinstance(cell, datetime):
        return _instant(cell)
    if isinstance(cell, date | time):
        return cell.isoformat()
    return cell if isinstance(cell, str) else json.encode_text(cell)


def _is_integer(cell: Cell) -> bool:
    return type(cell) is int


def _is_number(cell: Cell) -> bool:
    return type(cell) is float or (type(cell) is int and abs(cell) <= MAX_SAFE_INTEGER)


def _is_decimal(cell: Cell) -> bool:
    return type(cell) is int or (isinstance(cell, Decimal | float) and math.isfinite(cell))


def _is_date(cell: Cell) -> bool:
    return type(cell) is date


#: Of each type: what fits it, and how it is written; None as it is.
_TYPES: Final[dict[ColumnType, tuple[Callable[[Any], bool], Callable[[Any], str] | None]]] = {
    "string": (lambda _: True, _text),
    "integer": (_is_integer, None),
    "number": (_is_number, None),
    "decimal": (_is_decimal, _decimal),
    "boolean": (lambda cell: type(cell) is bool, None),
    "date": (_is_date, date.isoformat),
    "time": (lambda cell: type(cell) is time, time.isoformat),
    "datetime": (lambda cell: isinstance(cell, datetime), _instant),
    "bytes": (lambda cell: isinstance(cell, bytes), _text),
    "json": (lambda _: True, json.encode_text),
}
