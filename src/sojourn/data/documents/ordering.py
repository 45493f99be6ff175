"""The order of documents: ``{"total": -1, "name": 1}``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sojourn.core.json import Json
from sojourn.data.documents.matching import BadQuery, kind_of, values_at

#: Values of different kinds, the smallest kind first; what is not there is null.
_KINDS: Final = {kind: place for place, kind in enumerate(("null", "number", "string", "object", "array", "bool"))}

_MOST: Final = 10


def sorted_documents(documents: Iterable[dict[str, Json]], order: Json) -> list[dict[str, Json]]:
    """``documents`` by the fields of ``order``, the first one first: 1 ascending, -1 descending. Raises :class:`BadQuery`.

    Documents that are equal there keep their order.
    """
    if not isinstance(order, dict) or len(order) > _MOST:
        raise BadQuery(f"an order is an object of at most {_MOST} fields")
    found = list(documents)
    for path, way in reversed(order.items()):
        if way not in (1, -1) or isinstance(way, bool):
            raise BadQuery("an order is 1 or -1 for each field")
        found.sort(key=lambda document: rank(next(values_at(document, path), None)), reverse=way == -1)
    return found


def rank(value: Json) -> tuple[int, Any]:
    """What a value is sorted by: its kind, then what it is; objects are equal, and so are arrays."""
    kind = kind_of(value)
    return _KINDS[kind], value if kind in ("number", "string", "bool") else 0
