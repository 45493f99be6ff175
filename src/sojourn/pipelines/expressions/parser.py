"""The grammar: what may stand between ``{{`` and ``}}``, read by recursive descent into a tree."""

from __future__ import annotations

import difflib
import re
from decimal import Decimal
from typing import NamedTuple

from sojourn.core.json import Json
from sojourn.pipelines.expressions.errors import ExpressionLimit, UnknownName
from sojourn.pipelines.expressions.functions import FUNCTIONS, Function
from sojourn.pipelines.expressions.limits import MAX_EXPRESSION, MAX_NESTING
from sojourn.pipelines.expressions.reader import Reader
from sojourn.pipelines.expressions.scope import SCOPES

_NAME = re.compile(r"[^\W\d][\w-]*")
_KEY = re.compile(r"[\w$@-]+")
_WHOLE = re.compile(r"\.\$(?![\w$@-])")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_LITERALS: dict[str, Json] = {"true": True, "false": False, "null": None}


class Literal(NamedTuple):
    """A value that is written out."""

    value: Json


class Lookup(NamedTuple):
    """A path: a scope and the keys and indexes that lead on from it."""

    scope: str
    keys: tuple[str | int, ...]


class Call(NamedTuple):
    """A function and its arguments."""

    function: Function
    arguments: tuple[Node, ...]
    offset: int


class ArrayOf(NamedTuple):
    """An array whose items are expressions."""

    items: tuple[Node, ...]


class ObjectOf(NamedTuple):
    """An object whose values are expressions."""

    entries: tuple[tuple[str, Node], ...]


Node = Literal | Lookup | Call | ArrayOf | ObjectOf


class Hole(NamedTuple):
    """A ``{{ … }}`` in a text."""

    node: Node
    #: Where its ``{{`` stands.
    offset: int


def read_hole(reader: Reader) -> Hole:
    """Take the ``{{ … }}`` that begins here."""
    start = reader.at
    reader.at += 2
    node = read_expression(reader)
    if not reader.take("}}"):
        raise reader.error(f"expected '}}}}', found {reader.found()}")
    if reader.at - start - 4 > MAX_EXPRESSION:
        raise ExpressionLimit(f"an expression has at most {MAX_EXPRESSION} characters").at(reader.text, start)
    return Hole(node, start)


def read_expression(reader: Reader, depth: int = 0) -> Node:
    """Take one expression; ``depth`` is how many functions, arrays and objects are open around it."""
    reader.blanks()
    if depth > MAX_NESTING:
        raise ExpressionLimit(f"an expression nests at most {MAX_NESTING} deep").at(reader.text, reader.at)
    literal: str | int | Decimal | None = reader.string()
    if literal is None:
        literal = reader.number()
    if literal is not None:
        return Literal(literal)
    if reader.take("["):
        return ArrayOf(_list(reader, "]", depth))
    if reader.take("{"):
        return _object(reader, depth)
    return _named(reader, depth)


def _list(reader: Reader, end: str, depth: int) -> tuple[Node, ...]:
    items: list[Node] = []
    while not reader.take(end):
        if items and not reader.take(","):
            raise reader.error(f"expected ',' or '{end}', found {reader.found()}")
        items.append(read_expression(reader, depth + 1))
    return tuple(items)


def _object(reader: Reader, depth: int) -> ObjectOf:
    entries: dict[str, Node] = {}
    while not reader.take("}"):
        if entries and not reader.take(","):
            raise reader.error(f"expected ',' or '}}', found {reader.found()}")
        reader.blanks()
        start, key = reader.at, reader.string()
        if key is None:
            raise reader.error(f"expected a quoted key, found {reader.found()}")
        if key in entries:
            raise reader.error(f"key {key[:40]!r} stands twice", start)
        if not reader.take(":"):
            raise reader.error(f"expected ':', found {reader.found()}")
        entries[key] = read_expression(reader, depth + 1)
    return ObjectOf(tuple(entries.items()))


def _named(reader: Reader, depth: int) -> Node:
    start, name = reader.at, reader.match(_NAME)
    if not name:
        raise reader.error(f"expected a path, a function or a value, found {reader.found()}")
    after = reader.at
    if reader.take("("):
        return _call(reader, name, start, depth)
    reader.at = after
    if name in _LITERALS:
        return Literal(_LITERALS[name])
    if name not in SCOPES:
        raise UnknownName(_unknown(name)).at(reader.text, start)
    return _path(reader, name)


def _unknown(name: str) -> str:
    if name.upper() in FUNCTIONS:
        return f"{name.upper()} is a function: write {FUNCTIONS[name.upper()].signature}"
    return f"unknown name {name[:40]!r}: a path begins with {', '.join(SCOPES[:-1])} or {SCOPES[-1]}; a text has quotes"


def _call(reader: Reader, name: str, start: int, depth: int) -> Call:
    function = FUNCTIONS.get(name.upper())
    if function is None:
        near = difflib.get_close_matches(name.upper(), FUNCTIONS, 1)
        hint = f", did you mean {near[0]}?" if near else ""
        raise UnknownName(f"unknown function {name[:40]!r}{hint}").at(reader.text, start)
    arguments = _list(reader, ")", depth)
    if not function.takes(len(arguments)):
        raise reader.error(f"{function.signature} cannot take {len(arguments)} arguments", start)
    return Call(function, arguments, start)


def _path(reader: Reader, scope: str) -> Lookup:
    if scope == "message":
        reader.match(_WHOLE)
    keys: list[str | int] = []
    while reader.sees(".") or reader.sees("["):
        keys.append(read_step(reader))
    if scope != "message" and not keys:
        raise reader.error(f"expected a name after {scope!r}: {scope}.name")
    if scope == "global":
        # A global is one text under one name; dots are part of the name.
        return Lookup(scope, (".".join(map(str, keys)),))
    return Lookup(scope, tuple(keys))


def read_step(reader: Reader) -> str | int:
    """Take one ``.name``, ``[0]`` or ``["name"]`` of a path."""
    if reader.sees("."):
        reader.at += 1
        if name := reader.match(_KEY):
            return name
        raise reader.error(f'expected a name, found {reader.found()}; other names are written ["…"]')
    reader.at += 1
    reader.blanks()
    key: str | int | None = reader.string()
    if key is None and (index := reader.match(_INDEX)):
        key = int(index)
    if key is None:
        raise reader.error(f"expected an index (0, 1, 2 …) or a quoted name, found {reader.found()}")
    if not reader.take("]"):
        raise reader.error(f"expected ']', found {reader.found()}")
    return key
