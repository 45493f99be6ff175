"""From one kind of value to another. What is null stays null."""

from __future__ import annotations

from decimal import Decimal

from sojourn.core.errors import InvalidJson
from sojourn.core.json import Json, decode
from sojourn.pipelines.expressions.errors import ExpressionLimit, WrongArgument
from sojourn.pipelines.expressions.functions.arguments import number, text, whole
from sojourn.pipelines.expressions.functions.declare import Example, Refusal, function
from sojourn.pipelines.expressions.limits import MAX_DIGITS, MAX_TEXT
from sojourn.pipelines.expressions.reader import Reader
from sojourn.pipelines.expressions.scope import Run
from sojourn.pipelines.expressions.values import is_number, to_text

#: Heading in the reference.
GROUP = "Conversions and kinds"
_ARGUMENT = "expression.argument"
_WORDS = {"true": True, "false": False}
#: One more than the longest word, so that what is cut off is none.
_LONGEST = len("false") + 1


@function(
    "TOSTRING",
    GROUP,
    examples=(
        Example("TOSTRING(10.10)", "10.10"),
        Example("TOSTRING(true)", "true"),
        Example('TOSTRING({"a": [1, null]})', '{"a":[1,null]}'),
        Example("TOSTRING(null)", None),
    ),
)
def to_string(run: Run, value: Json) -> str | None:
    """The value as a text: numbers digit for digit, arrays and objects as compact JSON."""
    if value is None or isinstance(value, str):
        return value
    made = to_text(value, run)
    run.charge_text(len(made))
    return made


@function(
    "TONUMBER",
    GROUP,
    examples=(
        Example("TONUMBER('10.10')", Decimal("10.10")),
        Example("TONUMBER(' -7 ')", -7),
        Example("TONUMBER(3)", 3),
        Example("TONUMBER(null)", None),
        Refusal("TONUMBER('ten')", _ARGUMENT),
        Refusal("TONUMBER('1,5')", _ARGUMENT),
        Refusal("TONUMBER('0x10')", _ARGUMENT),
        Refusal("TONUMBER(true)", _ARGUMENT),
    ),
)
def to_number(_run: Run, value: Json) -> int | Decimal | None:
    """The number that a text spells, in the form of JSON: ``-1.50``, ``2e3``; blanks around it do not matter."""
    if value is None:
        return None
    if not isinstance(value, str):
        return number(value)
    if len(value) > MAX_DIGITS:
        raise ExpressionLimit(f"a number has at most {MAX_DIGITS} digits")
    reader = Reader(value.strip())
    try:
        found = reader.number()
    except ExpressionLimit as error:
        # Placed anew: the reader's place is one in the value, not in the expression.
        raise ExpressionLimit(error.message) from None
    if found is None or not reader.ended:
        raise WrongArgument("this text is not a number")
    return found


@function(
    "TOINT",
    GROUP,
    examples=(
        Example("TOINT(12.9)", 12),
        Example("TOINT('-12.9')", -12),
        Example("TOINT(null)", None),
        Refusal("TOINT('')", _ARGUMENT),
        Refusal("TOINT(1e300)", "expression.limit"),
    ),
)
def to_int(run: Run, value: Json) -> int | None:
    """The integer of a number or a text that spells one; a fraction is cut off."""
    given = to_number(run, value)
    return None if given is None else whole(given)


@function("TOLONG", GROUP, examples=(Example("TOLONG('3600000')", 3600000), Refusal("TOLONG([])", _ARGUMENT)))
def to_long(run: Run, value: Json) -> int | None:
    """The same as ``TOINT``: an integer has no other size here."""
    return to_int(run, value)


@function(
    "TOBOOLEAN",
    GROUP,
    examples=(
        Example("TOBOOLEAN('TRUE')", True),
        Example("TOBOOLEAN(false)", False),
        Example("TOBOOLEAN(null)", None),
        Refusal("TOBOOLEAN('yes')", _ARGUMENT),
        Refusal("TOBOOLEAN(1)", _ARGUMENT),
    ),
)
def to_boolean(_run: Run, value: Json) -> bool | None:
    """True or false, of the texts ``true`` and ``false`` in any case."""
    if value is None or isinstance(value, bool):
        return value
    word = text(value)[:_LONGEST].lower()
    if word not in _WORDS:
        raise WrongArgument("needs true or false, or a text that says so")
    return _WORDS[word]


@function(
    "TOJSON",
    GROUP,
    examples=(
        Example(r"""TOJSON('{"a": [1, 2.50]}')""", {"a": [1, Decimal("2.50")]}),
        Example("TOJSON('false')", False),
        Example("TOJSON('plain words')", "plain words"),
        Example("TOJSON([1])", [1]),
        Example("TOJSON(null)", None),
    ),
)
def to_json(run: Run, value: Json) -> Json:
    """The value that a text of JSON spells; a text that is not JSON and any other value stay as they are."""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return value
    run.charge(len(value))
    try:
        return decode(value)  # type: ignore[no-any-return] # what JSON text spells is Json
    except InvalidJson:
        return value


@function("ISOBJECT", GROUP, examples=(Example("ISOBJECT({})", True), Example("ISOBJECT([])", False)))
def is_object(_run: Run, value: Json) -> bool:
    """Whether ``value`` is an object."""
    return isinstance(value, dict)


@function("ISARRAY", GROUP, examples=(Example("ISARRAY([])", True), Example("ISARRAY('[]')", False)))
def is_array(_run: Run, value: Json) -> bool:
    """Whether ``value`` is an array."""
    return isinstance(value, list)


@function("ISSTRING", GROUP, examples=(Example("ISSTRING('1')", True), Example("ISSTRING(1)", False)))
def is_string(_run: Run, value: Json) -> bool:
    """Whether ``value`` is a text."""
    return isinstance(value, str)


@function("ISNUMBER", GROUP, examples=(Example("ISNUMBER(1.5)", True), Example("ISNUMBER(true)", False)))
def is_a_number(_run: Run, value: Json) -> bool:
    """Whether ``value`` is a number."""
    return is_number(value)


@function("ISBOOLEAN", GROUP, examples=(Example("ISBOOLEAN(false)", True), Example("ISBOOLEAN(null)", False)))
def is_boolean(_run: Run, value: Json) -> bool:
    """Whether ``value`` is true or false."""
    return isinstance(value, bool)
