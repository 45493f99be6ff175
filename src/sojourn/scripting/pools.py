"""The environments of one process: one of each stateful session, pools of stateless realms, and their ceilings.

An environment belongs to one realm as long as it lives. Where room is needed, those go first that hold nothing, then idle
ones of anonymous sessions, then, for who is logged in, those in which anonymous sessions execute.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, NamedTuple

from sojourn.core.clock import MINUTE, Clock
from sojourn.core.errors import SojournError, Unauthorized
from sojourn.engine.activity import SessionBusy
from sojourn.engine.live import Session
from sojourn.model.realm import Realm
from sojourn.scripting.ceilings import Asker, Ceilings
from sojourn.scripting.environments import CRASHED, Environment
from sojourn.scripting.errors import EnvironmentLost
from sojourn.scripting.workers import Kind, Workers

_log = logging.getLogger(__name__)

#: Sessions whose lost environment is remembered until they ask for it.
_REMEMBERED = 10_000

#: Seconds between two looks at what is past its limits; a look is only due while there are environments.
TIDY_EVERY = 5.0


class _Gone(NamedTuple):
    """Why a session has no environment any more."""

    reason: str
    #: Whether its client was refused because of that already.
    told: bool
    #: The next one is of the same: the runtime of a session never changes.
    kind: Kind


class Taken(NamedTuple):
    """An environment for an execution."""

    environment: Environment
    #: Why the session has another one than it had before, empty where it has the same or its first.
    renewed: str = ""


class Environments:
    """Hands out environments and takes them back.

    Args:
        workers: Where their processes come from.
        ceilings: How many there may be.
        clock: Where ``now`` comes from.
    """

    def __init__(self, workers: Workers, ceilings: Ceilings, clock: Clock) -> None:
        self._workers = workers
        self._ceilings = ceilings
        self._clock = clock
        #: All, whatever they do.
        self._all: dict[Environment, None] = {}
        #: Those of stateful sessions, by public id.
        self._owned: dict[str, Environment] = {}
        #: Sessions whose environment is being made.
        self._making: set[str] = set()
        #: Idle ones of stateless realms by realm id, the one that was used last at the end.
        self._idle: dict[str, list[Environment]] = {}
        self._gone: OrderedDict[str, _Gone] = OrderedDict()
        self._background: set[asyncio.Task[Any]] = set()
        self._tidying: asyncio.Task[None] | None = None
        self._closed = False
        #: How many were given up since the start, by reason.
        self.discarded: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Environment]:
        return iter(tuple(self._all))

    # --- taking and giving back ---

    async def own(self, asker: Asker) -> Taken:
        """The environment of a stateful session.

        Raises ``EnvironmentLost`` once when it was lost by no act of ours, ``SessionBusy`` while an execution of the same
        chain is in it, and as :meth:`pooled`.
        """
        session, sid = asker.session, asker.session.id
        environment = self._owned.get(sid)
        if sid in self._making or (environment is not None and environment.busy):
            raise SessionBusy
        if environment is not None:
            reason = self._unfit(environment, session)
            if not reason:
                environment.busy, environment.session = True, session
                return Taken(environment)
            await self._drop(environment, reason)
        gone = self._gone.pop(sid, None)
        if gone is not None and gone.reason == CRASHED and not gone.told:
            self._remember(sid, gone._replace(told=True))
            raise EnvironmentLost(CRASHED)
        self._making.add(sid)
        try:
            environment = await self._make(asker, gone.kind if gone else Kind.of(session.realm))
            assert environment is not None
        finally:
            self._making.discard(sid)
        environment.sid, environment.session = sid, session
        environment.notice(session)
        self._owned[sid] = environment
        return Taken(environment, gone.reason if gone else "")

    async def pooled(self, asker: Asker) -> Taken:
        """An environment of the session's realm for one execution, or until it is given back.

        Its global scope is fresh where the realm cleans up; nothing else of it is ever that of another session. Raises
        ``EnvironmentsExhausted``, ``RuntimeMissing``.
        """
        realm = asker.session.realm
        idle = self._idle.setdefault(realm.id, [])
        while True:
            async with self._ceilings.place(asker, self):
                while idle:
                    environment = _soonest(idle)
                    environment.busy = True
                    if await self._usable(environment, realm):
                        environment.anonymous, environment.block = asker.visitor, asker.block
                        return Taken(environment)
            made = await self._make(asker, Kind.of(realm), idle)
            if made is not None:
                return Taken(made)

    async def private(self, asker: Asker, kind: Kind) -> Taken:
        """An environment of any kind with nothing of anybody in it. Raises as :meth:`pooled`."""
        realm = asker.session.realm
        if kind == Kind.of(realm) and realm.config.cleanup_environment:
            return await self.pooled(asker)
        made = await self._make(asker, kind)
        assert made is not None
        return Taken(made)

    async def give_back(self, environment: Environment) -> None:
        """The execution is over: keep the environment for the next one, or end it."""
        if environment not in self._all:
            return
        environment.used = self._clock.now()
        if environment.doomed or not environment.worker.alive or self._closed:
            await self._drop(environment, environment.doomed or CRASHED)
        elif environment.sid:
            if environment.session is not None:
                environment.anonymous = environment.session.access.kind == "anonymous"
            environment.busy = False
            self._ceilings.freed()
        else:
            self._pool(environment)
        self._tidy_later()

    async def drop(self, environment: Environment, reason: str) -> None:
        """End an environment that is held by the caller."""
        await self._drop(environment, reason)

    # --- what ends them ---

    def ended(self, sid: str) -> None:
        """A session has ended: so does its environment, at once; what runs in it is broken off by the abort of its turn."""
        self._gone.pop(sid, None)
        environment = self._owned.pop(sid, None)
        if environment is None:
            return
        environment.doom("ended")
        if not environment.busy:
            self._spawn(self._drop(environment, "ended"))

    async def tidy(self) -> None:
        """End idle environments that are past their limits, whose process is gone, or whose session is."""
        for environment in self:
            used = environment.used
            reason = "" if environment.busy else await self._overdue(environment)
            # It may have been taken, and given back, while the store was asked.
            if reason and not environment.busy and environment.used == used:
                await self._drop(environment, reason)

    async def close(self) -> None:
        """End all of them, whatever they do."""
        self._closed = True
        if self._tidying is not None:
            self._tidying.cancel()
        await asyncio.gather(*(self._drop(environment, "shutdown") for environment in self), return_exceptions=True)
        await asyncio.gather(*self._background, return_exceptions=True)

    # --- the inner side ---

    def _unfit(self, environment: Environment, session: Session) -> str:
        """Why the environment of a session cannot be used again, empty when it can."""
        if not environment.worker.alive:
            return CRASHED
        environment.notice(session)
        return environment.doomed or environment.over(self._clock.now())

    def _worn(self, environment: Environment, realm: Realm) -> str:
        """Why an environment of a pool cannot be used again, empty when it can."""
        if not environment.worker.alive:
            return CRASHED
        if environment.kind != Kind.of(realm):
            return "settings"
        return environment.doomed or environment.over(self._clock.now())

    async def _usable(self, environment: Environment, realm: Realm) -> bool:
        """Whether one that was taken out of the pool is as ``realm`` wants it now; if not it is ended."""
        if environment.cleaning is not None:
            try:
                await asyncio.wait([environment.cleaning])
            except asyncio.CancelledError:
                self._idle.setdefault(realm.id, []).append(environment)
                environment.busy = False
                raise
        environment.realm, environment.cleaning = realm, None
        reason = self._worn(environment, realm)
        # Its realm may not have cleaned up when it was given back.
        if not reason and (
            environment.worker.clean or not realm.config.cleanup_environment or await environment.reset()
        ):
            return True
        await self._drop(environment, reason or environment.doomed)
        return False

    async def _make(self, asker: Asker, kind: Kind, instead: Sequence[Environment] = ()) -> Environment | None:
        """A new environment; None as soon as one of ``instead`` can be had while there is no room for it."""
        async with self._ceilings.place(asker, self):
            if not await self._ceilings.room(kind, asker, self, instead):
                return None
            worker = await self._workers.take(kind)
            environment = Environment(worker, asker.session.realm, kind, self._clock.now())
            environment.anonymous, environment.block = asker.visitor, asker.block
            self._all[environment] = None
        if self._closed:
            await self._drop(environment, "shutdown")
            raise EnvironmentLost("shutdown")
        self._workers.fill(kind, self._ceilings.full)
        return environment

    def _pool(self, environment: Environment) -> None:
        """Keep an environment for the next execution, which may be anybody's of its realm, and clean up meanwhile."""
        environment.anonymous, environment.block, environment.busy = False, "", False
        environment.cleaning = self._spawn(self._clean(environment))
        self._idle.setdefault(environment.realm.id, []).append(environment)
        self._ceilings.freed()

    async def _clean(self, environment: Environment) -> None:
        if environment.realm.config.cleanup_environment:
            await environment.reset()
        else:
            await environment.renew_kept(None)

    async def _overdue(self, environment: Environment) -> str:
        if not environment.worker.alive:
            return CRASHED
        session, now = environment.session, self._clock.now()
        if session is not None and now >= max(session.access.session.dies_at, environment.look_at):
            try:
                await session.check()
            except Unauthorized:
                return "ended"
            except SojournError:
                # Another identity, or a store that does not answer: neither says that it is dead.
                pass
            environment.look_at = now + (session.idle or MINUTE)
        return environment.doomed or environment.over(now)

    async def _drop(self, environment: Environment, reason: str) -> None:
        """End an environment; from now on nobody can take it."""
        if environment not in self._all:
            return
        del self._all[environment]
        environment.busy = True
        environment.doom(reason)
        self.discarded[reason] += 1
        idle = self._idle.get(environment.realm.id, [])
        if environment in idle:
            idle.remove(environment)
        if self._owned.get(environment.sid) is environment:
            del self._owned[environment.sid]
            if reason != "ended":
                self._remember(environment.sid, _Gone(reason, environment.told, environment.kind))
        # Begun, it is done to the end, whatever becomes of the caller.
        await asyncio.shield(self._spawn(self._end(environment)))

    async def _end(self, environment: Environment) -> None:
        try:
            await self._workers.close(environment.worker)
            await environment.let_go()
        finally:
            self._ceilings.freed()

    def _remember(self, sid: str, gone: _Gone) -> None:
        self._gone[sid] = gone
        while len(self._gone) > _REMEMBERED:
            self._gone.popitem(last=False)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    def _tidy_later(self) -> None:
        if self._tidying is None and not self._closed:
            self._tidying = asyncio.create_task(self._tidy_while_needed())

    async def _tidy_while_needed(self) -> None:
        try:
            while self._all:
                await asyncio.sleep(TIDY_EVERY)
                await self.tidy()
        finally:
            self._tidying = None


def _soonest(idle: list[Environment]) -> Environment:
    """Take out the one that was used last of those that are ready, else the one that will be ready first."""
    for at in range(len(idle) - 1, -1, -1):
        if idle[at].ready:
            return idle.pop(at)
    return idle.pop(0)
