"""Taking changes of one record back, worked out on its log and its row alone: nothing is read or written here.

A selected change is taken back, newest first, where it wrote the value last (:mod:`sojourn.data.writes`) *and* the row still
holds what it wrote; everything else is a conflict, with its reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from sojourn.core.json import Json
from sojourn.data.entries import VERSION, Conflict, Entry, Reason, RowKind, Step, Unwound, same
from sojourn.data.port import Image, Table
from sojourn.data.writes import PRESENCE, Writes

#: Types whose values are the same when they are equal.
_SIMPLE: Final = frozenset({int, str})


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
    if len(history) == 1 and not refused and (step := _plain_update(history[0], current, table, version)):
        return Unwound([step], [], 0)
    record = _Record(history, selected, current, table, version=version, force=force)
    for entry in reversed(history):
        if entry.number in selected:
            known = refused.get(entry.number) if refused else None
            record.take_back(entry, known)
    return record.unwound


def _plain_update(entry: Entry, row: Image | None, table: Table, version: int) -> Step | None:
    """The step of an update after which nothing happened to the record: most changes are of this kind."""
    if entry.kind != "UPDATE" or row is None or not entry.before or not entry.after:
        return None
    made = entry.after
    old: dict[str, Json] = {}
    new: dict[str, Json] = {}
    for column, wanted in entry.before.items():
        if column == VERSION:
            continue
        if column not in row:
            return None
        found, written = row[column], made.get(column)
        # Most values are integers and texts, which need no more than this.
        if not (type(found) is type(written) in _SIMPLE and found == written) and not same(found, written):
            return None
        old[column], new[column] = found, wanted
    if not new:
        return None
    if table.versioned:
        old[VERSION], new[VERSION] = row.get(VERSION), version
    return Step("UPDATE", table, entry.key, old, new, entry.number)


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
        self._columns = {column.name for column in table.columns.values() if not column.generated} - {VERSION}
        self._writes = Writes(history, selected, self._columns)
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
        elif not self._writes.in_effect(PRESENCE, entry.number):
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
            presence = self._writes.top.get(PRESENCE)
            return _conflict(entry, "gone", column, by=presence.number if presence else None, wanted=wanted)
        found = self._row.get(column)
        if by is not None:
            return _conflict(entry, "changed-since", column, by=by, found=found, wanted=wanted)
        if not same(found, (entry.after or {}).get(column)):
            return _conflict(entry, "changed-outside", column, found=found, wanted=wanted)
        return None

    # --- an insert: the whole record, or nothing ---

    def _remove(self, entry: Entry) -> None:
        top = self._writes.top[PRESENCE]
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
        for column in (PRESENCE, *self._writes.top):
            self._writes.drop(column, entry.number)
        self._step("DELETE", entry, self._row, None)
        self._row = None

    def _changes_since(self, entry: Entry) -> list[Conflict]:
        found, made = [], entry.after or {}
        for column in self._columns:
            top = self._writes.top.get(column)
            holds = self._row.get(column) if self._row else None
            if top is not None and top.number != entry.number:
                found.append(_conflict(entry, "changed-since", column, by=top.number, found=holds))
            elif column in made and not same(holds, made[column]):
                found.append(_conflict(entry, "changed-outside", column, found=holds))
        return found

    # --- a delete: the record as it was ---

    def _bring_back(self, entry: Entry) -> None:
        top = self._writes.top[PRESENCE]
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
        for column in (PRESENCE, *self._writes.top):
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
