"""The service of scripts: one door for routes, components, runners and the command line.

It finds the script, takes the session's turn and an environment, runs the task as that session, and sees to it that
nothing of the execution is left where the next one could find it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from sojourn.core.clock import SECOND
from sojourn.core.errors import Unauthorized, Unavailable
from sojourn.data.databases import Databases
from sojourn.data.errors import DatabaseUnknown
from sojourn.engine.activity import MOST_WAITING, ExecutionAborted, Lines
from sojourn.engine.activity import PATIENCE as TURN_PATIENCE
from sojourn.engine.live import Session
from sojourn.engine.rules import Rules
from sojourn.model.realm import Realm
from sojourn.scripting.ceilings import PATIENCE, Asker, Ceilings
from sojourn.scripting.counting import Counts
from sojourn.scripting.environments import CRASHED, Environment
from sojourn.scripting.errors import EnvironmentLost
from sojourn.scripting.execution import Held
from sojourn.scripting.files import Sources
from sojourn.scripting.files.parsing import Parsing
from sojourn.scripting.order import Executed, Order
from sojourn.scripting.owned import Owned, Taken
from sojourn.scripting.pools import Pools
from sojourn.scripting.run import Kept, Nesting, Run
from sojourn.scripting.runtime import RuntimeName
from sojourn.scripting.stock import Stock
from sojourn.scripting.workers import Kind, Opener, Workers


class ScriptsClosed(Unavailable):
    """The engine is shutting down."""

    code = "script.closed"


class Scripts:
    """Executes scripts.

    Nothing is started before the first execution or :meth:`warm_up`.

    Args:
        rules: Of the engine.
        openers: How each runtime is opened.
        databases: Those of the application, where there are any.
    """

    def __init__(self, rules: Rules, openers: Mapping[RuntimeName, Opener], databases: Databases | None = None) -> None:
        settings = rules.settings
        self.rules = rules
        self._databases = databases
        #: Finds scripts by their reference.
        self.sources = Sources(rules.files)
        self.workers = Workers(openers, settings.scripts)
        self.sources.wrong = Parsing(self.workers).wrong
        self._ceilings = Ceilings(self.workers, settings)
        #: What there is now.
        self.environments = Stock(self.workers, self._ceilings, rules.clock)
        self._owned = Owned(self.environments)
        self._pools = Pools(self.environments)
        #: Environments that are held, with whether they may go to the realm's pool.
        self._claimed: dict[Environment, bool] = {}
        #: Who works with which lasting standalone session.
        self.reserved = Lines(TURN_PATIENCE, MOST_WAITING)
        self._closed = False
        #: What was done so far.
        self.counts = Counts(self.workers, self.environments, self._ceilings)
        rules.ends.listen(self._owned.ended)

    @property
    def databases(self) -> Databases:
        """The databases of the application; raises ``DatabaseUnknown`` where there are none."""
        if self._databases is None:
            raise DatabaseUnknown
        return self._databases

    # --- executing ---

    async def execute(self, order: Order) -> Executed:
        """Run one task, and give its value.

        Raises ``ScriptUnknown``; ``ScriptFailed`` and its kinds; ``EnvironmentLost`` when its process is gone, or went
        since the last execution of the session; ``EnvironmentsExhausted``; what ``Activity.run`` raises; ``SessionEnded``
        when the session ends meanwhile, ``StaleSession`` when it became another while this waited for its turn.
        """
        async with self.hold(order) as held:
            return Executed(await held.execute(order.task, last=True), held.run, held.renewed)

    @asynccontextmanager
    async def hold(self, order: Order) -> AsyncIterator[Held]:
        """An environment for several tasks, one after the other, in the turn of one execution. Raises as :meth:`execute`."""
        if self._closed:
            raise ScriptsClosed
        access = order.session.access
        try:
            async with AsyncExitStack() as stack:
                await self._take_turn(order, stack)
                taken = await self._take(order)
                held = self._held(order, taken)
                try:
                    await held.environment.renew_kept(order.session.access.session.epoch)
                    yield held
                finally:
                    await self._leave(order, held)
        except ExecutionAborted:
            # Where the session has ended, that is what its client is told.
            await self.rules.sessions.check(access)
            raise

    async def claim(
        self, session: Session, *, nested: bool = True, visitor: bool = False, runtime: RuntimeName | None = None
    ) -> Environment:
        """An environment of the session's realm for several executions of a standalone session, until :meth:`give_back`.

        Args:
            session: Whom it shall act for.
            nested: Whether the caller holds another one meanwhile, and so must not wait for room.
            visitor: Whether it is for nobody that is known.
            runtime: One of its own on that runtime, not one of the pool of the realm.

        Raises:
            EnvironmentsExhausted, RuntimeMissing: There is none.
        """
        if self._closed:
            raise ScriptsClosed
        asker, kind = Asker(session, visitor=visitor, patience=0 if nested else PATIENCE), Kind.of(session.realm)
        if runtime is None:
            environment = await self._pools.take(asker)
        else:
            environment = await self._pools.private(asker, kind._replace(runtime=runtime))
        clean = session.realm.config.cleanup_environment and environment.kind == kind
        self._claimed[environment] = runtime is None or clean
        return environment

    async def give_back(self, environment: Environment) -> None:
        """Give an environment back that was claimed. May be called again."""
        if environment in self._claimed:
            if not self._claimed.pop(environment):
                environment.doom("private")
            await self._put_back(environment)

    def warm_up(self, realms: Iterable[Realm]) -> None:
        """Begin to make workers ready for realms that have scripts, so that the first of them need not wait for one."""
        for kind in dict.fromkeys(map(Kind.of, realms)):
            self.workers.fill(kind, self._ceilings.full)

    async def tidy(self) -> None:
        """End idle environments that are past their limits, as happens by itself every few seconds."""
        await self.environments.tidy()

    async def close(self) -> None:
        """End every environment, whatever runs in it, and the runtimes."""
        self._closed = True
        await self.environments.close()
        await self.workers.close_all()

    # --- the inner side ---

    async def _take_turn(self, order: Order, stack: AsyncExitStack) -> None:
        session = order.session
        if order.holds_turn:
            # A pipeline may have had it for long.
            await session.check()
            return
        if not session.id:
            # Without a record there is nothing to take turns at.
            return
        turn = self.rules.activity.run(
            session.access.session,
            chain=order.execution_key,
            exclusive=_owns(order),
            what=order.what,
            patience=None if order.wait is None else order.wait / SECOND,
        )
        await stack.enter_async_context(turn)
        if turn.waited:
            await session.check()

    async def _take(self, order: Order) -> Taken:
        if order.environment is not None:
            if not order.environment.worker.alive:
                raise EnvironmentLost(order.environment.doomed or CRASHED)
            return Taken(order.environment)
        session, access = order.session, order.session.access
        visitor = order.nesting.visitor if order.nesting else access.kind == "anonymous" and not order.standalone
        asker = Asker(session, visitor, patience=0 if order.scripts else PATIENCE)
        if _owns(order):
            return await self._owned.take(asker)
        return Taken(await self._pools.take(asker))

    def _held(self, order: Order, taken: Taken) -> Held:
        environment = taken.environment
        if not environment.sid and order.environment is None:
            # What belongs to an execution goes with it, whatever stays in the global scope.
            environment.kept = Kept(next_handle=environment.kept.next_handle)
        run = Run(
            rules=self.rules,
            session=order.session,
            execution_key=order.execution_key,
            scripts=tuple(order.scripts),
            kept=environment.kept,
            texts=environment.texts,
            callers=order.callers,
            runtime=environment.runtime,
            exchange=order.exchange,
            parameters=order.parameters,
            service=self,
            nesting=order.nesting or _outermost(order),
            depth=order.depth,
        )
        return Held(order, run, environment, taken.renewed, self.sources, self.counts)

    async def _put_back(self, environment: Environment) -> None:
        """Keep an environment for the next execution, or end it."""
        environment.used = self.rules.clock.now()
        if environment not in self.environments:
            return
        if environment.doomed or not environment.worker.alive or self._closed:
            await self.environments.drop(environment, environment.doomed or CRASHED)
        elif environment.sid:
            self._owned.keep(environment)
        else:
            self._pools.put(environment)

    async def _leave(self, order: Order, held: Held) -> None:
        try:
            while held.run.closing:
                await held.run.closing.pop()()
        finally:
            if order.environment is None:
                await self._put_back(held.environment)
        if held.run.ends_session and order.session.id:
            with suppress(Unauthorized):
                await order.session.end("idle")


def _outermost(order: Order) -> Nesting:
    visitor = order.session.access.kind == "anonymous" and not order.standalone
    return Nesting(visitor, attended=order.exchange is not None)


def _owns(order: Order) -> bool:
    """Whether the session has an environment of its own, and so one execution at a time."""
    return order.session.realm.stateful and bool(order.session.id) and not order.standalone
