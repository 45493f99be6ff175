"""The workers of one process: runtimes are opened at the first need, some unused workers are kept ready, all are counted."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from sojourn.config.settings import ScriptSettings
from sojourn.core.errors import SojournError
from sojourn.model.realm import Realm
from sojourn.scripting.errors import RuntimeMissing
from sojourn.scripting.runtime import Limits, Runtime, RuntimeName, Worker

_log = logging.getLogger(__name__)

#: Opens a runtime; raises ``RuntimeMissing``.
Opener = Callable[[], Awaitable[Runtime]]


class Kind(NamedTuple):
    """What a worker is made for and cannot change later."""

    runtime: RuntimeName
    #: Memory of its JavaScript values, in bytes.
    memory: int
    #: The largest message to the host, in bytes.
    message: int

    @classmethod
    def of(cls, realm: Realm) -> Kind:
        """The workers that the scripts of a realm need."""
        return cls(realm.config.runtime, realm.config.script_memory, realm.config.script_output)


class Workers:
    """Opens and closes workers.

    Args:
        openers: How each runtime is opened.
        settings: How many workers are kept ready.
    """

    def __init__(self, openers: Mapping[RuntimeName, Opener], settings: ScriptSettings) -> None:
        self._openers = openers
        self._wanted: dict[RuntimeName, int] = {"ije": settings.warm_ije, "v8": settings.warm_v8}
        self._runtimes: dict[RuntimeName, asyncio.Task[Runtime]] = {}
        #: Workers that are opening, by runtime.
        self._opening: Counter[RuntimeName] = Counter()
        self._live: dict[Worker, Kind] = {}
        #: Workers that were never used, the one that was opened last at the end.
        self._ready: list[Worker] = []
        self._filling: dict[Kind, asyncio.Task[None]] = {}
        self._closed = False
        #: How many workers were opened since the start, by runtime.
        self.opened: Counter[RuntimeName] = Counter()

    def count(self, runtime: RuntimeName | None = None) -> int:
        """Workers that there are or will be in a moment, of one runtime or of all."""
        if runtime is None:
            return len(self._live) + self._opening.total()
        return sum(kind.runtime == runtime for kind in self._live.values()) + self._opening[runtime]

    def ready(self, kind: Kind) -> int:
        """How many of one kind are kept ready."""
        return sum(self._live[worker] == kind for worker in self._ready)

    def unused(self) -> Sequence[Kind]:
        """Of what kinds those are that were never used."""
        return [self._live[worker] for worker in self._ready]

    async def take(self, kind: Kind) -> Worker:
        """A worker whose global scope was never used. Raises ``EnvironmentLost``, ``RuntimeMissing``."""
        for worker in reversed(self._ready):
            if self._live[worker] == kind:
                self._ready.remove(worker)
                if worker.alive:
                    return worker
                await self.close(worker)
        return await self._open(kind)

    def fill(self, kind: Kind, full: Callable[[Kind], bool]) -> None:
        """Open workers beside what goes on, until as many are ready as there should be, or ``full`` says no."""
        if kind not in self._filling and not self._closed and self._lacks(kind):
            task = self._filling[kind] = asyncio.create_task(self._fill(kind, full))
            task.add_done_callback(lambda _: self._filling.pop(kind, None))

    async def filled(self) -> None:
        """Wait until no worker is being made ready."""
        await asyncio.gather(*self._filling.values())

    async def spare(self, kind: Kind, runtime: RuntimeName | None) -> bool:
        """End one that is ready and of another kind than ``kind``; whether there was one (of ``runtime`` if it is given)."""
        for worker in self._ready:
            if self._live[worker] != kind and runtime in (None, self._live[worker].runtime):
                await self.close(worker)
                return True
        return False

    async def close(self, worker: Worker) -> None:
        """End a worker; returns when it is gone. May be called again."""
        if worker in self._ready:
            self._ready.remove(worker)
        try:
            await worker.close()
        finally:
            # It counts until its process is gone.
            self._live.pop(worker, None)

    async def close_all(self) -> None:
        """End all workers and the runtimes."""
        self._closed = True
        for filling in self._filling.values():
            filling.cancel()
        await asyncio.gather(*self._filling.values(), return_exceptions=True)
        await asyncio.gather(*map(self.close, list(self._live)))
        for opening in self._runtimes.values():
            opening.cancel()
            (runtime,) = await asyncio.gather(opening, return_exceptions=True)
            if not isinstance(runtime, BaseException):
                await runtime.close()
        self._runtimes.clear()

    def _lacks(self, kind: Kind) -> bool:
        return self.ready(kind) < self._wanted[kind.runtime]

    async def _fill(self, kind: Kind, full: Callable[[Kind], bool]) -> None:
        try:
            while self._lacks(kind) and not full(kind) and not self._closed:
                self._ready.append(await self._open(kind))
                await self._thin(kind)
        except SojournError as error:
            _log.warning("no worker of %s was made ready: %s", kind.runtime, error.code)

    async def _thin(self, kind: Kind) -> None:
        """Of all kinds of one runtime together no more are kept ready than there should be."""
        of_runtime = [worker for worker in self._ready if self._live[worker].runtime == kind.runtime]
        if len(of_runtime) > self._wanted[kind.runtime]:
            await self.close(next(worker for worker in of_runtime if self._live[worker] != kind))

    async def _open(self, kind: Kind) -> Worker:
        self._opening[kind.runtime] += 1
        try:
            runtime = await self._runtime(kind.runtime)
            worker = await runtime.open(Limits(memory=kind.memory, message=kind.message))
        finally:
            self._opening[kind.runtime] -= 1
        self._live[worker] = kind
        self.opened[kind.runtime] += 1
        if self._closed:
            await self.close(worker)
        return worker

    async def _runtime(self, name: RuntimeName) -> Runtime:
        if name not in self._openers:
            raise RuntimeMissing
        opening = self._runtimes.get(name)
        if opening is None or (opening.done() and (opening.cancelled() or opening.exception() is not None)):
            opening = self._runtimes[name] = asyncio.create_task(_opened(self._openers[name]))
        # Who waits first may be cancelled; the others still want it.
        return await asyncio.shield(opening)


async def _opened(opener: Opener) -> Runtime:
    return await opener()
