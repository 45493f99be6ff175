"""Decisions and comparisons."""

from __future__ import annotations

from sojourn.core.json import Json
from sojourn.pipelines.expressions.errors import WrongArgument
from sojourn.pipelines.expressions.functions.arguments import truth
from sojourn.pipelines.expressions.functions.declare import Example, Refusal, function
from sojourn.pipelines.expressions.scope import Run
from sojourn.pipelines.expressions.values import order, same

#: Heading in the reference.
GROUP = "Decisions and comparisons"
_ARGUMENT = "expression.argument"


@function(
    "DEFAULT",
    GROUP,
    examples=(
        Example('DEFAULT(message.none, "a guest")', "a guest"),
        Example('DEFAULT("", "a guest")', ""),
        Example("DEFAULT(false, true)", False),
    ),
)
def default(_run: Run, value: Json, otherwise: Json) -> Json:
    """``value``, or ``otherwise`` when it is null or missing."""
    return otherwise if value is None else value


@function(
    "IF",
    GROUP,
    examples=(
        Example('IF(true, "yes", "no")', "yes"),
        Example('IF(message.none, "yes", "no")', "no"),
        Refusal('IF("true", 1, 2)', _ARGUMENT),
        Refusal("IF(true, 1, DIVIDE(1, 0))", _ARGUMENT),
    ),
)
def if_(_run: Run, condition: Json, then: Json, otherwise: Json) -> Json:
    """``then`` when ``condition`` is true, else ``otherwise``. Both are evaluated, so an error in either is an error."""
    return then if truth(condition) else otherwise


@function(
    "SWITCHCASE",
    GROUP,
    examples=(
        Example('SWITCHCASE("else", EQUALTO(1, 2), "first", true, "second")', "second"),
        Example('SWITCHCASE("else", false, "first")', "else"),
        Refusal('SWITCHCASE("else", true)', _ARGUMENT),
    ),
)
def switch_case(_run: Run, otherwise: Json, *condition_result: Json) -> Json:
    """The result after the first condition that is true, else ``otherwise``; all are evaluated."""
    if len(condition_result) % 2:
        raise WrongArgument("needs a result after each condition")
    pairs = list(zip(condition_result[::2], condition_result[1::2], strict=True))
    truths = [truth(condition) for condition, _ in pairs]
    return pairs[truths.index(True)][1] if True in truths else otherwise


@function(
    "EQUALTO",
    GROUP,
    examples=(
        Example("EQUALTO(1, 1.0)", True),
        Example("EQUALTO('1', 1)", False),
        Example("EQUALTO(true, 1)", False),
        Example('EQUALTO({"a": [1], "b": null}, {"b": null, "a": [1]})', True),
        Example("EQUALTO([1, 2], [1, 3])", False),
        Example("EQUALTO(null, message.none)", True),
    ),
)
def equal_to(run: Run, a: Json, b: Json) -> bool:
    """Whether both are the same value: numbers by value, objects whatever the order of their keys."""
    return same(a, b, run)


@function(
    "GREATERTHAN",
    GROUP,
    examples=(
        Example("GREATERTHAN(10, 9.5)", True),
        Example("GREATERTHAN('b', 'a')", True),
        Example("GREATERTHAN(1, 1)", False),
        Example("GREATERTHAN(null, null)", False),
        Example("GREATERTHAN(-1, null)", True),
        Refusal("GREATERTHAN('10', 9)", _ARGUMENT),
    ),
)
def greater_than(_run: Run, a: Json, b: Json) -> bool:
    """Whether ``a`` is greater. Two numbers or two texts (by code point); null is less than anything else."""
    return order(a, b) > 0


@function(
    "GREATERTHANEQUAL",
    GROUP,
    examples=(
        Example("GREATERTHANEQUAL(1, 1.0)", True),
        Example("GREATERTHANEQUAL(null, null)", True),
        Example("GREATERTHANEQUAL(null, 0)", False),
    ),
)
def greater_than_equal(_run: Run, a: Json, b: Json) -> bool:
    """Whether ``a`` is greater or equal, as ``GREATERTHAN`` compares."""
    return order(a, b) >= 0


@function(
    "LESSTHAN",
    GROUP,
    examples=(
        Example("LESSTHAN(1, 2)", True),
        Example("LESSTHAN(2, 2)", False),
        Example("LESSTHAN(null, null)", False),
        Example("LESSTHAN(null, -1)", True),
        Refusal("LESSTHAN([], 1)", _ARGUMENT),
    ),
)
def less_than(_run: Run, a: Json, b: Json) -> bool:
    """Whether ``a`` is less, as ``GREATERTHAN`` compares."""
    return order(a, b) < 0


@function(
    "LESSTHANEQUAL",
    GROUP,
    examples=(
        Example("LESSTHANEQUAL(2, 2)", True),
        Example("LESSTHANEQUAL(3, 2)", False),
        Example("LESSTHANEQUAL(null, null)", True),
    ),
)
def less_than_equal(_run: Run, a: Json, b: Json) -> bool:
    """Whether ``a`` is less or equal, as ``GREATERTHAN`` compares."""
    return order(a, b) <= 0


@function(
    "AND",
    GROUP,
    examples=(
        Example("AND(true, true, true)", True),
        Example("AND(true, null)", False),
        Refusal("AND(false, 1)", _ARGUMENT),
    ),
)
def and_(_run: Run, condition: Json, *more: Json) -> bool:
    """Whether all are true; null counts as false."""
    truths = [truth(value) for value in (condition, *more)]
    return all(truths)


@function(
    "OR",
    GROUP,
    examples=(
        Example("OR(false, true)", True),
        Example("OR(null, false)", False),
        Refusal("OR(true, 'x')", _ARGUMENT),
    ),
)
def or_(_run: Run, condition: Json, *more: Json) -> bool:
    """Whether at least one is true; null counts as false."""
    truths = [truth(value) for value in (condition, *more)]
    return any(truths)


@function(
    "XOR",
    GROUP,
    examples=(Example("XOR(true, false)", True), Example("XOR(true, true)", False), Example("XOR(true, null)", True)),
)
def xor(_run: Run, condition: Json, *more: Json) -> bool:
    """Whether an odd number of them is true; null counts as false."""
    return sum(truth(value) for value in (condition, *more)) % 2 == 1


@function(
    "NOT",
    GROUP,
    examples=(Example("NOT(true)", False), Example("NOT(null)", True), Refusal("NOT(0)", _ARGUMENT)),
)
def not_(_run: Run, condition: Json) -> bool:
    """The opposite; null counts as false."""
    return not truth(condition)


@function(
    "ISNULL",
    GROUP,
    examples=(
        Example("ISNULL(message.none)", True),
        Example("ISNULL(null)", True),
        Example("ISNULL('')", False),
    ),
)
def is_null(_run: Run, value: Json) -> bool:
    """Whether ``value`` is null or missing."""
    return value is None
