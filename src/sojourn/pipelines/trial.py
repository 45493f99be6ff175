"""A test run: a pipeline on a message of its author, without a trigger, a token or an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn

from sojourn.core.clock import Clock, SystemClock
from sojourn.core.errors import SojournError
from sojourn.core.ids import new_execution_key
from sojourn.core.json import Json
from sojourn.model.field import Changed, Field, Op
from sojourn.model.user import Account
from sojourn.pipelines.errors import ExecutionOver, NoSession, NotInTestRun, error_message
from sojourn.pipelines.execution import Execution, Frame
from sojourn.pipelines.flow import run_flow
from sojourn.pipelines.local import LocalSession
from sojourn.pipelines.model import Plan
from sojourn.pipelines.powers import ApplyOrder, DocumentOrder, QueryOrder, ScriptOrder, TokenOrder
from sojourn.pipelines.runner import metadata

_NO_GLOBALS: Mapping[str, str] = {}


class TraceStep(NamedTuple):
    """The message after one step."""

    step: str
    component: str
    #: How many subflows are around the step.
    depth: int
    message: Json


class Trace(NamedTuple):
    """What a test run did."""

    #: In the order in which they ended; a step that threw is not among them.
    steps: Sequence[TraceStep]
    #: The last message, or the error message.
    message: Json
    #: What ended the flow; None when it came to its end.
    error: SojournError | None = None


class TooLong(SojournError):
    """The pipeline took too long."""

    code = "pipeline.timeout"


async def test_run(
    plan: Plan,
    message: Json,
    globals_: Mapping[str, str] = _NO_GLOBALS,  # noqa: PT028 - it is no test of pytest
    clock: Clock | None = None,  # noqa: PT028 - it is no test of pytest
) -> Trace:
    """Run ``plan`` on ``message``, which is the first message as it stands.

    GLOBAL steps and tokens need a deployed pipeline: such a step is an error here.
    """
    steps: list[TraceStep] = []
    key, clock = new_execution_key(), clock or SystemClock()
    execution = Execution(
        key=key,
        pipeline=plan.name,
        powers=NoPowers(),
        clock=clock,
        time=asyncio.get_running_loop().time,
        timeout=plan.trigger.timeout,
        globals_=globals_,
        metadata=metadata(plan, key, clock.now(), "test"),
        trace=lambda *step: steps.append(TraceStep(*step)),
    )
    try:
        return Trace(steps, await run_flow(plan.flow, Frame(execution, LocalSession()), message))
    except ExecutionOver:
        error: SojournError = TooLong()
    except SojournError as caught:
        error = caught
    return Trace(steps, error_message(error, clock.now()), error)


class NoPowers:
    """The :class:`~sojourn.pipelines.powers.Powers` of a test run: none."""

    async def fields(self) -> Mapping[str, Field]:
        """There is no session."""
        _no_session()

    async def change(self, ops: Sequence[Op]) -> Changed:  # noqa: ARG002 - the port's
        """There is no session."""
        _no_session()

    async def authenticate(self, user_name: str, password: str) -> Account | None:  # noqa: ARG002 - the port's
        """There are no accounts."""
        raise NotInTestRun("a test run has no accounts: login works in a deployed pipeline")

    async def generate(self, order: TokenOrder) -> str:  # noqa: ARG002 - the port's
        """There are no tokens."""
        raise NotInTestRun("a test run makes no token: GENERATE works in a deployed pipeline")

    async def revoke(self) -> None:
        """There are no tokens."""
        raise NotInTestRun("a test run has no token: REVOKE works in a deployed pipeline")

    async def run_script(self, order: ScriptOrder) -> Json:
        """There is no engine that could run one."""
        raise NotInTestRun(f"a test run runs no script: {order.script} works in a deployed pipeline")

    async def documents(self, order: DocumentOrder) -> Json:
        """There are no object stores."""
        raise NotInTestRun(f"a test run has no object store: {order.store!r} works in a deployed pipeline")

    async def query(self, order: QueryOrder) -> Json:
        """There is no database."""
        raise NotInTestRun(f"a test run has no database: {order.database!r} works in a deployed pipeline")

    async def apply(self, order: ApplyOrder) -> Json:
        """There is no database."""
        raise NotInTestRun(f"a test run has no database: {order.database!r} works in a deployed pipeline")


def _no_session() -> NoReturn:
    raise NoSession("no authenticated session: a test run has no token")
