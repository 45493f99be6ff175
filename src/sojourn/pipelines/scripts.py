"""A script as a step of a pipeline: message in, message out."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import Final

from sojourn.core.errors import BadRequest
from sojourn.core.json import Json
from sojourn.engine.live import Session
from sojourn.pipelines.errors import ScriptStepFailed
from sojourn.pipelines.numbers import is_error_status
from sojourn.pipelines.powers import ScriptOrder
from sojourn.scripting.errors import ScriptFailed, ScriptTimeout, ScriptUnknown
from sojourn.scripting.order import Order
from sojourn.scripting.runtime import WriteGlobal
from sojourn.scripting.service import Scripts
from sojourn.scripting.values import UNDEFINED, Undefined, Value

#: The global variable in which a script finds the message.
MESSAGE: Final = "message"


async def run_step(scripts: Scripts, session: Session, order: ScriptOrder) -> Json:
    """The message after a script step; the caller holds the turn of ``session``. Raises as ``Powers.run_script``."""
    given = {**order.parameters, MESSAGE: order.message}
    values = {name: _into(value, name) for name, value in given.items()}
    execution = Order(
        session=session,
        task=order.script,
        execution_key=order.execution_key,
        what=f"script step {order.script}",
        holds_turn=True,
        deadline=order.deadline,
    )
    try:
        async with scripts.hold(execution) as held:
            for name, value in values.items():
                await held.execute(WriteGlobal(name, value))
            value = await held.execute(order.script)
    except (ScriptUnknown, BadRequest) as error:
        raise ScriptStepFailed(f"{order.script}: {error.message}") from error
    except ScriptFailed as error:
        raise ScriptStepFailed(f"{order.script}: {error.message}", _status(error)) from error
    return order.message if value == UNDEFINED else _out_of(value, order.script)


def _status(error: ScriptFailed) -> int:
    """The status that the thrown error names, where it is one of an error."""
    if isinstance(error, ScriptTimeout):
        return 504
    if error.http_status is not None:
        return error.http_status
    status = error.thrown.get("status") if isinstance(error.thrown, dict) else None
    return status if isinstance(status, int) and is_error_status(status) else 500


def _into(value: Json, name: str) -> Value:
    """A JSON value as a script gets it; raises :class:`ScriptStepFailed` for a number that would not be the same."""
    if isinstance(value, dict):
        return {key: _into(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_into(item, name) for item in value]
    if isinstance(value, Decimal):
        number = float(value)
        if not math.isfinite(number) or Decimal(repr(number)) != value:
            raise ScriptStepFailed(f"{name}: a script has no number that is exactly {value}")
        return number
    return value


def _out_of(value: Value, script: str) -> Json:
    """A value of a script as JSON; raises :class:`ScriptStepFailed` for what JSON has no word for."""
    if isinstance(value, dict):
        return {key: _out_of(item, script) for key, item in value.items() if item != UNDEFINED}
    if isinstance(value, list):
        return [None if item == UNDEFINED else _out_of(item, script) for item in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, float) and not math.isfinite(value):
        raise ScriptStepFailed(f"{script}: {value} is no part of a message")
    if isinstance(value, bytes):
        raise ScriptStepFailed(f"{script}: bytes are no part of a message")
    if isinstance(value, Undefined):
        return None
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
