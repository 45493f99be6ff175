"""What ``applyUpdates`` does in its transaction: compare, write, read again, log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from sojourn.data.changelog import Draft, append, next_version
from sojourn.data.errors import BadValue, RecordConflict, TableUnknown, TableUnnamed, TableWithoutKey
from sojourn.data.port import Image, Key, RowAccess, Table
from sojourn.data.products import check_may_change
from sojourn.data.terms import Author, Deleted, Modified, TableChanges
from sojourn.model.scope import ScopeSet

#: The column that keeps the version of a record's last change, where a table has it.
VERSION = "iVersion"


class Edit(NamedTuple):
    """What shall be done to one record."""

    key: Key
    #: What its columns held when it was read, as far as that is known.
    original: Image
    #: What they shall hold; of a deleted record nothing.
    values: Image


class Wanted(NamedTuple):
    """What shall be done to one table, its values as images."""

    table: Table
    inserted: Sequence[Edit]
    modified: Sequence[Edit]
    deleted: Sequence[Edit]


def wanted(rows: RowAccess, tables: Mapping[str, Table], changes: TableChanges) -> Wanted:
    """``changes`` in the form in which they are compared and written.

    Raises ``TableUnnamed``, ``TableUnknown``, ``TableWithoutKey``, ``BadValue``.
    """
    table = writable(tables, changes.table)
    return Wanted(
        table,
        [_added(table, rows.image(table, row)) for row in changes.inserted],
        [_modified(rows, table, record) for record in changes.modified],
        [Edit(_key(rows, table, record), rows.image(table, record.original), {}) for record in changes.deleted],
    )


def writable(tables: Mapping[str, Table], name: str) -> Table:
    """The table of that name, whose rows can be changed; raises as :func:`wanted`."""
    if not name:
        raise TableUnnamed
    table = tables.get(name) or next((one for one in tables.values() if one.name.lower() == name.lower()), None)
    if table is None or table.view:
        raise TableUnknown(f"there is no table {name[:60]!r}")
    if not table.key:
        raise TableWithoutKey(f"{table.name} has no key of one column")
    return table


def _check_once(changes: Sequence[Wanted]) -> None:
    """Raise ``BadValue`` when a record is named twice: what it held before the second time nobody has read."""
    edited = [(one.table.name, edit.key) for one in changes for edit in (*one.modified, *one.deleted)]
    if len(set(edited)) != len(edited):
        raise BadValue("a record is changed twice")


class Application:
    """One ``applyUpdates`` under way, in its transaction."""

    def __init__(self, rows: RowAccess, author: Author, now: int, scopes: ScopeSet, *, log: bool) -> None:
        self._rows = rows
        self._author = author
        self._now = now
        self._scopes = scopes
        self._log = log

    def run(self, connection: Connection, changes: Sequence[Wanted]) -> int:
        """Do it all; the version of the changes, 0 when there were none. Raises ``InsufficientScope`` for records of a
        product that these scopes do not name, ``RecordConflict`` and as RowAccess.
        """
        for one in changes:
            check_may_change(connection, _keys(one), self._scopes)
        _check_once(changes)
        compared = [self._compared(connection, one) for one in changes]
        if not any(one.inserted or one.modified or one.deleted for one, _ in compared):
            return 0
        version = next_version(connection)
        drafts = list(self._write(connection, compared, version))
        if self._log:
            append(connection, self._author, drafts, version, self._now)
        return version

    def _compared(self, connection: Connection, one: Wanted) -> tuple[Wanted, Mapping[Key, Image]]:
        """The same without what changes nothing, and the rows as they are now; raises ``RecordConflict``."""
        edits = [*one.modified, *one.deleted]
        before = self._rows.images(connection, one.table, [edit.key for edit in edits], lock=True) if edits else {}
        for edit in edits:
            self._compare(one.table, edit, before.get(edit.key))
        modified = [
            edit._replace(values=changed)
            for edit in one.modified
            if (changed := {name: value for name, value in edit.values.items() if value != before[edit.key][name]})
        ]
        return one._replace(modified=modified), before

    def _compare(self, table: Table, edit: Edit, found: Image | None) -> None:
        if found is None:
            raise RecordConflict(table.name, edit.key)
        same = self._rows.same
        differ = [name for name, value in edit.original.items() if not same(table, name, value, found[name])]
        if differ:
            raise RecordConflict(table.name, edit.key, tuple(differ))

    def _write(
        self, connection: Connection, changes: Sequence[tuple[Wanted, Mapping[Key, Image]]], version: int
    ) -> Iterator[Draft]:
        """Delete from the last table to the first, then update and insert from the first to the last.

        So tables that are given with the parents first may refer to each other.
        """
        rows = self._rows
        for one, before in reversed(changes):
            if one.deleted:
                rows.delete(connection, one.table, [edit.key for edit in one.deleted])
            if self._log:
                yield from (Draft("DELETE", one.table.name, edit.key, before=before[edit.key]) for edit in one.deleted)
        for one, before in changes:
            stamp = {VERSION: version} if one.table.versioned else {}
            if one.modified:
                rows.update(connection, one.table, [(edit.key, {**edit.values, **stamp}) for edit in one.modified])
            if one.inserted:
                rows.insert(connection, one.table, [{**edit.values, **stamp} for edit in one.inserted])
            if self._log:
                yield from self._updates(connection, one, before, stamp)
                yield from self._inserts(connection, one, stamp)

    def _updates(
        self, connection: Connection, one: Wanted, before: Mapping[Key, Image], stamp: Image
    ) -> Iterator[Draft]:
        name = one.table.name
        if one.table.exact:
            for key, _, values in one.modified:
                after = {**values, **stamp}
                old = before[key]
                yield Draft("UPDATE", name, key, {column: old[column] for column in after}, after)
            return
        now = self._rows.images(connection, one.table, [edit.key for edit in one.modified])
        for key, *_ in one.modified:
            old, new = before[key], now[key]
            changed = [column for column, value in new.items() if value != old[column]]
            after = {column: new[column] for column in changed}
            yield Draft("UPDATE", name, key, {column: old[column] for column in changed}, after)

    def _inserts(self, connection: Connection, one: Wanted, stamp: Image) -> Iterator[Draft]:
        table = one.table
        stored = {name for name, column in table.columns.items() if not column.generated}
        if table.exact and all(len(edit.values.keys() | stamp.keys()) == len(stored) for edit in one.inserted):
            yield from (Draft("INSERT", table.name, key, after={**row, **stamp}) for key, _, row in one.inserted)
            return
        # What a row does not name has its default.
        now = self._rows.images(connection, table, [edit.key for edit in one.inserted])
        yield from (Draft("INSERT", table.name, edit.key, after=now[edit.key]) for edit in one.inserted)


def _keys(one: Wanted) -> Iterator[object]:
    """The keys of all records of ``one``."""
    yield from (edit.key for edit in (*one.modified, *one.deleted, *one.inserted))


def _added(table: Table, row: Image) -> Edit:
    key = row.get(table.key)
    if not isinstance(key, int | str):
        raise BadValue(f"a new record of {table.name} needs its key {table.key}")
    return Edit(key, {}, row)


def _modified(rows: RowAccess, table: Table, record: Modified) -> Edit:
    key = _key(rows, table, record)
    values = rows.image(table, {name: value for name, value in record.values.items() if name != VERSION})
    if values.get(table.key, key) != key:
        raise BadValue(f"the key of a record of {table.name} cannot be changed")
    changed = {name: value for name, value in values.items() if name != table.key}
    return Edit(key, rows.image(table, record.original), changed)


def _key(rows: RowAccess, table: Table, record: Modified | Deleted) -> Key:
    """The key as the database gives it back."""
    key = rows.image(table, {table.key: record.key})[table.key]
    if not isinstance(key, int | str):
        raise BadValue(f"{table.key} is not a key")
    return key
