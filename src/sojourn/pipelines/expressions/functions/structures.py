"""Arrays and objects. Nothing that was given is changed: a result is a new array or object."""

from __future__ import annotations

from typing import Any

from sojourn.core.json import Json
from sojourn.pipelines.expressions.errors import ExpressionLimit, WrongArgument
from sojourn.pipelines.expressions.functions.arguments import array, index, text
from sojourn.pipelines.expressions.functions.declare import Example, Refusal, function
from sojourn.pipelines.expressions.limits import MAX_ITEMS
from sojourn.pipelines.expressions.scope import Run
from sojourn.pipelines.expressions.values import kind, same

#: Heading in the reference.
GROUP = "Arrays and objects"
_ARGUMENT = "expression.argument"


@function("NEWEMPTYOBJECT", GROUP, examples=(Example("NEWEMPTYOBJECT()", {}),))
def new_empty_object(_run: Run) -> dict[str, Any]:
    """An object without entries."""
    return {}


@function("NEWEMPTYARRAY", GROUP, examples=(Example("NEWEMPTYARRAY()", []),))
def new_empty_array(_run: Run) -> list[Any]:
    """An array without items."""
    return []


@function(
    "CONTAINS",
    GROUP,
    examples=(
        Example("CONTAINS('Hello, world!', 'world')", True),
        Example("CONTAINS([1, 2], 2.0)", True),
        Example("CONTAINS({'a': null}, 'a')", True),
        Example("CONTAINS(message.none, 'a')", False),
        Refusal("CONTAINS('a1', 1)", _ARGUMENT),
        Refusal("CONTAINS(12, 1)", _ARGUMENT),
    ),
)
def contains(run: Run, whole: Json, part: Json) -> bool:
    """Whether a text has the part, an array the item, or an object the key; null has nothing."""
    match whole:
        case None:
            return False
        case str():
            run.charge(len(whole) >> 3)
            return text(part) in whole
        case list():
            return any(same(item, part, run) for item in whole)
        case dict():
            return text(part) in whole
        case _:
            raise WrongArgument(f"needs a text, an array or an object, not {kind(whole)}")


@function(
    "GETELEMENTAT",
    GROUP,
    examples=(
        Example("GETELEMENTAT(['a', 'b'], 1)", "b"),
        Example("GETELEMENTAT(['a'], 5)", None),
        Example("GETELEMENTAT(null, 0)", None),
        Refusal("GETELEMENTAT(['a'], -1)", _ARGUMENT),
    ),
)
def get_element_at(_run: Run, items: Json, position: Json) -> Json:
    """The item at ``position``, counted from 0; null when there is none."""
    place = index(position)
    if items is None:
        return None
    given = array(items)
    return given[place] if place < len(given) else None


@function(
    "LASTELEMENT",
    GROUP,
    examples=(
        Example("LASTELEMENT([1, 2, 3])", 3),
        Example("LASTELEMENT([])", None),
        Example("LASTELEMENT(null)", None),
        Refusal("LASTELEMENT('abc')", _ARGUMENT),
    ),
)
def last_element(_run: Run, items: Json) -> Json:
    """The last item; null when there is none."""
    given = [] if items is None else array(items)
    return given[-1] if given else None


@function(
    "PUSH",
    GROUP,
    examples=(
        Example("PUSH([1], 2, [3])", [1, 2, [3]]),
        Example("PUSH(null, 'a')", ["a"]),
        Refusal("PUSH({}, 1)", _ARGUMENT),
    ),
)
def push(run: Run, items: Json, *more: Json) -> list[Any]:
    """A new array: the items and after them the others, each as one item; null counts as an empty array."""
    given = [] if items is None else array(items)
    run.charge(len(given) + len(more))
    if len(given) + len(more) > MAX_ITEMS:
        raise ExpressionLimit(f"the array would have more than {MAX_ITEMS} items")
    return [*given, *more]
