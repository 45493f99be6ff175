"""One event loop in a thread of its own, with an engine open in it: how synchronous code calls the engine.

A portal starts at its first call and lives as long as the process. Before the process forks it closes its engine; parent
and child open one each at their next call. Threads do not survive a fork, and what a child inherits of an open SQLite
database makes the child believe that it holds the locks of its parent: then it waits for ever for a writer that it does
not have, and loses commits when the parent, which sees no lock of the child, closes the database.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sojourn.bootstrap import Engine

#: Seconds that a fork and the end of the process wait for the engine to close.
CLOSES_WITHIN = 10.0

T = TypeVar("T")
Act = Callable[[Engine], Awaitable[T]]
Opening = Callable[[], AbstractAsyncContextManager[Engine]]


class Portal:
    """Runs acts on an engine in a thread of its own.

    Args:
        engine: The project folder of the engine, or what opens one.
    """

    def __init__(self, engine: str | Path | Opening) -> None:
        self._opening: Opening = engine if callable(engine) else lambda: Engine.open(engine)
        self._starting = threading.Lock()
        self._running: _Running | None = None
        #: Whether a fork holds the lock.
        self._forking = False
        _portals.append(self)

    def call(self, act: Act[T]) -> T:
        """The outcome of ``act``, for synchronous code: waits for it.

        Raises what ``act`` raises, and at the first call what opening an engine raises.
        """
        return self._submit(act).result()

    async def acall(self, act: Act[T]) -> T:
        """The outcome of ``act``, for asynchronous code of any event loop.

        An act that has begun is finished, even when who waits for it is cancelled.
        """
        loop = asyncio.get_running_loop()
        submitted = await loop.run_in_executor(None, self._submit, act) if self._running is None else self._submit(act)
        return await asyncio.shield(asyncio.wrap_future(submitted))

    def close(self) -> None:
        """Finish what is under way and close the engine; the next call opens one again."""
        with self._starting:
            running, self._running = self._running, None
        if running is not None:
            running.close()

    def before_fork(self) -> None:
        """Close the engine, and let nobody open one until the fork is done.

        Not where the thread of the engine itself forks: it cannot wait for its own end.
        """
        if not self._starting.acquire(timeout=CLOSES_WITHIN):
            return
        self._forking = True
        if self._running is not None and not self._running.is_here:
            running, self._running = self._running, None
            running.close()

    def after_fork(self) -> None:
        """In the parent: go on."""
        if self._forking:
            self._forking = False
            self._starting.release()

    def abandon(self) -> None:
        """In a child process: forget what is left of the parent's thread and engine without touching them."""
        self._starting, self._forking = threading.Lock(), False
        if self._running is not None:
            # Kept, so that nothing of it is closed here: its connections are the parent's.
            _of_parent.append(self._running)
            self._running = None

    def _submit(self, act: Act[T]) -> Future[T]:
        while True:
            running = self._running
            if running is None:
                with self._starting:
                    running = self._running = self._running or _Running(self._opening)
            submitted = running.submit(act)
            if submitted is not None:
                return submitted


class _Running:
    """A thread with its event loop and its open engine."""

    def __init__(self, opening: Opening) -> None:
        opened: Future[Engine] = Future()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ending = False
        self._turn = threading.Lock()
        self._under_way: set[asyncio.Task[Any] | None] = set()
        self._thread = threading.Thread(target=self._run, args=(opening, opened), name="sojourn-portal", daemon=True)
        self._thread.start()
        self._engine = opened.result()

    @property
    def is_here(self) -> bool:
        """Whether this is the thread."""
        return threading.current_thread() is self._thread

    def submit(self, act: Act[T]) -> Future[T] | None:
        """Begin ``act`` in the thread; None when that is about to end and takes no more."""
        if self.is_here:
            raise RuntimeError("a portal cannot wait for itself: call the engine directly from its own event loop")

        async def acting() -> T:
            task = asyncio.current_task()
            self._under_way.add(task)
            try:
                return await act(self._engine)
            finally:
                self._under_way.discard(task)

        with self._turn:
            return None if self._ending else asyncio.run_coroutine_threadsafe(acting(), self._loop)

    def close(self) -> None:
        """Close the engine and wait for the thread."""
        with self._turn, suppress(RuntimeError):
            self._ending = True
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(CLOSES_WITHIN)

    def _run(self, opening: Opening, opened: Future[Engine]) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve(opening, opened))
        except BaseException as error:
            # Who made this thread waits for the engine, and shall see why there is none.
            if opened.done():
                raise
            opened.set_exception(error)
        finally:
            self._loop.close()

    async def _serve(self, opening: Opening, opened: Future[Engine]) -> None:
        async with opening() as engine:
            opened.set_result(engine)
            await self._stop.wait()
            await asyncio.gather(*filter(None, self._under_way), return_exceptions=True)


def portal_of(folder: str | Path) -> Portal:
    """The portal of this process to the engine of the project ``folder``; the same one for every caller."""
    known = Path(folder).absolute()
    with _finding:
        return _by_folder.get(known) or _by_folder.setdefault(known, Portal(known))


def _close_all() -> None:
    for portal in _portals:
        portal.close()


def _before_fork() -> None:
    for portal in _portals:
        portal.before_fork()


def _after_fork_in_parent() -> None:
    for portal in _portals:
        portal.after_fork()


def _after_fork_in_child() -> None:
    global _finding  # noqa: PLW0603 - a lock may be held by a thread that the child does not have
    _finding = threading.Lock()
    for portal in _portals:
        portal.abandon()


_finding = threading.Lock()
_by_folder: dict[Path, Portal] = {}
_portals: list[Portal] = []
_of_parent: list[Any] = []
# Closing an engine needs executors, and they are shut down before ``atexit`` runs. The hook by which concurrent.futures
# does that runs what was registered last first; where there is no such hook any more, the stores are durable anyway.
getattr(threading, "_register_atexit", atexit.register)(_close_all)
os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
