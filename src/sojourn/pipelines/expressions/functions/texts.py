"""Texts. What is null stays null in every function of one text, so that ``DEFAULT`` can stand around it."""

from __future__ import annotations

from sojourn.core.json import Json
from sojourn.pipelines.expressions.errors import WrongArgument
from sojourn.pipelines.expressions.functions.arguments import index, text
from sojourn.pipelines.expressions.functions.declare import Example, Refusal, function
from sojourn.pipelines.expressions.scope import Run
from sojourn.pipelines.expressions.values import to_text

#: Heading in the reference.
GROUP = "Texts"
_ARGUMENT = "expression.argument"


@function(
    "CONCAT",
    GROUP,
    examples=(
        Example("CONCAT('cart-', 7, '/', null, 1.50)", "cart-7/1.50"),
        Example("CONCAT([1, 2], true)", "[1,2]true"),
        Example("CONCAT()", ""),
    ),
)
def concat(run: Run, *values: Json) -> str:
    """All values after one another, each as it stands in a text: null is empty, arrays and objects are JSON."""
    return _joined("", [to_text(value, run) for value in values], run)


@function(
    "JOIN",
    GROUP,
    examples=(
        Example("JOIN('-', 'a', 'b', 3)", "a-b-3"),
        Example("JOIN(', ', ['a', 'b'], 'c')", "a, b, c"),
        Example("JOIN(',', [])", ""),
        Refusal("JOIN(1, 'a', 'b')", _ARGUMENT),
    ),
)
def join(run: Run, separator: Json, *values: Json) -> str:
    """All values with ``separator`` between them; the items of an array count one by one."""
    items: list[Json] = []
    for value in values:
        items.extend(value if isinstance(value, list) else [value])
        run.charge(len(items))
    return _joined(text(separator), [to_text(item, run) for item in items], run)


def _joined(separator: str, parts: list[str], run: Run) -> str:
    # Counted before it is made: a long separator between many items would fill the memory.
    run.charge_text(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


@function(
    "UPPERCASE",
    GROUP,
    examples=(
        Example("UPPERCASE('straße')", "STRASSE"),
        Example("UPPERCASE(null)", None),
        Refusal("UPPERCASE(1)", _ARGUMENT),
    ),
)
def uppercase(run: Run, value: Json) -> str | None:
    """The text in capital letters."""
    return None if value is None else _made(text(value), run).upper()


@function(
    "LOWERCASE",
    GROUP,
    examples=(
        Example("LOWERCASE('HeLLo')", "hello"),
        Example("LOWERCASE(null)", None),
        Refusal("LOWERCASE({})", _ARGUMENT),
    ),
)
def lowercase(run: Run, value: Json) -> str | None:
    """The text in small letters."""
    return None if value is None else _made(text(value), run).lower()


@function(
    "CAPITALIZE",
    GROUP,
    examples=(
        Example("CAPITALIZE('hello World')", "Hello World"),
        Example("CAPITALIZE('')", ""),
        Example("CAPITALIZE(null)", None),
        Refusal("CAPITALIZE(1)", _ARGUMENT),
    ),
)
def capitalize(run: Run, value: Json) -> str | None:
    """The text with a capital first letter; the rest stays."""
    if value is None:
        return None
    given = _made(text(value), run)
    return given[:1].upper() + given[1:]


@function(
    "TRIM",
    GROUP,
    examples=(
        Example(r"TRIM('  a b\n')", "a b"),
        Example("TRIM(null)", None),
        Refusal("TRIM([])", _ARGUMENT),
    ),
)
def trim(run: Run, value: Json) -> str | None:
    """The text without blanks and line ends around it."""
    return None if value is None else _made(text(value), run).strip()


@function(
    "SUBSTRING",
    GROUP,
    examples=(
        Example("SUBSTRING('sojourn', 0, 3)", "soj"),
        Example("SUBSTRING('sojourn', 3)", "ourn"),
        Example("SUBSTRING('ab', 1, 99)", "b"),
        Example("SUBSTRING(null, 1)", None),
        Refusal("SUBSTRING('ab', -1)", _ARGUMENT),
        Refusal("SUBSTRING('ab', 1.5)", _ARGUMENT),
    ),
)
def substring(run: Run, value: Json, start: Json, end: Json = None) -> str | None:
    """The characters from ``start``, counted from 0, up to but without ``end``; past the last one there is nothing."""
    first, last = index(start), None if end is None else index(end)
    return None if value is None else _made(text(value), run)[first:last]


@function(
    "INDEXOF",
    GROUP,
    examples=(
        Example("INDEXOF('Hello, world!', 'world')", 7),
        Example("INDEXOF('Hello', 'welcome')", -1),
        Example("INDEXOF('abab', 'a', 1)", 2),
        Refusal("INDEXOF('a', 1)", _ARGUMENT),
    ),
)
def index_of(run: Run, value: Json, part: Json, start: Json = 0) -> int:
    """Where ``part`` begins first, counted from 0, or -1."""
    given = text(value)
    run.charge(len(given) >> 3)
    return given.find(text(part), min(index(start), len(given)))


def _made(value: str, run: Run) -> str:
    """``value``, of which a text of about the same length is about to be made."""
    run.charge_text(len(value))
    return value


@function(
    "SIZE",
    GROUP,
    examples=(
        Example("SIZE('añb')", 3),
        Example("SIZE([1, 2])", 2),
        Example("SIZE({'a': 1})", 1),
        Example("SIZE(message.none)", 0),
        Refusal("SIZE(12)", _ARGUMENT),
    ),
)
def size(_run: Run, value: Json) -> int:
    """How many characters, items or entries; null has none."""
    if value is None:
        return 0
    if not isinstance(value, str | list | dict):
        raise WrongArgument("needs a text, an array or an object")
    return len(value)
