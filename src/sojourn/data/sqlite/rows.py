"""Whole rows of tables in a file of SQLite: read by key, written many at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite

from sojourn.core import json
from sojourn.core.json import Json
from sojourn.data.errors import BadValue
from sojourn.data.port import Cell, Column, Image, Key, RowAccess, Table
from sojourn.data.sqlite.cells import READERS, Stored, plain, to_stored
from sojourn.data.sqlite.faults import of_engine
from sojourn.data.sqlite.images import from_image, to_image

_DIALECT: Final = sqlite.dialect(paramstyle="qmark")

#: Types of stored values that are the same in an image.
_AS_THEY_ARE: Final = frozenset({type(None), int, str})

#: Statements that are kept in their spelled form.
_REMEMBERED = 1_024


class SqliteRows(RowAccess):
    """See :class:`RowAccess`."""

    def image(self, table: Table, values: Mapping[str, Cell]) -> Image:
        """See :meth:`RowAccess.image`."""
        columns = table.columns
        found: dict[str, Any] = {}
        for name, value in values.items():
            column = columns.get(name)
            if column is None:
                raise BadValue(f"{table.name} has no column {name[:60]!r}")
            if not column.generated:
                # Most values of thousands of rows are stored as they are.
                found[name] = value if plain(column.type, value) else _image(table, column, value)
        return found

    def same(self, table: Table, column: str, one: Json, other: Json) -> bool:
        """See :meth:`RowAccess.same`: another program may have written a date or JSON in another form."""
        read = READERS.get(table.columns[column].type)
        if one == other or read is None or one is None or other is None:
            return one == other
        return read(from_image(one)) == read(from_image(other))

    def images(
        self, connection: Connection, table: Table, keys: Sequence[Key], *, lock: bool = False
    ) -> dict[Key, Image]:
        """See :meth:`RowAccess.images`; the writer is alone in the database, so nothing is to be locked."""
        del lock
        names = tuple(name for name, column in table.columns.items() if not column.generated)
        place = names.index(table.key)
        found: dict[Key, Image] = {}
        for row in _driver(connection).execute(_reading(table.name, table.key, names), (_list(keys),)):
            values = row if _AS_THEY_ARE.issuperset(map(type, row)) else map(to_image, row)
            found[row[place]] = dict(zip(names, values, strict=True))
        return found

    def insert(self, connection: Connection, table: Table, images: Sequence[Image]) -> None:
        """See :meth:`RowAccess.insert`."""
        for names, same in groupby(images, tuple):
            _many(connection, _adding(table.name, names), (_values(image) for image in same))

    def update(self, connection: Connection, table: Table, changes: Sequence[tuple[Key, Image]]) -> None:
        """See :meth:`RowAccess.update`."""
        for names, same in groupby(changes, lambda change: tuple(change[1])):
            if names:
                rows = ((*_values(image), key) for key, image in same)
                _many(connection, _changing(table.name, table.key, names), rows)

    def delete(self, connection: Connection, table: Table, keys: Sequence[Key]) -> None:
        """See :meth:`RowAccess.delete`."""
        with of_engine():
            _driver(connection).execute(_removing(table.name, table.key), (_list(keys),))


def _image(table: Table, column: Column, value: Cell) -> Json:
    try:
        return to_image(to_stored(column.type, value))
    except BadValue as error:
        reason = error.message if error.message != BadValue().message else f"it is of type {column.type}"
        raise BadValue(f"the value of {table.name}.{column.name} does not fit: {reason}") from None


def _values(image: Image) -> tuple[Stored, ...]:
    values: tuple[Any, ...] = tuple(image.values())
    return values if _AS_THEY_ARE.issuperset(map(type, values)) else tuple(map(from_image, values))


def _list(keys: Sequence[Key]) -> str:
    return json.encode_text(list(keys))


def _many(connection: Connection, sql: str, rows: Iterable[tuple[Stored, ...]]) -> None:
    try:
        with of_engine():
            _driver(connection).executemany(sql, rows)
    except (OverflowError, UnicodeEncodeError) as error:
        raise BadValue("a number or a text cannot be stored") from error


def _driver(connection: Connection) -> sqlite3.Connection:
    """The driver's connection: a row of thousands costs SQLAlchemy more than SQLite."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


# A table's own default for a conflict could replace rows that nobody has named: every statement says ABORT.


@lru_cache(_REMEMBERED)
def _adding(table: str, names: tuple[str, ...]) -> str:
    target = sa.table(table, *map(sa.column, names))
    values: dict[str, sa.BindParameter[object]] = {name: sa.bindparam(f"p{place}") for place, name in enumerate(names)}
    return _spelled(sa.insert(target).values(values).prefix_with("OR ABORT"))


@lru_cache(_REMEMBERED)
def _changing(table: str, key: str, names: tuple[str, ...]) -> str:
    target = sa.table(table, *map(sa.column, dict.fromkeys((*names, key))))
    values: dict[str, sa.BindParameter[object]] = {name: sa.bindparam(f"p{place}") for place, name in enumerate(names)}
    where = target.c[key] == sa.bindparam("key")
    return _spelled(sa.update(target).values(values).where(where).prefix_with("OR ABORT"))


@lru_cache(_REMEMBERED)
def _removing(table: str, key: str) -> str:
    target = sa.table(table, sa.column(key))
    return _spelled(sa.delete(target).where(target.c[key].in_(_given())))


@lru_cache(_REMEMBERED)
def _reading(table: str, key: str, names: tuple[str, ...]) -> str:
    target = sa.table(table, *map(sa.column, names))
    return _spelled(sa.select(*target.c).where(target.c[key].in_(_given())))


def _given() -> sa.Select[tuple[object]]:
    return sa.select(sa.func.json_each(sa.bindparam("keys")).table_valued("value").c.value)


def _spelled(statement: sa.ClauseElement) -> str:
    return str(statement.compile(dialect=_DIALECT))
