"""The state of one execution. A message is never changed in place, so steps share what they pass on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from sojourn.core.clock import Clock
from sojourn.core.json import Json
from sojourn.pipelines.errors import ExecutionOver
from sojourn.pipelines.expressions import Scope
from sojourn.pipelines.local import LocalSession
from sojourn.pipelines.powers import Powers

#: How many steps one execution may take.
MAX_STEPS: Final = 10_000

#: What a trace is told after each step: its name, the component's name, the depth of the subflow, the message.
Trace = Callable[[str, str, int, Json], None]


def _no_claims() -> None:
    return None


class Execution:
    """One run of a pipeline for one message."""

    __slots__ = (
        "_clock",
        "_deadline",
        "_globals",
        "_metadata",
        "_steps",
        "_time",
        "claims",
        "headers",
        "key",
        "pipeline",
        "powers",
        "trace",
    )

    def __init__(
        self,
        *,
        key: str,
        pipeline: str,
        powers: Powers,
        clock: Clock,
        time: Callable[[], float],
        timeout: int,
        globals_: Mapping[str, str],
        metadata: Mapping[str, Json],
        claims: Callable[[], Mapping[str, Json] | None] = _no_claims,
        trace: Trace | None = None,
    ) -> None:
        #: Its name in logs and answers.
        self.key = key
        #: Name of the pipeline.
        self.pipeline = pipeline
        self.powers = powers
        #: Claims of the request's token.
        self.claims = claims
        #: Headers that effects add to the reply.
        self.headers: dict[str, str] = {}
        self.trace = trace
        self._clock = clock
        self._globals = globals_
        self._metadata = metadata
        self._time = time
        self._deadline = time() + timeout / 1_000
        self._steps = 0

    def scope(self, message: Json) -> Scope:
        """What the expressions of a step that receives ``message`` see."""
        return Scope(message, self._globals, self._metadata, self._clock)

    def now(self) -> int:
        """The present instant."""
        return self._clock.now()

    @property
    def deadline(self) -> float:
        """When its time is up, by the clock that it was given."""
        return self._deadline

    def enter_step(self) -> None:
        """Count a step; raises :class:`ExecutionOver` when time or steps are used up."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise ExecutionOver
        self.check()

    def check(self) -> None:
        """Raise :class:`ExecutionOver` when the time is up: after that nothing of the execution may act."""
        if self._time() >= self._deadline:
            raise ExecutionOver


class Frame:
    """The main flow, or one invocation of a subflow."""

    __slots__ = ("_local", "_scoped", "depth", "execution")

    def __init__(
        self, execution: Execution, local: LocalSession, scoped: LocalSession | None = None, depth: int = 0
    ) -> None:
        self.execution = execution
        #: How many subflows are around it.
        self.depth = depth
        self._local = local
        self._scoped = scoped

    def invocation(self) -> Frame:
        """The frame of a subflow called from here: unscoped values are shared, scoped ones are its own."""
        return Frame(self.execution, self._local, depth=self.depth + 1)

    def branch(self) -> Frame:
        """The frame of a track of this very invocation: it shares both LOCAL sessions."""
        return Frame(self.execution, self._local, self.local(scoped=True), self.depth + 1)

    def local(self, *, scoped: bool) -> LocalSession:
        """The LOCAL session of a step: that of the execution, or with ``scoped`` that of this invocation."""
        if not scoped:
            return self._local
        if self._scoped is None:
            self._scoped = LocalSession()
        return self._scoped
