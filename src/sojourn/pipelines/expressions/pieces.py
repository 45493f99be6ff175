"""What a template is built of: pieces that are constant, or closures that render from a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sojourn.core.json import Json
from sojourn.pipelines.expressions.compiler import compile_node
from sojourn.pipelines.expressions.errors import ExpressionError, Path
from sojourn.pipelines.expressions.parser import Hole
from sojourn.pipelines.expressions.scope import Run
from sojourn.pipelines.expressions.values import SCALARS, fresh, to_text

Render = Callable[[Run], Json]


class Place(NamedTuple):
    """Where a string with holes stands."""

    text: str
    path: Path = ()
    #: How many arrays and objects of the template are open around it.
    depth: int = 0


class Piece(NamedTuple):
    """A part of a template. What it renders shares nothing changeable with message or template."""

    render: Render
    constant: bool = False
    #: The value, where it is constant.
    value: Json = None


def constant(value: Json) -> Piece:
    """A piece without any hole."""
    if type(value) in SCALARS:
        return Piece(lambda _run: value, constant=True, value=value)
    return Piece(lambda run: fresh(value, run), constant=True, value=value)


def inserted(hole: Hole, place: Place) -> Piece:
    """The value of one expression, with its JSON type."""
    evaluate = compile_node(hole.node, place.text)

    def render(run: Run) -> Json:
        try:
            value = evaluate(run)
            return value if type(value) in SCALARS else fresh(value, run, place.depth)
        except ExpressionError as error:
            raise _placed(error, hole, place) from None

    return Piece(render)


def text_of(parts: Sequence[str | Hole], place: Place) -> Piece:
    """A text with the texts of expressions in it."""
    if all(isinstance(part, str) for part in parts):
        return constant("".join(map(str, parts)))
    renders = [_word(part) if isinstance(part, str) else _text(part, place) for part in parts]
    if len(renders) == 1:
        return Piece(renders[0])

    def render(run: Run) -> str:
        words = [one(run) for one in renders]
        run.charge_text(sum(map(len, words)))
        return "".join(words)

    return Piece(render)


def items(pieces: Sequence[Piece]) -> Piece:
    """An array."""
    if all(piece.constant for piece in pieces):
        return constant([piece.value for piece in pieces])
    renders = [piece.render for piece in pieces]
    return Piece(lambda run: [render(run) for render in renders])


def entries(pairs: Sequence[tuple[Piece, Piece]]) -> Piece:
    """An object; its keys are texts."""
    if not all(key.constant for key, _ in pairs):
        return _keyed(pairs)
    named = [(str(key.value), value) for key, value in pairs]
    if all(value.constant for _, value in named):
        return constant({key: value.value for key, value in named})
    renders = [(key, value.render) for key, value in named]
    return Piece(lambda run: {key: render(run) for key, render in renders})


def _keyed(pairs: Sequence[tuple[Piece, Piece]]) -> Piece:
    def render(run: Run) -> Json:
        made = {str(key.render(run)): value.render(run) for key, value in pairs}
        if len(made) != len(pairs):
            raise ExpressionError("two keys of this object became the same")
        return made

    return Piece(render)


def _word(word: str) -> Callable[[Run], str]:
    return lambda _run: word


def _text(hole: Hole, place: Place) -> Callable[[Run], str]:
    evaluate = compile_node(hole.node, place.text)

    def render(run: Run) -> str:
        try:
            return to_text(evaluate(run), run)
        except ExpressionError as error:
            raise _placed(error, hole, place) from None

    return render


def _placed(error: ExpressionError, hole: Hole, place: Place) -> ExpressionError:
    error.path = place.path
    return error.at(place.text, hole.offset)
