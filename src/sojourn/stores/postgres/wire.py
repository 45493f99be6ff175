"""Values as PostgreSQL's binary protocol carries them. Nothing is quoted, so nothing can break out of a quote."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from hashlib import sha256

from sojourn.stores.libpq.statement import Row, Value

__all__ = [
    "Row",
    "Value",
    "bytes_of",
    "key",
    "maybe_number",
    "number",
    "number_of",
    "numbers",
    "text_of",
    "text_of_key",
    "texts",
    "true",
]

_TEXT = 25
_BIGINT = 20
_MOST = 2**63 - 1

# One dimension, whether NULLs are in it, type of its items; then how many there are, counted from 1.
_HEAD = struct.Struct(">iiIii")
_EMPTY = struct.Struct(">iiI")

#: Bytes of a key that an index surely takes; longer ones go by their digest.
_LONG = 1_000
_HEAD_OF_LONG = 64
_ESCAPED = re.compile(r"\\(.)")


def number(value: int) -> bytes:
    """A ``bigint``; what does not fit becomes the nearest one that does."""
    return max(-_MOST, min(value, _MOST)).to_bytes(8, "big", signed=True)


def maybe_number(value: int | None) -> Value:
    """A ``bigint`` or NULL."""
    return None if value is None else number(value)


def texts(values: Iterable[str]) -> bytes:
    """A ``text[]``."""
    return _array(_TEXT, [value.encode() for value in values])


def numbers(values: Iterable[int]) -> bytes:
    """A ``bigint[]``."""
    return _array(_BIGINT, [number(value) for value in values])


def key(text: str) -> bytes:
    """``text`` as a key column: PostgreSQL's text has no NUL, and an index no long values. Never two texts alike."""
    encoded = text.encode()
    if len(encoded) > _LONG:
        return _escaped(text[:_HEAD_OF_LONG].encode()) + b"\\+" + sha256(encoded).hexdigest().encode()
    return _escaped(encoded)


def text_of_key(value: Value) -> str:
    """The text that :func:`key` was made of, unless it was a long one."""
    found = text_of(value)
    return _ESCAPED.sub(lambda pair: "\0" if pair[1] == "0" else pair[1], found) if "\\" in found else found


def text_of(value: Value) -> str:
    """A column that is not NULL, as text."""
    return bytes_of(value).decode()


def bytes_of(value: Value) -> bytes:
    """A column that is not NULL."""
    assert value is not None
    return value


def number_of(value: Value) -> int:
    """A column of integers that is not NULL."""
    return int.from_bytes(bytes_of(value), "big", signed=True)


def true(value: Value) -> bool:
    """A column of booleans."""
    return value == b"\x01"


def _escaped(text: bytes) -> bytes:
    return text.replace(b"\\", b"\\\\").replace(b"\0", b"\\0")


def _array(kind: int, items: Sequence[bytes]) -> bytes:
    if not items:
        return _EMPTY.pack(0, 0, kind)
    parts = [_HEAD.pack(1, 0, kind, len(items), 1)]
    for item in items:
        parts += (len(item).to_bytes(4, "big"), item)
    return b"".join(parts)
