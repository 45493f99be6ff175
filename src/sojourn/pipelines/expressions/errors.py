"""What can go wrong in an expression; every error knows its place in the text of the parameter."""

from __future__ import annotations

from typing import Self

from sojourn.core.errors import SojournError

#: Keys and indexes that lead from a parameter to a string inside it.
Path = tuple[str | int, ...]


class ExpressionError(SojournError):
    """The expression cannot be evaluated.

    The message names kinds of values, never values: it may be shown and logged. File, step and parameter are added by
    who knows them.
    """

    code = "expression.error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        #: Line within the parameter's text, from 1; 0 while unknown.
        self.line = 0
        #: Column within that line in characters, from 1; 0 while unknown.
        self.column = 0
        #: Where the text stands inside a structured parameter; empty for a parameter that is one text.
        self.path: Path = ()

    def at(self, text: str, offset: int, label: str = "") -> Self:
        """This error, placed at ``offset`` of ``text`` and told after ``label``; the first placing stays."""
        if not self.line:
            self.line = text.count("\n", 0, offset) + 1
            self.column = offset - text.rfind("\n", 0, offset)
            if label:
                self.args = (f"{label}: {self.message}",)
        return self

    @property
    def located(self) -> str:
        """The message after its place: ``line 1, column 4: …``."""
        return f"line {self.line}, column {self.column}: {self.message}" if self.line else self.message


class ExpressionSyntax(ExpressionError):
    """The text is not an expression."""

    code = "expression.syntax"


class UnknownName(ExpressionError):
    """The expression names a scope or function that does not exist."""

    code = "expression.unknown_name"


class WrongArgument(ExpressionError):
    """A function was given what it cannot work on."""

    code = "expression.argument"


class ExpressionLimit(ExpressionError):
    """The expression, its result or the work for it is too large."""

    code = "expression.limit"
