"""What is asked of the scripts' service, and what comes of it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sojourn.engine.live import Session
from sojourn.model.token import ScriptText
from sojourn.scripting.budget import Budget
from sojourn.scripting.environments import Environment
from sojourn.scripting.run import Nesting, Run
from sojourn.scripting.runtime import Task
from sojourn.scripting.values import Value


class TracedCall(NamedTuple):
    """One host call of a traced execution."""

    #: Its wire name: ``Session.login``.
    function: str
    #: How long it took, in microseconds.
    took: int
    #: ``code`` of the error that it raised, empty for none.
    error: str
    #: When it began, in microseconds since the trace began.
    at: int = 0


class TracedLine(NamedTuple):
    """One line that a traced execution logged."""

    level: str
    text: str
    #: When, in microseconds since the trace began.
    at: int = 0


@dataclass(slots=True)
class Trace:
    """What one execution did; arguments and results of host calls are not kept."""

    #: The first calls; see :data:`MOST_TRACED`.
    calls: list[TracedCall] = field(default_factory=list)
    #: How many calls there were.
    count: int = 0
    #: What it logged.
    log: list[TracedLine] = field(default_factory=list)
    #: When it began, by ``time.perf_counter()``.
    began: float = field(default_factory=time.perf_counter)

    def at(self) -> int:
        """The present instant, in microseconds since it began."""
        return round((time.perf_counter() - self.began) * 1_000_000)


#: Host calls and log lines that a trace keeps.
MOST_TRACED = 10_000


@dataclass(slots=True, kw_only=True)
class Order:
    """One execution of a script."""

    #: Whom it acts for.
    session: Session
    #: What to do; a text or a number is the reference of a script, which is run: ``ufs:/hello.js``, ``vfs:/…``, a key.
    task: Task | str | int
    #: Name of the execution in logs and answers; of the outermost one where a script, or a pipeline, asks for another.
    execution_key: str
    #: What is executed, for who looks: ``route GET /hello``.
    what: str
    #: Request and response, None without a request.
    exchange: Any = None
    #: Parameters of the script, by name.
    parameters: dict[str, Value] = field(default_factory=dict)
    #: URIs of the scripts that caused it, the innermost first; the script of a reference is put before them.
    scripts: Sequence[str] = ()
    #: Texts of those of them that are known.
    callers: Sequence[ScriptText] = ()
    #: Whether the session was made for this work and is nobody's: it has no record, no turn and no limits of its own.
    standalone: bool = False
    #: How long to wait for the session's turn, in milliseconds; None = as requests do.
    wait: int | None = None
    #: Whether the caller holds the session's turn already, as a pipeline does.
    holds_turn: bool = False
    #: An environment that the caller holds, see ``Scripts.claim``; None = the session's own, or one of the realm's pool.
    environment: Environment | None = None
    #: What it shares with the execution that causes it; None = nothing causes it.
    nesting: Nesting | None = None
    #: How many executions are around it.
    depth: int = 0
    #: What the execution that causes it may use of CPU; None = nothing causes it.
    budget: Budget | None = None
    #: When its time is up at the latest, by ``time.monotonic()``.
    deadline: float = math.inf
    #: Filled while it runs.
    trace: Trace | None = None


class Executed(NamedTuple):
    """The outcome of an execution."""

    #: The value of the script, or of the task.
    value: Value
    run: Run
    #: Why a stateful session has another environment than it had before: ``login``, ``idle``, ``lifetime``, ``timeout``,
    #: ``out-of-memory``, ``aborted``, ``crashed`` …; empty where it has the same, or its first. Clients should be told.
    renewed: str
