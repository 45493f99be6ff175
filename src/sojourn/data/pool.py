"""Connections that threads use one at a time, made when they are needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar

from sojourn.data.errors import DatabaseUnavailable

R = TypeVar("R")


class Closes(Protocol):
    """What a pool keeps."""

    def close(self) -> None:
        """Let go of it."""
        ...


K = TypeVar("K", bound=Closes)


class Pool(Generic[K]):
    """At most ``size`` things, each used by one thread at a time; who finds none waits for its turn."""

    def __init__(self, make: Callable[[], K], size: int, name: str) -> None:
        self._make = make
        self._free = asyncio.Semaphore(size)
        self._idle: list[K] = []
        self._threads = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._closed = False

    async def run(self, work: Callable[[K], R], patience: float | None = None) -> R:
        """``work`` in a thread; a caller that is cancelled gives the thing back when the thread is done with it.

        Raises ``TimeoutError`` when no thing is free within ``patience`` seconds.
        """
        async with self.lent(patience) as lent:
            return await lent.run(lambda: work(lent.thing))

    @asynccontextmanager
    async def lent(self, patience: float | None = None) -> AsyncIterator[Lent[K]]:
        """A thing for several calls; raises as :meth:`run`."""
        if self._closed:
            raise DatabaseUnavailable("the database is closed")
        async with asyncio.timeout(patience):
            await self._free.acquire()
        lent = Lent(self._threads, self._idle.pop() if self._idle else None, self._make)
        try:
            yield lent
        finally:
            lent.over(self._given_back)

    def close(self) -> None:
        """Wait for the threads and let go of all things; from a thread of the caller."""
        self._closed = True
        self._threads.shutdown()
        while self._idle:
            self._idle.pop().close()

    def _given_back(self, thing: K | None) -> None:
        if thing is not None and self._closed:
            thing.close()
        elif thing is not None:
            self._idle.append(thing)
        self._free.release()


class Lent(Generic[K]):
    """A thing of a pool in the hands of one caller."""

    def __init__(self, threads: ThreadPoolExecutor, thing: K | None, make: Callable[[], K]) -> None:
        self._threads = threads
        self._thing = thing
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._last: asyncio.Future[Any] | None = None

    @property
    def thing(self) -> K:
        """The thing, made in the thread that uses it first."""
        if self._thing is None:
            self._thing = self._make()
        return self._thing

    async def run(self, work: Callable[[], R]) -> R:
        """``work`` in a thread."""
        done = self._loop.run_in_executor(self._threads, work)
        self._last = done
        return await asyncio.shield(done)

    def after(self, work: Callable[[], object]) -> None:
        """Do ``work`` in a thread when what runs there is done; nobody waits for it."""
        before = self._last

        async def follow() -> None:
            if before is not None:
                await asyncio.wait([before])
            await self._loop.run_in_executor(self._threads, work)

        self._last = asyncio.ensure_future(follow())

    def over(self, give_back: Callable[[K | None], None]) -> None:
        """Give the thing back as soon as no thread works with it."""
        if self._last is None or self._last.done():
            give_back(self._thing)
        else:

            def later(done: asyncio.Future[Any]) -> None:
                if not done.cancelled():
                    done.exception()
                give_back(self._thing)

            self._last.add_done_callback(later)
