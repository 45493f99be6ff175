"""log: write a line to the log."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from sojourn.core.json import Json
from sojourn.pipelines.component import Example, InstantParams, Outcome, View, component, doc
from sojourn.pipelines.effects import Log as Line


class Level(StrEnum):
    """How important a line is."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"

    @classmethod
    def _missing_(cls, value: object) -> Level | None:
        word = str(value).strip().upper().removesuffix("ING")
        return next((level for level in cls if level.value == word), None)


class Log(InstantParams, frozen=True):
    """Parameters of ``log``."""

    message: Annotated[str, doc("The line.", template="text")]
    level: Annotated[Level, doc("How important it is, in any case.")] = Level.ERROR


EXAMPLES = (
    Example(
        "a line with values",
        params={"level": "info", "message": "cart of {{ message.user }}"},
        message={"user": "ana"},
        want={"user": "ana"},
        effects=(Line("INFO", "cart of ana"),),
    ),
    Example("by default an error", params={"message": "no cart"}, want=None, effects=(Line("ERROR", "no cart"),)),
)


@component("log", since="0.1", examples=EXAMPLES)
def log(p: Log, message: Json, view: View) -> Outcome:  # noqa: ARG001 - all components take it
    """Write one line to the engine's log with the pipeline and the execution key; the message passes on unchanged.

    Line ends become blanks. Credentials are shown as `***`: values of members whose name says it (`password`, `token`,
    `authorization` …), JWTs, and the engine's own tokens and handles.
    """
    return Outcome(message, (Line(p.level.value, p.message),))
