"""Arithmetic: exact or an error, with bounded numbers."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from sojourn.core.json import Json
from sojourn.pipelines.expressions.errors import ExpressionLimit, WrongArgument
from sojourn.pipelines.expressions.functions.arguments import index, number
from sojourn.pipelines.expressions.functions.declare import Example, Refusal, function
from sojourn.pipelines.expressions.limits import EXACT, MAX_BITS, MAX_DIGITS, MAX_EXPONENT, ROUNDED
from sojourn.pipelines.expressions.scope import Run

#: Heading in the reference.
GROUP = "Numbers"
_ARGUMENT = "expression.argument"
_LIMIT = "expression.limit"
_TOO_LONG = f"the result needs more than {MAX_DIGITS} digits or powers of ten beyond {MAX_EXPONENT}"

Number = int | Decimal


def _computed(work: Callable[[Decimal, Decimal], Decimal], a: Number, b: Number) -> Decimal:
    try:
        return work(Decimal(a), Decimal(b))
    except decimal.DecimalException:
        raise ExpressionLimit(_TOO_LONG) from None


def _bounded(value: int) -> int:
    if value.bit_length() > MAX_BITS:
        raise ExpressionLimit(_TOO_LONG)
    return value


def _sum(a: Number, b: Number) -> Number:
    if isinstance(a, int) and isinstance(b, int):
        return _bounded(a + b)
    return _computed(EXACT.add, a, b)


def _product(a: Number, b: Number) -> Number:
    if isinstance(a, int) and isinstance(b, int):
        return _bounded(_bounded(a) * _bounded(b))
    return _computed(EXACT.multiply, a, b)


def _negative(value: Number) -> Number:
    # copy_negate knows no rounding, a minus sign would round to the context of the thread.
    return -value if isinstance(value, int) else value.copy_negate()


def _divisor(value: Json) -> Number:
    given = number(value)
    if not given:
        raise WrongArgument("cannot divide by zero")
    return given


@function(
    "SUM",
    GROUP,
    examples=(
        Example("SUM(1, 2, 3)", 6),
        Example("SUM(0.1, 0.2)", Decimal("0.3")),
        Example("SUM(12345678901234567890, 0.5)", Decimal("12345678901234567890.5")),
        Refusal("SUM('1', 2)", _ARGUMENT),
        Refusal("SUM(null, 2)", _ARGUMENT),
        Refusal("SUM(1e300, 1)", _LIMIT),
    ),
)
def sum_(_run: Run, first: Json, *more: Json) -> Number:
    """All numbers added, exactly."""
    total = number(first)
    for value in more:
        total = _sum(total, number(value))
    return total


@function(
    "SUBTRACT",
    GROUP,
    examples=(
        Example("SUBTRACT(10, 3, 2)", 5),
        Example("SUBTRACT(1, 0.90)", Decimal("0.10")),
        Refusal("SUBTRACT(true, 1)", _ARGUMENT),
    ),
)
def subtract(_run: Run, first: Json, *more: Json) -> Number:
    """The first number without all others, exactly."""
    total = number(first)
    for value in more:
        total = _sum(total, _negative(number(value)))
    return total


@function(
    "MULTIPLY",
    GROUP,
    examples=(
        Example("MULTIPLY(2, 3, 4)", 24),
        Example("MULTIPLY(19.99, 3)", Decimal("59.97")),
        Refusal("MULTIPLY([2], 2)", _ARGUMENT),
        Refusal("MULTIPLY(1e9000, 1e9000)", _LIMIT),
    ),
)
def multiply(_run: Run, first: Json, *more: Json) -> Number:
    """All numbers multiplied, exactly."""
    total = number(first)
    for value in more:
        total = _product(total, number(value))
    return total


@function(
    "DIVIDE",
    GROUP,
    examples=(
        Example("DIVIDE(10, 2)", 5),
        Example("DIVIDE(10, 4)", Decimal("2.5")),
        Example("DIVIDE(2, 3)", Decimal("0.6666666666666666666666666666666667")),
        Refusal("DIVIDE(1, 0)", _ARGUMENT),
        Refusal("DIVIDE('a', 1)", _ARGUMENT),
    ),
)
def divide(_run: Run, numerator: Json, denominator: Json) -> Number:
    """The quotient. An integer when two integers divide evenly, else 34 significant digits, rounded half to even."""
    a, b = number(numerator), _divisor(denominator)
    if isinstance(a, int) and isinstance(b, int) and a % b == 0:
        return _bounded(a // b)
    return _computed(ROUNDED.divide, a, b)


@function(
    "MOD",
    GROUP,
    examples=(
        Example("MOD(8, 3)", 2),
        Example("MOD(-8, 3)", -2),
        Example("MOD(5.5, 2)", Decimal("1.5")),
        Refusal("MOD(8, 0)", _ARGUMENT),
    ),
)
def mod(_run: Run, numerator: Json, denominator: Json) -> Number:
    """What is left after whole divisions; it has the sign of ``numerator``."""
    a, b = number(numerator), _divisor(denominator)
    if isinstance(a, int) and isinstance(b, int):
        left = abs(a) % abs(b)
        return -left if a < 0 else left
    return _computed(EXACT.remainder, a, b)


@function(
    "ABS",
    GROUP,
    examples=(
        Example("ABS(-34)", 34),
        Example("ABS(-1.50)", Decimal("1.50")),
        Refusal("ABS('x')", _ARGUMENT),
    ),
)
def abs_(_run: Run, value: Json) -> Number:
    """The number without its sign."""
    given = number(value)
    return abs(given) if isinstance(given, int) else given.copy_abs()


def _rounded(value: Number, places: int, rounding: str) -> Number:
    if isinstance(value, int):
        return value
    try:
        result = value.quantize(Decimal(1).scaleb(-places), rounding, _ROUNDING)
    except decimal.DecimalException:
        raise ExpressionLimit(_TOO_LONG) from None
    return result if places else int(result)


#: Rounding is what is asked for here; too many digits still are an error.
_ROUNDING = EXACT.copy()
_ROUNDING.traps[decimal.Inexact] = False


@function(
    "ROUND",
    GROUP,
    examples=(
        Example("ROUND(2.5)", 3),
        Example("ROUND(-2.5)", -3),
        Example("ROUND(19.994, 2)", Decimal("19.99")),
        Refusal("ROUND(1.5, -1)", _ARGUMENT),
    ),
)
def round_(_run: Run, value: Json, places: Json = 0) -> Number:
    """Rounded to so many decimal places, halves away from zero."""
    return _rounded(number(value), min(index(places), MAX_EXPONENT), ROUND_HALF_UP)


@function(
    "CEIL",
    GROUP,
    examples=(
        Example("CEIL(12.885)", 13),
        Example("CEIL(-1.5)", -1),
        Example("CEIL(4)", 4),
        Refusal("CEIL(null)", _ARGUMENT),
    ),
)
def ceil(_run: Run, value: Json) -> Number:
    """The smallest integer that is not less."""
    return _rounded(number(value), 0, ROUND_CEILING)


@function(
    "MAX",
    GROUP,
    examples=(Example("MAX(8, 2, 8.5)", Decimal("8.5")), Refusal("MAX('a', 1)", _ARGUMENT)),
)
def max_(_run: Run, first: Json, *more: Json) -> Number:
    """The greatest of the numbers."""
    return max(number(value) for value in (first, *more))


@function("MIN", GROUP, examples=(Example("MIN(8, 2, 8.5)", 2), Refusal("MIN(1, null)", _ARGUMENT)))
def min_(_run: Run, first: Json, *more: Json) -> Number:
    """The least of the numbers."""
    return min(number(value) for value in (first, *more))
