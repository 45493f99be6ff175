"""block-execution: a subflow whose errors are caught."""

from __future__ import annotations

from sojourn.core.json import Json
from sojourn.pipelines.component import (
    EXAMPLE_TIME,
    ON_EXCEPTION,
    ON_PROCESS,
    Example,
    InstantParams,
    Outcome,
    View,
    component,
)


class BlockExecution(InstantParams, frozen=True):
    """``block-execution`` has no parameters; ``onProcess`` and ``onException`` stand beside ``component``."""


_THROW: Json = [{"step": "fail", "component": "throw-error", "params": {"errorMessage": "sold out", "errorCode": 409}}]
_REPLY: Json = [{"step": "reply", "component": "json-generator", "params": {"json": {"why": "{{ message.error }}"}}}]

EXAMPLES = (
    Example("the last message of onProcess goes on", step={"onProcess": _REPLY}, message={"error": 1}, want={"why": 1}),
    Example("an error starts onException", step={"onProcess": _THROW, "onException": _REPLY}, want={"why": "sold out"}),
    Example(
        "without onException the error climbs",
        step={"onProcess": _THROW},
        want={"timestamp": EXAMPLE_TIME, "error": "sold out", "code": 409},
        error="pipeline.thrown",
    ),
)


@component("block-execution", since="0.1", examples=EXAMPLES, flows="block")
def block_execution(p: BlockExecution, message: Json, view: View) -> Outcome:  # noqa: ARG001 - all components take it
    """Run the steps of `onProcess`; when one throws, run those of `onException` with the error message.

    The error message is `{timestamp, error, code}`. What `onException` throws climbs to the enclosing step.
    Scoped session steps of both see one LOCAL session that belongs to this invocation.
    """
    return Outcome(message, enter=ON_PROCESS, rescue=ON_EXCEPTION, invocation=True)
