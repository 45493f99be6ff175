"""The port of a JavaScript runtime: worker processes, each with one global scope at a time.

A worker is not trusted. What comes from it is typed, bounded and read only while a task of it runs; who it acts for is
known to the :class:`Host` of the task and to nobody else. Whoever implements this port passes the laws in
``tests/scripting/laws``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, Protocol

import msgspec

from sojourn.scripting.values import UNDEFINED, Value

RuntimeName = Literal["ije", "v8"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one task, and the worker as a whole, may use."""

    #: CPU of the worker for one task, in milliseconds.
    cpu: int = 1_000
    #: Time of one task with all its host calls, in milliseconds.
    wall: int = 30_000
    #: Memory of JavaScript values, array buffers included, in bytes.
    memory: int = 64 << 20
    #: What one task may send to the host in one packet sequence: a value, a result, a piece of output; in bytes.
    message: int = 8 << 20
    #: Host calls of one task.
    calls: int = 100_000


class Script(msgspec.Struct, frozen=True, tag="script"):
    """Run a text as a global script: top-level ``let``, ``const``, ``class`` and ``var`` stay in the global scope.

    The outcome is its last value; a promise is waited for, with the jobs and timers that it needs.
    """

    code: str
    #: What stacks call it: the script's URI.
    file: str
    #: Whether it is a file as one block. A last value that is a function then counts as ``undefined``: V8 gives the last
    #: function that a block declares as the block's value, the language none.
    block: bool = False


class Function(msgspec.Struct, frozen=True, tag="function"):
    """Call a global function."""

    name: str
    args: Sequence[Value] = ()


class Module(msgspec.Struct, frozen=True, tag="module"):
    """Require a module as a script would, and call one of its exports (``""``: ``module.exports`` itself)."""

    name: str
    export: str
    args: Sequence[Value] = ()


class ReadGlobal(msgspec.Struct, frozen=True, tag="read"):
    """The value of a property of the global object; ``undefined`` when there is none."""

    name: str


class WriteGlobal(msgspec.Struct, frozen=True, tag="write"):
    """Give the global object a property."""

    name: str
    value: Annotated[Value, "any"] = UNDEFINED


Task = Script | Function | Module | ReadGlobal | WriteGlobal


#: Results of host functions without arguments, by wire name, as they are from now on. Asked with true when a task begins,
#: with false after each host call: None when nothing has changed since the last time.
Facts = Callable[[bool], Mapping[str, Value] | None]


class Host(Protocol):
    """Answers the calls of one task; it knows for whom the task runs."""

    async def call(self, function: str, args: Sequence[Value]) -> Value:
        """The result of a host function, by its wire name: ``Session.login``.

        What it raises becomes a JavaScript error: a ``SojournError`` with its class name, ``code`` and message, anything
        else (which is logged) with nothing but "internal error".
        """
        ...


class Worker(Protocol):
    """A process with one global scope."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    @property
    def alive(self) -> bool:
        """Whether it can run another task: not closed, not lost, in step with its protocol."""
        ...

    @property
    def clean(self) -> bool:
        """Whether its global scope was never used, or was thrown away after the last use, or will be before the next."""
        ...

    async def run(
        self, task: Task, host: Host, limits: Limits, *, last: bool = False, facts: Facts | None = None
    ) -> Value:
        """The outcome of ``task``; one at a time.

        After the ``last`` one nobody needs the global scope any more: the worker may throw it away by itself, which
        :attr:`clean` then says. ``facts`` are results of host functions that the worker is told before it asks.

        Raises ``ScriptFailed`` and its kinds: the global scope lives on, unless :attr:`alive` is false afterwards.
        Raises ``EnvironmentLost`` when the process is gone or did not obey; it is dead then. When the caller is cancelled
        the task is interrupted, and the process killed if that does not help at once.
        """
        ...

    async def reset(self) -> None:
        """Throw the global scope away and make a fresh one: nothing of the old one is left. Raises ``EnvironmentLost``."""
        ...

    async def close(self) -> None:
        """End the process, whatever it does; returns when it is gone. May be called again."""
        ...


class Runtime(Protocol):
    """Makes workers."""

    @property
    def name(self) -> RuntimeName:
        """``ije`` or ``v8``."""
        ...

    async def open(self, limits: Limits) -> Worker:
        """A worker with a fresh global scope that has the whole prelude. Raises ``EnvironmentLost``, ``RuntimeMissing``."""
        ...

    async def close(self) -> None:
        """End all workers and what makes them."""
        ...
