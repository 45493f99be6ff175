"""A database of the application in a file: readers for authors, one writer over all processes of the project."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection

from sojourn.core.clock import SECOND
from sojourn.core.errors import StoreBusy
from sojourn.core.private import make_private
from sojourn.data.definition import check_definition
from sojourn.data.errors import DatabaseUnavailable, QueryTimeout
from sojourn.data.lexer import lex
from sojourn.data.migrate import migrate
from sojourn.data.pool import Pool
from sojourn.data.port import Backend, Bounds, Guard, Rows, Statement, T, Table
from sojourn.data.sqlite import check, rights
from sojourn.data.sqlite.cells import LARGEST
from sojourn.data.sqlite.faults import busy, of_author, of_engine
from sojourn.data.sqlite.readers import Reader, Turn
from sojourn.data.sqlite.rows import SqliteRows
from sojourn.data.sqlite.tables import schema_version, tables
from sojourn.engine.database.sqlite import connections
from sojourn.engine.database.sqlite.gate import PATIENCE, Deadline, Gate
from sojourn.engine.database.sqlite.transaction import transact
from sojourn.stores.base import Contract, Finding

#: Connections for the statements of authors, and as many threads.
READERS = 6
#: Connections for what the engine reads itself.
_OWN_READERS = 2


class SqliteBackend(Backend):
    """See :class:`Backend`."""

    dialect = "sqlite"

    def __init__(self, name: str, path: Path, engine: Path | None, patience: float) -> None:
        """Use :meth:`open`."""
        self.name = name
        self.rows = SqliteRows()
        self.path = path
        self._patience = patience
        self._closed = False
        self._known: tuple[int, Mapping[str, Table]] = (-1, {})
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"data-{name}")
        make_private(path)
        with ExitStack() as made:
            self._gate = Gate(path)
            made.callback(self._gate.close)
            self._gate.acquire(self._deadline())
            self._writer = connections.connect(path, "writer")
            made.callback(connections.disconnect, self._writer)
            connections.raw(self._writer).setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST)
            transact(self._writer, migrate, self._deadline())
            self._gate.release()
            self._readers = Pool(lambda: _made(lambda: Reader(path, engine)), READERS, f"query-{name}")
            made.callback(self._readers.close)
            self._own = Pool(lambda: _made(lambda: Own(path)), _OWN_READERS, f"read-{name}")
            made.callback(self._own.close)
            self._made = made.pop_all()

    @classmethod
    async def open(
        cls, name: str, path: Path, *, engine: Path | None = None, patience: float = PATIENCE
    ) -> SqliteBackend:
        """The database in the file ``path``, made when it is not there and brought to this version's schema.

        ``engine`` is the file of the engine database, whose views are shown to authors. Raises ``StoreVersion``,
        ``StoreBusy``, ``StoreFull``, ``DatabaseUnavailable``.
        """
        with of_engine():
            return await asyncio.to_thread(cls, name, path, engine, patience)

    async def query(self, statements: Sequence[Statement], bounds: Bounds) -> list[Rows]:
        """See :meth:`Backend.query`."""
        turn = Turn(bounds)
        try:
            return await self._readers.run(lambda reader: reader.run(statements, turn), bounds.time / SECOND)
        except asyncio.CancelledError:
            turn.given_up = True
            raise
        except TimeoutError:
            raise _no_connection() from None

    async def stream(self, statement: Statement, bounds: Bounds, page: int) -> AsyncIterator[Rows]:
        """See :meth:`Backend.stream`; it holds one of :data:`READERS` connections until its end."""
        turn = Turn(bounds)
        async with AsyncExitStack() as stack:
            try:
                lent = await stack.enter_async_context(self._readers.lent(bounds.time / SECOND))
            except TimeoutError:
                raise _no_connection() from None
            pages = await lent.run(lambda: lent.thing.pages(statement, turn, page))
            try:
                while (rows := await lent.run(lambda: next(pages, None))) is not None:
                    yield rows
            finally:
                turn.given_up = True
                lent.after(pages.close)

    async def define(self, statement: str, log: Callable[[Connection], T], guard: Guard | None = None) -> T:
        """See :meth:`Backend.define`."""
        lexed = lex(statement, "sqlite")
        check_definition(lexed)
        rights.check_functions(lexed)

        def work(connection: Connection) -> T:
            driver = connections.raw(connection)
            driver.set_authorizer(rights.Definer())
            try:
                with of_author():
                    driver.execute(lexed.sql).fetchall()
            finally:
                driver.set_authorizer(None)
            return log(connection)

        return await self.write(work, guard)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See :meth:`Backend.read`."""
        return await self._own.run(lambda own: own.read(work))

    async def write(self, work: Callable[[Connection], T], guard: Guard | None = None) -> T:
        """See :meth:`Backend.write`; one at a time over all processes."""
        if self._closed:
            raise DatabaseUnavailable("the database is closed")
        act = Act(guard)
        done = asyncio.get_running_loop().run_in_executor(self._thread, self._write, work, act)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            act.give_up()
            done.add_done_callback(_retrieved)
            raise

    async def tables(self) -> Mapping[str, Table]:
        """See :meth:`Backend.tables`."""
        return await self._own.run(lambda own: own.tables())

    async def contract(self) -> Contract:
        """What it promises."""
        return check.contract(self.name)

    async def findings(self) -> Sequence[Finding]:
        """Everything that was looked at, now."""
        return check.findings(await self.read(check.look), self.path)

    async def close(self) -> None:
        """See :meth:`Backend.close`."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._close)

    def _deadline(self) -> Deadline:
        return Deadline(self._patience, busy)

    def _write(self, work: Callable[[Connection], T], act: Act) -> T:
        deadline = self._deadline()
        with of_engine(), self._gate.held(deadline):
            result = transact(self._writer, work, deadline, act.ask)
            connections.checkpoint(connections.raw(self._writer), self.path)
            return result

    def _close(self) -> None:
        self._thread.shutdown()
        # The last connection to close checkpoints, so this too happens inside the gate. Who cannot get the gate is not
        # the last.
        with suppress(StoreBusy):
            self._gate.acquire(self._deadline())
        self._made.close()


class Act:
    """One transaction of :meth:`SqliteBackend.write`: what is asked before its commit, and whether it is still wanted."""

    def __init__(self, guard: Guard | None) -> None:
        self._guard = guard
        self._loop = asyncio.get_running_loop() if guard else None
        self._lock = Lock()
        self._asking: Future[None] | None = None
        self._given_up = False

    def ask(self) -> None:
        """Raise what the guard raises, and ``CancelledError`` when nobody waits any more."""
        if self._guard is not None and self._loop is not None:
            with self._lock:
                self._check()
                self._asking = asyncio.run_coroutine_threadsafe(_awaited(self._guard), self._loop)
            self._asking.result()
        with self._lock:
            self._check()

    def give_up(self) -> None:
        """Nobody waits any more: what is not committed shall not be."""
        with self._lock:
            self._given_up = True
            if self._asking is not None:
                self._asking.cancel()

    def _check(self) -> None:
        if self._given_up:
            raise asyncio.CancelledError


class Own:
    """One connection for what the engine itself reads."""

    def __init__(self, path: Path) -> None:
        self._connection = connections.connect(path, "reader")
        self._known: tuple[int, Mapping[str, Table]] = (-1, {})

    def read(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` reads from one snapshot."""
        with of_engine(), self._connection.begin():
            return work(self._connection)

    def tables(self) -> Mapping[str, Table]:
        """The tables as they are now."""
        driver = connections.raw(self._connection)
        with of_engine():
            schema = schema_version(driver)
            if schema != self._known[0]:
                self._known = (schema, tables(driver))
        return self._known[1]

    def close(self) -> None:
        """Let go of the file."""
        connections.disconnect(self._connection)


def _no_connection() -> QueryTimeout:
    return QueryTimeout("all connections of the database were in use for as long as the statement may run")


def _made(make: Callable[[], T]) -> T:
    """A connection; what keeps it from being made is said in our words."""
    with of_engine():
        return make()


async def _awaited(guard: Guard) -> None:
    await guard()


def _retrieved(done: asyncio.Future[T]) -> None:
    """Nobody waits for it, so nobody is told."""
    if not done.cancelled():
        done.exception()
