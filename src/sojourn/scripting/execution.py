"""Tasks in an environment that is held for one execution: found, limited, run, watched, counted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from sojourn.core.clock import SECOND
from sojourn.core.errors import SojournError
from sojourn.scripting.budget import Budget
from sojourn.scripting.counting import Counts
from sojourn.scripting.dispatch import Dispatcher
from sojourn.scripting.environments import Environment
from sojourn.scripting.errors import EnvironmentLost, ScriptFailed, ScriptOutOfMemory, ScriptTimeout
from sojourn.scripting.files import Sources
from sojourn.scripting.order import MOST_TRACED, Order, Trace, TracedCall, TracedLine
from sojourn.scripting.run import Run
from sojourn.scripting.runtime import Limits, Script, Task
from sojourn.scripting.values import Value

_log = logging.getLogger("sojourn.scripts")

_LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "log": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}

#: Characters of one text of a script that are written into the log.
_LONGEST_TEXT = 10_000


class Held:
    """An environment in the hands of one execution."""

    def __init__(  # noqa: PLR0917 - made in one place
        self, order: Order, run: Run, environment: Environment, renewed: str, sources: Sources, counts: Counts
    ) -> None:
        self._order = order
        self._sources = sources
        self._counts = counts
        dispatcher = Dispatcher(run)
        self._host = _Watching(dispatcher, environment, run, order.trace)
        # A trace shows what the script has asked for: there it asks for everything.
        self._facts = dispatcher.facts if order.trace is None else None
        self.run = run
        self.environment = environment
        #: See :class:`~sojourn.scripting.order.Executed`.
        self.renewed = renewed
        run.log = self._write

    async def execute(self, task: Task | str | int, *, last: bool = False) -> Value:
        """The outcome of a task; see ``Scripts.execute`` for what it raises. After the ``last`` one there is no other."""
        realm, environment = self.run.realm.name, self.environment
        if isinstance(task, str | int):
            task = await self._found(task)
        began, outcome = time.perf_counter(), "ok"
        try:
            return await self._run(task, last=last and self._order.environment is None and environment.forgets)
        except EnvironmentLost as error:
            outcome = "lost"
            environment.told = True
            environment.doom(error.reason)
            if environment.doomed == error.reason:
                raise
            raise EnvironmentLost(environment.doomed) from error
        except ScriptFailed as error:
            outcome = _outcome(error)
            if outcome != "failed":
                environment.doom(outcome)
            raise
        except asyncio.CancelledError:
            outcome = "aborted"
            environment.doom(outcome)
            raise
        finally:
            if not environment.worker.alive:
                environment.doom("spent")
            self._counts.executed(realm, outcome, time.perf_counter() - began)

    async def _run(self, task: Task, *, last: bool) -> Value:
        worker, limits = self.environment.worker, self._limits()
        budget = self.run.budget = Budget(limits.cpu, worker.pid, self._order.budget)
        async with budget.spent():
            own = replace(limits, cpu=max(1, round(budget.most)))
            return await worker.run(task, self._host, own, last=last, facts=self._facts)

    async def _found(self, reference: str | int) -> Script:
        source = await self._sources.find(reference, self.run.realm)
        self.run.scripts = (source.uri, *self._order.scripts)
        self.run.runs(source.text)
        return source.task

    def _limits(self) -> Limits:
        config, access = self.run.realm.config, self.run.session.access
        wall = config.script_timeout
        if access.session.id:
            # No execution outlives its session, nor the one that has caused it.
            wall = min(wall, access.session.absolute - self.run.rules.clock.now())
        now = time.monotonic()
        wall = max(1, round(min(wall, (self._order.deadline - now) * SECOND)))
        self.run.deadline = now + wall / SECOND
        kind = self.environment.kind
        return Limits(cpu=config.script_cpu, wall=wall, memory=kind.memory, message=kind.message)

    def _write(self, level: str, text: str) -> None:
        run, shown = self.run, text[:_LONGEST_TEXT]
        if self._order.trace is not None and len(self._order.trace.log) < MOST_TRACED:
            self._order.trace.log.append(TracedLine(level, shown, self._order.trace.at()))
        script = run.scripts[0] if run.scripts else self._order.what
        _log.log(_LEVELS.get(level, logging.INFO), "%s %s [%s]: %s", run.realm.name, script, run.execution_key, shown)


class _Watching:
    """The host of an execution that looks, after each call, at who acts now, and keeps the trace."""

    def __init__(self, host: Dispatcher, environment: Environment, run: Run, trace: Trace | None) -> None:
        self._host = host
        self._environment = environment
        self._run = run
        self._trace = trace

    async def call(self, function: str, args: Sequence[Value]) -> Value:
        """The result of a host function."""
        budget = self._run.budget
        if budget is not None:
            budget.pause()
        try:
            if self._trace is not None:
                return await self._traced(self._trace, function, args)
            return await self._host.call(function, args)
        finally:
            self._environment.notice(self._run.session)
            if budget is not None:
                budget.resume()

    async def _traced(self, trace: Trace, function: str, args: Sequence[Value]) -> Value:
        began, error = trace.at(), ""
        try:
            return await self._host.call(function, args)
        except SojournError as raised:
            error = raised.code
            raise
        finally:
            trace.count += 1
            if len(trace.calls) < MOST_TRACED:
                trace.calls.append(TracedCall(function[:100], trace.at() - began, error, began))


def _outcome(error: ScriptFailed) -> str:
    if isinstance(error, ScriptTimeout):
        return "timeout"
    return "out-of-memory" if isinstance(error, ScriptOutOfMemory) else "failed"
