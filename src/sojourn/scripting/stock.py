"""All environments of one process: how they come and go, whatever they are for."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from sojourn.core.clock import MINUTE, Clock
from sojourn.core.errors import SojournError, Unauthorized
from sojourn.scripting.ceilings import Asker, Ceilings
from sojourn.scripting.environments import CRASHED, Environment
from sojourn.scripting.errors import EnvironmentLost
from sojourn.scripting.workers import Kind, Workers

_log = logging.getLogger(__name__)

#: Seconds between two looks at what is past its limits; a look is only due while there are environments.
TIDY_EVERY = 5.0


class Stock:
    """Makes environments within the ceilings, and ends them.

    Args:
        workers: Where their processes come from.
        ceilings: How many there may be.
        clock: Where ``now`` comes from.
    """

    def __init__(self, workers: Workers, ceilings: Ceilings, clock: Clock) -> None:
        self._workers = workers
        self._all: dict[Environment, None] = {}
        self._background: set[asyncio.Task[Any]] = set()
        self._tidying: asyncio.Task[None] | None = None
        self.ceilings = ceilings
        self.clock = clock
        self.closed = False
        #: Are told which environment goes, and why, before it does.
        self.listeners: list[Callable[[Environment, str], None]] = []
        #: How many were given up since the start, by reason.
        self.discarded: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Environment]:
        return iter(tuple(self._all))

    def __contains__(self, environment: Environment) -> bool:
        return environment in self._all

    async def make(self, asker: Asker, kind: Kind, instead: Sequence[Environment] = ()) -> Environment | None:
        """A new environment; None as soon as one of ``instead`` can be had while there is no room for it.

        Raises ``EnvironmentsExhausted``, ``EnvironmentLost``, ``RuntimeMissing``.
        """
        async with self.ceilings.place(asker, self):
            if not await self.ceilings.room(kind, asker, self, instead):
                return None
            worker = await self._workers.take(kind)
            environment = Environment(worker, asker.session.realm, kind, self.clock.now())
            environment.anonymous, environment.block = asker.visitor, asker.block
            self._all[environment] = None
        if self.closed:
            await self.drop(environment, "shutdown")
            raise EnvironmentLost("shutdown")
        self._workers.fill(kind, self.ceilings.full)
        if self._tidying is None:
            self._tidying = asyncio.create_task(self._tidy_while_needed())
        return environment

    async def drop(self, environment: Environment, reason: str) -> None:
        """End an environment, whatever it does; from now on nobody can take it."""
        if environment not in self._all:
            return
        del self._all[environment]
        environment.busy = True
        environment.doom(reason)
        self.discarded[reason] += 1
        for listener in self.listeners:
            listener(environment, reason)
        # Begun, it is done to the end, whatever becomes of the caller.
        await asyncio.shield(self.spawn(self._end(environment)))

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside what goes on."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    def worn(self, environment: Environment) -> str:
        """Why it cannot be used again, empty when it can."""
        if not environment.worker.alive:
            return CRASHED
        return environment.doomed or environment.over(self.clock.now())

    async def tidy(self) -> None:
        """End idle environments that are past their limits, whose process is gone, or whose session is."""
        for environment in self:
            used = environment.used
            reason = "" if environment.busy else await self._overdue(environment)
            # It may have been taken, and given back, while the store was asked.
            if reason and not environment.busy and environment.used == used:
                await self.drop(environment, reason)

    async def close(self) -> None:
        """End all of them, whatever they do."""
        self.closed = True
        if self._tidying is not None:
            self._tidying.cancel()
        await asyncio.gather(*(self.drop(environment, "shutdown") for environment in self), return_exceptions=True)
        await asyncio.gather(*self._background, return_exceptions=True)

    async def _overdue(self, environment: Environment) -> str:
        session, now = environment.session, self.clock.now()
        if session is not None and now >= max(session.access.session.dies_at, environment.look_at):
            try:
                await session.check()
            except Unauthorized:
                return "ended"
            except SojournError as error:
                # Another identity, or a store that does not answer: neither says that it is dead.
                _log.debug("whether a session lives is asked again later: %s", error.code)
            environment.look_at = now + (session.idle or MINUTE)
        return self.worn(environment)

    async def _end(self, environment: Environment) -> None:
        try:
            await self._workers.close(environment.worker)
            await environment.let_go()
        finally:
            self.ceilings.freed()

    async def _tidy_while_needed(self) -> None:
        try:
            while self._all:
                await asyncio.sleep(TIDY_EVERY)
                await self.tidy()
        except Exception:  # noqa: BLE001 - logged with all that is known
            # The next environment that is made begins it anew.
            _log.exception("idle environments were not looked at")
        finally:
            self._tidying = None
