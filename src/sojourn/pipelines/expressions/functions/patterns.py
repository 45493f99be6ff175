"""Functions of regular expressions."""

from __future__ import annotations

from sojourn.core.json import Json
from sojourn.pipelines.expressions.errors import ExpressionLimit
from sojourn.pipelines.expressions.functions.arguments import text
from sojourn.pipelines.expressions.functions.declare import Example, Refusal, function
from sojourn.pipelines.expressions.limits import MAX_ITEMS, MAX_TEXT
from sojourn.pipelines.expressions.regex import compile_pattern, finds, fits
from sojourn.pipelines.expressions.scope import Run

#: Heading in the reference.
GROUP = "Regular expressions"
_ARGUMENT = "expression.argument"


def _searched(value: Json) -> str:
    given = text(value)
    if len(given) > MAX_TEXT:
        raise ExpressionLimit(f"a text of more than {MAX_TEXT} characters is not searched")
    return given


@function(
    "MATCHES",
    GROUP,
    examples=(
        Example(r'MATCHES("123-456", "\\d{3}-\\d{3}")', True),
        Example(r'MATCHES("x 123", "\\d+")', False),
        Example("MATCHES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab', '(a+)+$')", False),
        Example("MATCHES(null, '.*')", False),
        Refusal("MATCHES('a', '(')", _ARGUMENT),
        Refusal("MATCHES(1, '1')", _ARGUMENT),
    ),
)
def matches(run: Run, value: Json, expression: Json) -> bool:
    """Whether the whole text fits the regular expression (RE2 syntax); null fits none."""
    pattern = compile_pattern(text(expression))
    return value is not None and fits(pattern, _searched(value), run)


@function(
    "SPLIT",
    GROUP,
    examples=(
        Example("SPLIT('a, b,c', ', ?')", ["a", "b", "c"]),
        Example("SPLIT('a', ',')", ["a"]),
        Example(r"SPLIT('1.2', '\\.')", ["1", "2"]),
        Example("SPLIT(',a,', ',')", ["", "a", ""]),
        Example("SPLIT(null, ',')", None),
        Refusal("SPLIT('a', '[')", _ARGUMENT),
    ),
)
def split(run: Run, value: Json, expression: Json) -> list[str] | None:
    """The pieces between the places that fit the regular expression; empty pieces stay."""
    pattern = compile_pattern(text(expression))
    if value is None:
        return None
    given, at = _searched(value), 0
    pieces: list[str] = []
    for start, end in finds(pattern, given, run):
        if end == start:
            continue
        if len(pieces) >= MAX_ITEMS:
            raise ExpressionLimit(f"the array would have more than {MAX_ITEMS} items")
        pieces.append(given[at:start])
        at = end
    return [*pieces, given[at:]]


@function(
    "REPLACE",
    GROUP,
    examples=(
        Example("REPLACE('Hello, world!', 'Hello', 'Bonjour')", "Bonjour, world!"),
        Example("REPLACE('a  b   c', ' +', ' ')", "a b c"),
        Example("REPLACE('ab', 'b', '$1')", "a$1"),
        Example("REPLACE(null, 'a', 'b')", None),
        Refusal("REPLACE('a', 'a', 1)", _ARGUMENT),
    ),
)
def replace(run: Run, value: Json, expression: Json, replacement: Json) -> str | None:
    """The text with every place that fits the regular expression replaced by ``replacement`` as it is written."""
    pattern, new = compile_pattern(text(expression)), text(replacement)
    if value is None:
        return None
    given, at, size = _searched(value), 0, 0
    pieces: list[str] = []
    for start, end in finds(pattern, given, run):
        pieces += (given[at:start], new)
        size += start - at + len(new)
        if size > MAX_TEXT:
            break
        at = end
    run.charge_text(size + len(given) - at)
    return "".join([*pieces, given[at:]])
