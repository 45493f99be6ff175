"""Who executes now in this process: the turns of stateful sessions, the sessions in use, and the abort of an execution."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from itertools import count
from types import TracebackType
from typing import NamedTuple, Self

from sojourn.core.clock import Clock
from sojourn.core.errors import Conflict, Unavailable
from sojourn.model.session import Session

#: How long an execution waits for its turn, in seconds, and how many of one session may wait at once.
PATIENCE = 60.0
MOST_WAITING = 8


class TurnTimeout(Unavailable):
    """The session is busy: other requests of it took too long."""

    code = "session.wait_timeout"


class SessionQueueFull(Unavailable):
    """The session is busy: too many requests of it are waiting."""

    code = "session.queue_full"


class SessionBusy(Conflict):
    """The request waits for a session that it holds itself."""

    code = "session.busy"


class ExecutionAborted(Unavailable):
    """The execution was aborted."""

    code = "session.aborted"


class Running(NamedTuple):
    """One execution of a session."""

    #: Public id of the session.
    sid: str
    #: Immutable id of its realm.
    realm: str
    #: When it began to execute, in milliseconds since 1970.
    since: int
    #: What executes it, > 0; never the same twice in one process.
    worker: int
    #: What is executed: ``pipeline cart-add``, ``login`` …
    what: str


#: The chain of the execution that the present task belongs to.
_chain: ContextVar[str] = ContextVar("sojourn_chain", default="")


class Activity:
    """The executions of one process. Nothing of it is shared between processes: a stateful realm is served by one.

    Args:
        clock: Where ``now`` comes from.
        patience: How long an execution waits for its turn, in seconds.
        most_waiting: How many executions of one session may wait at once.
    """

    def __init__(self, clock: Clock, *, patience: float = PATIENCE, most_waiting: int = MOST_WAITING) -> None:
        self._clock = clock
        self._workers = count(1)
        self._lines = Lines(patience, most_waiting)
        self._running: dict[Turn, Running] = {}

    def run(self, session: Session, *, chain: str, exclusive: bool, what: str, patience: float | None = None) -> Turn:
        """``async with`` this around an execution of ``session``.

        Args:
            session: Whose execution it is.
            chain: Execution key of the outermost execution.
            exclusive: One at a time per session, in the order of arrival; else it begins at once.
            what: What is executed, for who looks.
            patience: How long it waits for its turn, in seconds: 0 = not at all; None = as long as requests do.

        Raises:
            TurnTimeout: It waited too long for its turn.
            SessionQueueFull: Too many wait already.
            SessionBusy: The same chain holds the session, or any other one and there is no ``patience``.
            ExecutionAborted: From inside of it, after :meth:`abort`.
        """
        running = Running(session.id, session.realm, self._clock.now(), next(self._workers), what)
        return Turn(self._running, running, chain, self._lines if exclusive else None, self._clock, patience)

    def executes(self, sid: str) -> bool:
        """Whether something executes for this session, or waits to do so."""
        return self._lines.taken(sid) or any(running.sid == sid for running in self._running.values())

    def in_use(self) -> Sequence[Running]:
        """What executes now, the longest first; who waits for a turn does not execute."""
        return tuple(self._running.values())

    def abort(self, sid: str) -> int:
        """Break off the executions of a session where they wait; how many there were.

        The chain that asks for it goes on: it has an answer to give. Who waits for a turn is left waiting.
        """
        found = [turn for turn, running in self._running.items() if running.sid == sid and turn.chain != _chain.get()]
        for turn in found:
            turn.abort()
        return len(found)


class Turn:
    """One execution, from its wait to its end; made by :meth:`Activity.run`."""

    __slots__ = (
        "_aborted",
        "_all",
        "_cancelling",
        "_clock",
        "_lines",
        "_patience",
        "_running",
        "_task",
        "_token",
        "chain",
        "waited",
    )

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        running: dict[Turn, Running],
        this: Running,
        chain: str,
        lines: Lines | None,
        clock: Clock,
        patience: float | None,
    ) -> None:
        self._all = running
        self._running = this
        self._lines = lines
        self._clock = clock
        self._patience = patience
        self._aborted = False
        self._cancelling = 0
        self._task: asyncio.Task[object] | None = None
        self._token: Token[str] | None = None
        self.chain = chain
        #: Whether it had to wait: then the session may have changed meanwhile.
        self.waited = False

    async def __aenter__(self) -> Self:
        if self._lines is not None:
            self.waited = await self._lines.wait(self._running.sid, self.chain, self._patience)
        self._task = asyncio.current_task()
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        self._token = _chain.set(self.chain)
        self._all[self] = self._running._replace(since=self._clock.now()) if self.waited else self._running
        return self

    async def __aexit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        assert self._task is not None
        assert self._token is not None
        _chain.reset(self._token)
        del self._all[self]
        if self._lines is not None:
            self._lines.pass_on(self._running.sid)
        # As asyncio.timeout does it: a cancellation by somebody else goes on as one.
        if self._aborted and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise ExecutionAborted

    def abort(self) -> None:
        """Cancel it where it waits; the second time does nothing."""
        if not self._aborted and self._task is not None:
            self._aborted = True
            self._task.cancel()


class _Place(NamedTuple):
    """One place in a line."""

    chain: str
    called: asyncio.Future[None]


class _Line:
    """Who holds a session, and who waits for it, the first first."""

    __slots__ = ("holder", "waiting")

    def __init__(self, holder: str) -> None:
        self.holder = holder
        self.waiting: deque[_Place] = deque()


class Lines:
    """The lines of all sessions that somebody holds: one after the other, in the order of arrival.

    Args:
        patience: How long one waits by default, in seconds.
        most_waiting: How many of one session may wait at once.
    """

    def __init__(self, patience: float, most_waiting: int) -> None:
        self._patience = patience
        self._most_waiting = most_waiting
        self._of: dict[str, _Line] = {}

    def taken(self, sid: str) -> bool:
        """Whether somebody holds the session."""
        return sid in self._of

    async def wait(self, sid: str, chain: str, patience: float | None) -> bool:
        """Until it is the turn of ``chain``, at most ``patience`` seconds; whether it had to wait."""
        line = self._of.get(sid)
        if line is None:
            self._of[sid] = _Line(chain)
            return False
        if line.holder == chain:
            raise SessionBusy
        if patience is not None and patience <= 0:
            raise SessionBusy("the session is executing something else")
        if len(line.waiting) >= self._most_waiting:
            raise SessionQueueFull
        place = _Place(chain, asyncio.get_running_loop().create_future())
        line.waiting.append(place)
        with self._leaving(sid, line, place):
            async with asyncio.timeout(self._patience if patience is None else patience):
                await place.called
        return True

    def pass_on(self, sid: str) -> None:
        """Call the next of the line, if there is one."""
        line = self._of[sid]
        while line.waiting:
            place = line.waiting.popleft()
            # Who has just been cancelled, or has waited too long, has not left the line yet.
            if not place.called.done():
                line.holder = place.chain
                place.called.set_result(None)
                return
        del self._of[sid]

    @contextmanager
    def _leaving(self, sid: str, line: _Line, place: _Place) -> Iterator[None]:
        """Give up the place of who stops waiting; where it is called at that very moment, its turn goes on."""
        try:
            yield
        except BaseException as error:
            if place in line.waiting:
                line.waiting.remove(place)
            elif not place.called.cancelled():
                self.pass_on(sid)
            if isinstance(error, TimeoutError):
                raise TurnTimeout from None
            raise
