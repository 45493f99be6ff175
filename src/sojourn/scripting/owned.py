"""The environments of stateful sessions: one for each, from its first script to its end."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from sojourn.engine.activity import SessionBusy
from sojourn.scripting.ceilings import Asker
from sojourn.scripting.environments import CRASHED, Environment
from sojourn.scripting.errors import EnvironmentLost
from sojourn.scripting.stock import Stock
from sojourn.scripting.workers import Kind

#: Sessions whose lost environment is remembered until they ask for it.
_REMEMBERED = 10_000


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


class Owned:
    """Hands a session its environment. That one execution at a time asks for it is seen to by the session's turns."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        stock.listeners.append(self._going)
        #: By public id of the session.
        self._of: dict[str, Environment] = {}
        #: Sessions whose environment is being made.
        self._making: set[str] = set()
        self._gone: OrderedDict[str, _Gone] = OrderedDict()

    async def take(self, asker: Asker) -> Taken:
        """The environment of a session.

        Raises ``EnvironmentLost`` once when it was lost by no act of ours, ``SessionBusy`` while an execution of the same
        chain is in it, and as ``Stock.make``.
        """
        session, sid = asker.session, asker.session.id
        environment = self._of.get(sid)
        if sid in self._making or (environment is not None and environment.busy):
            raise SessionBusy
        if environment is not None:
            environment.notice(session)
            reason = self._stock.worn(environment)
            if not reason:
                environment.busy, environment.session = True, session
                return Taken(environment)
            await self._stock.drop(environment, reason)
        gone = self._gone.get(sid)
        if gone is not None and gone.reason == CRASHED and not gone.told:
            self._gone[sid] = gone._replace(told=True)
            raise EnvironmentLost(CRASHED)
        made = await self._make(asker, gone.kind if gone else Kind.of(session.realm))
        self._gone.pop(sid, None)
        return Taken(made, gone.reason if gone else "")

    def keep(self, environment: Environment) -> None:
        """Keep an environment for the next execution of its session."""
        session = environment.session
        if session is not None:
            environment.anonymous = session.access.kind == "anonymous"
        environment.busy = False
        self._stock.ceilings.freed()

    def ended(self, sid: str) -> None:
        """A session has ended: so does its environment, at once; what runs in it is broken off by the abort of its turn."""
        self._gone.pop(sid, None)
        self._making.discard(sid)
        environment = self._of.pop(sid, None)
        if environment is None:
            return
        environment.doom("ended")
        if not environment.busy:
            self._stock.spawn(self._stock.drop(environment, "ended"))

    async def _make(self, asker: Asker, kind: Kind) -> Environment:
        sid = asker.session.id
        self._making.add(sid)
        try:
            made = await self._stock.make(asker, kind)
            assert made is not None
            if sid not in self._making:
                await self._stock.drop(made, "ended")
                raise EnvironmentLost("ended")
        finally:
            self._making.discard(sid)
        made.sid, made.session = sid, asker.session
        made.notice(asker.session)
        self._of[sid] = made
        return made

    def _going(self, environment: Environment, reason: str) -> None:
        if self._of.get(environment.sid) is not environment:
            return
        del self._of[environment.sid]
        if reason != "ended":
            self._gone[environment.sid] = _Gone(reason, environment.told, environment.kind)
            while len(self._gone) > _REMEMBERED:
                self._gone.popitem(last=False)
