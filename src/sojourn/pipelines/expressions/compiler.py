"""From the tree to closures: everything that is known at deploy time is looked up there, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, cast

from sojourn.core.json import Json
from sojourn.pipelines.expressions.errors import ExpressionError
from sojourn.pipelines.expressions.functions import Function
from sojourn.pipelines.expressions.parser import ArrayOf, Call, Literal, Lookup, Node, ObjectOf
from sojourn.pipelines.expressions.scope import Run

#: A compiled expression. What it gives may be shared with the message: copy it before it is handed out.
Evaluate = Callable[[Run], Json]

#: What a name can be looked up in; a message has plain dicts, which are tried first.
_OBJECTS = (dict, Mapping)

_ROOTS: dict[str, Callable[[Run], Any]] = {
    "message": attrgetter("message"),
    "global": attrgetter("scope.globals"),
    "metadata": attrgetter("scope.metadata"),
}


def compile_node(node: Node, text: str) -> Evaluate:
    """The closure that evaluates ``node``; ``text`` is where its offsets point."""
    match node:
        case Literal(value):
            return lambda _run: value
        case Lookup(scope, keys):
            return _lookup(_ROOTS[scope], keys)
        case Call(function, arguments, offset):
            return _call(function, [compile_node(argument, text) for argument in arguments], text, offset)
        case ArrayOf(items):
            return _array([compile_node(item, text) for item in items])
        case ObjectOf(entries):
            return _object([(key, compile_node(value, text)) for key, value in entries])


def _lookup(root: Callable[[Run], Any], keys: tuple[str | int, ...]) -> Evaluate:
    if not keys:
        return root
    if not all(isinstance(key, str) for key in keys):
        return _indexed_lookup(root, keys)

    def evaluate(run: Run) -> Json:
        value = root(run)
        for key in keys:
            if not isinstance(value, _OBJECTS):
                return None
            value = value.get(key)
        return cast("Json", value)

    return evaluate


def _indexed_lookup(root: Callable[[Run], Any], keys: tuple[str | int, ...]) -> Evaluate:
    def evaluate(run: Run) -> Json:
        value = root(run)
        for key in keys:
            if isinstance(key, str):
                value = value.get(key) if isinstance(value, _OBJECTS) else None
            else:
                value = value[key] if isinstance(value, list) and key < len(value) else None
        return cast("Json", value)

    return evaluate


def _call(function: Function, arguments: list[Evaluate], text: str, offset: int) -> Evaluate:
    call, label = function.call, function.name

    def evaluate(run: Run) -> Json:
        values = [argument(run) for argument in arguments]
        try:
            run.charge(1)
            return call(run, *values)
        except ExpressionError as error:
            raise error.at(text, offset, label) from None

    return evaluate


def _array(items: list[Evaluate]) -> Evaluate:
    return lambda run: [item(run) for item in items]


def _object(entries: list[tuple[str, Evaluate]]) -> Evaluate:
    return lambda run: {key: value(run) for key, value in entries}
