"""Simple conditions, the other language of Choice: ``#{body.city} == 'New York' && #{qty} > 2``.

Paths are relative to the message; ``#{globals.x}`` reads a global. ``&&`` binds tighter than ``||``, parentheses group.
A text beside another kind of value is compared with that value's text, beside a number as the number that it spells:
``'2' == 2`` holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sojourn.core.json import Json
from sojourn.pipelines.expressions.compiler import Evaluate, compile_node
from sojourn.pipelines.expressions.errors import ExpressionError, ExpressionLimit
from sojourn.pipelines.expressions.functions.arguments import text
from sojourn.pipelines.expressions.limits import MAX_EXPRESSION, MAX_NESTING
from sojourn.pipelines.expressions.parser import Literal, Lookup, Node, read_step
from sojourn.pipelines.expressions.reader import Reader
from sojourn.pipelines.expressions.regex import compile_pattern, fits
from sojourn.pipelines.expressions.scope import Run, Scope
from sojourn.pipelines.expressions.values import is_number, order, same, to_text

_OPERATOR = re.compile(r"!=~|==|=~|!=|>=|<=|>|<|(?:regex|contains)\b")
_NAME = re.compile(r"[\w$@-]+")
_WORD = re.compile(r"(?:true|false|null)\b")
_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None}

_Test = Callable[[Run], bool]


class Condition:
    """A parsed condition. Immutable."""

    def __init__(self, source: str, test: Callable[[Run], bool]) -> None:
        #: What was parsed.
        self.text = source
        self._test = test

    def holds(self, scope: Scope) -> bool:
        """Whether it holds; what is missing is null. Raises :class:`ExpressionError` for what cannot be compared."""
        return self._test(Run(scope))


def parse_condition(source: str) -> Condition:
    """The condition that ``source`` spells; raises :class:`ExpressionError`."""
    if len(source) > MAX_EXPRESSION:
        raise ExpressionLimit(f"a condition has at most {MAX_EXPRESSION} characters")
    reader = Reader(source)
    test = _any_of(reader, 0)
    reader.blanks()
    if not reader.ended:
        raise reader.error(f"expected && or ||, found {reader.found()}")
    return Condition(source, test)


def _any_of(reader: Reader, depth: int) -> _Test:
    tests = [_all_of(reader, depth)]
    while reader.take("||"):
        tests.append(_all_of(reader, depth))
    return tests[0] if len(tests) == 1 else lambda run: any(test(run) for test in tests)


def _all_of(reader: Reader, depth: int) -> _Test:
    tests = [_one(reader, depth)]
    while reader.take("&&"):
        tests.append(_one(reader, depth))
    return tests[0] if len(tests) == 1 else lambda run: all(test(run) for test in tests)


def _one(reader: Reader, depth: int) -> _Test:
    if not reader.take("("):
        return _comparison(reader)
    if depth >= MAX_NESTING:
        raise ExpressionLimit(f"a condition nests at most {MAX_NESTING} deep").at(reader.text, reader.at)
    inner = _any_of(reader, depth + 1)
    if not reader.take(")"):
        raise reader.error(f"expected ')', found {reader.found()}")
    return inner


def _comparison(reader: Reader) -> _Test:
    left = _operand(reader)
    reader.blanks()
    start, name = reader.at, reader.match(_OPERATOR)
    if not name:
        raise reader.error(f"expected == != =~ !=~ > >= < <= regex or contains, found {reader.found()}")
    right = _operand(reader)
    compare, source = _OPERATORS[name], reader.text

    def test(run: Run) -> bool:
        try:
            run.charge(1)
            return compare(left(run), right(run), run)
        except ExpressionError as error:
            raise error.at(source, start, name) from None

    return test


def _operand(reader: Reader) -> Evaluate:
    return compile_node(_node(reader), reader.text)


def _node(reader: Reader) -> Node:
    if reader.take("#{"):
        return _path(reader)
    literal: str | int | Decimal | None = reader.string()
    if literal is None:
        literal = reader.number()
    if literal is not None:
        return Literal(literal)
    if word := reader.match(_WORD):
        return Literal(_WORDS[word])
    raise reader.error(f"expected #{{path}}, a quoted text or a number, found {reader.found()}")


def _path(reader: Reader) -> Lookup:
    reader.blanks()
    first = reader.match(_NAME)
    if not first:
        raise reader.error(f"expected a name, found {reader.found()}")
    keys: list[str | int] = [first]
    while reader.sees(".") or reader.sees("["):
        keys.append(read_step(reader))
    if not reader.take("}"):
        raise reader.error(f"expected '}}', found {reader.found()}")
    if first == "globals":
        return Lookup("global", (".".join(map(str, keys[1:])),))
    return Lookup("message", tuple(keys))


def _aligned(a: Any, b: Any, run: Run) -> tuple[Any, Any]:
    """Both as they are compared: of a text and another kind, both become numbers or both become texts."""
    if isinstance(a, str) == isinstance(b, str) or a is None or b is None:
        return a, b
    if is_number(a):
        return (a, number) if (number := _spelt(b)) is not None else (to_text(a, run), b)
    if is_number(b):
        return (number, b) if (number := _spelt(a)) is not None else (a, to_text(b, run))
    return to_text(a, run), to_text(b, run)


def _spelt(value: str) -> int | Decimal | None:
    try:
        reader = Reader(value)
        number = reader.number()
    except ExpressionLimit:
        return None
    return number if reader.ended else None


def _equal(a: Json, b: Json, run: Run) -> bool:
    return same(*_aligned(a, b, run), run)


def _alike(a: Json, b: Json, run: Run) -> bool:
    x, y = _aligned(a, b, run)
    if isinstance(x, str) and isinstance(y, str):
        run.charge(len(x) + len(y) >> 3)
        return x.casefold() == y.casefold()
    return same(x, y, run)


def _matches(a: Json, b: Json, run: Run) -> bool:
    pattern = compile_pattern(text(b))
    return a is not None and fits(pattern, to_text(a, run), run)


def _has(a: Json, b: Json, run: Run) -> bool:
    if isinstance(a, list):
        return any(_equal(item, b, run) for item in a)
    if isinstance(a, dict):
        return to_text(b, run) in a
    return a is not None and b is not None and to_text(b, run) in to_text(a, run)


_OPERATORS: dict[str, Callable[[Json, Json, Run], bool]] = {
    "==": _equal,
    "!=": lambda a, b, run: not _equal(a, b, run),
    "=~": _alike,
    "!=~": lambda a, b, run: not _alike(a, b, run),
    ">": lambda a, b, run: order(*_aligned(a, b, run)) > 0,
    ">=": lambda a, b, run: order(*_aligned(a, b, run)) >= 0,
    "<": lambda a, b, run: order(*_aligned(a, b, run)) < 0,
    "<=": lambda a, b, run: order(*_aligned(a, b, run)) <= 0,
    "regex": _matches,
    "contains": _has,
}
