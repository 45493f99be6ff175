"""From the last message of a pipeline to its reply."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sojourn.core import json
from sojourn.core.errors import SojournError
from sojourn.core.json import Json
from sojourn.pipelines.errors import ExpressionFailed, FlowError, StepFailed
from sojourn.pipelines.execution import Execution
from sojourn.pipelines.expressions import ExpressionError, Scope
from sojourn.pipelines.model import Plan
from sojourn.pipelines.numbers import is_error_status, whole
from sojourn.pipelines.request import PipelineReply

_logger = logging.getLogger("sojourn.pipelines.flow")

JSON_TYPE: Final = ("content-type", "application/json")

_LOWEST, _HIGHEST = 200, 599
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:\s*;[\x20-\x7e]*)?")
_UNSENDABLE = re.compile(r"[^\t\x20-\x7e\xa0-\xff]")

Headers = Iterable[tuple[str, str]]


class BadEnvelope(FlowError):
    """The last message is no {code, body, "Content-Type"}."""

    code = "pipeline.bad_envelope"


def normal_reply(plan: Plan, execution: Execution, message: Json) -> PipelineReply:
    """The reply of a flow that came to its end; raises :class:`FlowError` for a message that cannot be sent."""
    extra = (*execution.headers.items(), *_declared(plan, execution, message))
    if plan.trigger.type == "http":
        return _enveloped(plan, message, extra)
    return PipelineReply(200, (JSON_TYPE, *extra), _encoded(message))


def error_reply(plan: Plan, execution: Execution, message: Json) -> PipelineReply:
    """The reply of a flow that ended with the error ``message``."""
    status = message.get("code") if isinstance(message, dict) and "error" in message else None
    number = status if isinstance(status, int) and is_error_status(status) else 500
    return PipelineReply(number, (JSON_TYPE, *_declared(plan, execution, message)), _encoded(message))


def timeout_reply(plan: Plan, execution_key: str) -> PipelineReply:
    """The reply of a flow that took too long."""
    if plan.trigger.timeout_status == 500:  # noqa: PLR2004 - the reference's own
        return PipelineReply(500)
    body = {"message": "the pipeline took too long", "code": "pipeline.timeout", "executionKey": execution_key}
    return PipelineReply(504, (JSON_TYPE,), json.encode(body))


def _encoded(message: Json) -> bytes:
    try:
        return json.encode(message)
    except SojournError as error:
        raise FlowError(error.message) from error


def _enveloped(plan: Plan, message: Json, extra: tuple[tuple[str, str], ...]) -> PipelineReply:
    if not isinstance(message, dict):
        raise BadEnvelope
    status = _status(message.get("code", 200))
    kind = message.get("Content-Type", "application/json")
    if not isinstance(kind, str) or _MEDIA_TYPE.fullmatch(kind) is None:
        raise BadEnvelope("the last message has no valid Content-Type")
    allowed = plan.trigger.response_content_types
    if allowed and kind.partition(";")[0].strip().lower() not in allowed:
        raise BadEnvelope(f"Content-Type {kind!r} is not one of the trigger's responseContentTypes")
    body: Any = message.get("body", "")
    raw = body.encode(errors="replace") if isinstance(body, str) else _encoded(body)
    return PipelineReply(status, (("content-type", kind), *extra), raw)


def _status(code: Json) -> int:
    try:
        status = whole(code, "code")
    except StepFailed as error:
        raise BadEnvelope(error.message) from error
    if not _LOWEST <= status <= _HIGHEST:
        raise BadEnvelope(f"code {status} is no status from {_LOWEST} to {_HIGHEST}")
    return status


def _declared(plan: Plan, execution: Execution, message: Json) -> Headers:
    """The trigger's own headers; one that cannot be evaluated for this message is left out."""
    return _rendered(plan, execution.scope(message)) if plan.trigger.response_headers else ()


def _rendered(plan: Plan, scope: Scope) -> Iterator[tuple[str, str]]:
    for name, template in plan.trigger.response_headers:
        try:
            yield name, _UNSENDABLE.sub("?", str(template.render(scope)))
        except ExpressionError as error:
            failed = ExpressionFailed(f"response header {name!r}: {error.located}")
            _logger.warning("%s:%d: %s", plan.file, plan.line, failed.message)
