"""Parameters of authors' SQL: ``?`` in order or ``:name``, in the spelling that the driver wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sojourn.data.errors import BadParameters, StatementRefused
from sojourn.data.lexer import Lexed, Token
from sojourn.data.port import Cell, Parameters

#: What a statement that reads begins with.
_READING: Final = frozenset({"SELECT", "WITH", "VALUES"})

#: The placeholder of the parameter with that number, from 1.
Placeholder = Callable[[int], str]


def check_reading(lexed: Lexed) -> None:
    """Raise ``StatementRefused`` unless the statement begins as one that reads.

    A friendly refusal; what it may do in truth is decided by the rights of its connection.
    """
    if lexed.first not in _READING:
        raise StatementRefused("a query begins with SELECT, WITH or VALUES")


def bind(lexed: Lexed, parameters: Parameters, placeholder: Placeholder) -> tuple[str, list[Cell]]:
    """The statement with the driver's placeholders, and a value for each; raises ``BadParameters``."""
    named = isinstance(parameters, Mapping)
    marks = [token for token in lexed.tokens if token.kind in ("parameter", "foreign")]
    for token in marks:
        if token.kind == "foreign" or (token.text == "?") is named:
            wanted = "given by name, so it has :name" if named else "given in order, so it has ?"
            raise BadParameters(f"parameters are {wanted}, not {token.text[:40]}")
    values = _named(marks, parameters) if isinstance(parameters, Mapping) else _ordered(marks, parameters)
    return respelled(lexed, marks, placeholder), values


def respelled(lexed: Lexed, marks: Sequence[Token], placeholder: Placeholder) -> str:
    """The statement with ``placeholder(1)``, ``placeholder(2)`` … in place of ``marks``."""
    parts, position = [], 0
    for number, token in enumerate(marks, 1):
        parts += [lexed.sql[position : token.start], placeholder(number)]
        position = token.end
    return "".join([*parts, lexed.sql[position:]])


def _named(marks: Sequence[Token], parameters: Mapping[str, Cell]) -> list[Cell]:
    missing = sorted({token.text[1:] for token in marks} - parameters.keys())
    if missing:
        raise BadParameters(f"there is no value for {', '.join(f':{name[:40]}' for name in missing)}")
    return [parameters[token.text[1:]] for token in marks]


def _ordered(marks: Sequence[Token], parameters: Sequence[Cell]) -> list[Cell]:
    if isinstance(parameters, str | bytes):
        raise BadParameters("parameters are a list, or named values")
    if len(marks) != len(parameters):
        raise BadParameters(f"parameters in the statement: {len(marks)}, values given: {len(parameters)}")
    return list(parameters)
