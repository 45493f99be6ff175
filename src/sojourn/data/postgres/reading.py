"""What authors ask, on a connection of the reader that is renewed when it breaks."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import psycopg

from sojourn.core.clock import SECOND
from sojourn.core.errors import StoreUnavailable
from sojourn.data.errors import DatabaseUnavailable
from sojourn.data.lexer import Lexed, lex
from sojourn.data.origin import Origin, origin
from sojourn.data.parameters import bind, check_reading
from sojourn.data.port import Bounds, Cell, Column, Rows, Statement, Table
from sojourn.data.postgres.calls import LOOK, Calls
from sojourn.data.postgres.names import APPLICATION, SYSTEM, literal, spelled
from sojourn.data.postgres.reader import Allowance, Field, Reader
from sojourn.data.postgres.values import Bound, bound, type_of
from sojourn.stores.libpq.connecting import PATIENCE

#: Connections for the statements of authors, and as many threads.
READERS = 6

#: Milliseconds that a question of ours may take.
_PATIENCE: Final = int(PATIENCE * SECOND)

# The look at a row gives the transaction its snapshot: from there on nothing makes it one that writes.
_BEGIN: Final = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
    f" SET LOCAL search_path = {SYSTEM}, {APPLICATION}, pg_temp; SET LOCAL TimeZone = 'UTC';"
    " SET LOCAL standard_conforming_strings = on; SET LOCAL DateStyle = 'ISO, YMD';"
    " SET LOCAL IntervalStyle = postgres; SET LOCAL bytea_output = hex; SET LOCAL extra_float_digits = 1;"
    " SET LOCAL lock_timeout = 2000; SET LOCAL idle_in_transaction_session_timeout = {idle};"
    " SET LOCAL statement_timeout = {left}; SELECT FROM pg_class LIMIT 1"
)
_TIME: Final = "SET LOCAL statement_timeout = {left}"

# The table by its number, each column by its place; the key as in :mod:`sojourn.data.postgres.tables`.
_ORIGIN: Final = f"""
SELECT c.relname::text, n.nspname = {literal(SYSTEM)} OR c.relkind = 'v', a.attnum::int, a.attname::text, a.attnotnull,
       coalesce((SELECT i.indnkeyatts = 1 AND i.indkey[0] = a.attnum FROM pg_catalog.pg_index i
                  WHERE i.indrelid = c.oid AND i.indisprimary), false)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.oid = $1::text::oid"""  # noqa: S608 - our own words


class _Shape(NamedTuple):
    """The table of a result, and the places of its columns that always hold something."""

    table: Table
    filled: frozenset[int]


class _Described(NamedTuple):
    """What is known of a result before its rows."""

    columns: Sequence[Column]
    origin: Origin

    def rows(self, rows: Sequence[tuple[Cell, ...]]) -> Rows:
        """A page of it."""
        return Rows(self.columns, rows, self.origin.table, self.origin.key)


class Reading:
    """One place for a connection; used by one thread at a time."""

    def __init__(self, parameters: Mapping[str, Any], calls: Calls) -> None:
        self._parameters = dict(parameters)
        self._calls = calls
        self._reader: Reader | None = None

    def close(self) -> None:
        """Hang up."""
        if self._reader is not None:
            self._reader.close()

    def query(self, statements: Sequence[Statement], allowance: Allowance) -> list[Rows]:
        """All statements from one snapshot, within the bounds together."""
        with self._transaction(allowance, idle=allowance.left) as reader:
            return [self._one(reader, statement, allowance) for statement in statements]

    def pages(self, statement: Statement, bounds: Bounds, first: Allowance, size: int) -> Generator[Rows, None, None]:
        """One statement by a cursor of the server; the snapshot is held until the iterator is closed or at its end."""
        first.renew(bounds)
        with self._transaction(first, idle=bounds.time) as reader:
            lexed, sql, values = self._prepared(reader, statement, first)
            reader.ask(f"DECLARE sojourn_pages NO SCROLL CURSOR FOR {sql}", values, first)
            described, more = None, True
            while more:
                first.renew(bounds)
                reader.command(_TIME.format(left=first.left), first)
                found = reader.ask(f"FETCH {int(size)} FROM sojourn_pages", (), first)
                more = len(found.rows) == size
                described = described or self._described(reader, lexed, found.fields, first)
                yield described.rows(found.rows)

    def _one(self, reader: Reader, statement: Statement, allowance: Allowance) -> Rows:
        lexed, sql, values = self._prepared(reader, statement, allowance)
        # Whatever the statement before it did to the settings.
        reader.command(_TIME.format(left=allowance.left), allowance)
        found = reader.ask(sql, values, allowance)
        return self._described(reader, lexed, found.fields, allowance).rows(found.rows)

    def _prepared(self, reader: Reader, statement: Statement, allowance: Allowance) -> tuple[Lexed, str, list[Bound]]:
        lexed = lex(statement.sql, "postgresql")
        check_reading(lexed)
        self._calls.check(lexed, lambda names: reader.names(LOOK, names, allowance))
        sql, cells = bind(lexed, statement.parameters, lambda number: f"${number}")
        return lexed, sql, [bound(cell) for cell in cells]

    def _described(self, reader: Reader, lexed: Lexed, fields: Sequence[Field], allowance: Allowance) -> _Described:
        """What is known of a result; which table it is of is asked in the same snapshot."""
        places = {(field.table, field.place) for field in fields}
        tables = {table for table, _ in places if table}
        names = [spelled(field.name) for field in fields]
        shape = self._table(reader, tables.pop(), allowance) if len(tables) == 1 else None
        filled = shape.filled if shape else ()
        columns = [
            Column(name, type_of(field.oid), nullable=not (field.table and field.place in filled))
            for name, field in zip(names, fields, strict=True)
        ]
        found = origin(lexed, names, {shape.table.name: shape.table}) if shape else Origin()
        return _Described(columns, found)

    def _table(self, reader: Reader, oid: int, allowance: Allowance) -> _Shape | None:
        known = reader.ask(_ORIGIN, [Bound(0, str(oid).encode())], allowance.part(_PATIENCE)).rows
        if not known:
            return None
        names = [spelled(str(name)) for _, _, _, name, _, _ in known]
        key = "iKey" if "iKey" in names else next((name for name, row in zip(names, known, strict=True) if row[5]), "")
        columns = {name: Column(name, "string") for name in names}
        table = Table(str(known[0][0]), columns, key, view=bool(known[0][1]))
        return _Shape(table, frozenset(int(str(row[2])) for row in known if row[4]))

    @contextmanager
    def _transaction(self, allowance: Allowance, *, idle: int) -> Iterator[Reader]:
        begin = _BEGIN.format(idle=max(1_000, idle), left=allowance.left)
        reader = self._begun(begin, allowance)
        try:
            yield reader
        finally:
            reader.end()

    def _begun(self, begin: str, allowance: Allowance) -> Reader:
        reader, known = self._reader, self._reader is not None
        if reader is None or reader.broken:
            reader, known = self._connected(), False
        try:
            reader.command(begin, first := allowance.part(_PATIENCE))
        except DatabaseUnavailable:
            # The server had hung up on a connection that was idle, so that nothing was asked; one that is silent has not.
            if not known or first.over:
                raise
            reader = self._connected()
            reader.command(begin, allowance.part(_PATIENCE))
        return reader

    def _connected(self) -> Reader:
        if self._reader is not None:
            self._reader.close()
        try:
            self._reader = Reader(self._parameters)
        except (psycopg.Error, StoreUnavailable) as error:
            self._reader = None
            raise DatabaseUnavailable("the database cannot be reached") from error
        return self._reader
