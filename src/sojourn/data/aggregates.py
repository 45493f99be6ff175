"""What rows come to: their sum, and for each group sum, least, greatest, average, number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from sojourn.data.errors import BadValue
from sojourn.data.port import Cell


def total(name: str, values: Iterable[Cell]) -> Decimal | float | int:
    """The sum of the column ``name``; empty values count nothing. Raises ``BadValue``."""
    found = [value for value in values if value is not None]
    if any(isinstance(value, bool) or not isinstance(value, int | float | Decimal) for value in found):
        raise BadValue(f"{name} has no numbers")
    numbers: list[Any] = found
    if any(isinstance(value, float) for value in numbers):
        return float(sum(map(float, numbers)))
    exact: Decimal | int = sum(numbers)
    return exact


def grouped(
    rows: Iterable[Mapping[str, Cell]], by: Sequence[str], wanted: Mapping[str, tuple[str, str]]
) -> list[dict[str, Cell]]:
    """A row for each group of equal values of ``by``, with what the columns of ``wanted`` come to. Raises ``BadValue``."""
    groups: dict[tuple[Cell, ...], list[Mapping[str, Cell]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row)
    return [
        dict(zip(by, key, strict=True))
        | {
            target: _aggregate(how, [row[name] for row in found if row[name] is not None])
            for target, (how, name) in wanted.items()
        }
        for key, found in groups.items()
    ]


def _aggregate(how: str, values: list[Any]) -> Cell:
    """What ``values`` come to. Raises ``BadValue`` for an unknown word, and for values that cannot be so taken."""
    make = _AGGREGATES.get(how)
    if make is None:
        raise BadValue(f"{how[:40]!r} is no aggregate")
    try:
        found: Cell = make(values)
    except TypeError:
        raise BadValue("these values have no such aggregate") from None
    return found


_AGGREGATES: Final[Mapping[str, Callable[[list[Any]], Any]]] = {
    "sum": sum,
    "min": lambda values: min(values) if values else None,
    "max": lambda values: max(values) if values else None,
    "average": lambda values: sum(values) / len(values) if values else None,
    "count": len,
}
