"""Queries over documents: ``{"state": "open", "items.qty": {"$gte": 2}}``.

A name with dots leads into objects and, by a number, into an array; where it meets an array of objects it goes into each
of them, and one that fits is enough. Values compare as in JSON: a number with numbers by value, a text with texts by code
points, false before true; values of different kinds are neither smaller nor greater than each other.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import re2  # type: ignore[import-untyped] # google-re2 brings no types

from sojourn.core.errors import BadRequest
from sojourn.core.json import Json

Predicate = Callable[[Json], bool]

#: How deep ``$and``, ``$or``, ``$not`` and ``$elemMatch`` may nest, and how many conditions a query may have.
_DEEPEST: Final = 20
_MOST: Final = 1_000

#: Digits of a place that no array has.
_LONG: Final = 9

#: Memory of one compiled regular expression, in bytes.
_REGEX_MEMORY: Final = 1 << 20


class BadQuery(BadRequest):
    """This is no query of the object store."""

    code = "document.bad_query"


def compile_query(query: Json) -> Predicate:
    """Whether a document fits ``query``; an empty query fits all. Raises :class:`BadQuery`."""
    return _Reader().document(query, 0)


def values_at(value: Json, path: str) -> Iterator[Json]:
    """What lies at ``path``; nothing where there is nothing, several values behind an array of objects."""
    return _walk(value, path.split("."), 0, set())


def _walk(value: Json, steps: list[str], place: int, seen: set[tuple[int, int]]) -> Iterator[Json]:
    if place == len(steps):
        yield value
        return
    step = steps[place]
    if isinstance(value, dict):
        if step in value:
            yield from _walk(value[step], steps, place + 1, seen)
    elif isinstance(value, list):
        # ``0`` leads to the first item, and to the field ``0`` of each: of arrays within arrays the ways would double.
        if (id(value), place) in seen:
            return
        seen.add((id(value), place))
        if step.isascii() and step.isdigit() and len(step) < _LONG and int(step) < len(value):
            yield from _walk(value[int(step)], steps, place + 1, seen)
        for item in value:
            if isinstance(item, dict):
                yield from _walk(item, steps, place, seen)


def same(a: Json, b: Json) -> bool:
    """Whether two JSON values are equal; true is not 1."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(value, b[name]) for name, value in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def identity(value: Json) -> Hashable:
    """What the values have in common that are the :func:`same`, and no others."""
    if isinstance(value, dict):
        return "object", frozenset((name, identity(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return "array", tuple(map(identity, value))
    return kind_of(value), value


class _Reader:
    """Reads one query."""

    def __init__(self) -> None:
        self._conditions = 0

    def document(self, query: Json, depth: int) -> Predicate:
        if not isinstance(query, dict):
            raise BadQuery("a query is an object")
        self._count(depth)
        tests = [self._member(name, wanted, depth) for name, wanted in query.items()]
        return lambda document: all(test(document) for test in tests)

    def _count(self, depth: int) -> None:
        self._conditions += 1
        if depth > _DEEPEST or self._conditions > _MOST:
            raise BadQuery("this query is too large")

    def _member(self, name: str, wanted: Json, depth: int) -> Predicate:
        if name in _LOGIC:
            if not isinstance(wanted, list) or not wanted:
                raise BadQuery(f"{name} takes an array of queries")
            parts = [self.document(one, depth + 1) for one in wanted]
            return _LOGIC[name](parts)
        if name.startswith("$"):
            raise BadQuery(f"{name[:50]} is no operator here")
        condition = self.condition(wanted, depth)
        return lambda document: condition(list(values_at(document, name)))

    def condition(self, wanted: Json, depth: int) -> Callable[[list[Json]], bool]:
        """A condition on the values that were found at a path."""
        self._count(depth)
        if not isinstance(wanted, dict) or not any(name.startswith("$") for name in wanted):
            return _some(lambda value: same(value, wanted))
        tests = [self._operator(name, operand, wanted, depth) for name, operand in wanted.items() if name != "$options"]
        return lambda found: all(test(found) for test in tests)

    def _operator(
        self, name: str, operand: Json, beside: Mapping[str, Json], depth: int
    ) -> Callable[[list[Json]], bool]:
        if name == "$not":
            inner = self.condition(operand, depth + 1)
            return lambda found: not inner(found)
        if name == "$exists":
            return lambda found: bool(found) == bool(operand)
        if name == "$elemMatch":
            return self._element(operand, depth + 1)
        if name == "$regex":
            return _some(_regex(operand, beside.get("$options", "")))
        make = _OPERATORS.get(name)
        if make is None:
            raise BadQuery(f"{name[:50]} is no operator here")
        return make(operand)

    def _element(self, operand: Json, depth: int) -> Callable[[list[Json]], bool]:
        if isinstance(operand, dict) and any(name.startswith("$") and name not in _LOGIC for name in operand):
            inner = self.condition(operand, depth)
            fits: Predicate = lambda item: inner([item])  # noqa: E731 - either this or the other
        else:
            fits = self.document(operand, depth)
        return lambda found: any(isinstance(value, list) and any(map(fits, value)) for value in found)


def _some(fits: Predicate) -> Callable[[list[Json]], bool]:
    """Whether a value fits, or an item of an array; null also fits what is not there."""

    def test(found: list[Json]) -> bool:
        if not found:
            return fits(None)
        return any(fits(value) or (isinstance(value, list) and any(map(fits, value))) for value in found)

    return test


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Json], Callable[[list[Json]], bool]]:
    def make(operand: Json) -> Callable[[list[Json]], bool]:
        if isinstance(operand, (dict, list)):
            raise BadQuery("numbers, texts and booleans are compared, not objects or arrays")
        kind = kind_of(operand)
        return _some(lambda value: kind_of(value) == kind and kind != "null" and compare(value, operand))

    return make


def kind_of(value: Json) -> str:
    """``null``, ``bool``, ``number``, ``string``, ``array`` or ``object``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float, Decimal)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _items(operand: Json, name: str) -> list[Json]:
    if not isinstance(operand, list):
        raise BadQuery(f"{name} takes an array")
    return operand


def _any_of(operand: Json) -> Callable[[list[Json]], bool]:
    wanted = set(map(identity, _items(operand, "$in")))
    return _some(lambda value: identity(value) in wanted)


def _all_of(operand: Json) -> Callable[[list[Json]], bool]:
    wanted = _items(operand, "$all")
    if len(wanted) > _MOST:
        raise BadQuery("this query is too large")
    tests = [_equal(one) for one in wanted]
    return lambda found: bool(tests) and bool(found) and all(test(found) for test in tests)


def _size(operand: Json) -> Callable[[list[Json]], bool]:
    if not isinstance(operand, int) or isinstance(operand, bool):
        raise BadQuery("$size takes a whole number")
    return lambda found: any(isinstance(value, list) and len(value) == operand for value in found)


def _type(operand: Json) -> Callable[[list[Json]], bool]:
    if operand not in ("null", "bool", "number", "string", "array", "object"):
        raise BadQuery("$type takes null, bool, number, string, array or object")
    return lambda found: any(kind_of(value) == operand for value in found)


def _mod(operand: Json) -> Callable[[list[Json]], bool]:
    match operand:
        case [int() as divisor, int() as rest] if divisor:
            return _some(
                lambda value: isinstance(value, int) and not isinstance(value, bool) and value % divisor == rest
            )
    raise BadQuery("$mod takes a divisor and a remainder")


def _equal(operand: Json) -> Callable[[list[Json]], bool]:
    return _some(lambda value: same(value, operand))


def _not(make: Callable[[Json], Callable[[list[Json]], bool]]) -> Callable[[Json], Callable[[list[Json]], bool]]:
    def negated(operand: Json) -> Callable[[list[Json]], bool]:
        test = make(operand)
        return lambda found: not test(found)

    return negated


def _regex(pattern: Json, options: Json) -> Predicate:
    if not isinstance(pattern, str) or not isinstance(options, str) or not set(options) <= set("ims"):
        raise BadQuery("$regex takes a text, $options some of i, m, s")
    compiled = _compiled(pattern, "i" in options, "m" in options, "s" in options)
    return lambda value: isinstance(value, str) and compiled.search(value) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str, ignore_case: bool, lines: bool, dot_all: bool) -> Any:  # noqa: FBT001 - three flags of a pattern
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.dot_nl = dot_all
    options.max_mem = _REGEX_MEMORY
    options.log_errors = False
    try:
        return re2.compile(f"(?m){pattern}" if lines else pattern, options)
    except re2.error:
        raise BadQuery("this is no regular expression, or too large a one") from None


_LOGIC: Final[Mapping[str, Callable[[list[Predicate]], Predicate]]] = {
    "$and": lambda parts: lambda document: all(part(document) for part in parts),
    "$or": lambda parts: lambda document: any(part(document) for part in parts),
    "$nor": lambda parts: lambda document: not any(part(document) for part in parts),
}

_OPERATORS: Final[Mapping[str, Callable[[Json], Callable[[list[Json]], bool]]]] = {
    "$eq": _equal,
    "$ne": _not(_equal),
    "$gt": _ordered(operator.gt),
    "$gte": _ordered(operator.ge),
    "$lt": _ordered(operator.lt),
    "$lte": _ordered(operator.le),
    "$in": _any_of,
    "$nin": _not(_any_of),
    "$all": _all_of,
    "$size": _size,
    "$type": _type,
    "$mod": _mod,
}
