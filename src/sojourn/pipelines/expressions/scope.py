"""What an expression may see, and the meter that runs while it is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from sojourn.core.clock import Clock, SystemClock
from sojourn.core.ids import new_execution_key
from sojourn.core.json import Json
from sojourn.pipelines.expressions.errors import ExpressionLimit
from sojourn.pipelines.expressions.limits import MAX_STEPS, MAX_TEXT

#: The names that a path may begin with.
SCOPES = ("message", "global", "metadata")


class Scope(msgspec.Struct, frozen=True):
    """The values that paths lead into, and where time and identifiers come from. Nothing of it is ever changed."""

    #: What the step received.
    message: Json
    #: Globals of the realm, text by name.
    globals: Mapping[str, str] = {}
    #: Facts about pipeline and execution: ``{"pipeline": {"name": …}, "execution": {"key": …}}``.
    metadata: Mapping[str, Json] = {}
    #: What ``NOW()`` reads.
    clock: Clock = msgspec.field(default_factory=SystemClock)
    #: What ``UUID()`` calls.
    new_uuid: Callable[[], str] = new_execution_key


class Run:
    """One evaluation: its scope and the steps it has left."""

    __slots__ = ("_left", "message", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.message = scope.message
        self._left = MAX_STEPS

    def charge(self, steps: int) -> None:
        """Count ``steps``; raises :class:`ExpressionLimit` when too many were taken."""
        self._left -= steps
        if self._left < 0:
            raise ExpressionLimit(f"the evaluation takes more than {MAX_STEPS} steps")

    def charge_text(self, characters: int) -> None:
        """Count a text of so many characters that is about to be made; raises :class:`ExpressionLimit`."""
        if characters > MAX_TEXT:
            raise ExpressionLimit(f"the text would have more than {MAX_TEXT} characters")
        self.charge(characters >> 3)
