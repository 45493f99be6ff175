"""script: run a script of the project with the message."""

from __future__ import annotations

from typing import Annotated, Any

from sojourn.core.json import Json
from sojourn.pipelines.component import EXAMPLE_TIME, Example, Outcome, Params, View, component, doc
from sojourn.pipelines.effects import RunScript

_NO_PARAMETERS: dict[str, Any] = {}


class Script(Params, frozen=True):
    """Parameters of ``script``."""

    script: Annotated[
        str, doc("The script: `ufs:/folder/name.js`, `vfs:/folder/name.js` or `vfs:ikey?KEY`, as it stands.")
    ]
    parameters: Annotated[
        dict[str, Any], doc("Global variables that the script finds beside `message`.", template="json")
    ] = _NO_PARAMETERS
    fail_on_error: Annotated[bool, doc("Whether what the script throws ends the flow.")] = True


EXAMPLES = (
    Example(
        "the last value of the script is the next message",
        params={"script": "ufs:/price.js"},
        message={"items": [{"sku": "a", "qty": 2, "price": 5}]},
        want={"total": 10},
        effects=(RunScript("ufs:/price.js", {}),),
    ),
    Example(
        "with parameters",
        params={"script": "ufs:/discount.js", "parameters": {"percent": "{{ message.percent }}"}},
        message={"total": 200, "percent": 10},
        want={"total": 180},
        effects=(RunScript("ufs:/discount.js", {"percent": 10}),),
    ),
    Example(
        "a script without a value leaves the message as it is",
        params={"script": "ufs:/note.js"},
        message={"id": 7},
        want={"id": 7},
        effects=(RunScript("ufs:/note.js", {}),),
    ),
    Example(
        "what it throws, as the message",
        params={"script": "ufs:/refuse.js", "failOnError": False},
        message={"id": 7},
        want={
            "success": False,
            "error": "step 'example': ufs:/refuse.js: Error: out of stock",
            "message": "step 'example': ufs:/refuse.js: Error: out of stock",
            "code": 500,
        },
        effects=(RunScript("ufs:/refuse.js", {}),),
    ),
    Example(
        "what it throws, as the end of the flow; the status of an HttpError is the code",
        params={"script": "ufs:/missing.js"},
        message={"id": 7},
        want={
            "timestamp": EXAMPLE_TIME,
            "error": "step 'example': ufs:/missing.js: HttpError: no such cart",
            "code": 404,
        },
        effects=(RunScript("ufs:/missing.js", {}),),
        error="pipeline.script_failed",
    ),
)


@component("script", since="0.1", examples=EXAMPLES)
def script(p: Script, message: Json, view: View) -> Outcome:  # noqa: ARG001 - all components take it
    """Run a script of the project: it finds the message in the global variable `message`, and its last value is the next one.

    The script acts as the session of the request's token; without one `session` is nobody. In a stateful realm it runs in
    the environment of that session and its global variables stay, in a stateless one as the realm's `cleanupEnvironment`
    says. There is no `request` and no `response`. A promise is waited for; a script without a last value leaves the message
    as it is. A date becomes its ISO text; bytes, NaN and infinities are an error. Numbers are JavaScript numbers: one that
    such a number does not hold exactly is an error when it goes in, and a whole number beyond 2^53 becomes a BigInt.

    The limits are those of the realm (`scriptCpu`, `scriptTimeout`, `scriptMemory`, `scriptOutput`), and the script has no
    more time than the pipeline has left. What it throws is an error with the code of an `HttpError`, with the `status` of any
    other error that has one from 400 to 599, else with 500. Where the script logs in, later steps go on as that user.
    """
    return Outcome(message, (RunScript(p.script, p.parameters),))
