"""What can go wrong in a flow, and the message that an error becomes inside it."""

from __future__ import annotations

from typing import Any

from sojourn.core.clock import iso
from sojourn.core.errors import BadOperand, FieldConflict, FieldLimit, SojournError
from sojourn.core.json import Json


class FlowError(SojournError):
    """The flow ended with an error."""

    code = "pipeline.flow"

    def __init__(self, message: str = "", status: int = 0, *, body: Json = None) -> None:
        super().__init__(message)
        #: The ``code`` of the error message.
        self.number = status or type(self).status
        #: The author's own error message; None for the usual ``{timestamp, error, code}``.
        self.body = body


class Thrown(FlowError):
    """Thrown by the flow"""

    code = "pipeline.thrown"


class NoSession(FlowError):
    """global session requires an authenticated token"""

    code = "pipeline.no_session"
    status = 401


class NotInTestRun(FlowError):
    """This step works only in a deployed pipeline."""

    code = "pipeline.not_in_test_run"


class InvalidCredentials(FlowError):
    """Invalid credentials"""

    code = "pipeline.invalid_credentials"
    status = 401


class StepFailed(FlowError):
    """The step could not do its work."""

    code = "pipeline.step_failed"


class ScriptStepFailed(StepFailed):
    """The script of this step has failed."""

    code = "pipeline.script_failed"


class ExpressionFailed(StepFailed):
    """An expression could not be evaluated for this message."""

    code = "pipeline.expression"
    status = 422


class ExecutionOver(Exception):
    """The execution has used up its time or its steps; nothing of it may act any more.

    It is no error of the flow, so that no ``onException`` catches it.
    """


#: What a flow does to itself and answers for with ``{timestamp, error, code}``. Every other error (session ended,
#: store busy …) is answered by the HTTP layer.
OWN_ERRORS = (FlowError, FieldLimit, FieldConflict, BadOperand)


def status_of(error: SojournError) -> int:
    """The ``code`` of the message that ``error`` becomes."""
    return error.number if isinstance(error, FlowError) else error.status


def error_message(error: SojournError, now: int) -> Any:
    """The message that ``onException`` receives and that an error reply carries."""
    if isinstance(error, FlowError) and error.body is not None:
        return error.body
    if isinstance(error, FieldConflict):
        conflict = {"error": "field conflict", "code": error.status, "name": error.name}
        return {"timestamp": iso(now), **conflict, "expected": error.expected, "found": error.found}
    return {"timestamp": iso(now), "error": error.message, "code": status_of(error)}


def failure_message(error: SojournError) -> dict[str, Json]:
    """The message after a step with ``failOnError: false`` that failed."""
    return {"success": False, "error": error.message, "message": error.message, "code": status_of(error)}
