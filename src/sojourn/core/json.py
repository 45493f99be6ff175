"""JSON in and out, without losing a digit.

Numbers with a fraction or an exponent are decoded to :class:`decimal.Decimal`, integers to ``int`` of any size, so
``12345678901234567``, ``0.12345678901234567890`` and ``10.10`` come back as they went in. Duplicate keys, lone
surrogates, ``NaN`` and nesting deeper than :data:`MAX_DEPTH` are refused everywhere.
"""

from __future__ import annotations

import json as _stdlib
import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Union

import msgspec

from sojourn.core.errors import InvalidJson

#: A decoded JSON value. Values are never shared between two owners: decode again instead.
Json = Union[None, bool, int, float, Decimal, str, "list[Any]", "dict[str, Any]"]

#: How deeply arrays and objects may nest.
MAX_DEPTH = 200

_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(data: bytes | str) -> Any:
    """The value that ``data`` spells; raises :class:`InvalidJson`."""
    try:
        value = _exact.decode(data)
        if not _surely_without_duplicates(value, data if isinstance(data, bytes) else data.encode()):
            _reject_duplicates(data)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise InvalidJson(f"not valid JSON: {_reason(error)}") from None
    if _may_be_deep(data) and _deeper_than(value, MAX_DEPTH):
        raise InvalidJson(f"not valid JSON: nested deeper than {MAX_DEPTH}")
    return value


def decode_native(text: str) -> Any:
    """Like :func:`decode`, for Python callers: a number is a ``float`` wherever that keeps its text."""
    return _native.decode(text)


def encode(value: Any) -> bytes:
    """``value`` as compact UTF-8 JSON; raises :class:`InvalidJson` for what JSON cannot hold."""
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidJson(f"not a JSON value: {_reason(error)}") from None


def encode_text(value: Any) -> str:
    """``value`` as compact JSON text, the stored form of a field."""
    return encode(value).decode()


def check_finite(value: Any) -> None:
    """Raise :class:`InvalidJson` when a ``NaN`` or an infinity hides anywhere in ``value``."""
    if isinstance(value, float):
        finite = math.isfinite(value)
    elif isinstance(value, Decimal):
        finite = value.is_finite()
    else:
        finite = True
        for item in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
            check_finite(item)
    if not finite:
        raise InvalidJson("not a JSON value: NaN and infinities have no JSON form")


def _float_or_decimal(text: str) -> float | Decimal:
    number = float(text)
    # Python writes 1e+100 where JSON encoders write 1e100.
    return number if repr(number) == text or _encoder.encode(number).decode() == text else Decimal(text)


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"key {twice[:40]!r} stands twice")
    return result


def _surely_without_duplicates(value: Any, data: bytes) -> bool:
    """Whether the text proves that no key was dropped; where it does not, it is read again, key by key.

    A dropped member takes its colon along. Without escapes every other colon stands in the text as it stands in the value.
    """
    compact = encode(value)
    return compact == data or (b"\\" not in data and compact.count(b":") == data.count(b":"))


def _reject_duplicates(data: bytes | str) -> None:
    _stdlib.loads(data, object_pairs_hook=_pairs, parse_float=_ignore, parse_int=_ignore)


def _ignore(_text: str) -> None:
    return None


def _may_be_deep(data: bytes | str) -> bool:
    brackets = data.count(b"[") + data.count(b"{") if isinstance(data, bytes) else data.count("[") + data.count("{")
    return brackets > MAX_DEPTH


def _deeper_than(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels + 1):
        containers = [node for node in level if isinstance(node, dict | list)]
        if not containers:
            return False
        level = [item for node in containers for item in (node.values() if isinstance(node, dict) else node)]
    return True


_exact = msgspec.json.Decoder(float_hook=Decimal)
_native = msgspec.json.Decoder(float_hook=_float_or_decimal)
