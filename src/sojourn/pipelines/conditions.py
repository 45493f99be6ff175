"""Conditions of a choice, compiled when the pipeline is loaded: Double Braces, or the Simple language with ``#{path}``."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sojourn.pipelines.errors import ExpressionFailed
from sojourn.pipelines.expressions import ExpressionError, Scope, parse_template
from sojourn.pipelines.expressions.simple import parse_condition


class Condition(NamedTuple):
    """One condition."""

    #: How it is called in errors: ``when[0]``.
    name: str
    test: Callable[[Scope], bool]

    def holds(self, scope: Scope) -> bool:
        """Whether it is true; anything but ``true`` is not. Raises :class:`ExpressionFailed`."""
        try:
            return self.test(scope)
        except ExpressionError as error:
            raise ExpressionFailed(f"condition {self.name}: {error.located}") from error


def when_name(number: int) -> str:
    """Name of the subflow of the condition ``number``, from 0."""
    return f"when[{number}]"


def compile_condition(name: str, text: str | bool) -> Condition:  # noqa: FBT001 - YAML's true is a condition
    """The condition that ``text`` spells; raises :class:`ExpressionError`."""
    if isinstance(text, str) and "#{" in text:
        return Condition(name, parse_condition(text).holds)
    template = parse_template(text, as_json=True)
    return Condition(name, lambda scope: template.render(scope) is True)
