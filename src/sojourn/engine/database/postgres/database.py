"""The engine database on PostgreSQL: works run in threads, one ``write`` at a time over all processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from sojourn.core.errors import StoreUnavailable
from sojourn.engine.database.faults import busy, closed
from sojourn.engine.database.port import EngineDatabase, Generation, Patience, T
from sojourn.engine.database.postgres import check, opening
from sojourn.engine.database.postgres.faults import FAULTS, house_errors
from sojourn.engine.database.postgres.lines import Lines
from sojourn.engine.database.postgres.sighting import Sighting
from sojourn.stores.base import Contract, Finding
from sojourn.stores.libpq.connecting import PATIENCE, read_url

#: Threads of a process that read and append, each with a connection; one more writes, one connection sees the generation.
WORKERS = 6

#: Seconds between two looks for lines whose server is silent.
_LOOK = 0.25

# A process that stands still in the middle of a transaction does not keep the others from writing.
_COMMON = (
    "SET LOCAL search_path = sojourn_engine, pg_temp; SET LOCAL idle_in_transaction_session_timeout = 10000; "
    "SET LOCAL lock_timeout = {patience}; SET LOCAL statement_timeout = {patience}"
)
_READ = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_COMMON}"
_APPEND = f"BEGIN ISOLATION LEVEL READ COMMITTED; {_COMMON}"
# Before anything else: whatever the work reads after it is what the writer before has left.
_WRITE = f"{_APPEND}; SELECT number FROM generation FOR UPDATE"  # noqa: S608 - our own words

_SAME = "UPDATE generation SET number = number"


class PostgresDatabase(EngineDatabase):
    """The schema ``sojourn_engine`` of a database."""

    def __init__(self, parameters: dict[str, Any], patience: float) -> None:
        """Use :meth:`reach`."""
        self._parameters = parameters
        self._patience = patience
        self._lines = Lines(parameters)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="engine-db-writer")
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="engine-db")
        self._closed = False
        self._sighting = Sighting(parameters)
        self._loop = asyncio.get_running_loop()
        self._watching = self._loop.call_later(_LOOK, self._watch)

    @classmethod
    async def reach(cls, url: str, *, patience: Patience = None) -> PostgresDatabase:
        """See :meth:`EngineDatabase.open`."""
        parameters = read_url(url)
        db = cls(parameters, PATIENCE if patience is None else patience)
        try:
            db.installation = await db._loop.run_in_executor(db._writer, opening.prepare, db._lines)
        except BaseException as error:
            await db.close()
            cause = error.orig if isinstance(error, DBAPIError) else error
            if isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None:
                raise StoreUnavailable(f"PostgreSQL cannot be reached: {str(cause).strip()}") from error
            with house_errors():
                raise
        return db

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See :meth:`EngineDatabase.read`; in a thread."""
        return await self._run(self._workers, _READ, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See :meth:`EngineDatabase.write`; whoever has the row of the generation is the writer."""
        return await self._run(self._writer, _WRITE, work)

    async def append(self, work: Callable[[Connection], T]) -> T:
        """See :meth:`EngineDatabase.append`; beside all others."""
        return await self._run(self._workers, _APPEND, work)

    async def generation(self) -> Generation:
        """See :meth:`EngineDatabase.generation`; one question to the server for all who ask at the same time."""
        if self._closed:
            raise closed()
        return await self._sighting.read()

    def glimpse(self) -> Generation | None:
        """Never without asking the server."""
        if self._closed:
            raise closed()
        return None

    async def delay(self) -> float:
        """See :meth:`sojourn.engine.database.port.Delayed.delay`."""
        before = await self._sighting.version()
        await self.append(lambda connection: connection.execute(text(_SAME)).rowcount)
        committed = time.monotonic()
        if await self._sighting.version() != before:
            return 0.0
        while time.monotonic() - committed < self._patience and await self._sighting.version() == before:
            await asyncio.sleep(0.001)
        return time.monotonic() - committed

    async def contract(self) -> Contract:
        """What it promises."""
        return await check.contract(self._parameters, self.installation)

    async def findings(self) -> Sequence[Finding]:
        """Everything that was looked at, now."""
        return await check.findings(self, self._parameters)

    async def close(self) -> None:
        """Finish the works under way and hang up. May be called again."""
        if self._closed:
            return
        self._closed = True
        await self._sighting.close()
        await asyncio.to_thread(self._close)
        self._watching.cancel()

    def _close(self) -> None:
        self._writer.shutdown()
        self._workers.shutdown()
        self._lines.close()

    async def _run(self, threads: ThreadPoolExecutor, begin: str, work: Callable[[Connection], T]) -> T:
        if self._closed:
            raise closed()
        return await self._loop.run_in_executor(threads, self._act, begin, work, time.monotonic() + self._patience)

    def _act(self, begin: str, work: Callable[[Connection], T], due: float) -> T:
        with house_errors():
            line, new = self._lines.mine()
            try:
                transaction = line.begin(_until(begin, due))
            except FAULTS:
                # The server had hung up on a line that was idle, so that nothing has begun.
                if new or not line.broken or time.monotonic() >= due:
                    raise
                line = self._lines.renewed()
                transaction = line.begin(_until(begin, due))
            return line.finish(transaction, work)

    def _watch(self) -> None:
        self._lines.hang_up_the_silent()
        self._watching = self._loop.call_later(_LOOK, self._watch)


def _until(begin: str, due: float) -> str:
    """``begin`` of a transaction that waits for others until ``due``; raises ``StoreBusy`` when that is over."""
    left = due - time.monotonic()
    if left <= 0:
        raise busy()
    return begin.format(patience=max(1, int(left * 1_000)))
