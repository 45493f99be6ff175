"""choice: go on in one of several subflows."""

from __future__ import annotations

from sojourn.core.json import Json
from sojourn.pipelines.component import OTHERWISE, Example, InstantParams, Outcome, View, component
from sojourn.pipelines.conditions import when_name


class Choice(InstantParams, frozen=True):
    """``choice`` has no parameters; ``when`` and ``otherwise`` stand beside ``component``."""


def _reply(text: str) -> Json:
    return [{"step": "reply", "component": "json-generator", "params": {"json": {"took": text}}}]


_STEP: dict[str, Json] = {
    "when": [
        {"condition": "{{ GREATERTHAN(message.qty, 10) }}", "flow": _reply("many")},
        {"condition": "{{ GREATERTHAN(message.qty, 1) }}", "flow": _reply("some")},
    ],
    "otherwise": _reply("one"),
}

_SIMPLE: dict[str, Json] = {
    "when": [{"condition": "#{city} == 'Porto' && #{qty} > 2", "flow": _reply("many in Porto")}],
    "otherwise": _reply("another way"),
}

EXAMPLES = (
    Example("the first condition that holds", step=_STEP, message={"qty": 11}, want={"took": "many"}),
    Example("the next", step=_STEP, message={"qty": 2}, want={"took": "some"}),
    Example("none holds", step=_STEP, message={}, want={"took": "one"}),
    Example("a Simple condition", step=_SIMPLE, message={"city": "Porto", "qty": 3}, want={"took": "many in Porto"}),
    Example("a Simple condition that does not hold", step=_SIMPLE, message={"qty": 3}, want={"took": "another way"}),
)


@component("choice", since="0.1", examples=EXAMPLES, flows="choice")
def choice(p: Choice, message: Json, view: View) -> Outcome:  # noqa: ARG001 - all components take it
    """Pass the message to the flow of the first condition in `when` that is true, else to `otherwise`.

    Both keys are required. A condition is `{{ … }}` that gives true, or a Simple one such as
    `#{city} == 'Porto' && #{qty} > 2`, whose paths are relative to the message. The last message of the flow taken is
    the message of the step.
    """
    for number, holds in enumerate(view.conditions):
        if holds():
            return Outcome(message, enter=when_name(number))
    return Outcome(message, enter=OTHERWISE)
