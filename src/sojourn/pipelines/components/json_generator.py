"""json-generator: replace the message."""

from __future__ import annotations

from typing import Annotated, Any

from sojourn.core.json import Json
from sojourn.pipelines.component import Example, InstantParams, Outcome, View, component, doc


class JsonGenerator(InstantParams, frozen=True):
    """Parameters of ``json-generator``."""

    json: Annotated[Any, doc("The new message: a structure, or a text of JSON.", template="json")]
    fail_on_error: Annotated[bool, doc("Whether an error ends the flow; else it becomes the message.")] = False


_WRONG = (
    "step 'example': parameter 'json.sum': line 1, column 4: "
    "SUM: needs a number, not a text; TONUMBER makes one of a text"
)

EXAMPLES = (
    Example(
        "a structure; a value that is exactly one expression keeps its JSON type",
        params={"json": {"cart": {"sku": "{{ message.body.sku }}", "qty": "{{ message.body.qty }}"}}},
        message={"body": {"sku": "A1", "qty": 2}},
        want={"cart": {"sku": "A1", "qty": 2}},
    ),
    Example(
        "a text of JSON; values are inserted as JSON",
        params={"json": '{"cart": {{ DEFAULT(message.cart, NEWEMPTYOBJECT()) }}, "by": {{ message.user }} }'},
        message={"user": 'Ana "A"'},
        want={"cart": {}, "by": 'Ana "A"'},
    ),
    Example("a constant", params={"json": {"stored": True}}, message={"x": 1}, want={"stored": True}),
    Example(
        "what cannot be evaluated becomes the message",
        params={"json": {"sum": "{{ SUM(message.a, 1) }}"}},
        message={"a": "one"},
        want={"success": False, "error": _WRONG, "message": _WRONG, "code": 422},
    ),
    Example(
        "or ends the flow",
        params={"json": {"sum": "{{ SUM(message.a, 1) }}"}, "failOnError": True},
        message={"a": "one"},
        error="pipeline.expression",
    ),
)


@component("json-generator", since="0.1", examples=EXAMPLES)
def json_generator(p: JsonGenerator, message: Json, view: View) -> Outcome:  # noqa: ARG001 - all components take it
    """Replace the message by the JSON given here; the previous message is gone."""
    return Outcome(p.json)
