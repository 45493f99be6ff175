"""Values that cross the border between scripts and the host.

``None`` is ``null``, ``bool``, ``str``, ``list`` and ``dict`` are what they look like. A number with no fraction is an
``int``, others are ``float``, NaN and infinities included. Beyond these: :data:`UNDEFINED`, ``datetime`` (aware, UTC,
whole milliseconds) for a ``Date``, ``bytes`` for an ``ArrayBuffer`` or a view, :class:`BigInt`. Text may hold NUL; a
lone surrogate is replaced by U+FFFD. A DataSet is a :class:`~sojourn.scripting.tables.DataSetValue`, the list of its rows.

On the wire a value is JSON in which an object with the single key ``$`` stands for what JSON cannot say; see
:mod:`sojourn.scripting.wire`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Union

import msgspec

#: The largest integer that a JavaScript number holds exactly, and its negative.
MAX_SAFE_INTEGER: Final = 2**53 - 1


class Undefined(msgspec.Struct, frozen=True):
    """The type of :data:`UNDEFINED`; false, as in JavaScript."""

    def __bool__(self) -> bool:
        return False


#: JavaScript's ``undefined``.
UNDEFINED: Final = Undefined()


class BigInt(int):
    """A JavaScript BigInt. An ``int`` beyond :data:`MAX_SAFE_INTEGER` goes to scripts as one too."""


#: What a script can hand in and get.
Value = Union[None, bool, int, float, str, bytes, datetime, Undefined, "list[Value]", "dict[str, Value]"]


def of_json(value: Any) -> Value:
    """What :mod:`sojourn.core.json` has decoded, as scripts get it: a decimal is a number."""
    if isinstance(value, dict):
        return {name: of_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [of_json(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value
