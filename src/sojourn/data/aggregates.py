"""What a group of rows comes to: sum, least, greatest, average, number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sojourn.data.errors import BadValue
from sojourn.data.port import Cell


def aggregate(how: str, values: list[Any]) -> Cell:
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
