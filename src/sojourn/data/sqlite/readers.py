"""Connections for the SQL of authors: read-only files, few rights, limits, one statement at a time in a thread."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sojourn.core.clock import SECOND
from sojourn.data.errors import QueryTimeout, ResultTooLarge
from sojourn.data.lexer import Lexed, lex
from sojourn.data.origin import Origin, origin
from sojourn.data.parameters import bind, check_reading, respelled
from sojourn.data.port import Bounds, Cell, Column, ColumnType, Rows, Statement
from sojourn.data.sqlite import rights
from sojourn.data.sqlite.cells import LARGEST, READERS, Stored, column_type, parameter, type_of
from sojourn.data.sqlite.faults import of_author
from sojourn.data.sqlite.tables import schema_version, tables
from sojourn.data.sqlite.temporary import temporary

#: SQLite's instructions between two looks at the clock: some tenths of a millisecond.
_LOOK_EVERY = 4_000
#: Seconds between two looks at what the statements of this process keep on the disk, and how many bytes that may be.
_LOOK_AT_DISK = 0.1
_TEMPORARY = 1 << 30
#: Rows that are fetched at once.
_BATCH = 500
#: Statements whose columns are remembered.
_REMEMBERED = 512
#: Seconds that a reader waits while another connection recovers the write-ahead log.
_PATIENCE = 1.0
_VIEW = "sojourn_described"
_OF_ENGINE = f"SELECT name FROM {rights.ENGINE}.sqlite_schema WHERE type IN ('table', 'view')"  # noqa: S608 - a name of ours


class Turn:
    """One use of a connection: how long it may work, and whether anybody still waits for it."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.given_up = False
        #: Whether it was stopped for what it keeps on the disk.
        self.too_large = False
        self._left = bounds.time / SECOND
        self._end = 0.0
        self._next_look = 0.0

    @contextmanager
    def working(self) -> Iterator[None]:
        """For the time of a block the clock runs."""
        self._end = time.monotonic() + self._left
        try:
            yield
        finally:
            self._left = self._end - time.monotonic()

    def over(self) -> bool:
        """Whether the statement shall stop; asked by SQLite while it works."""
        now = time.monotonic()
        if now > self._next_look:
            self._next_look = now + _LOOK_AT_DISK
            self.too_large = temporary() > _TEMPORARY
        return self.given_up or self.too_large or now > self._end

    def check(self) -> None:
        """Raise ``QueryTimeout`` or ``ResultTooLarge`` when it shall stop."""
        if self.over():
            raise ResultTooLarge if self.too_large else QueryTimeout


class Reader:
    """One connection for statements of authors; used by one thread at a time."""

    def __init__(self, path: Path, engine: Path | None) -> None:
        self._connection, self._guide = _open(path, engine), _open(path, engine)
        self._describe = lru_cache(_REMEMBERED)(self._described)
        self._tables = lru_cache(1)(lambda _schema: tables(self._guide))
        self._names = lru_cache(1)(lambda schema: frozenset(map(str.lower, self._tables(schema))))
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        modules = [row[0] for row in self._guide.execute("PRAGMA module_list")]
        named = [row[0] for row in self._guide.execute(_OF_ENGINE)] if engine else []
        self._rights = rights.Reads(modules, named)
        # It stays for the life of the connection: whatever is prepared there has been asked for.
        self._connection.set_authorizer(self._rights)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
        self._guide.close()

    def run(self, statements: Sequence[Statement], turn: Turn) -> list[Rows]:
        """All statements from one snapshot, within the bounds together."""
        room = Room(turn.bounds)
        with of_author(), turn.working(), self._snapshot():
            return [self._run(statement, turn, room) for statement in statements]

    def pages(self, statement: Statement, turn: Turn, size: int) -> Generator[Rows, None, None]:
        """One statement, ``size`` rows at a time; the snapshot is held until the iterator is closed or at its end."""
        with self._snapshot():
            with of_author(), turn.working():
                cursor, result = self._begin(statement, turn)
            more = True
            while more:
                with of_author(), turn.working(), self._limited(turn):
                    room = Room(turn.bounds)
                    rows = cursor.fetchmany(size)
                    room.take(rows)
                more = len(rows) == size
                yield result.rows(rows)

    def _run(self, statement: Statement, turn: Turn, room: Room) -> Rows:
        cursor, result = self._begin(statement, turn)
        rows: list[tuple[Stored, ...]] = []
        with self._limited(turn):
            while batch := cursor.fetchmany(_BATCH):
                room.take(batch)
                rows += batch
                turn.check()
        return result.rows(rows)

    def _begin(self, statement: Statement, turn: Turn) -> tuple[sqlite3.Cursor, Result]:
        lexed = _checked(statement.sql)
        sql, values = bind(lexed, statement.parameters, lambda _number: "?")
        bound = [parameter(value) for value in values]
        schema = schema_version(self._guide)
        self._rights.known = self._names(schema)
        with self._limited(turn):
            cursor = self._connection.execute(sql, bound)
        names = tuple(entry[0] for entry in cursor.description)
        return cursor, self._describe(lexed.sql, schema, names)

    def _described(self, sql: str, schema: int, names: Sequence[str]) -> Result:
        """What is known of a result: SQLite knows the declared types of a view, which has no parameters."""
        lexed = _checked(sql)
        marks = [token for token in lexed.tokens if token.kind == "parameter"]
        view = f"CREATE TEMP VIEW {_VIEW} AS {respelled(lexed, marks, lambda _: 'NULL')}"
        try:
            self._guide.execute(view)
            declared = [row[2] for row in self._guide.execute(f"PRAGMA temp.table_info({_VIEW})")]
        except sqlite3.Error:
            declared = []
        finally:
            self._guide.execute(f"DROP VIEW IF EXISTS temp.{_VIEW}")
        types = list(map(column_type, declared)) if len(declared) == len(names) else [None] * len(names)
        known = self._tables(schema)
        found = origin(lexed, names, known)
        table = known.get(found.table)
        required = {name for name, column in table.columns.items() if not column.nullable} if table else set()
        return Result(names, types, [name not in required for name in names], found)

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        self._rights.own = True
        self._connection.execute("BEGIN")
        self._rights.own = False
        try:
            yield
        finally:
            self._rights.own = True
            if self._connection.in_transaction:
                self._connection.rollback()
            self._rights.own = False

    @contextmanager
    def _limited(self, turn: Turn) -> Iterator[None]:
        """For a block SQLite asks whether it is to stop, and refuses larger values than the bounds allow."""
        connection = self._connection
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(turn.bounds.size, LARGEST))
        connection.set_progress_handler(turn.over, _LOOK_EVERY)
        try:
            yield
        except sqlite3.OperationalError:
            turn.check()
            raise
        finally:
            connection.set_progress_handler(None, 0)


class Result(NamedTuple):
    """What is known of a result before its rows."""

    names: Sequence[str]
    types: Sequence[ColumnType | None]
    nullable: Sequence[bool]
    origin: Origin

    def rows(self, stored: Sequence[tuple[Stored, ...]]) -> Rows:
        """A page of it."""
        types = [kind or _of_values(stored, place) for place, kind in enumerate(self.types)]
        columns = [Column(*facts) for facts in zip(self.names, types, self.nullable, strict=True)]
        readers = [(place, READERS[kind]) for place, kind in enumerate(self.types) if kind and kind in READERS]
        return Rows(columns, _cells(stored, readers) if readers else stored, self.origin.table, self.origin.key)


def _of_values(stored: Sequence[tuple[Stored, ...]], place: int) -> ColumnType:
    """The type of an expression is that of its first value."""
    return type_of(next((row[place] for row in stored if row[place] is not None), ""))


def _cells(
    stored: Sequence[tuple[Stored, ...]], readers: Sequence[tuple[int, Callable[[Stored], Cell]]]
) -> list[tuple[Cell, ...]]:
    found: list[tuple[Cell, ...]] = []
    for row in stored:
        cells: list[Cell] = list(row)
        for place, read in readers:
            if cells[place] is not None:
                cells[place] = read(row[place])
        found.append(tuple(cells))
    return found


@lru_cache(_REMEMBERED)
def _checked(sql: str) -> Lexed:
    """A statement that begins as one that reads, and takes no name of the system."""
    lexed = lex(sql, "sqlite")
    check_reading(lexed)
    rights.check_names(lexed)
    return lexed


class Room:
    """What is left of the bounds of a result."""

    def __init__(self, bounds: Bounds) -> None:
        self._rows, self._size = bounds.rows, bounds.size

    def take(self, rows: Sequence[tuple[Stored, ...]]) -> None:
        """Take the room of ``rows``; raises ``ResultTooLarge``."""
        self._rows -= len(rows)
        self._size -= sum(len(value) if isinstance(value, str | bytes) else 8 for row in rows for value in row)
        if self._rows < 0:
            raise ResultTooLarge("the result has too many rows: ask for less, or page by page")
        if self._size < 0:
            raise ResultTooLarge("the result is too large: ask for less, or page by page")


def _read_only(path: Path) -> str:
    return f"file:{quote(str(path))}?mode=ro"


def _open(path: Path, engine: Path | None) -> sqlite3.Connection:
    """A connection that cannot write, with the views over the engine database where that is a file."""
    connection = sqlite3.connect(
        _read_only(path), uri=True, isolation_level=None, check_same_thread=False, timeout=_PATIENCE
    )
    for pragma in ("trusted_schema=OFF", "temp_store=FILE", "cell_size_check=ON"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    if engine is not None:
        connection.execute(f"ATTACH ? AS {rights.ENGINE}", (_read_only(engine),))
        for name in rights.ENGINE_VIEWS:
            connection.execute(f'CREATE TEMP VIEW "{name}" AS SELECT * FROM {rights.ENGINE}."{name}"')  # noqa: S608
    for name in sorted(rights.HARMLESS):
        # A table that is a function is made by its first use, and that would have to read the catalog.
        with suppress(sqlite3.Error):
            connection.execute(f"SELECT value FROM {name}(NULL) LIMIT 0").fetchall()  # noqa: S608 - a name of ours
    return connection
