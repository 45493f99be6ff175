r"""What goes between the server and a worker: values as text, and texts as packets.

A value is JSON, and ``{"$": [what, …]}`` for what JSON cannot say; the other side is ``prelude/codec.js``. A packet is
``flags id ' ' part '\n'``: flags 1 = first, 2 = last part of a message. One ``read`` takes one packet, so that an
interrupt in the worker never leaves half of one behind. What comes from a worker is as hostile as the network.
"""

from __future__ import annotations

import base64
import binascii
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from socket import AF_UNIX, SOCK_DGRAM, SOCK_SEQPACKET, socket, socketpair
from typing import Any, Final

import msgspec

from sojourn.core.errors import BadRequest
from sojourn.scripting.tables import BadTable, DataSetValue, unpack
from sojourn.scripting.values import MAX_SAFE_INTEGER, UNDEFINED, BigInt, Undefined, Value

#: How deeply values may nest, in both directions.
DEEPEST: Final = 100
#: Bytes of a message in one packet, and the most that a packet has.
PART: Final = 65_000
PACKET: Final = 65_536

#: Flags and number of a message.
_LONGEST_HEAD: Final = 20
#: The digits of the largest BigInt that is taken; Python takes a time that grows with their square to read them.
_LONGEST_BIGINT: Final = 4_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FARTHEST: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_NEAREST: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


class ProtocolBroken(Exception):
    """The worker has sent what no worker of ours sends."""


class NoScriptValue(BadRequest):
    """The value cannot be handed to a script."""

    code = "script.no_value"


def pair() -> tuple[socket, socket]:
    """Two connected sockets that keep packets apart."""
    return socketpair(AF_UNIX, SOCK_DGRAM if sys.platform == "darwin" else SOCK_SEQPACKET)


def packets(number: int, message: bytes) -> Iterable[bytes]:
    """``message`` as packets; ``number`` differs from that of the message before."""
    return (b"3%d %b\n" % (number, message),) if len(message) <= PART else _parts(number, message)


def _parts(number: int, message: bytes) -> Iterator[bytes]:
    last = (len(message) - 1) // PART
    for at in range(last + 1):
        flags = (at == 0) | (at == last) << 1
        yield b"%d%d %b\n" % (flags, number, message[at * PART : (at + 1) * PART])


class Assembly:
    """Puts packets together again; no message gets larger than ``most`` bytes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._id = b""
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, packet: bytes) -> bytes | None:
        """The message that ``packet`` completes, else None; raises :class:`ProtocolBroken`."""
        head, blank, part = packet.partition(b" ")
        if head[:1] == b"3" and part[-1:] == b"\n" and 1 < len(head) <= _LONGEST_HEAD:
            # All of the message, as nearly always.
            self._id, self._parts, self._size = b"", [], 0
            if len(part) - 1 > self.most:
                raise ProtocolBroken("message too large")
            return part[:-1]
        if not blank or not part.endswith(b"\n") or not head[:1].isdigit() or not 1 < len(head) <= _LONGEST_HEAD:
            raise ProtocolBroken("malformed packet")
        flags = head[0] - 48
        if flags & 1:
            self._id, self._parts, self._size = head[1:], [], 0
        elif head[1:] != self._id:
            raise ProtocolBroken("part of an unknown message")
        if not flags & 2 and len(part) - 1 != PART:
            raise ProtocolBroken("a part that is not the last one is not full")
        self._size += len(part) - 1
        if self._size > self.most:
            raise ProtocolBroken("message too large")
        self._parts.append(part[:-1])
        if not flags & 2:
            return None
        whole = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._id, self._parts, self._size = b"", [], 0
        return whole


def encode(value: object) -> Any:
    """``value`` as what :func:`dump` writes; raises :class:`NoScriptValue`."""
    return _encoded(value, 0)


def dump(message: object) -> bytes:
    """A message, its values already encoded, as text. A lone surrogate becomes U+FFFD."""
    try:
        return msgspec.json.encode(message)
    except UnicodeEncodeError:
        return msgspec.json.encode(_well_formed(message))


def _encoded(value: object, depth: int) -> Any:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        return value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else _special("bigint", str(value))  # type: ignore[operator]
    if depth >= DEEPEST:
        raise NoScriptValue(f"the value is nested deeper than {DEEPEST} levels")
    if kind is list or kind is tuple:
        return [_encoded(item, depth + 1) for item in value]  # type: ignore[attr-defined]
    if kind is dict:
        return _encoded_object(value, depth)  # type: ignore[arg-type]
    return _encoded_special(value, depth)


def _encoded_object(value: dict[object, object], depth: int) -> Any:
    entries = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise NoScriptValue(f"a key is {type(key).__name__}, not text")
        entries[key] = _encoded(item, depth + 1)
    return _special("object", entries) if "$" in entries else entries


def _encoded_special(value: object, depth: int) -> Any:  # noqa: PLR0911 - a table
    match value:
        case float():
            return _encoded_float(value)
        case Undefined():
            return _special("undefined")
        case datetime():
            return _special("date", (value - _EPOCH) // timedelta(milliseconds=1))
        case bytes() | bytearray() | memoryview():
            return _special("bytes", base64.b64encode(value).decode())
        case int():
            return _special("bigint", str(int(value)))
        case str():
            return str(value)
        case DataSetValue():
            return _special("dataset", value.packed)
        case dict() | list() | tuple():
            plain = dict(value) if isinstance(value, dict) else list(value)
            return _encoded(plain, depth)
    raise NoScriptValue(f"a script cannot be given a {type(value).__name__}")


def _encoded_float(value: float) -> Any:
    if value == 0 and math.copysign(1, value) < 0:
        return _special("number", "-0")
    if math.isfinite(value):
        return value
    return _special("number", "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity")


def _special(*parts: Any) -> dict[str, Any]:
    return {"$": parts}


def _well_formed(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {_well_formed(key): _well_formed(item) for key, item in value.items()}
        case list() | tuple():
            return [_well_formed(item) for item in value]
        case msgspec.Struct():
            return {name: _well_formed(item) for name, item in msgspec.structs.asdict(value).items()}
    return value


def decode(value: Any, marked: bool = True) -> Value:  # noqa: FBT001, FBT002
    """The value that a decoded JSON value of a worker stands for; raises :class:`ProtocolBroken`.

    ``marked`` false promises that its text has no ``"$"`` in it, and that it is not deep.
    """
    return _decoded(value, 0) if marked else value  # type: ignore[no-any-return]


def may_be_marked(text: bytes) -> bool:
    """Whether :func:`decode` has anything to do for values of this text."""
    return b'"$"' in text or (len(text) >= DEEPEST and text.count(b"[") + text.count(b"{") >= DEEPEST)


def _decoded(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is not list and kind is not dict:
        return value
    if depth > DEEPEST:
        raise ProtocolBroken("value nested too deeply")
    if kind is list:
        return [_decoded(item, depth + 1) for item in value]
    if "$" in value:
        return _decoded_special(value["$"], depth)
    return {key: _decoded(item, depth + 1) for key, item in value.items()}


def _decoded_special(parts: Any, depth: int) -> Any:  # noqa: PLR0911 - a table
    match parts:
        case ["undefined"]:
            return UNDEFINED
        case ["date", None]:
            return math.nan
        case ["date", int(at)] if _NEAREST <= at <= _FARTHEST:
            return _EPOCH + timedelta(milliseconds=at)
        case ["date", int() | float() as at]:
            return float(at)
        case ["bytes", str(text)]:
            return _bytes(text)
        case ["bigint", str(digits)] if digits.removeprefix("-").isascii() and digits.removeprefix("-").isdigit():
            return _bigint(digits)
        case ["number", str(text)]:
            return _number(text)
        case ["dataset", str(text)]:
            return _table(text)
        case ["object", dict(entries)]:
            return {key: _decoded(item, depth + 1) for key, item in entries.items()}
    raise ProtocolBroken("unknown kind of value")


def _table(text: str) -> DataSetValue:
    try:
        return unpack(text)
    except BadTable as error:
        raise ProtocolBroken(str(error)) from None


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolBroken("malformed bytes") from None


def _bigint(digits: str) -> BigInt:
    if len(digits) > _LONGEST_BIGINT:
        raise ProtocolBroken("BigInt too long")
    return BigInt(digits)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ProtocolBroken("malformed number") from None


def texts(value: Any, *names: str) -> Sequence[str]:
    """The fields ``names`` of an object of a worker as text; raises :class:`ProtocolBroken`."""
    if not isinstance(value, dict):
        raise ProtocolBroken("not an object")
    found = [value.get(name, "") for name in names]
    if not all(isinstance(one, str) for one in found):
        raise ProtocolBroken("not a text")
    return found
