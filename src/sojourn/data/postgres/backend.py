"""A database of the application on PostgreSQL: any number of processes and machines share it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from sqlalchemy import Connection, text

from sojourn.core.clock import SECOND
from sojourn.data.definition import check_definition
from sojourn.data.errors import DatabaseUnavailable, QueryTimeout
from sojourn.data.lexer import lex
from sojourn.data.pool import Pool
from sojourn.data.port import Backend, Bounds, Guard, Rows, Statement, T, Table
from sojourn.data.postgres import check, opening, tables
from sojourn.data.postgres.calls import LOOK, Calls
from sojourn.data.postgres.defining import check_words, define
from sojourn.data.postgres.reader import Allowance
from sojourn.data.postgres.reading import READERS, Reading
from sojourn.data.postgres.rows import PostgresRows
from sojourn.data.postgres.writers import DEFINE, READ, WRITE, Writers
from sojourn.stores.base import Contract, Finding
from sojourn.stores.libpq.connecting import read_url

#: The engine's secret from which the passwords of readers follow.
SECRET: Final = "application-readers"  # noqa: S105 - its name


class PostgresBackend(Backend):
    """See :class:`Backend`."""

    dialect = "postgresql"

    def __init__(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Use :meth:`open`."""
        self.name = name
        self.rows: PostgresRows = PostgresRows()
        self._parameters = parameters
        self._writers = Writers(dict(parameters))
        self._calls = Calls()
        self._closed = False
        self._opened: opening.Opened
        self._readers: Pool[Reading]

    @classmethod
    async def open(cls, name: str, url: str, *, secret: bytes, installation: str = "") -> PostgresBackend:
        """The database that ``url`` names, with roles, schemas and our tables made where they are missing.

        ``secret`` is one of the engine's: the password of the reader follows from it, in every process the same.
        ``installation`` is the id of the engine: where its own database is the same one, authors see its views. Raises
        ``StoreVersion``, ``StoreReadOnly``, ``StoreUnavailable``, ``DatabaseUnavailable``; none of them repeats the URL.
        """
        parameters = read_url(url)
        backend = cls(name, parameters)
        try:
            backend._opened = await backend._writers.alone(lambda lines: opening.prepare(lines, secret, installation))
            reader = await backend._writers.alone(lambda lines: opening.admit(lines, parameters, backend._opened))
            backend._readers = Pool(lambda: Reading(reader, backend._calls), READERS, f"query-{name}")
        except BaseException:
            await backend._writers.close()
            raise
        return backend

    async def query(self, statements: Sequence[Statement], bounds: Bounds) -> list[Rows]:
        """See :meth:`Backend.query`."""
        self._check_open()
        allowance = Allowance(bounds)

        def work(reading: Reading) -> list[Rows]:
            allowance.renew(bounds)
            return reading.query(statements, allowance)

        try:
            return await self._readers.run(work, bounds.time / SECOND)
        except asyncio.CancelledError:
            allowance.stopped.set()
            raise
        except TimeoutError:
            raise _no_connection() from None

    async def stream(self, statement: Statement, bounds: Bounds, page: int) -> AsyncIterator[Rows]:
        """See :meth:`Backend.stream`; it holds one of :data:`READERS` connections until its end."""
        self._check_open()
        allowance = Allowance(bounds)
        async with AsyncExitStack() as stack:
            try:
                lent = await stack.enter_async_context(self._readers.lent(bounds.time / SECOND))
            except TimeoutError:
                raise _no_connection() from None
            pages = lent.thing.pages(statement, bounds, allowance, page)
            try:
                while (rows := await lent.run(lambda: next(pages, None))) is not None:
                    yield rows
            finally:
                allowance.stopped.set()
                lent.after(pages.close)

    async def define(self, statement: str, log: Callable[[Connection], T], guard: Guard | None = None) -> T:
        """See :meth:`Backend.define`."""
        self._check_open()
        lexed = lex(statement, "postgresql")
        check_definition(lexed, comments=True)
        check_words(lexed)

        def work(connection: Connection) -> T:
            names = text(LOOK.replace("$1", ":names"))
            self._calls.check(lexed, lambda wanted: connection.execute(names, {"names": list(wanted)}).scalars().all())
            define(connection, lexed, self._opened.roles.owner)
            return log(connection)

        return await self._writers.run(DEFINE, work, guard)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See :meth:`Backend.read`."""
        self._check_open()
        return await self._writers.run(READ, work)

    async def write(self, work: Callable[[Connection], T], guard: Guard | None = None) -> T:
        """See :meth:`Backend.write`; beside the writers of this and other processes."""
        self._check_open()
        return await self._writers.run(WRITE, work, guard)

    async def tables(self) -> Mapping[str, Table]:
        """See :meth:`Backend.tables`."""
        self._check_open()
        await self._look()
        return self.rows.shapes.tables

    async def contract(self) -> Contract:
        """What it promises."""
        return await check.contract(self._parameters, self._opened.roles)

    async def findings(self) -> Sequence[Finding]:
        """Everything that was looked at, now."""
        roles = self._opened.roles
        seen = await self.read(lambda connection: check.look(connection, roles))
        return [*await check.ask(self._parameters), *check.findings(seen, roles)]

    async def close(self) -> None:
        """See :meth:`Backend.close`."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._readers.close)
            await self._writers.close()

    async def _look(self) -> None:
        known = self.rows.shapes
        self.rows.shapes = await self._writers.run(READ, lambda connection: tables.look(connection, known))

    def _check_open(self) -> None:
        if self._closed:
            raise DatabaseUnavailable("the database is closed")


def _no_connection() -> QueryTimeout:
    return QueryTimeout("no connection to the database was free in time")
