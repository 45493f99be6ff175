"""Script runners: a script that another one runs in an environment and a session of its own.

A runner acts as its session and as nobody else. That session hangs on the one that made it: it has at most the rights of
that one, and ends with it. A runner lives as long as the execution that made it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from sojourn.core.errors import Conflict, StaleSession, Unavailable
from sojourn.engine.live import Session
from sojourn.model.token import ScriptText
from sojourn.scripting.declare import BadArgument
from sojourn.scripting.environments import Environment
from sojourn.scripting.errors import ScriptFailed
from sojourn.scripting.execution import Held
from sojourn.scripting.files import Source
from sojourn.scripting.order import Order
from sojourn.scripting.run import Run
from sojourn.scripting.runtime import Function, ReadGlobal, Script, WriteGlobal
from sojourn.scripting.tables import DataSetValue
from sojourn.scripting.values import Undefined, Value

#: Executions that lead to the scripts of one session, for the chain of a script-bound token.
_MOST_SCRIPTS: Final = 64


class NotPrimitive(BadArgument):
    """Only undefined, null, booleans, numbers, texts, BigInts and DataSets go into a script runner and come out of it."""

    code = "runner.not_primitive"


class RunnersExhausted(Unavailable):
    """This execution has as many script runners as it may have."""

    code = "runner.too_many"


class RunnerDisposed(Conflict):
    """This script runner was disposed, or the execution that made it is over."""

    code = "runner.disposed"


Acquire = Callable[[], Awaitable[Environment]]


class Runner:
    """One script in an environment and a session of its own, for the execution that made it.

    Made by :func:`~sojourn.scripting.runners.open_runner`.

    Every method raises :class:`RunnerDisposed`, ``StaleSession`` when the caller has another identity than when the runner
    was made, and what becomes of the session: ``SessionEnded``.
    """

    def __init__(self, caller: Run, source: Source, session: Session, acquire: Acquire | None) -> None:
        self._caller = caller
        self._known = _identity(caller)
        #: The script as it was when the runner was made: whatever is allowed to it is allowed to this text.
        self._source = source
        self._uri = source.uri
        #: The session that it acts as.
        self.session = session
        self._acquire = acquire
        self._environment: Environment | None = None
        #: Where the script was run once, as its functions are called.
        self._ran: Environment | None = None
        #: Scripts that have had their hands in the environment.
        self._authors: Sequence[str] = ()
        #: The texts of those that have led here.
        self._texts: Sequence[ScriptText] = ()
        self._open = True

    async def login(self, user_name: str, password: str) -> bool:
        """Log its session in; False when refused. Raises as ``live.Session.login``."""
        self._check()
        return await self.session.login(user_name, password)

    async def login_by_session(self) -> None:
        """Give its session the user of the caller's, with at most the same rights. Raises ``NotAdmittedThere``."""
        self._check()
        standalone = self._caller.rules.sessions.standalone
        lent = await standalone.lend(self.session.access, self._caller.session.access)
        self.session = Session(self._caller.rules, lent)

    async def login_by_auth_token(self, text: str) -> None:
        """Log its session in with an AuthToken; one for some scripts has to name this one and all that have led here."""
        self._check()
        async with self._hold() as held:
            chain = held.run.chain()
        await self.session.login_by_auth_token(text, scripts=chain)

    async def run(self) -> Value:
        """The last value of the script."""
        async with self._hold() as held:
            return await self._run(held)

    async def call(self, name: str, args: Sequence[Value]) -> Value:
        """The result of a global function of the script, which is run once before the first call."""
        for place, value in enumerate(args):
            check_primitive(value, f"argument {place + 1} of {name}")
        async with self._hold() as held:
            if self._ran is not held.environment:
                await self._run(held, checked=False)
            return check_primitive(await held.execute(Function(name, list(args))), f"the result of {name}")

    async def evaluate(self, expression: str) -> Value:
        """The value of an expression in the global scope."""
        async with self._hold() as held:
            return check_primitive(await held.execute(Script(expression, self._uri)), "the value")

    async def publish(self, name: str, value: Value) -> None:
        """Give the global scope a variable."""
        check_primitive(value, name)
        async with self._hold() as held:
            await held.execute(WriteGlobal(name, value))

    async def read(self, name: str) -> Value:
        """A variable of the global scope, undefined when there is none."""
        async with self._hold() as held:
            return check_primitive(await held.execute(ReadGlobal(name)), name)

    async def tracking_id(self) -> str:
        """The tag of what its session changes."""
        async with self._hold() as held:
            return held.run.kept.tracking_id

    async def set_tracking_id(self, value: str) -> None:
        """Give its session a tag."""
        async with self._hold() as held:
            held.run.kept.tracking_id = value

    async def clear(self) -> None:
        """Throw the global scope away, with all that was published; a lost one is replaced."""
        self._check()
        self._ran = None
        environment = self._environment
        if environment is not None and not (environment.worker.alive and await environment.reset()):
            self._environment = None
            await self._caller.service.give_back(environment)
        elif environment is None and self._acquire is None:
            async with self._hold() as held:
                await held.environment.reset()

    async def dispose(self) -> None:
        """Give everything back now. May be called again."""
        if not self._open:
            return
        self._open = False
        caller, environment = self._caller, self._environment
        caller.nesting.runners -= 1
        self._environment = None
        if environment is not None:
            await caller.service.give_back(environment)
        let_go(caller, self.session.id, lasting=self._acquire is None)

    # --- the inner side ---

    def _check(self) -> None:
        if not self._open:
            raise RunnerDisposed
        if _identity(self._caller) != self._known:
            raise StaleSession(self._caller.session.access.session.epoch)

    @asynccontextmanager
    async def _hold(self) -> AsyncIterator[Held]:
        """The environment for some tasks, in which nothing but these runs meanwhile."""
        self._check()
        caller = self._caller
        if self._acquire is not None and self._environment is None:
            self._environment = await self._acquire()
        await self.session.check()
        caller.rules.sessions.standalone.touch(self.session.id)
        self._authors = self._scripts()
        texts = (one for one in caller.chain() if not isinstance(one, str))
        self._texts = tuple(dict.fromkeys((*self._texts, *texts)))
        order = Order(
            session=self.session,
            task="",
            execution_key=caller.execution_key,
            what=f"script {self._uri}",
            scripts=self._authors,
            callers=self._texts,
            standalone=self._acquire is not None,
            wait=0,
            environment=self._environment,
            nesting=caller.nesting,
            depth=caller.depth + 1,
            budget=caller.budget,
            deadline=caller.deadline,
        )
        try:
            async with caller.service.hold(order) as held:
                held.run.runs(self._source.text)
                yield held
        except ScriptFailed as error:
            raise _located(error) from error

    async def _run(self, held: Held, *, checked: bool = True) -> Value:
        source, environment = self._source, held.environment
        task = source.task
        if not environment.plain:
            # The first time all that the file declares becomes global, also the functions of strict code.
            environment.plain, task = True, Script(source.code, source.uri)
        value = await held.execute(task)
        self._ran = environment
        return check_primitive(value, "the result of the script") if checked else value

    def _scripts(self) -> Sequence[str]:
        """The script, all that have led here, and all that had their hands in the environment before: each once."""
        every = dict.fromkeys((self._uri, *self._caller.scripts, *self._authors))
        if len(every) > _MOST_SCRIPTS:
            raise RunnersExhausted("too many scripts have worked in this environment")
        return tuple(every)


def let_go(caller: Run, sid: str, *, lasting: bool) -> None:
    """Nobody works with the session of a runner any more; one that is not ``lasting`` ends."""
    standalone = caller.rules.sessions.standalone
    if not lasting:
        standalone.end(sid, "logout")
        return
    standing = standalone.find(sid)
    if standing is not None:
        standing.held = False
        if standing.maker is None or not standing.maker.session.id:
            standalone.end(sid, "logout")
    caller.service.reserved.pass_on(sid)


def _identity(run: Run) -> tuple[object, ...]:
    """Who a caller is: another login is another caller."""
    session = run.session.access.session
    return session.id, session.epoch, session.principal, session.identity.login_at


def _located(error: ScriptFailed) -> ScriptFailed:
    """The error as the caller's script gets it: with the place, because its own stack is another one."""
    place = error.stack.strip().splitlines()[0].strip() if error.stack.strip() else ""
    return type(error)(error.name, f"{error.text} [{place}]" if place else error.text, error.stack, thrown=error.thrown)


def check_primitive(value: Value, what: str) -> Value:
    """``value`` itself; raises :class:`NotPrimitive` for what stays in its environment: objects, lists, dates, bytes."""
    if value is None or isinstance(value, bool | int | float | str | Undefined | DataSetValue):
        return value
    kind = "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a date or bytes"
    raise NotPrimitive(
        f"{what} is {kind}: only primitive values and DataSets go into a ScriptRunner and come out of it"
    )
