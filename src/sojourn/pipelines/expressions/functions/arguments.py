"""Checks of what a function was given; each says what it needs and what it got, never the value."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sojourn.pipelines.expressions.errors import ExpressionLimit, WrongArgument
from sojourn.pipelines.expressions.limits import MAX_DIGITS
from sojourn.pipelines.expressions.values import exact, is_number, kind


def text(value: Any) -> str:
    """``value``, which must be a text."""
    if not isinstance(value, str):
        raise WrongArgument(f"needs a text, not {kind(value)}")
    return value


def number(value: Any) -> int | Decimal:
    """``value``, which must be a number; a text of digits is none."""
    if not is_number(value):
        hint = "; TONUMBER makes one of a text" if isinstance(value, str) else ""
        raise WrongArgument(f"needs a number, not {kind(value)}{hint}")
    return exact(value)


def truth(value: Any) -> bool:
    """``value``, which must be true or false; null counts as false."""
    if value is None or isinstance(value, bool):
        return bool(value)
    raise WrongArgument(f"needs true or false, not {kind(value)}")


def array(value: Any) -> list[Any]:
    """``value``, which must be an array."""
    if not isinstance(value, list):
        raise WrongArgument(f"needs an array, not {kind(value)}")
    return value


def whole(value: Any) -> int:
    """``value`` as an integer; a fraction is cut off."""
    given = number(value)
    if isinstance(given, Decimal) and given.adjusted() >= MAX_DIGITS:
        raise ExpressionLimit(f"an integer has at most {MAX_DIGITS} digits")
    return int(given)


def index(value: Any) -> int:
    """``value``, which must be an integer that counts from 0."""
    given = number(value)
    if not isinstance(given, int) or given < 0:
        raise WrongArgument("needs an index: 0, 1, 2 …")
    return given
