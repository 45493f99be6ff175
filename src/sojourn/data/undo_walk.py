"""Taking changes back in a transaction, newest first and in windows: so memory does not grow with their number.

Each window ends with its own rows in the log, so that the next one sees what it has done as it sees what anybody has
done. Of the log nothing is read before its records are locked: what is carried out is what is reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Text, and_, cast, false, func, not_, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from sojourn.core import json
from sojourn.data import schema
from sojourn.data.changelog import Draft, append, next_version, record_text
from sojourn.data.entries import Conflict, Entry, Reason, Step, Unwound, same
from sojourn.data.errors import BadValue, ConstraintFailed
from sojourn.data.one_by_one import OneByOne
from sojourn.data.port import Image, Key, RowAccess, Table
from sojourn.data.selecting import ROW_KINDS, parts
from sojourn.data.terms import Author
from sojourn.data.undo_report import Left, Report, Tallying
from sojourn.data.unwinding import unwind

#: Changes that are taken back at once.
WINDOW: Final = 2_000

_change = schema.change
# The log holds what we wrote: it needs no check for what others may send.
_images = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_keys = msgspec.json.Decoder(int | str)
_number = attrgetter("number")
#: What is read of a change; see :func:`_entry`.
_READ = (
    *(_change.c[name] for name in ("number", "kind", "table_name", "record", "before", "after", "undoes")),
    _change.c.salt.is_(None),
)


class Order(NamedTuple):
    """What shall be taken back, and how."""

    #: What holds for the rows of the log that are meant.
    meant: ColumnElement[bool]
    #: Tables by name, as the schema is now.
    tables: Mapping[str, Table]
    author: Author
    #: Milliseconds since 1970.
    now: int
    force: bool
    #: Those of the keys whose records may not be changed.
    forbidden: Callable[[Connection, Sequence[Key]], set[Key]]


class Walk:
    """One undo, in one transaction."""

    def __init__(self, connection: Connection, rows: RowAccess, order: Order) -> None:
        self._connection = connection
        self._rows = rows
        self._order = order
        #: Rows of the log that are not there yet are not meant, above all those that this writes.
        self._newest: int = connection.execute(select(func.max(_change.c.number))).scalar() or 0
        self._meant = and_(order.meant, _change.c.number <= self._newest)
        self.parts = parts(connection, self._meant)
        self._tallying = Tallying(self.parts, self._left())
        #: Version of what was written, 0 for nothing.
        self.version = 0

    def run(self) -> Report:
        """Take everything back that can be; raises ``TooManyConflicts``."""
        for window in self._windows():
            self._tallying.changes += len(window)
            self._take_back(window)
        return self._tallying.report()

    def _left(self) -> list[Left]:
        query = select(_change.c.kind, func.count()).where(self._meant, _change.c.kind.not_in(ROW_KINDS))
        found = self._connection.execute(query.group_by(_change.c.kind).order_by(_change.c.kind))
        return [Left(kind=kind, changes=changes) for kind, changes in found]

    def _windows(self) -> Iterator[list[Entry]]:
        last = self._newest + 1
        query = select(*_READ).where(self._meant, _change.c.kind.in_(ROW_KINDS))
        while True:
            page = query.where(_change.c.number < last).order_by(_change.c.number.desc()).limit(WINDOW)
            window = [_entry(row) for row in self._connection.execute(page).all()]
            if not window:
                return
            yield window
            last = window[-1].number

    # --- one window ---

    def _take_back(self, window: list[Entry]) -> None:
        tables = _by_table(window).items()
        records = [record for name, meant in tables for record in self._records(name, meant, window[0].number)]
        refused: dict[int, Conflict] = {}
        while True:
            found = [record.unwound(self._next_version(), refused, force=self._order.force) for record in records]
            steps = [step for one in found for step in one.steps]
            steps.sort(key=lambda step: step.undoes, reverse=True)
            done = self._carry_out(steps, refused)
            if done is not None:
                break
        self._write_log(done)
        self._tallying.did(done)
        self._tallying.already += sum(one.already for one in found)
        conflicts = [conflict for one in found for conflict in one.conflicts]
        self._tallying.clash(sorted(conflicts, key=lambda conflict: conflict.number, reverse=True))

    def _records(self, name: str, meant: list[Entry], newest: int) -> list[_Record]:
        history: defaultdict[Key, list[Entry]] = defaultdict(list)
        for entry in reversed(meant):
            history[entry.key].append(entry)
        keys, selected = list(history), {entry.number for entry in meant}
        table = self._order.tables.get(name)
        if table is None or table.view or not table.key:
            return [_Record(selected, self._stuck(history[key], "table-gone")) for key in keys]
        rows = self._rows.images(self._connection, table, keys, lock=True)
        forbidden = self._order.forbidden(self._connection, keys)
        self._add_others(name, history, (meant[-1].number, newest))
        return [
            _Record(selected, self._stuck([one for one in history[key] if one.number in selected], "forbidden"))
            if key in forbidden
            else _Record(selected, Unwound([], [], 0), history[key], rows.get(key), table)
            for key in keys
        ]

    def _stuck(self, entries: Sequence[Entry], reason: Reason) -> Unwound:
        found = [Conflict(number=one.number, table=one.table, key=one.key, reason=reason) for one in entries]
        return Unwound([], found, 0)

    def _add_others(self, name: str, history: dict[Key, list[Entry]], window: tuple[int, int]) -> None:
        """Add to each record what else happened to it since the oldest change of the window, in its order."""
        oldest, newest = window
        table = _change.c
        query = select(*_READ).where(
            table.table_name == name,
            table.record.in_(_texts([record_text(key) for key in history], self._connection.dialect.name)),
            table.number > oldest,
            table.kind.in_(ROW_KINDS),
            or_(table.number > newest, not_(func.coalesce(self._order.meant, false()))),
        )
        more = set[Key]()
        for row in self._connection.execute(query).all():
            entry = _entry(row)
            history[entry.key].append(entry)
            more.add(entry.key)
        for key in more:
            history[key].sort(key=_number)

    # --- writing ---

    def _carry_out(self, steps: list[Step], refused: dict[int, Conflict]) -> list[Step] | None:
        """The steps in the order in which they were done; None when some are ``refused`` now: think again."""
        try:
            with self._connection.begin_nested():
                return [done for batch in _batches(steps) for done in self._do(batch)]
        except (ConstraintFailed, BadValue):
            return OneByOne(self._connection, self._do).run(steps, refused)

    def _do(self, batch: list[Step]) -> list[Step]:
        """Do steps of one kind in one table, no record twice; as they turned out."""
        kind, table = batch[0].kind, batch[0].table
        keys = [step.key for step in batch]
        if kind == "DELETE":
            self._rows.delete(self._connection, table, keys)
            return batch
        given = table.exact and not (kind == "INSERT" and _defaults(batch))
        before = {} if given else self._rows.images(self._connection, table, keys)
        if kind == "UPDATE":
            self._rows.update(self._connection, table, [(step.key, step.after or {}) for step in batch])
        else:
            self._rows.insert(self._connection, table, [step.after or {} for step in batch])
        if given:
            return batch
        after = self._rows.images(self._connection, table, keys)
        return [_turned_out(step, before.get(step.key), after[step.key]) for step in batch]

    def _next_version(self) -> int:
        if not self.version:
            self.version = next_version(self._connection)
        return self.version

    def _write_log(self, steps: list[Step]) -> None:
        drafts = [
            Draft(kind, table.name, key, before, after, "", undoes) for kind, table, key, before, after, undoes in steps
        ]
        append(self._connection, self._order.author, drafts, self.version, self._order.now)


class _Record(NamedTuple):
    """A record with what happened to it."""

    #: Numbers of the changes that are taken back, of other records too.
    selected: set[int]
    #: Known from the start where nothing of it can be taken back.
    known: Unwound
    history: Sequence[Entry] = ()
    row: Image | None = None
    table: Table | None = None

    def unwound(self, version: int, refused: Mapping[int, Conflict], *, force: bool) -> Unwound:
        if self.table is None:
            return self.known
        return unwind(self.history, self.selected, self.row, self.table, version=version, force=force, refused=refused)


def _defaults(batch: list[Step]) -> bool:
    """Whether a new row gets the default of a column, one that was added since."""
    columns = {column.name for column in batch[0].table.columns.values() if not column.generated}
    return any(columns - (step.after or {}).keys() for step in batch)


def _turned_out(step: Step, before: Image | None, after: Image) -> Step:
    """The step with what the row holds in fact."""
    if before is None:
        return step._replace(after=dict(after))
    changed = [name for name, value in after.items() if not same(value, before.get(name))]
    old, new = ({name: image.get(name) for name in changed} for image in (before, after))
    return step._replace(before=old, after=new)


def _batches(steps: list[Step]) -> Iterator[list[Step]]:
    """Neighbours of one kind and table, no record twice."""
    for _, group in groupby(steps, lambda step: (step.kind, step.table.name)):
        batch: dict[Key, Step] = {}
        for step in group:
            if step.key in batch:
                yield list(batch.values())
                batch = {}
            batch[step.key] = step
        yield list(batch.values())


def _by_table(window: list[Entry]) -> Mapping[str, list[Entry]]:
    found: defaultdict[str, list[Entry]] = defaultdict(list)
    for one in window:
        found[one.table].append(one)
    return found


def _entry(row: Sequence[Any]) -> Entry:
    number, kind, table, record, before, after, undoes, erased = row
    return Entry(
        number,
        kind,
        table,
        _keys.decode(record),
        None if before is None else _images.decode(before),
        None if after is None else _images.decode(after),
        undoes,
        erased,
    )


def _texts(texts: list[str], dialect: str) -> Select[tuple[object]]:
    """``texts`` as rows: one parameter, where SQLAlchemy would write the statement anew with one for each of them."""
    if dialect == "sqlite":
        return select(func.json_each(json.encode_text(texts)).table_valued("value").c.value)
    return select(func.unnest(cast(texts, ARRAY(Text))))
