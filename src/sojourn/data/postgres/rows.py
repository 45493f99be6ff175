"""Whole rows as PostgreSQL's own JSON: ``to_jsonb`` reads them, ``jsonb_populate_recordset`` writes them, many at once."""

# ruff: noqa: S608 - statements are made of names of the catalogue, each in quotes; values go as one parameter

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any, TypeVar

from sqlalchemy import Connection

from sojourn.core import json
from sojourn.core.json import Json
from sojourn.data.errors import BadValue, TableUnknown
from sojourn.data.port import Cell, Image, Key, RowAccess, Table
from sojourn.data.postgres.faults import house_errors
from sojourn.data.postgres.images import imaged, same_moment
from sojourn.data.postgres.names import APPLICATION, SYSTEM, quoted
from sojourn.data.postgres.tables import NONE, Shape, Shapes
from sojourn.data.schema import PREFIX

T = TypeVar("T")

#: Rows of one statement, so that none runs for long.
_MOST = 1_000


class PostgresRows(RowAccess):
    """Rows of the tables of the application."""

    def __init__(self) -> None:
        #: The tables as they were seen last; replaced as a whole.
        self.shapes: Shapes = NONE

    def image(self, table: Table, values: Mapping[str, Cell]) -> Image:
        """See :meth:`RowAccess.image`."""
        shape = self._shape(table)
        types, modifiers = shape.types, shape.modifiers
        unknown = [name for name in values if name not in types]
        if unknown:
            raise BadValue(f"{table.name} has no column {unknown[0][:60]!r}")
        return {
            name: imaged(value, types[name], modifiers.get(name, -1), name)
            for name, value in values.items()
            if not table.columns[name].generated
        }

    def same(self, table: Table, column: str, one: Json, other: Json) -> bool:
        """Times are the same when they differ by less than scripts can tell."""
        return one == other or (table.columns[column].type == "datetime" and same_moment(one, other))

    def images(
        self, connection: Connection, table: Table, keys: Sequence[Key], *, lock: bool = False
    ) -> dict[Key, Image]:
        """See :meth:`RowAccess.images`; rows are locked in the order of their keys, so that two never wait for each other."""
        shape = self._shape(table)
        key = _quoted(shape.names[table.key])
        written = {name: folded for name, folded in shape.names.items() if not table.columns[name].generated}
        statement = (
            # ``t`` alone would be a column of that name.
            f"SELECT to_jsonb(t.*)::text FROM {_name(table)} AS t WHERE t.{key} = ANY (ARRAY(SELECT r.{key}"
            f" FROM jsonb_populate_recordset(NULL::{_name(table)}, CAST(%(rows)s AS jsonb)) AS r)) ORDER BY t.{key}"
        )
        found: dict[Key, Image] = {}
        for part in _parts(sorted(keys, key=_place)):
            rows = _run(
                connection,
                statement + (" FOR UPDATE OF t" if lock else ""),
                [{shape.names[table.key]: one} for one in part],
            )
            for (row,) in rows:
                stored = json.decode(row)
                image = {name: stored[folded] for name, folded in written.items() if folded in stored}
                found[image[table.key]] = image
        return found

    def insert(self, connection: Connection, table: Table, images: Sequence[Image]) -> None:
        """See :meth:`RowAccess.insert`."""
        shape = self._shape(table)
        for columns, group in groupby(images, list):
            names = _names(shape, columns)
            statement = (
                f"INSERT INTO {_name(table)} ({', '.join(names)}) OVERRIDING SYSTEM VALUE"
                f" SELECT {', '.join(f'r.{name}' for name in names)}"
                f" FROM jsonb_populate_recordset(NULL::{_name(table)}, CAST(%(rows)s AS jsonb)) AS r"
            )
            for part in _parts(group):
                _run(connection, statement, [_folded(shape, image, columns) for image in part])

    def update(self, connection: Connection, table: Table, changes: Sequence[tuple[Key, Image]]) -> None:
        """See :meth:`RowAccess.update`."""
        for columns, group in groupby(changes, lambda change: _changed(table, change)):
            if table.key in columns:
                for key, image in group:
                    self._move(connection, table, key, image)
            elif columns:
                self._update(connection, table, columns, group)

    def delete(self, connection: Connection, table: Table, keys: Sequence[Key]) -> None:
        """See :meth:`RowAccess.delete`."""
        name = self._shape(table).names[table.key]
        key = _quoted(name)
        statement = (
            f"DELETE FROM {_name(table)} AS t WHERE t.{key} = ANY (ARRAY(SELECT r.{key}"
            f" FROM jsonb_populate_recordset(NULL::{_name(table)}, CAST(%(rows)s AS jsonb)) AS r))"
        )
        for part in _parts(keys):
            _run(connection, statement, [{name: one} for one in part])

    def _update(
        self, connection: Connection, table: Table, columns: Sequence[str], changes: Iterable[tuple[Key, Image]]
    ) -> None:
        shape = self._shape(table)
        name = shape.names[table.key]
        key, sets = _quoted(name), ", ".join(f"{one} = r.{one}" for one in _names(shape, columns))
        statement = (
            f"UPDATE {_name(table)} AS t SET {sets}"
            f" FROM jsonb_populate_recordset(NULL::{_name(table)}, CAST(%(rows)s AS jsonb)) AS r WHERE t.{key} = r.{key}"
        )
        for part in _parts(changes):
            _run(connection, statement, [{**_folded(shape, image, columns), name: one} for one, image in part])

    def _move(self, connection: Connection, table: Table, key: Key, image: Image) -> None:
        """Give a row another key too."""
        shape = self._shape(table)
        columns = _changed(table, (key, image))
        name = shape.names[table.key]
        sets = ", ".join(f"{one} = r.{one}" for one in _names(shape, columns))
        record = f"jsonb_populate_record(NULL::{_name(table)}, CAST(%(rows)s AS jsonb)"
        statement = (
            f"UPDATE {_name(table)} AS t SET {sets} FROM {record} -> 1) AS r, {record} -> 0) AS o"
            f" WHERE t.{_quoted(name)} = o.{_quoted(name)}"
        )
        _run(connection, statement, [{name: key}, _folded(shape, image, columns)])

    def _shape(self, table: Table) -> Shape:
        shape = self.shapes.by_name.get(table.name)
        if table.name.startswith(PREFIX):
            # One of ours, which undo knows: whoever asks has it from us.
            return Shape(0, table, {}, {}, {}, {name: name for name in table.columns})
        if shape is None:
            raise TableUnknown(f"there is no table {table.name[:60]!r}")
        return shape


def _run(connection: Connection, statement: str, rows: Sequence[Mapping[str, Json]]) -> Any:
    with house_errors():
        return connection.exec_driver_sql(statement, {"rows": json.encode_text(rows)})


def _quoted(name: str) -> str:
    """As it stands in a statement of the driver."""
    return quoted(name).replace("%", "%%")


def _name(table: Table) -> str:
    schema = SYSTEM if table.name.startswith(PREFIX) else APPLICATION
    return f"{quoted(schema)}.{_quoted(table.name)}"


def _names(shape: Shape, columns: Iterable[str]) -> list[str]:
    missing = [name for name in columns if name not in shape.names]
    if missing:
        raise BadValue(f"{shape.table.name} has no column {missing[0][:60]!r}")
    return [_quoted(shape.names[name]) for name in columns]


def _folded(shape: Shape, image: Image, columns: Iterable[str]) -> dict[str, Json]:
    return {shape.names[name]: image[name] for name in columns}


def _changed(table: Table, change: tuple[Key, Image]) -> list[str]:
    key, image = change
    return [name for name in image if name != table.key or image[name] != key]


def _place(key: Key) -> tuple[bool, Key]:
    return isinstance(key, str), key


def _parts(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while part := list(islice(rest, _MOST)):
        yield part
