"""assert: go on only when a condition holds."""

from __future__ import annotations

from typing import Annotated, Any

from sojourn.core.json import Json
from sojourn.pipelines.component import EXAMPLE_TIME, Example, InstantParams, Outcome, View, component, doc
from sojourn.pipelines.errors import Thrown
from sojourn.pipelines.numbers import error_code


class Assert(InstantParams, frozen=True):
    """Parameters of ``assert``."""

    condition: Annotated[Any, doc("Holds when it is true; anything else, null too, does not.", template="json")]
    error_message: Annotated[str, doc("Text of the error.", template="text")] = "Error"
    internal_error_message: Annotated[
        str, doc("Text for the flow itself, with `failOnError: false`.", template="text")
    ] = ""
    error_code: Annotated[int | str, doc("HTTP status of the error.", template="text")] = 500
    fail_on_error: Annotated[bool, doc("Whether the flow ends; else the error becomes the message.")] = True


_EQUAL = "{{ EQUALTO(message.number, 1) }}"

EXAMPLES = (
    Example("holds", params={"condition": _EQUAL}, message={"number": 1}, want={"number": 1}),
    Example(
        "does not hold",
        params={"condition": _EQUAL, "errorMessage": "not allowed", "errorCode": 403},
        message={"number": 2},
        want={"timestamp": EXAMPLE_TIME, "error": "not allowed", "code": 403},
        error="pipeline.thrown",
    ),
    Example(
        "by default it is an error 500",
        params={"condition": False},
        want={"timestamp": EXAMPLE_TIME, "error": "Error", "code": 500},
        error="pipeline.thrown",
    ),
    Example(
        "only true holds",
        params={"condition": 1, "failOnError": False},
        want={"error": "Error", "internalErrorMessage": "", "code": 500, "success": False},
    ),
    Example(
        "the flow goes on with the error",
        params={
            "condition": "{{ message.missing }}",
            "errorCode": 404,
            "internalErrorMessage": "lookup",
            "failOnError": False,
        },
        message={},
        want={"error": "Error", "internalErrorMessage": "lookup", "code": 404, "success": False},
    ),
)


@component("assert", since="0.1", examples=EXAMPLES)
def assertion(p: Assert, message: Json, view: View) -> Outcome:  # noqa: ARG001 - all components take it
    """Pass the message on when the condition is true; else end the flow with an error."""
    if p.condition is True:
        return Outcome(message)
    code = error_code(p.error_code)
    if p.fail_on_error:
        raise Thrown(p.error_message, code)
    failure: Json = {
        "error": p.error_message,
        "internalErrorMessage": p.internal_error_message,
        "code": code,
        "success": False,
    }
    return Outcome(failure)
