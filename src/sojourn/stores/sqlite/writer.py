"""The one thread that writes, with group commit.

An act is a plain function of a connection. The thread takes what is queued (it never waits for company), runs the acts in
one ``BEGIN IMMEDIATE``, commits once and answers them all with one call into the event loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from sojourn.core.errors import OutcomeUnknown, SojournError, StoreBusy, StoreCorrupt, StoreUnavailable
from sojourn.stores.sqlite.checkpoint import Checkpoints
from sojourn.stores.sqlite.connection import WAIT, check_schema, connect
from sojourn.stores.sqlite.failures import primary_code, typed
from sojourn.stores.sqlite.lock import WriterLock

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: Acts in one transaction at most.
_MOST = 256

# A COMMIT that fails with one of these has certainly written nothing.
_NOT_COMMITTED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL})


class _Job:
    """One act on its way. Whoever claims it first answers it: the writer, or the watch when it waits too long."""

    __slots__ = ("act", "args", "due", "future", "ticket")

    def __init__(self, future: asyncio.Future[Any], act: Callable[..., Any], args: Sequence[Any], due: float) -> None:
        self.future = future
        self.act = act
        self.args = args
        self.due = due
        self.ticket = [None]

    def claim(self) -> bool:
        """Whether this call took the only ticket; ``pop`` is atomic between threads."""
        try:
            self.ticket.pop()
        except IndexError:
            return False
        return True


class _Outcome(NamedTuple):
    job: _Job
    result: Any = None
    error: Exception | None = None


class Writer:
    """Runs acts one after the other in its thread; ``await submit(act, …)`` returns when the act is durable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.stat().st_ino
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._pending: deque[_Job] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self._closed = False
        self._db = connect(path)
        self._lock = WriterLock(path)
        self._checkpoints = Checkpoints(path)
        #: Transactions, and the acts in them.
        self.commits = 0
        self.acts = 0
        #: Whether an act met damage.
        self.damaged = False
        self._thread = threading.Thread(target=self._work, name=f"writer of {path.name}", daemon=True)
        self._thread.start()

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
        job = _Job(self._loop.create_future(), act, args, self._loop.time() + WAIT)
        self._pending.append(job)
        self._queue.put(job)
        if self._watch is None:
            self._watch = self._loop.call_later(WAIT, self._look_for_late)
        return job.future

    async def close(self) -> None:
        """Finish what is queued, then end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
        if self._watch is not None:
            self._watch.cancel()

    # --- on the event loop ----------------------------------------------------------------------------------

    def _look_for_late(self) -> None:
        now = self._loop.time()
        for job in self._pending:
            if job.due > now:
                break
            if job.claim() and not job.future.done():
                job.future.set_exception(StoreBusy())
        self._watch = self._loop.call_later(WAIT / 5, self._look_for_late) if self._pending else None

    def _answer(self, outcomes: Sequence[_Outcome], taken: int) -> None:
        for _ in range(taken):
            self._pending.popleft()
        for job, result, error in outcomes:
            if job.future.done():
                continue
            if error is None:
                job.future.set_result(result)
            else:
                self.damaged = self.damaged or isinstance(error, StoreCorrupt)
                job.future.set_exception(error)

    # --- in the thread --------------------------------------------------------------------------------------

    def _work(self) -> None:
        while batch := self._next():
            jobs = [job for job in batch if job is not None]
            outcomes = self._serve(jobs)
            with suppress(RuntimeError):  # the loop is gone, and with it everyone who asked
                self._loop.call_soon_threadsafe(self._answer, outcomes, len(jobs))
            if None in batch:
                break
        self._db.close()
        self._lock.close()

    def _next(self) -> Sequence[_Job | None]:
        batch = [self._queue.get()]
        with suppress(Empty):
            while len(batch) < _MOST:
                batch.append(self._queue.get_nowait())
        return batch

    def _serve(self, jobs: Sequence[_Job]) -> Sequence[_Outcome]:
        try:
            with self._lock.held():
                outcomes = self._run([job for job in jobs if job.claim()])
                with suppress(sqlite3.Error, OSError):  # the log stays valid, and grows
                    self._checkpoints.consider(self._db)
        except OSError as error:
            return [_Outcome(job, error=typed(error)) for job in jobs if job.claim()]
        return outcomes

    def _run(self, jobs: Sequence[_Job]) -> Sequence[_Outcome]:
        try:
            self._begin()
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers learn it
            self._roll_back()
            return [_Outcome(job, error=typed(error)) for job in jobs]
        try:
            outcomes = [self._attempt(job) for job in jobs]
        except Exception as error:  # noqa: BLE001 - one act is sick; the healthy ones must not pay for it
            self._roll_back()
            if len(jobs) == 1:
                return [_Outcome(jobs[0], error=typed(error))]
            return [outcome for job in jobs for outcome in self._run([job])]
        return self._commit(outcomes)

    def _begin(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        check_schema(self._db)
        if self._path.stat().st_ino != self._file:
            raise StoreUnavailable("the file of the session store was replaced")

    def _attempt(self, job: _Job) -> _Outcome:
        try:
            return _Outcome(job, job.act(self._db, *job.args))
        except SojournError as refusal:
            return _Outcome(job, error=refusal)

    def _commit(self, outcomes: Sequence[_Outcome]) -> Sequence[_Outcome]:
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            failed = typed(error) if primary_code(error) in _NOT_COMMITTED else OutcomeUnknown()
            return [_Outcome(job, error=failed) for job, _, _ in outcomes]
        self.commits += 1
        self.acts += len(outcomes)
        return outcomes

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._db.rollback()
