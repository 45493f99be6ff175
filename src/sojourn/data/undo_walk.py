"""Taking changes back in a transaction, newest first and in windows: so memory does not grow with their number.

Each window ends with its own rows in the log, so that the next one sees what it has done as it sees what anybody has
done. Of the log nothing is read before its records are locked: what is carried out is what is reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, select

from sojourn.data import schema
from sojourn.data.changelog import Draft, append, next_version
from sojourn.data.entries import Conflict, Entry, Reason, Step, Unwound
from sojourn.data.errors import BadValue, ConstraintFailed
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


class _Meant(NamedTuple):
    number: int
    table: str
    key: Key


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

    def _windows(self) -> Iterator[list[_Meant]]:
        table, last = _change.c, self._newest + 1
        query = select(table.number, table.table_name, table.record).where(self._meant, table.kind.in_(ROW_KINDS))
        while True:
            page = query.where(table.number < last).order_by(table.number.desc()).limit(WINDOW)
            window = [_Meant(number, name, _keys.decode(key)) for number, name, key in self._connection.execute(page)]
            if not window:
                return
            yield window
            last = window[-1].number

    # --- one window ---

    def _take_back(self, window: list[_Meant]) -> None:
        records = [record for name, meant in _by_table(window).items() for record in self._records(name, meant)]
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

    def _records(self, name: str, meant: list[_Meant]) -> list[_Record]:
        numbers: defaultdict[Key, set[int]] = defaultdict(set)
        for one in meant:
            numbers[one.key].add(one.number)
        keys = list(numbers)
        table = self._order.tables.get(name)
        if table is None or table.view or not table.key:
            return [_Record(numbers[key], self._stuck(name, key, numbers[key], "table-gone")) for key in keys]
        rows = self._rows.images(self._connection, table, keys, lock=True)
        forbidden = self._order.forbidden(self._connection, keys)
        history = self._history(name, keys, min(one.number for one in meant))
        return [
            _Record(numbers[key], self._stuck(name, key, numbers[key], "forbidden"))
            if key in forbidden
            else _Record(numbers[key], Unwound([], [], 0), history[key], rows.get(key), table)
            for key in keys
        ]

    def _stuck(self, table: str, key: Key, numbers: set[int], reason: Reason) -> Unwound:
        found = [Conflict(number=number, table=table, key=key, reason=reason) for number in numbers]
        return Unwound([], found, 0)

    def _history(self, name: str, keys: Sequence[Key], oldest: int) -> Mapping[Key, list[Entry]]:
        """Everything that happened to the records since, in its order."""
        table = _change.c
        query = (
            select(
                table.number, table.kind, table.record, table.before, table.after, table.undoes, table.salt.is_(None)
            )
            .where(
                table.table_name == name,
                table.record.in_([msgspec.json.encode(key).decode() for key in keys]),
                table.number >= oldest,
                table.kind.in_(ROW_KINDS),
            )
            .order_by(table.number)
        )
        found: defaultdict[Key, list[Entry]] = defaultdict(list)
        for number, kind, record, before, after, undoes, erased in self._connection.execute(query):
            key = _keys.decode(record)
            entry = Entry(number, kind, name, key, _image(before), _image(after), undoes, bool(erased))
            found[key].append(entry)
        return found

    # --- writing ---

    def _carry_out(self, steps: list[Step], refused: dict[int, Conflict]) -> list[Step] | None:
        """The steps in the order in which they were done; None when some are ``refused`` now: think again."""
        try:
            with self._connection.begin_nested():
                return [done for batch in _batches(steps) for done in self._do(batch)]
        except (ConstraintFailed, BadValue):
            return _OneByOne(self._connection, self._do).run(steps, refused)

    def _do(self, batch: list[Step]) -> list[Step]:
        kind, table = batch[0].kind, batch[0].table
        keys = [step.key for step in batch]
        if kind == "DELETE":
            self._rows.delete(self._connection, table, keys)
        elif kind == "UPDATE":
            self._rows.update(self._connection, table, [(step.key, step.after or {}) for step in batch])
        else:
            self._rows.insert(self._connection, table, [step.after or {} for step in batch])
            if any(table.columns.keys() - (step.after or {}).keys() for step in batch):
                # Columns that were added since have their defaults now.
                made = self._rows.images(self._connection, table, keys)
                return [step._replace(after=dict(made[step.key])) for step in batch]
        return batch

    def _next_version(self) -> int:
        if not self.version:
            self.version = next_version(self._connection)
        return self.version

    def _write_log(self, steps: list[Step]) -> None:
        drafts = [
            Draft(step.kind, step.table.name, step.key, step.before, step.after, undoes=step.undoes) for step in steps
        ]
        append(self._connection, self._order.author, drafts, self.version, self._order.now)


class _Record(NamedTuple):
    """A record with what happened to it."""

    numbers: set[int]
    #: Known from the start where nothing of it can be taken back.
    known: Unwound
    history: Sequence[Entry] = ()
    row: Image | None = None
    table: Table | None = None

    def unwound(self, version: int, refused: Mapping[int, Conflict], *, force: bool) -> Unwound:
        if self.table is None:
            return self.known
        return unwind(self.history, self.numbers, self.row, self.table, version=version, force=force, refused=refused)


class _OneByOne:
    """Does steps that were refused together one by one, again and again for as long as one of them works."""

    def __init__(self, connection: Connection, do: Callable[[list[Step]], list[Step]]) -> None:
        self._connection = connection
        self._do = do
        self._said: dict[int, Exception] = {}

    def run(self, steps: list[Step], refused: dict[int, Conflict]) -> list[Step] | None:
        """The steps as they were done. None, and nothing done, where some never worked: they are in ``refused`` then."""
        done: list[Step] = []
        around = self._connection.begin_nested()
        waiting = steps
        while waiting:
            left = self._round(waiting, done)
            if len(left) == len(waiting):
                break
            waiting = left
        if not waiting:
            around.commit()
            return done
        around.rollback()
        refused.update(_refusal(step, self._said[step.undoes]) for step in _first_of_each(waiting))
        return None

    def _round(self, waiting: list[Step], done: list[Step]) -> list[Step]:
        left: list[Step] = []
        stuck: set[tuple[str, Key]] = set()
        for step in waiting:
            record = (step.table.name, step.key)
            # What is done to a record later builds upon what is done to it first.
            if record in stuck:
                left.append(step)
                continue
            try:
                with self._connection.begin_nested():
                    done += self._do([step])
            except (ConstraintFailed, BadValue) as error:
                self._said[step.undoes] = error
                stuck.add(record)
                left.append(step)
        return left


def _refusal(step: Step, error: Exception) -> tuple[int, Conflict]:
    reason: Reason = "bad-value" if isinstance(error, BadValue) else "constraint"
    conflict = Conflict(number=step.undoes, table=step.table.name, key=step.key, reason=reason, text=str(error))
    return step.undoes, conflict


def _first_of_each(steps: list[Step]) -> list[Step]:
    found: dict[tuple[str, Key], Step] = {}
    for step in steps:
        found.setdefault((step.table.name, step.key), step)
    return list(found.values())


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


def _by_table(window: list[_Meant]) -> Mapping[str, list[_Meant]]:
    found: defaultdict[str, list[_Meant]] = defaultdict(list)
    for one in window:
        found[one.table].append(one)
    return found


def _image(text: str | None) -> dict[str, Any] | None:
    return None if text is None else _images.decode(text)
