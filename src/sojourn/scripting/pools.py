"""The environments of stateless realms: a pool for each realm, and never one for two of them."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Mapping
from typing import Final

from sojourn.model.realm import Realm
from sojourn.scripting.ceilings import Asker
from sojourn.scripting.environments import Environment
from sojourn.scripting.runtime import RuntimeName
from sojourn.scripting.stock import Stock
from sojourn.scripting.workers import Kind

_PROCESSORS: Final = os.cpu_count() or 1
#: Executions of one realm that this machine is kept busy with before one more waits for another to end. A worker of ije is
#: small, and the more of them are under way, the more of their messages the server takes at one go; one of v8 is large.
_ENOUGH: Final[Mapping[RuntimeName, int]] = {"ije": 6 * _PROCESSORS, "v8": 2 * _PROCESSORS}
#: That holds as long as they do end: after so many seconds in which nothing has moved there is one environment more.
_STANDSTILL: Final = 0.05


class Pool:
    """The environments of one realm that nobody uses, and who waits for one."""

    def __init__(self) -> None:
        #: The one that was given back last is at the end.
        self.idle: list[Environment] = []
        #: How many are in use, or will be in a moment.
        self.used = 0
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._watching: asyncio.TimerHandle | None = None
        self._moved = time.monotonic()

    def take(self) -> Environment:
        """The one that was used last of those that are ready, else the one that will be ready first."""
        for at in range(len(self.idle) - 1, -1, -1):
            if self.idle[at].ready:
                return self.idle.pop(at)
        return self.idle.pop(0)

    def put(self, environment: Environment) -> None:
        """Give one back."""
        self.idle.append(environment)
        self.moved()

    def moved(self) -> None:
        """One was given back, or is gone: the first of those who wait may look again."""
        self._moved = time.monotonic()
        self._call(go=False)

    async def wait(self, runtime: RuntimeName) -> None:
        """Until one is idle, or nothing has moved for a while: more processes would only take each other's time."""
        while not self.idle and self.used >= _ENOUGH[runtime]:
            waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            self._watch()
            try:
                if await waiting:
                    return
            except asyncio.CancelledError:
                if waiting in self._waiting:
                    self._waiting.remove(waiting)
                else:
                    # Called at the very moment: it is the turn of the next one.
                    self._call(go=False)
                raise

    def _watch(self) -> None:
        if self._watching is None:
            self._watching = asyncio.get_running_loop().call_later(_STANDSTILL, self._look)

    def _look(self) -> None:
        self._watching, now = None, time.monotonic()
        if now - self._moved >= _STANDSTILL:
            self._moved = now
            self._call(go=True)
        if self._waiting:
            self._watch()

    def _call(self, *, go: bool) -> None:
        """Call the first who waits: to look again, or to go on whatever there is."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(go)
                return


class Pools:
    """Hands out environments for one execution, and cleans up after it."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        stock.listeners.append(self._going)
        #: By id of the realm.
        self._of: dict[str, Pool] = {}
        self._taken: dict[Environment, Pool] = {}

    async def take(self, asker: Asker) -> Environment:
        """An environment of the session's realm for one execution, or until it is given back.

        Its global scope is fresh where the realm cleans up; nothing else of it is ever that of another session. Raises as
        ``Stock.make``.
        """
        realm = asker.session.realm
        pool = self._of.setdefault(realm.id, Pool())
        if asker.patience:
            await pool.wait(realm.config.runtime)
        environment: Environment | None = None
        pool.used += 1
        try:
            while environment is None:
                environment = await self._idle(pool, asker) or await self._stock.make(asker, Kind.of(realm), pool.idle)
            self._taken[environment] = pool
        finally:
            if environment is None:
                pool.used -= 1
        return environment

    async def private(self, asker: Asker, kind: Kind) -> Environment:
        """An environment of any kind with nothing of anybody in it. Raises as :meth:`take`."""
        realm = asker.session.realm
        if kind == Kind.of(realm) and realm.config.cleanup_environment:
            return await self.take(asker)
        made = await self._stock.make(asker, kind)
        assert made is not None
        pool = self._taken[made] = self._of.setdefault(realm.id, Pool())
        pool.used += 1
        return made

    def put(self, environment: Environment) -> None:
        """Keep an environment for the next execution, which may be anybody's of its realm, and clean up meanwhile."""
        pool = self._taken.pop(environment)
        pool.used -= 1
        environment.anonymous, environment.block, environment.busy = False, "", False
        environment.cleaning = None if environment.forget() else self._stock.spawn(_clean(environment))
        pool.put(environment)
        self._stock.ceilings.freed()

    async def _idle(self, pool: Pool, asker: Asker) -> Environment | None:
        """One that is idle, or None."""
        async with self._stock.ceilings.place(asker, self._stock):
            while pool.idle:
                environment = pool.take()
                environment.busy = True
                if await self._usable(environment, asker.session.realm):
                    environment.anonymous, environment.block = asker.visitor, asker.block
                    return environment
        return None

    async def _usable(self, environment: Environment, realm: Realm) -> bool:
        """Whether one that was taken out of the pool is as ``realm`` wants it now; if not it is ended."""
        fit, reason = False, ""
        try:
            if environment.cleaning is not None:
                await asyncio.wait([environment.cleaning])
            environment.realm, environment.cleaning = realm, None
            reason = self._stock.worn(environment) or ("" if environment.kind == Kind.of(realm) else "settings")
            if not reason:
                # Its realm may not have cleaned up when it was given back.
                fit = environment.worker.clean or not environment.forgets or await environment.reset()
        finally:
            if not fit:
                await self._stock.drop(environment, reason or environment.doomed or "abandoned")
        return fit

    def _going(self, environment: Environment, _reason: str) -> None:
        pool = self._taken.pop(environment, None)
        if pool is not None:
            pool.used -= 1
            pool.moved()
        elif not environment.sid:
            waiting = self._of.get(environment.realm.id, Pool()).idle
            if environment in waiting:
                waiting.remove(environment)


async def _clean(environment: Environment) -> None:
    if environment.forgets:
        await environment.reset()
    else:
        await environment.renew_kept(None)
