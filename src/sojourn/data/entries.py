"""The nouns of undo: a change in the log, what is done to take it back, and why it cannot be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

import msgspec

from sojourn.core import json
from sojourn.core.json import Json
from sojourn.data.port import Key, Table

#: Kinds of changes that can be taken back.
RowKind = Literal["INSERT", "UPDATE", "DELETE"]

#: Why a value was not taken back. ``changed-since``: a later change of the log wrote it. ``changed-outside``: the row holds
#: something else than the log says. ``gone``: the record is not there any more. ``there-again``: it is, and should not be.
#: ``column-gone``, ``table-gone``: the schema has no place for it. ``erased``: the log does not know it any more.
#: ``constraint``, ``bad-value``: the table refuses it. ``forbidden``: who asks may not change this record.
Reason = Literal[
    "changed-since",
    "changed-outside",
    "gone",
    "there-again",
    "column-gone",
    "table-gone",
    "erased",
    "constraint",
    "bad-value",
    "forbidden",
]

#: The column with the version of the last change: it follows each change and is never taken back.
VERSION: Final = "iVersion"


class Entry(NamedTuple):
    """What counts here of a change in the log."""

    number: int
    kind: RowKind
    table: str
    key: Key
    before: dict[str, Json] | None
    after: dict[str, Json] | None
    undoes: int | None
    #: Whether before and after are unknown.
    erased: bool = False


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """A value, or a whole record, that is not taken back."""

    #: The change that is not taken back here.
    number: int
    table: str
    key: Key
    #: The column; empty where it is about the whole record.
    column: str = ""
    reason: Reason
    #: The later change that wrote it, None where there is none.
    by: int | None = None
    #: What the row holds; None where that is not known, or nothing.
    found: Json = None
    #: What it would have been given.
    wanted: Json = None
    #: What the database says, empty where it was not asked.
    text: str = ""
    #: Whether it was taken back in spite of that.
    forced: bool = False


class Step(NamedTuple):
    """What is done to the row in order to take one change back."""

    kind: RowKind
    table: Table
    key: Key
    #: As in the log: the whole row, of an update the columns that change.
    before: dict[str, Json] | None
    after: dict[str, Json] | None
    #: Number of the change.
    undoes: int


class Unwound(NamedTuple):
    """How changes of one record are taken back: steps in the order in which they are done."""

    steps: list[Step]
    conflicts: list[Conflict]
    #: Selected changes that others have taken back already, all of what they did.
    already: int


def same(left: Any, right: Any) -> bool:
    """Whether two values of images are the same: ``1`` is ``1.0``, but no ``true``."""
    kind = type(left)
    if kind is type(right) and kind is not dict and kind is not list:
        return bool(left == right)
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return type(left) is type(right) and json.encode(left) == json.encode(right)
    if isinstance(left, bool) or isinstance(right, bool):
        return False
    return bool(_exact(left) == _exact(right))


def _exact(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) else value
