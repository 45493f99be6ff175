"""One event loop in a thread of its own, with an engine open in it: how synchronous code calls the engine.

A portal starts at its first call and lives as long as the process. A process that is forked from it starts its own at
its own first call: threads do not survive a fork, and connections must not be shared.
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

#: Seconds that the end of the process waits for the engine to close.
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

    def abandon(self) -> None:
        """In a child process: forget the parent's thread and engine without touching them."""
        self._starting = threading.Lock()
        if self._running is not None:
            # Kept, so that nothing of it is closed here: its connections are the parent's.
            _of_parent.append(self._running)
            self._running = None

    def _submit(self, act: Act[T]) -> Future[T]:
        running = self._running
        if running is None:
            with self._starting:
                running = self._running = self._running or _Running(self._opening)
        return running.submit(act)


class _Running:
    """A thread with its event loop and its open engine."""

    def __init__(self, opening: Opening) -> None:
        opened: Future[Engine] = Future()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._under_way: set[asyncio.Task[Any] | None] = set()
        self._thread = threading.Thread(target=self._run, args=(opening, opened), name="sojourn-portal", daemon=True)
        self._thread.start()
        self._engine = opened.result()

    def submit(self, act: Act[T]) -> Future[T]:
        """Begin ``act`` in the thread."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("a portal cannot wait for itself: call the engine directly from its own event loop")

        async def acting() -> T:
            task = asyncio.current_task()
            self._under_way.add(task)
            try:
                return await act(self._engine)
            finally:
                self._under_way.discard(task)

        return asyncio.run_coroutine_threadsafe(acting(), self._loop)

    def close(self) -> None:
        """Close the engine and wait for the thread."""
        with suppress(RuntimeError):
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


def _after_fork() -> None:
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
os.register_at_fork(after_in_child=_after_fork)
