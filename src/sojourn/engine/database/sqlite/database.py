"""The engine database in a file: one reader on the event-loop thread, one writer thread, one gate over all processes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

from sqlalchemy import Connection

from sojourn.core.errors import StoreBusy, StoreUnavailable
from sojourn.core.private import make_private
from sojourn.engine.database.faults import closed
from sojourn.engine.database.port import EngineDatabase, Generation, Patience, T
from sojourn.engine.database.rows import prepare
from sojourn.engine.database.sqlite import check, connections
from sojourn.engine.database.sqlite.faults import house_errors
from sojourn.engine.database.sqlite.gate import PATIENCE, Deadline, Gate
from sojourn.engine.database.sqlite.transaction import transact
from sojourn.stores.base import Contract, Finding


class SqliteDatabase(EngineDatabase):
    """The file of one project."""

    def __init__(self, path: Path, patience: float) -> None:
        """Use :meth:`open`."""
        self._path = path
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine-db")
        self._closed = False
        #: SQLite's data version when the generation was read, and that generation.
        self._seen = (-1, Generation(0, -1))
        make_private(path)
        with ExitStack() as made:
            self._gate = Gate(path)
            made.callback(self._gate.close)
            self._gate.acquire(Deadline(patience))
            self._writer = connections.connect(path, "writer")
            made.callback(connections.disconnect, self._writer)
            self.installation = transact(self._writer, prepare, Deadline(patience))
            self._reader = connections.connect(path, "reader")
            made.callback(connections.disconnect, self._reader)
            #: The driver's connection of the reader: the generation is asked for too often to look for it each time.
            self._generations = connections.raw(self._reader)
            self._gate.release()
            self._made = made.pop_all()

    @classmethod
    async def open(cls, url: str, project: Path, *, patience: Patience = None) -> SqliteDatabase:  # noqa: D102 - as the port says
        path = connections.database_path(url, project)
        with house_errors():
            return await asyncio.to_thread(cls, path, PATIENCE if patience is None else patience)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See :meth:`EngineDatabase.read`; on the event-loop thread."""
        self._check_open()
        with house_errors(), self._reader.begin():
            return work(self._reader)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See :meth:`EngineDatabase.write`; in the writer thread."""
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, work)

    async def append(self, work: Callable[[Connection], T]) -> T:
        """A write like any other: there is one writer."""
        return await self.write(work)

    async def generation(self) -> Generation:
        """See :meth:`EngineDatabase.generation`; a few µs."""
        return self._look()

    def glimpse(self) -> Generation | None:
        """The same."""
        return self._look()

    async def contract(self) -> Contract:
        """What it promises."""
        return check.contract(self)

    async def findings(self) -> Sequence[Finding]:
        """Everything that was looked at, now."""
        return await check.findings(self, self._path)

    async def close(self) -> None:
        """Finish the writes under way and let go of the file. May be called again."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._close)

    def _look(self) -> Generation:
        self._check_open()
        try:
            version = self._generations.execute("PRAGMA data_version").fetchone()[0]
            if version != self._seen[0]:
                # Version first: a commit between the two statements makes the next call read the number again.
                number = self._generations.execute("SELECT number FROM generation").fetchone()[0]
                self._seen = (version, Generation(0, number))
        except (sqlite3.Error, TypeError) as error:
            raise StoreUnavailable("the engine database cannot be read") from error
        return self._seen[1]

    def _check_open(self) -> None:
        if self._closed:
            raise closed()

    def _write(self, work: Callable[[Connection], T]) -> T:
        deadline = Deadline(self._patience)
        with house_errors(), self._gate.held(deadline):
            result = transact(self._writer, work, deadline)
            connections.checkpoint(connections.raw(self._writer), self._path)
            return result

    def _close(self) -> None:
        self._thread.shutdown()
        # The last connection to close checkpoints, so this too happens inside the gate. Who cannot get the gate is not
        # the last.
        with suppress(StoreBusy):
            self._gate.acquire(Deadline(self._patience))
        self._made.close()
