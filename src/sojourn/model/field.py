"""Fields: the GLOBAL values of a session, and the operations on them as pure functions.

Values are compact JSON *text*. No operation turns a number into a double, so integers and decimals come back digit for
digit. Every store applies a list of operations atomically and with the very results of :func:`apply`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import Literal, NamedTuple

import msgspec

from sojourn.core.errors import BadOperand, FieldConflict, FieldLimit

OpKind = Literal["put", "delete", "increment", "append", "merge", "put_if"]

#: Longest name of a field, in bytes of UTF-8.
MAX_NAME = 256

#: Most bytes of UTF-8 that one character takes: what is short enough in characters is so in bytes.
_WIDEST = 4


class Field(NamedTuple):
    """One GLOBAL value."""

    #: The version of the session's change that wrote it, ≥ 1.
    version: int
    #: Compact JSON text.
    text: str


class Limits(NamedTuple):
    """What the fields of one session may hold; sizes in bytes of UTF-8."""

    fields: int = 64
    value: int = 262_144
    total: int = 262_144


DEFAULT_LIMITS = Limits()


class Op(NamedTuple):
    """One operation on one field; build it with the functions below."""

    kind: OpKind
    name: str
    #: JSON text of the operand; empty for ``delete``, and for a ``put_if`` that deletes.
    text: str = ""
    #: ``put_if`` only: the version the writer has read, 0 = must be absent.
    version: int = 0


class Changed(NamedTuple):
    """The outcome of a change."""

    #: The session's version now; every field written by this change has it.
    version: int
    #: New JSON text of the incremented fields.
    values: Mapping[str, str]


def put(name: str, text: str) -> Op:
    """Set field ``name`` to the JSON ``text``."""
    return Op("put", name, text)


def delete(name: str) -> Op:
    """Remove field ``name``; no error when it is absent."""
    return Op("delete", name)


def increment(name: str, by: str = "1") -> Op:
    """Add the plain decimal ``by``; an absent field counts as 0. The sum is exact."""
    return Op("increment", name, by)


def append(name: str, item: str) -> Op:
    """Add ``item`` at the end of an array; an absent field counts as ``[]``."""
    return Op("append", name, item)


def merge(name: str, patch: str) -> Op:
    """Shallow merge of an object; a member ``null`` removes; an absent field counts as ``{}``."""
    return Op("merge", name, patch)


def put_if(name: str, text: str, version: int) -> Op:
    """Set (or with empty ``text`` delete) the field only while it has ``version``; 0 = only while absent."""
    return Op("put_if", name, text, version)


# A plain decimal: what increments take and give. Exponents are refused, never rounded.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,37})(\.[0-9]{1,18})?")
_INT64_DIGITS = 18
_EXACT = Context(prec=120)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def is_plain_number(text: str) -> bool:
    """Whether ``text`` is a number that :func:`increment` accepts."""
    return _NUMBER.fullmatch(text) is not None


def add(a: str, b: str) -> str:
    """The exact sum of two plain decimals, trailing zeros of the fraction cut."""
    if len(a) < _INT64_DIGITS and len(b) < _INT64_DIGITS and "." not in a and "." not in b:
        return str(int(a) + int(b))
    total = format(_EXACT.add(Decimal(a), Decimal(b)), "f")
    if "." in total:
        total = total.rstrip("0").rstrip(".")
    return "0" if total in ("-0", "") else total


def size(name: str, text: str) -> int:
    """What a field weighs against :attr:`Limits.total`: bytes of its name and its text."""
    return len(name.encode()) + len(text.encode())


def check_limits(fields: Mapping[str, str], limits: Limits) -> None:
    """Raise :class:`FieldLimit` when ``fields`` (name -> JSON text) break ``limits``."""
    total = 0
    for name, text in fields.items():
        check_name(name)
        check_value(name, text, limits)
        total += size(name, text)
        check_total(name, len(fields), total, limits)


def check_name(name: str) -> None:
    """Raise :class:`FieldLimit` for a name that no store takes: empty, too long, or with a NUL."""
    long = len(name) > MAX_NAME // _WIDEST and len(name.encode()) > MAX_NAME
    if not name or "\0" in name or long:
        raise FieldLimit("name", name[:80], MAX_NAME)


def check_value(name: str, text: str, limits: Limits) -> None:
    """Raise :class:`FieldLimit` when one value is too large."""
    if len(text) > limits.value // _WIDEST and len(text.encode()) > limits.value:
        raise FieldLimit("value", name, limits.value)


def check_total(name: str, fields: int, total: int, limits: Limits) -> None:
    """Raise :class:`FieldLimit` when a session has too many fields or bytes; ``name`` is the field that did it."""
    if fields > limits.fields:
        raise FieldLimit("fields", name, limits.fields)
    if total > limits.total:
        raise FieldLimit("total", name, limits.total)


class Applied(NamedTuple):
    """What a list of operations comes to; nothing has been written yet."""

    #: Name -> JSON text to write, None = delete.
    writes: Mapping[str, str | None]
    #: New text of the incremented fields.
    values: Mapping[str, str]


def apply(ops: Sequence[Op], fields: Mapping[str, Field], limits: Limits) -> Applied:
    """Check every operation against ``fields``, in order, and say what to write.

    Raises :class:`FieldConflict`, :class:`BadOperand` or :class:`FieldLimit`; then nothing of the list happens.
    ``fields`` needs to hold only the fields that ``ops`` name.
    """
    writes: dict[str, str | None] = {}
    values: dict[str, str] = {}
    for op in ops:
        name = op.name
        check_name(name)
        found = fields.get(name)
        old = writes.get(name, found.text if found else None)
        new = _result(op, old, found)
        if new is not None:
            check_value(name, new, limits)
            if op.kind == "increment":
                values[name] = new
        writes[name] = new
    return Applied(writes, values)


def _result(op: Op, old: str | None, found: Field | None) -> str | None:
    match op.kind:
        case "put":
            return op.text
        case "delete":
            return None
        case "put_if":
            version = found.version if found else 0
            if version != op.version:
                raise FieldConflict(op.name, op.version, version, found.text if found else None)
            return op.text or None
        case "increment":
            return _incremented(op, old or "0")
        case "append":
            return _appended(op, old or "[]")
        case "merge":
            return _merged(op, old or "{}")


def _incremented(op: Op, old: str) -> str:
    if not (is_plain_number(old) and is_plain_number(op.text)):
        raise BadOperand(op.name, op.kind)
    total = add(old, op.text)
    # Whatever is short enough fits, digits and all.
    if len(total) > _INT64_DIGITS and not is_plain_number(total):
        raise BadOperand(op.name, op.kind)
    return total


def _appended(op: Op, old: str) -> str:
    if not old.startswith("["):
        raise BadOperand(op.name, op.kind)
    return f"[{op.text}]" if old == "[]" else f"{old[:-1]},{op.text}]"


def _merged(op: Op, old: str) -> str:
    if not (old.startswith("{") and op.text.startswith("{")):
        raise BadOperand(op.name, op.kind)
    members = _members.decode(old)
    for name, value in _members.decode(op.text).items():
        if bytes(value) == b"null":
            members.pop(name, None)
        else:
            members[name] = value
    return msgspec.json.encode(members).decode()
