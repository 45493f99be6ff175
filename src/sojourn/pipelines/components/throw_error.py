"""throw-error: end the flow with an error."""

from __future__ import annotations

from typing import Annotated, Any

from sojourn.core.json import Json
from sojourn.pipelines.component import EXAMPLE_TIME, Example, InstantParams, Outcome, View, component, doc
from sojourn.pipelines.errors import Thrown
from sojourn.pipelines.numbers import error_code


class ThrowError(InstantParams, frozen=True):
    """Parameters of ``throw-error``."""

    error_message: Annotated[str, doc("Text of the error.", template="text")] = "Error"
    error_code: Annotated[int | str, doc("HTTP status, 400 to 599.", template="text")] = 500
    custom_error_enabled: Annotated[bool, doc("Whether `customError` is the error message.")] = False
    custom_error: Annotated[
        Any, doc("Error message of your own; with `code` and `error` the reply has that status.", template="json")
    ] = None


EXAMPLES = (
    Example(
        "a status and a text",
        params={"errorMessage": "no cart {{ message.id }}", "errorCode": "404"},
        message={"id": 7},
        want={"timestamp": EXAMPLE_TIME, "error": "no cart 7", "code": 404},
        error="pipeline.thrown",
    ),
    Example(
        "without parameters",
        want={"timestamp": EXAMPLE_TIME, "error": "Error", "code": 500},
        error="pipeline.thrown",
    ),
    Example(
        "a custom error counts only where it is enabled",
        params={"customError": {"error": "sold out", "code": 409}},
        want={"timestamp": EXAMPLE_TIME, "error": "Error", "code": 500},
        error="pipeline.thrown",
    ),
    Example(
        "an error message of your own",
        params={
            "customErrorEnabled": True,
            "customError": {"error": "sold out", "code": 409, "sku": "{{ message.sku }}"},
        },
        message={"sku": "A1"},
        want={"error": "sold out", "code": 409, "sku": "A1"},
        error="pipeline.thrown",
    ),
)


@component("throw-error", since="0.1", examples=EXAMPLES)
def throw_error(p: ThrowError, message: Json, view: View) -> Outcome:  # noqa: ARG001 - all components take it
    """End the flow, or start `onException` of the enclosing step, with an error message."""
    raise Thrown(p.error_message, error_code(p.error_code), body=p.custom_error if p.custom_error_enabled else None)
