"""Conditions of a choice, compiled when the pipeline is loaded."""

from __future__ import annotations

from typing import NamedTuple

from sojourn.pipelines.errors import ExpressionFailed
from sojourn.pipelines.expressions import ExpressionError, Scope, Template, parse_template


class Condition(NamedTuple):
    """One condition."""

    #: How it is called in errors: ``when[0]``.
    name: str
    template: Template

    def holds(self, scope: Scope) -> bool:
        """Whether it is true; anything but ``true`` is not. Raises :class:`ExpressionFailed`."""
        try:
            return self.template.render(scope) is True
        except ExpressionError as error:
            raise ExpressionFailed(f"condition {self.name}: {error.located}") from error


def when_name(number: int) -> str:
    """Name of the subflow of the condition ``number``, from 0."""
    return f"when[{number}]"


def compile_condition(name: str, text: str | bool) -> Condition:  # noqa: FBT001 - YAML's true is a condition
    """The condition that ``text`` spells; raises :class:`ExpressionError`."""
    return Condition(name, parse_template(text, as_json=True))
