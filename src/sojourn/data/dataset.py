"""Rows with typed columns as Python gets them, and what is changed in them before it is applied.

A set is light: the rows are tuples as the database gave them, and a change is kept beside them. To go through them costs no
more than the tuples; what is derived (:meth:`DataSet.filter`, :meth:`DataSet.sorted`, a page) is a set of its own without
pending changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

from sojourn.data.aggregates import grouped, total
from sojourn.data.errors import BadValue, NoSuchColumn, NoSuchRecord, TableWithoutKey
from sojourn.data.port import Cell, Column, Key, Rows
from sojourn.data.terms import Deleted, Modified, TableChanges

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

State = Literal["unchanged", "inserted", "modified", "deleted"]
Record = dict[str, Cell]


class DataSet:
    """Rows of a query, or of one's own.

    Args:
        found: Columns and rows; the table and its key where they are known.
    """

    def __init__(self, found: Rows) -> None:
        self._found = found
        self._places = {column.name: place for place, column in enumerate(found.columns)}
        #: What rows look like after changes that were not applied yet, by key; None for a deleted one.
        self._edits: dict[Key, Record | None] = {}
        self._inserted: dict[Key, Record] = {}
        self._by_key: dict[Key, int] | None = None

    @classmethod
    def empty(cls, columns: Iterable[Column], table: str = "", key: str = "") -> DataSet:
        """A set without rows, to insert some."""
        return cls(Rows(list(columns), [], table, key))

    def __repr__(self) -> str:
        return f"<DataSet of {len(self._found.rows)} rows: {', '.join(self.names)}>"

    def __len__(self) -> int:
        gone = sum(edit is None for edit in self._edits.values())
        return len(self._found.rows) + len(self._inserted) - gone

    def __iter__(self) -> Iterator[Record]:
        """The rows as they are with all changes, deleted ones left out, inserted ones last."""
        names = self.names
        if not self._edits:
            yield from (dict(zip(names, row, strict=True)) for row in self._found.rows)
        else:
            place = self._places[self.key]
            for row in self._found.rows:
                edited = self._edits.get(row[place], _SAME)  # type: ignore[arg-type] # the key column has keys
                if edited is not None:
                    yield dict(zip(names, row, strict=True)) if edited is _SAME else dict(edited)
        yield from (dict(row) for row in self._inserted.values())

    # --- what it is ---

    @property
    def columns(self) -> Sequence[Column]:
        """Its columns."""
        return self._found.columns

    @property
    def names(self) -> Sequence[str]:
        """Names of its columns."""
        return [column.name for column in self._found.columns]

    @property
    def rows(self) -> Sequence[tuple[Cell, ...]]:
        """Its rows as they were read, without changes."""
        return self._found.rows

    @property
    def table(self) -> str:
        """The one table that all of it comes from, empty where there are several or none."""
        return self._found.table

    @property
    def key(self) -> str:
        """The key column of that table when it is among the columns, else empty."""
        return self._found.key

    def column(self, name: str) -> list[Cell]:
        """The values of a column, with all changes. Raises :class:`NoSuchColumn`."""
        self._check(name)
        if not self._edits and not self._inserted:
            place = self._places[name]
            return [row[place] for row in self._found.rows]
        return [row[name] for row in self]

    def get(self, key: Key) -> Record:
        """A row by its key, with its changes. Raises :class:`NoSuchRecord`, ``TableWithoutKey``."""
        if key in self._inserted:
            return dict(self._inserted[key])
        edited = self._edits.get(key, _SAME)
        if edited is None:
            raise NoSuchRecord
        return self._read(key) if edited is _SAME else dict(edited)

    # --- changing ---

    def insert(self, **values: Cell) -> None:
        """Add a row; columns that are not named get their default in the database.

        Raises :class:`NoSuchColumn`, ``BadValue`` without a key of its own.
        """
        for name in values:
            self._check(name)
        key = values.get(self._key())
        if not isinstance(key, int | str) or isinstance(key, bool) or key in self._keys() or key in self._inserted:
            raise BadValue(f"a new row needs a {self.key} of its own")
        self._inserted[key] = dict(values)

    def modify(self, key: Key, **values: Cell) -> None:
        """Change columns of a row. Raises as :meth:`get`, :class:`NoSuchColumn`, ``BadValue`` for the key column."""
        for name in values:
            self._check(name)
        if values.get(self._key(), key) != key:
            raise BadValue(f"the {self.key} of a row cannot be changed")
        changed = {**self.get(key), **values}
        if key in self._inserted:
            self._inserted[key] = changed
        elif changed == self._read(key):
            self._edits.pop(key, None)
        else:
            self._edits[key] = changed

    def remove(self, key: Key) -> None:
        """Delete a row. Raises as :meth:`get`."""
        self.get(key)
        if self._inserted.pop(key, None) is None:
            self._edits[key] = None

    def state(self, key: Key) -> State:
        """What was done to a row. Raises :class:`NoSuchRecord`, ``TableWithoutKey``."""
        if key in self._inserted:
            return "inserted"
        self._read(key)
        edited = self._edits.get(key, _SAME)
        return "unchanged" if edited is _SAME else "deleted" if edited is None else "modified"

    def original(self, key: Key) -> Record | None:
        """A row as it was read, None for an inserted one. Raises :class:`NoSuchRecord`, ``TableWithoutKey``."""
        return None if key in self._inserted else self._read(key)

    def changes(self) -> TableChanges:
        """All changes, for ``Database.apply_updates``; each with what its columns held when they were read."""
        modified, deleted = [], []
        for key, edited in self._edits.items():
            before = self._read(key)
            if edited is None:
                deleted.append(Deleted(key, before))
                continue
            names = [name for name, value in edited.items() if value != before[name]]
            old, new = ({name: row[name] for name in names} for row in (before, edited))
            modified.append(Modified(key, old, new))
        return TableChanges(
            table=self.table,
            inserted=[dict(row) for row in self._inserted.values()],
            modified=modified,
            deleted=deleted,
        )

    def applied(self) -> None:
        """Take the changes for what the rows are: they were written."""
        names = self.names
        rows = [tuple(row.get(name) for name in names) for row in self]
        self._found = self._found._replace(rows=rows)
        self.cancel()

    def cancel(self) -> None:
        """Forget all changes."""
        self._edits.clear()
        self._inserted.clear()
        self._by_key = None

    # --- deriving ---

    def filter(self, fits: Callable[[Record], bool]) -> DataSet:
        """The rows that fit."""
        return self._of(row for row in self if fits(row))

    def sorted(self, *names: str, descending: bool = False) -> DataSet:
        """The rows in the order of these columns; what is empty comes first. Raises :class:`NoSuchColumn`."""
        for name in names:
            self._check(name)

        def rank(row: Mapping[str, Cell]) -> list[tuple[bool, Any]]:
            return [(row[name] is not None, 0 if row[name] is None else row[name]) for name in names]

        return self._of(sorted(self, key=rank, reverse=descending))

    def page(self, number: int, size: int) -> DataSet:
        """The rows of page ``number`` (from 0) when each has ``size``."""
        return self._of(list(self)[number * size : (number + 1) * size])

    def sum(self, name: str) -> Decimal | float | int:
        """The sum of a column; empty values count nothing. Raises :class:`NoSuchColumn`, ``BadValue``."""
        return total(name, self.column(name))

    def aggregate(self, by: Sequence[str] = (), **wanted: tuple[str, str]) -> list[Record]:
        """A row for each group of equal values of ``by``: ``aggregate(["city"], total=("sum", "price"))``.

        A group gets ``sum``, ``min``, ``max``, ``average`` or ``count`` of a column; empty values count nothing. Raises
        :class:`NoSuchColumn`, ``BadValue``.
        """
        for name in (*by, *(name for _, name in wanted.values())):
            self._check(name)
        return grouped(self, by, wanted)

    # --- for others ---

    def to_json(self) -> str:
        """The rows with their changes as JSON that keeps everything, for :meth:`from_json`."""
        from sojourn.data.texts import to_json

        return to_json(self)

    @staticmethod
    def from_json(text: str) -> DataSet:
        """The set that :meth:`to_json` has written. Raises ``InvalidJson``, ``BadValue``."""
        from sojourn.data.texts import from_json

        return from_json(text)

    def to_csv(self) -> str:
        """The rows with their changes as CSV with names in the first line; texts that look like formulas are quoted."""
        from sojourn.data.texts import to_csv

        return to_csv(self)

    @staticmethod
    def from_csv(text: str, columns: Iterable[Column], *, table: str = "", key: str = "") -> DataSet:
        """The rows of a CSV text with names in the first line, ``columns`` of them; an empty cell is no value.

        Raises ``BadValue`` with the line.
        """
        from sojourn.data.texts import from_csv

        return from_csv(text, columns, table=table, key=key)

    def to_arrow(self) -> pa.Table:
        """The rows as a table of Apache Arrow; needs ``sojourn[arrow]``."""
        from sojourn.data.arrow import to_arrow

        return to_arrow(self)

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a frame of pandas; needs ``sojourn[pandas]``."""
        return self.to_arrow().to_pandas()

    # --- within ---

    def _of(self, rows: Iterable[Mapping[str, Cell]]) -> DataSet:
        names = self.names
        return DataSet(self._found._replace(rows=[tuple(row.get(name) for name in names) for row in rows]))

    def _check(self, name: str) -> None:
        if name not in self._places:
            raise NoSuchColumn(f"there is no column {name[:60]!r}")

    def _key(self) -> str:
        if not self.key:
            raise TableWithoutKey("these rows have no key column")
        return self.key

    def _keys(self) -> dict[Key, int]:
        if self._by_key is None:
            place = self._places[self._key()]
            found: dict[Any, int] = {row[place]: number for number, row in enumerate(self._found.rows)}
            self._by_key = found
        return self._by_key

    def _read(self, key: Key) -> Record:
        number = self._keys().get(key)
        if number is None:
            raise NoSuchRecord
        return dict(zip(self.names, self._found.rows[number], strict=True))


_SAME: Final[Record] = {}
