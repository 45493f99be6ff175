"""Taking changes of one record back, worked out on its log and its row alone: nothing is read or written here.

For each value of the record the log says who wrote it last. A change that took another one back cancels it there, so what
counts is what is still in effect. A selected change is taken back, newest first, where it wrote the value last *and* the
row still holds what it wrote; everything else is a conflict, with its reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

import msgspec

from sojourn.core import json
from sojourn.core.json import Json
from sojourn.data.port import Image, Key, Table

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
    if type(left) is type(right) and not isinstance(left, list | dict):
        return bool(left == right)
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return type(left) is type(right) and json.encode(left) == json.encode(right)
    if isinstance(left, bool) or isinstance(right, bool):
        return False
    return bool(_exact(left) == _exact(right))


def _exact(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) else value


def unwind(
    history: Sequence[Entry],
    selected: Collection[int],
    current: Image | None,
    table: Table,
    *,
    version: int = 0,
    force: bool = False,
    refused: Mapping[int, Conflict] | None = None,
) -> Unwound:
    """How to take the ``selected`` changes of one record back.

    Args:
        history: Its changes in the log in their order, from the oldest selected one on.
        selected: Numbers of those to take back.
        current: The row now, None where there is none.
        table: Its table now.
        version: What a column ``iVersion`` gets.
        force: Take a value back although somebody else has written it since.
        refused: What is known not to work, by number: these changes stay.
    """
    record = _Record(history, selected, current, table, version=version, force=force)
    for entry in reversed(history):
        if entry.number in selected:
            known = refused.get(entry.number) if refused else None
            record.take_back(entry, known)
    return record.unwound


class _Mark:
    """A write of one value that is in effect, and the one that it covers."""

    __slots__ = ("below", "number")

    def __init__(self, number: int, below: _Mark | None) -> None:
        self.number = number
        self.below = below


#: Stands among the columns for the record's being there.
_PRESENCE: Final = ""

_Marks = dict[str, _Mark | None]


class _Writes:
    """Who wrote each value of a record last, of the changes that are in effect."""

    def __init__(self, history: Sequence[Entry], selected: Collection[int], columns: Collection[str]) -> None:
        self.top: _Marks = {}
        self._columns = {*columns, *_named(history)}
        self._numbers: dict[str, set[int]] = {}
        #: What was on top before and after a change that a later one takes back.
        self._around: dict[int, dict[str, tuple[_Mark | None, _Mark | None]]] = {
            entry.undoes: {} for entry in history if entry.undoes is not None
        }
        for entry in history:
            self._write(entry, cancels=entry.number not in selected)

    def touched(self, entry: Entry) -> Collection[str]:
        """The values that a change wrote; of an erased one all that it may have written."""
        if entry.erased:
            undone = self._around.get(entry.undoes) if entry.undoes is not None else None
            return undone or (self._columns if entry.kind == "UPDATE" else {_PRESENCE, *self._columns})
        names = {*(entry.before or ()), *(entry.after or ())} - {VERSION}
        return names if entry.kind == "UPDATE" else {_PRESENCE, *names}

    def in_effect(self, column: str, number: int) -> bool:
        """Whether what the change wrote there counts still, on top or covered by others."""
        if column not in self._numbers:
            mark, found = self.top.get(column), set()
            while mark is not None:
                found.add(mark.number)
                mark = mark.below
            self._numbers[column] = found
        return number in self._numbers[column]

    def drop(self, column: str, number: int) -> None:
        """The change counts no more there, nor does what covers it."""
        mark = self.top.get(column)
        while mark is not None:
            if mark.number == number:
                self.top[column] = mark.below
                return
            mark = mark.below

    def _write(self, entry: Entry, *, cancels: bool) -> None:
        undone = self._around.get(entry.undoes) if cancels and entry.undoes is not None else None
        around = self._around.get(entry.number)
        for column in self.touched(entry):
            below = self.top.get(column)
            top: _Mark | None
            if undone and column in undone and undone[column][1] is below:
                top = undone[column][0]
            else:
                top = _Mark(entry.number, below)
            self.top[column] = top
            if around is not None:
                around[column] = (below, top)


def _named(history: Sequence[Entry]) -> set[str]:
    images = (image for entry in history for image in (entry.before, entry.after) if image)
    return {column for image in images for column in image} - {VERSION}


class _Record:
    """The record while its changes are taken back one by one."""

    def __init__(
        self,
        history: Sequence[Entry],
        selected: Collection[int],
        current: Image | None,
        table: Table,
        *,
        version: int,
        force: bool,
    ) -> None:
        self.unwound = Unwound([], [], 0)
        self._table = table
        self._columns = table.columns.keys() - {VERSION}
        self._writes = _Writes(history, selected, self._columns)
        self._row = None if current is None else dict(current)
        self._version: dict[str, Json] = {VERSION: version} if table.versioned else {}
        self._force = force

    def take_back(self, entry: Entry, refused: Conflict | None) -> None:
        if refused is not None:
            self._clash(refused)
        elif entry.erased:
            self._clash(_conflict(entry, "erased"))
        elif entry.kind == "UPDATE":
            self._restore(entry)
        elif not self._writes.in_effect(_PRESENCE, entry.number):
            self._already()
        elif entry.kind == "INSERT":
            self._remove(entry)
        else:
            self._bring_back(entry)

    # --- an update: value by value ---

    def _restore(self, entry: Entry) -> None:
        restored: dict[str, Json] = {}
        counted = False
        for column, wanted in (entry.before or {}).items():
            if column == VERSION or not self._writes.in_effect(column, entry.number):
                continue
            counted = True
            conflict = self._value_conflict(entry, column, wanted)
            possible = self._row is not None and column in self._columns
            if conflict is not None:
                forced = self._force and possible
                self._clash(msgspec.structs.replace(conflict, forced=forced))
                if not forced:
                    continue
            self._writes.drop(column, entry.number)
            restored[column] = wanted
        if restored:
            self._set(entry, restored)
        elif not counted:
            self._already()

    def _value_conflict(self, entry: Entry, column: str, wanted: Json) -> Conflict | None:
        top = self._writes.top.get(column)
        by = top.number if top is not None and top.number != entry.number else None
        if column not in self._columns:
            return _conflict(entry, "column-gone", column, by=by, wanted=wanted)
        if self._row is None:
            presence = self._writes.top.get(_PRESENCE)
            return _conflict(entry, "gone", column, by=presence.number if presence else None, wanted=wanted)
        found = self._row.get(column)
        if by is not None:
            return _conflict(entry, "changed-since", column, by=by, found=found, wanted=wanted)
        if not same(found, (entry.after or {}).get(column)):
            return _conflict(entry, "changed-outside", column, found=found, wanted=wanted)
        return None

    # --- an insert: the whole record, or nothing ---

    def _remove(self, entry: Entry) -> None:
        top = self._writes.top[_PRESENCE]
        by = top.number if top is not None and top.number != entry.number else None
        if self._row is None:
            self._clash(_conflict(entry, "gone", by=by))
            return
        if by is not None:
            # Others have removed it and made it anew: this one is theirs.
            self._clash(_conflict(entry, "changed-since", by=by))
            return
        conflicts = self._changes_since(entry)
        for conflict in conflicts:
            self._clash(msgspec.structs.replace(conflict, forced=self._force))
        if conflicts and not self._force:
            return
        for column in (_PRESENCE, *self._writes.top):
            self._writes.drop(column, entry.number)
        self._step("DELETE", entry, self._row, None)
        self._row = None

    def _changes_since(self, entry: Entry) -> list[Conflict]:
        found, made = [], entry.after or {}
        for column in self._table.columns:
            if column == VERSION:
                continue
            top = self._writes.top.get(column)
            holds = self._row.get(column) if self._row else None
            if top is not None and top.number != entry.number:
                found.append(_conflict(entry, "changed-since", column, by=top.number, found=holds))
            elif column in made and not same(holds, made[column]):
                found.append(_conflict(entry, "changed-outside", column, found=holds))
        return found

    # --- a delete: the record as it was ---

    def _bring_back(self, entry: Entry) -> None:
        top = self._writes.top[_PRESENCE]
        by = top.number if top is not None and top.number != entry.number else None
        image = {name: value for name, value in (entry.before or {}).items() if name in self._columns}
        if self._row is not None or by is not None:
            reason: Reason = "changed-since" if self._row is None else "there-again"
            self._clash(_conflict(entry, reason, by=by, forced=self._force))
            if not self._force:
                return
        for column, value in (entry.before or {}).items():
            if column not in self._columns and column != VERSION and value is not None:
                self._clash(_conflict(entry, "column-gone", column, wanted=value))
        for column in (_PRESENCE, *self._writes.top):
            self._writes.drop(column, entry.number)
        if self._row is not None:
            self._set(entry, image)
            return
        made = {**image, **self._version}
        self._step("INSERT", entry, None, made)
        self._row = dict(made)

    # --- what came of it ---

    def _set(self, entry: Entry, values: dict[str, Json]) -> None:
        assert self._row is not None
        row = self._row
        changed = {name: value for name, value in values.items() if not same(row.get(name), value)}
        if changed:
            changed |= self._version
            self._step("UPDATE", entry, {name: row.get(name) for name in changed}, changed)
            row.update(changed)

    def _step(self, kind: RowKind, entry: Entry, before: dict[str, Json] | None, after: dict[str, Json] | None) -> None:
        self.unwound.steps.append(Step(kind, self._table, entry.key, before, after, entry.number))

    def _clash(self, conflict: Conflict) -> None:
        self.unwound.conflicts.append(conflict)

    def _already(self) -> None:
        self.unwound = self.unwound._replace(already=self.unwound.already + 1)


def _conflict(
    entry: Entry,
    reason: Reason,
    column: str = "",
    *,
    by: int | None = None,
    found: Json = None,
    wanted: Json = None,
    forced: bool = False,
) -> Conflict:
    return Conflict(
        number=entry.number,
        table=entry.table,
        key=entry.key,
        column=column,
        reason=reason,
        by=by,
        found=found,
        wanted=wanted,
        forced=forced,
    )
