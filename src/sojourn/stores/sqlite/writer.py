"""The one writer of an event loop, with group commit.

An act is a plain function of a connection. Whatever was asked for while the last transaction was being committed runs in
the next one: ``BEGIN IMMEDIATE`` and the acts on the event loop, a few microseconds each, then the COMMIT, which waits for
the disk, in a thread. So an act costs no switch between threads. Nobody waits for company that is not there: a
transaction begins when a turn of the loop has brought no further act.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec

from sojourn.core.errors import OutcomeUnknown, SojournError, StoreBusy, StoreCorrupt, StoreUnavailable
from sojourn.stores.sqlite.checkpoint import Checkpoints
from sojourn.stores.sqlite.connection import WAIT, check_schema, connect
from sojourn.stores.sqlite.failures import primary_code, typed
from sojourn.stores.sqlite.lock import WriterLock
from sojourn.stores.sqlite.place import Place

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: Acts in one transaction at most: what the event loop does in one go.
_MOST = 64

# A COMMIT that fails with one of these has certainly written nothing.
_NOT_COMMITTED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL})

# The event loop never waits inside SQLite; where there is something to wait for, the thread does.
_IMPATIENT = "PRAGMA busy_timeout=0"
_PATIENT = f"PRAGMA busy_timeout={int(WAIT * 1000)}"


class _Job(msgspec.Struct):
    future: asyncio.Future[Any]
    act: Callable[..., Any]
    args: Sequence[Any]
    #: When it has waited too long, by the loop's clock.
    due: float
    #: The outcome: the result unless there is an error.
    result: Any = None
    error: Exception | None = None

    def attempt(self, db: sqlite3.Connection) -> None:
        """Act; a refusal is an outcome like another."""
        try:
            self.result, self.error = self.act(db, *self.args), None
        except SojournError as refusal:
            self.error = refusal


class Writer:
    """Runs acts one after the other; ``await submit(act, …)`` returns when the act is durable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._pending: deque[_Job] = deque()
        #: Acts that run in a transaction of their own, because one of their batch was sick.
        self._alone: deque[_Job] = deque()
        self._wanted = asyncio.Event()
        self._watch: asyncio.TimerHandle | None = None
        self._closed = False
        self._db = connect(path)
        self._db.execute(_IMPATIENT)
        #: Where the file stands.
        self.place = Place(path)
        self._lock = WriterLock(path)
        self._checkpoints = Checkpoints(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"writer of {path.name}")
        #: Transactions, and the acts in them.
        self.commits = 0
        self.acts = 0
        #: Whether an act met damage.
        self.damaged = False
        self._worker = self._loop.create_task(self._work())

    @property
    def checkpoints(self) -> int:
        """How often the log was moved into the file."""
        return self._checkpoints.done

    def submit(
        self, act: Callable[Concatenate[sqlite3.Connection, _P], _R], *args: _P.args, **_: _P.kwargs
    ) -> asyncio.Future[_R]:
        """Queue ``act(connection, *args)``. A caller that is cancelled does not stop its act."""
        if self._closed:
            raise StoreUnavailable("the session store is closed")
        future: asyncio.Future[_R] = self._loop.create_future()
        self._pending.append(_Job(future, act, args, self._loop.time() + WAIT))
        # The worker goes on in the next turn of the loop: what the other requests of this turn ask for goes along.
        if len(self._pending) == 1:
            self._wanted.set()
        if self._watch is None:
            self._watch = self._loop.call_later(WAIT, self._refuse_late)
        return future

    async def close(self) -> None:
        """Finish what is queued, then let go of the file."""
        if not self._closed:
            self._closed = True
            self._wanted.set()
            await self._worker
            self._thread.shutdown()
            self._db.close()
            self._lock.close()
        if self._watch is not None:
            self._watch.cancel()

    async def _work(self) -> None:
        while await self._next():
            await self._gather()
            try:
                await self._acquire()
            except OSError as error:
                self._answer(_failed(self._batch(), error))
                continue
            try:
                done = await self._transact(self._batch())
            finally:
                self._lock.release()
            self._answer(done)

    async def _next(self) -> bool:
        """Wait until something is to be done; False when the store is closed and nothing is left."""
        while not (self._pending or self._alone):
            if self._closed:
                return False
            self._wanted.clear()
            await self._wanted.wait()
        return True

    async def _gather(self) -> None:
        """Let the requests that have arrived come to their acts, as long as each turn of the loop brings one."""
        seen = 0
        while seen < len(self._pending) < _MOST:
            seen = len(self._pending)
            await asyncio.sleep(0)

    async def _acquire(self) -> None:
        if not self._lock.try_acquire():
            await self._loop.run_in_executor(self._thread, self._lock.acquire)

    def _batch(self) -> Sequence[_Job]:
        if self._alone:
            return [self._alone.popleft()]
        return [self._pending.popleft() for _ in range(min(_MOST, len(self._pending)))]

    async def _transact(self, jobs: Sequence[_Job]) -> Sequence[_Job]:
        try:
            await self._begin()
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers learn it
            self._roll_back()
            return _failed(jobs, error)
        try:
            for job in jobs:
                job.attempt(self._db)
        except Exception as error:  # noqa: BLE001 - one act is sick; the healthy ones must not pay for it
            self._roll_back()
            if len(jobs) == 1:
                return _failed(jobs, error)
            self._alone.extend(jobs)
            return ()
        return await self._loop.run_in_executor(self._thread, self._commit, jobs)

    async def _begin(self) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY:
                raise
            # Somebody writes without our lock, such as SQLite's own command line.
            await self._loop.run_in_executor(self._thread, self._begin_patiently)
        check_schema(self._db)
        if self.place.taken:
            raise StoreUnavailable("the file of the session store was replaced")

    def _begin_patiently(self) -> None:
        self._db.execute(_PATIENT)
        try:
            self._db.execute("BEGIN IMMEDIATE")
        finally:
            self._db.execute(_IMPATIENT)

    def _commit(self, jobs: Sequence[_Job]) -> Sequence[_Job]:
        """In the thread: make it durable, and keep the log small while the lock is held."""
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            return _failed(jobs, error if primary_code(error) in _NOT_COMMITTED else OutcomeUnknown())
        self.commits += 1
        self.acts += len(jobs)
        with suppress(sqlite3.Error, OSError):  # the log stays valid, and grows
            self._checkpoints.consider(self._db)
        return jobs

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._db.rollback()

    def _answer(self, jobs: Sequence[_Job]) -> None:
        for job in jobs:
            if job.future.done():
                continue
            if job.error is None:
                job.future.set_result(job.result)
            else:
                self.damaged = self.damaged or isinstance(job.error, StoreCorrupt)
                job.future.set_exception(job.error)

    def _refuse_late(self) -> None:
        """Give up on acts that have waited too long; none of them was begun."""
        now = self._loop.time()
        while self._pending and self._pending[0].due <= now:
            job = self._pending.popleft()
            if not job.future.done():
                job.future.set_exception(StoreBusy())
        self._watch = self._loop.call_later(WAIT / 5, self._refuse_late) if self._pending else None


def _failed(jobs: Sequence[_Job], error: Exception) -> Sequence[_Job]:
    """``jobs``, none of which has happened because of ``error``."""
    for job in jobs:
        job.error = typed(error)
    return jobs
