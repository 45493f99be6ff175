"""JSON values as the language sees them: their kinds, their text, equality and copies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sojourn.core.errors import InvalidJson
from sojourn.core.json import MAX_DEPTH, Json, encode_text
from sojourn.pipelines.expressions.errors import ExpressionError, ExpressionLimit, WrongArgument
from sojourn.pipelines.expressions.scope import Run

#: Types whose values cannot be changed and may be shared.
SCALARS = frozenset((type(None), bool, int, Decimal, str))

# What JSON decodes to is tried first: to ask for an abstract class takes longer.
_PLAIN_CONTAINERS = frozenset((dict, list))
_OBJECTS = (dict, Mapping)
_CONTAINERS = (*_OBJECTS, list, tuple)

#: Steps of comparing two values and of writing one as JSON: they take longer than copying one.
_COMPARISON = 4
_ENCODING = 4

_KINDS = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    Decimal: "a number",
    str: "a text",
    list: "an array",
    dict: "an object",
}


def kind(value: Any) -> str:
    """What ``value`` is, for a message: ``a text``, ``an array`` … Never the value itself."""
    return _KINDS.get(type(value), "no JSON value")


def to_text(value: Json, run: Run) -> str:
    """``value`` as it stands in a text: null is empty, text is itself, anything else is compact JSON, digit for digit."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if type(value) not in SCALARS and not isinstance(value, list | dict):
        value = fresh(value, run)
    try:
        text = encode_text(value)
    except InvalidJson as error:
        raise ExpressionError(error.message) from None
    run.charge(_ENCODING + (len(text) >> 3))
    return text


def fresh(value: Any, run: Run, depth: int = 0) -> Any:
    """A copy of ``value`` that shares nothing changeable with it; ``depth`` is how deep it will stand.

    Raises :class:`ExpressionLimit` when the result would nest deeper than JSON may, and :class:`ExpressionError` for
    what JSON cannot hold.
    """
    if type(value) in SCALARS:
        return value
    if type(value) not in _PLAIN_CONTAINERS:
        if isinstance(value, float):
            return _finite(value)
        if not isinstance(value, _CONTAINERS):
            raise ExpressionError("this is not a JSON value")
    if depth >= MAX_DEPTH:
        raise ExpressionLimit(f"the result nests deeper than {MAX_DEPTH}")
    run.charge(len(value))
    if isinstance(value, _OBJECTS):
        return {key: item if type(item) in SCALARS else fresh(item, run, depth + 1) for key, item in value.items()}
    return [item if type(item) in SCALARS else fresh(item, run, depth + 1) for item in value]


def same(a: Any, b: Any, run: Run) -> bool:
    """Whether two values are equal: numbers by value, objects whatever the order of their keys."""
    run.charge(_COMPARISON)
    pairs = [(a, b)]
    while pairs:
        x, y = pairs.pop()
        if isinstance(x, list) and isinstance(y, list) and len(x) == len(y):
            run.charge(_COMPARISON * len(x))
            pairs.extend(zip(x, y, strict=True))
        elif isinstance(x, dict) and isinstance(y, dict) and x.keys() == y.keys():
            run.charge(_COMPARISON * len(x))
            pairs.extend((value, y[key]) for key, value in x.items())
        elif not _same_scalar(x, y):
            return False
    return True


def _same_scalar(a: Any, b: Any) -> bool:
    if type(a) is type(b) and type(a) in SCALARS:
        return bool(a == b)
    return is_number(a) and is_number(b) and bool(exact(a) == exact(b))


def order(a: Any, b: Any) -> int:
    """-1, 0 or 1 as ``a`` is less than, equal to or greater than ``b``: two numbers or two texts; null is least.

    Raises :class:`WrongArgument` for anything else.
    """
    if a is None or b is None:
        return (a is not None) - (b is not None)
    if is_number(a) and is_number(b):
        a, b = exact(a), exact(b)
    elif not (isinstance(a, str) and isinstance(b, str)):
        raise WrongArgument(f"two numbers or two texts can be compared, not {kind(a)} and {kind(b)}")
    return int(a > b) - int(a < b)


def is_number(value: Any) -> bool:
    """Whether ``value`` is a number; true and false are none."""
    return isinstance(value, int | Decimal | float) and not isinstance(value, bool)


def exact(value: float | Decimal) -> int | Decimal:
    """``value`` without binary fractions: a float becomes the decimal that it is written as."""
    return Decimal(repr(_finite(value))) if isinstance(value, float) else value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ExpressionError("NaN and infinities are not JSON values")
    return value
