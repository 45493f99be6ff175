"""Whole numbers as parameters hold them: numbers, or texts that spell them (exported pipelines store both)."""

from __future__ import annotations

import re
from decimal import Decimal

from sojourn.core.json import Json
from sojourn.pipelines.errors import StepFailed

_WHOLE = re.compile(r"-?[0-9]{1,18}")

#: A Decimal beyond this is not turned into an int: ``1E+999999`` would take all day.
_BOUND = 10**18

#: Statuses that an error reply may have.
LOWEST_ERROR, HIGHEST_ERROR = 400, 599


def whole(value: Json, name: str) -> int:
    """``value`` as an int; null and the empty text are 0. Raises :class:`StepFailed` with the parameter's ``name``."""
    if value is None or value == "":
        return 0
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Decimal) and abs(value) < _BOUND and value == value.to_integral_value():
        return int(value)
    raise StepFailed(f"{name} is not a whole number", 422)


def is_error_status(number: Json) -> bool:
    """Whether ``number`` is a status that an error reply may have."""
    return isinstance(number, int) and LOWEST_ERROR <= number <= HIGHEST_ERROR


def error_code(value: Json) -> int:
    """The ``code`` of an error: ``value`` where it is a whole number, else 500."""
    try:
        return whole(value, "errorCode") or 500
    except StepFailed:
        return 500
