"""The engine database: one reader on the event-loop thread, one writer thread, one gate over all processes."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, Transaction, func, insert, select

from sojourn.core.errors import OutcomeUnknown, StoreBusy, StoreUnavailable
from sojourn.engine.database import connections, schema
from sojourn.engine.database.faults import FAULTS, house_errors, is_busy
from sojourn.engine.database.gate import PATIENCE, Deadline, Gate
from sojourn.engine.database.migrate import migrate

T = TypeVar("T")


class Generation(NamedTuple):
    """How often the facts changed, as one connection saw it."""

    #: Another one after each break of the connection: what was read through it may have gone with a failed server.
    life: int
    number: int


class EngineDatabase:
    """Users, groups, scopes, keys, end journal and audit of one project."""

    #: Random id of this engine, made when its database was.
    installation: str

    def __init__(self, path: Path, patience: float) -> None:
        """Use :meth:`open`."""
        self._path = path
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine-db")
        self._closed = False
        #: SQLite's data version when the generation was read, and that generation.
        self._seen = (-1, Generation(0, -1))
        connections.make_private(path)
        with ExitStack() as made:
            self._gate = Gate(path)
            made.callback(self._gate.close)
            self._gate.acquire(Deadline(patience))
            self._writer = connections.connect(path, "writer")
            made.callback(connections.disconnect, self._writer)
            self.installation = self._transact(_prepare, Deadline(patience))
            self._reader = connections.connect(path, "reader")
            made.callback(connections.disconnect, self._reader)
            self._gate.release()
            self._made = made.pop_all()

    @classmethod
    async def open(cls, url: str, project: Path, *, patience: float = PATIENCE) -> EngineDatabase:
        """The database that ``url`` names, brought to this version's schema; made when it does not exist.

        Several processes may do this at once. ``patience`` is how many seconds an act waits for the writers of other
        processes. Raises ``DatabaseUrl``, ``StoreVersion``, ``StoreBusy``, ``StoreCorrupt``, ``StoreUnavailable``.
        """
        path = connections.database_path(url, project)
        with house_errors():
            return await asyncio.to_thread(cls, path, patience)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` reads, all of it from one snapshot. It runs on the event-loop thread: a few indexed rows only.

        Raises ``StoreUnavailable``, ``StoreCorrupt``.
        """
        self._check_open()
        with house_errors(), self._reader.begin():
            return work(self._reader)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` as one transaction; it is on disk when this returns, and undone when ``work`` raises.

        Runs in the writer thread. A caller that is cancelled does not stop a transaction that began. Raises
        ``StoreBusy``, ``StoreUnavailable``, ``StoreCorrupt``, ``RowConflict`` (nothing written) and
        ``OutcomeUnknown``.
        """
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, work)

    async def append(self, work: Callable[[Connection], T]) -> T:
        """As :meth:`write`, for a ``work`` that decides nothing by what it reads: it adds rows, or is one statement.

        Not for facts. Where the database lets several writers go on at once, it waits for none.
        """
        return await self.write(work)

    async def generation(self) -> Generation:
        """What differs after each committed change of the facts, by any process; never older than the call.

        Raises ``StoreUnavailable``.
        """
        return self._look()

    def glimpse(self) -> Generation | None:
        """As :meth:`generation` where that takes no waiting, else None. Here it takes none: a few µs."""
        return self._look()

    async def close(self) -> None:
        """Finish the writes under way and let go of the file. May be called again."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._close)

    def _look(self) -> Generation:
        self._check_open()
        try:
            driver = connections.raw(self._reader)
            version = driver.execute("PRAGMA data_version").fetchone()[0]
            if version != self._seen[0]:
                # Version first: a commit between the two statements makes the next call read the number again.
                number = driver.execute("SELECT number FROM generation").fetchone()[0]
                self._seen = (version, Generation(0, number))
        except (sqlite3.Error, TypeError) as error:
            raise StoreUnavailable("the engine database cannot be read") from error
        return self._seen[1]

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the engine database is closed")

    def _write(self, work: Callable[[Connection], T]) -> T:
        deadline = Deadline(self._patience)
        with house_errors(), self._gate.held(deadline):
            result = self._transact(work, deadline)
            connections.checkpoint(connections.raw(self._writer), self._path)
            return result

    def _transact(self, work: Callable[[Connection], T], deadline: Deadline) -> T:
        with self._begin(deadline) as transaction:
            result = work(self._writer)
            self._commit(transaction)
        return result

    def _begin(self, deadline: Deadline) -> Transaction:
        while True:
            try:
                return self._writer.begin()
            except FAULTS as error:
                # Only a foreign tool can hold SQLite's own lock while we hold the gate.
                if not is_busy(error):
                    raise
            deadline.pause()

    def _commit(self, transaction: Transaction) -> None:
        try:
            transaction.commit()
        except FAULTS as error:
            driver = connections.raw(self._writer)
            transaction.close()
            if driver.in_transaction:
                driver.rollback()
                raise
            raise OutcomeUnknown("the engine database failed while it committed") from error

    def _close(self) -> None:
        self._thread.shutdown()
        # The last connection to close checkpoints, so this too happens inside the gate. Who cannot get the gate is not
        # the last.
        with suppress(StoreBusy):
            self._gate.acquire(Deadline(self._patience))
        self._made.close()


def _prepare(connection: Connection) -> str:
    migrate(connection)
    known = connection.execute(select(schema.installation.c.id)).scalar_one_or_none()
    if not connection.execute(select(func.count()).select_from(schema.generation)).scalar_one():
        connection.execute(insert(schema.generation).values(number=1))
    if known is None:
        known = secrets.token_urlsafe(12)
        connection.execute(insert(schema.installation).values(id=known))
    return str(known)
