"""The two things that callers parse: one expression, or a parameter with ``{{ … }}`` in its texts."""

from __future__ import annotations

from typing import Any

from sojourn.core.json import MAX_DEPTH, Json
from sojourn.pipelines.expressions.errors import ExpressionError, ExpressionLimit, Path
from sojourn.pipelines.expressions.jsontext import read_json
from sojourn.pipelines.expressions.limits import MAX_EXPRESSION
from sojourn.pipelines.expressions.parser import Hole, read_expression, read_hole
from sojourn.pipelines.expressions.pieces import Piece, Place, Render, constant, entries, inserted, items, text_of
from sojourn.pipelines.expressions.reader import Reader
from sojourn.pipelines.expressions.scope import Run, Scope
from sojourn.pipelines.expressions.values import fresh


class Expression:
    """One parsed expression, without its braces. Immutable; any number of evaluations may run at once."""

    def __init__(self, text: str, piece: Piece) -> None:
        #: What was parsed.
        self.text = text
        self._render = piece.render

    def evaluate(self, scope: Scope) -> Json:
        """Its value, which shares nothing changeable with ``scope``; raises :class:`ExpressionError`."""
        return _run(self._render, scope)


class Template:
    """A parsed parameter. Immutable; any number of renderings may run at once."""

    def __init__(self, piece: Piece) -> None:
        self._render = piece.render
        #: Whether no expression is inside, so that every scope renders the same.
        self.constant = piece.constant

    def render(self, scope: Scope) -> Json:
        """The parameter's value, which shares nothing changeable with ``scope``; raises :class:`ExpressionError`."""
        return _run(self._render, scope)


def _run(render: Render, scope: Scope) -> Json:
    try:
        return render(Run(scope))
    except RecursionError:
        # Depths are bounded, but how much of the stack the caller has left is not known.
        raise ExpressionLimit("the values nest too deeply") from None


def parse(text: str) -> Expression:
    """The expression that ``text`` spells, as it stands between ``{{`` and ``}}``; raises :class:`ExpressionError`."""
    if len(text) > MAX_EXPRESSION:
        raise ExpressionLimit(f"an expression has at most {MAX_EXPRESSION} characters")
    reader = Reader(text)
    node = read_expression(reader)
    reader.blanks()
    if not reader.ended:
        raise reader.error(f"expected the end of the expression, found {reader.found()}")
    return Expression(text, inserted(Hole(node, 0), Place(text)))


def parse_template(value: Json, *, as_json: bool) -> Template:
    """The template of a parameter as it was read from the pipeline file; raises :class:`ExpressionError`.

    Args:
        value: A text, or an array or object with texts (and keys) in it.
        as_json: Whether the parameter holds JSON. Then a text is JSON text with expressions in it, and a string
            *inside* an array or object that is exactly one ``{{ … }}`` becomes the value with its JSON type. Without
            it every text renders as text.
    """
    if as_json and isinstance(value, str):
        return Template(read_json(value))
    return Template(_structure(value, (), as_json=as_json))


def _structure(value: Any, path: Path, *, as_json: bool) -> Piece:
    if isinstance(value, str):
        return _string(value, path, typed=as_json)
    if isinstance(value, dict | list) and len(path) >= MAX_DEPTH:
        raise ExpressionLimit(f"a template nests at most {MAX_DEPTH} deep")
    if isinstance(value, dict):
        return entries(
            [
                (_string(key, path, typed=False), _structure(item, (*path, key), as_json=as_json))
                for key, item in value.items()
            ]
        )
    if isinstance(value, list):
        return items([_structure(item, (*path, index), as_json=as_json) for index, item in enumerate(value)])
    return _scalar(value, path)


def _scalar(value: Any, path: Path) -> Piece:
    try:
        return constant(fresh(value, Run(Scope(None))))
    except ExpressionError as error:
        error.path = path
        raise


def _string(text: str, path: Path, *, typed: bool) -> Piece:
    if "{{" not in text:
        return constant(text)
    place = Place(text, path, len(path))
    try:
        parts = _parts(Reader(text))
    except ExpressionError as error:
        error.path = path
        raise
    if typed and len(parts) == 1 and isinstance(parts[0], Hole):
        return inserted(parts[0], place)
    return text_of(parts, place)


def _parts(reader: Reader) -> list[str | Hole]:
    parts: list[str | Hole] = []
    while not reader.ended:
        if reader.sees("{{"):
            parts.append(read_hole(reader))
            continue
        found = reader.text.find("{{", reader.at)
        end = len(reader.text) if found < 0 else found
        parts.append(reader.text[reader.at : end])
        reader.at = end
    return parts
