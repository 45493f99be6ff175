"""A worker process as the server sees it, for both runtimes: one task at a time, by the protocol and by nothing else."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from socket import socket
from typing import Annotated, Any, Final, Literal

import msgspec

from sojourn.scripting.answers import FRAME, answer, told
from sojourn.scripting.channel import Channel
from sojourn.scripting.errors import (
    EnvironmentLost,
    ScriptFailed,
    ScriptOutOfMemory,
    ScriptOutputTooLarge,
    ScriptTimeout,
)
from sojourn.scripting.runtime import Facts, Function, Host, Limits, Module, Script, Task, WriteGlobal
from sojourn.scripting.values import MAX_SAFE_INTEGER, Value
from sojourn.scripting.wire import ProtocolBroken, decode, dump, encode, may_be_marked

_log = logging.getLogger(__name__)

#: How long a worker has to stop after it was told to, in seconds; then it is killed.
GRACE: Final = 2.0
#: How long a reset may take, and how long a dead process to be seen dead, in seconds.
_RESET: Final = 10.0
_MOURNING: Final = 5.0

#: The worker counts characters, the server bytes: so many may come of one.
_BYTES: Final = 3

_ABORT: Final = b'{"op":"abort"}'
#: What a worker says when a fresh global scope is there.
READY: Final = b'{"op":"ready"}'


class Call(msgspec.Struct, frozen=True, tag_field="op", tag="call"):
    """A worker asks for a host function."""

    #: Number of the call, larger than all before.
    q: Annotated[int, msgspec.Meta(ge=1, le=MAX_SAFE_INTEGER)]
    #: Wire name of the function.
    n: Annotated[str, msgspec.Meta(max_length=200)]
    #: Its arguments.
    a: list[Any]


class Failure(msgspec.Struct, frozen=True):
    """Why a task has failed."""

    name: str
    message: str
    stack: str = ""
    #: The own properties of the thrown error.
    thrown: dict[str, Any] | None = None
    #: Set by the runtime when a limit was hit.
    kind: Literal["", "timeout", "memory", "output"] = ""


class Done(msgspec.Struct, frozen=True, tag_field="op", tag="done"):
    """A task is over."""

    v: Any = None
    e: Failure | None = None
    #: Whether the global scope is of no further use.
    spent: bool = False


_message: msgspec.json.Decoder[Call | Done] = msgspec.json.Decoder(Call | Done)

_KINDS: Final[dict[str, type[ScriptFailed]]] = {
    "": ScriptFailed,
    "timeout": ScriptTimeout,
    "memory": ScriptOutOfMemory,
    "output": ScriptOutputTooLarge,
}


class Handle:
    """The process itself: how to end it, and how it came to its end."""

    def __init__(self, pid: int, kill: Callable[[], None]) -> None:
        self.pid = pid
        #: Ends the process at once; may be called again and when it is gone.
        self.kill = kill
        #: ``killed``, ``hung`` or ``crashed``, once it is gone.
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()


class WorkerProcess:
    """The :class:`~sojourn.scripting.runtime.Worker` of both runtimes."""

    def __init__(self, end: socket, handle: Handle, limits: Limits) -> None:
        self._channel = Channel(end, _BYTES * limits.message + FRAME)
        self._handle = handle
        handle.ended.add_done_callback(lambda _: self._channel.close())
        self._lost = ""
        self._clean = True
        self._busy = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._handle.pid

    @property
    def alive(self) -> bool:
        """Whether it can run another task."""
        return not self._lost and not self._handle.ended.done()

    @property
    def clean(self) -> bool:
        """Whether its global scope was never used since it was made, or the worker makes another one by itself."""
        return self._clean

    async def run(
        self, task: Task, host: Host, limits: Limits, *, last: bool = False, facts: Facts | None = None
    ) -> Value:
        """The outcome of ``task``; see :class:`~sojourn.scripting.runtime.Worker`."""
        order = dump(_order(task, limits, last) | {"facts": told(facts, begins=True) or {}})
        await self._begin()
        # Nothing is read by the worker while it throws its scope away, so that the next order waits until it has.
        self._clean = last
        self._channel.most = _BYTES * limits.message + FRAME
        try:
            async with asyncio.timeout(limits.wall / 1000):
                await self._channel.send(order)
                return await self._served(host, limits, facts)
        except TimeoutError:
            await self._stop()
            raise ScriptTimeout("ScriptTimeout", f"the script took longer than {limits.wall} ms") from None
        except asyncio.CancelledError:
            # Whether it stopped or was killed: who is cancelled hears of that and of nothing else.
            with suppress(EnvironmentLost):
                await self._stop()
            raise
        except ProtocolBroken as broken:
            _log.warning("worker %d broke the protocol: %s", self.pid, broken)
            raise await self._end("protocol") from None
        except ConnectionError:
            raise await self._end("crashed") from None
        finally:
            self._busy = False

    async def reset(self) -> None:
        """Throw the global scope away and make a fresh one; raises ``EnvironmentLost``."""
        await self._begin()
        try:
            async with asyncio.timeout(_RESET):
                await self._channel.send(dump({"op": "reset", "seed": fresh_seed()}))
                answer = await self._channel.receive()
        except ProtocolBroken:
            raise await self._end("protocol") from None
        except ConnectionError:
            raise await self._end("crashed") from None
        except TimeoutError:
            raise await self._end("hung") from None
        except BaseException:
            await self._end("killed")
            raise
        finally:
            self._busy = False
        if answer != READY:
            raise await self._end("protocol")
        self._clean = True

    async def close(self) -> None:
        """End the process; returns when it is gone."""
        await self._end("closed")

    async def _begin(self) -> None:
        if self._busy:
            raise RuntimeError("a worker runs one task at a time")
        if not self.alive:
            raise await self._end("crashed")
        if not self._channel.silent():
            _log.warning("worker %d spoke out of turn, or has hung up", self.pid)
            raise await self._end("crashed")
        self._busy = True

    async def _served(self, host: Host, limits: Limits, facts: Facts | None) -> Value:
        last = calls = 0
        while True:
            text = await self._channel.receive()
            message = _parsed(text)
            marked = may_be_marked(text)
            if isinstance(message, Done):
                return await self._outcome(message, marked=marked)
            if message.q <= last:
                raise ProtocolBroken("a call out of turn")
            last, calls = message.q, calls + 1
            if calls > limits.calls:
                await self._stop()
                raise ScriptOutputTooLarge("ScriptOutputTooLarge", f"more than {limits.calls} host calls")
            args = [decode(one, marked=marked) for one in message.a]
            await self._channel.send(await answer(host, message.q, message.n, args, limits.message, facts))

    async def _outcome(self, done: Done, *, marked: bool) -> Value:
        failure = done.e
        if done.spent:
            await self._end("spent")
        if failure is None:
            return decode(done.v, marked=marked)
        thrown = decode(failure.thrown, marked=marked)
        raise _KINDS[failure.kind](failure.name, failure.message, failure.stack, thrown=thrown)

    async def _stop(self) -> None:
        """Have the running task ended; raises ``EnvironmentLost`` after the process had to be killed."""
        try:
            async with asyncio.timeout(GRACE):
                await self._channel.send(_ABORT)
                while not isinstance(message := _parsed(await self._channel.receive()), Done):
                    pass
        except ProtocolBroken:
            raise await self._end("protocol") from None
        except ConnectionError:
            raise await self._end("crashed") from None
        except TimeoutError:
            raise await self._end("hung") from None
        except BaseException:
            await self._end("killed")
            raise
        if message.spent:
            await self._end("spent")

    async def _end(self, reason: str) -> EnvironmentLost:
        """Kill the process and wait until it is gone; the error that says so."""
        known = self._lost
        self._lost = self._lost or reason
        died_alone = self._handle.ended.done()
        self._handle.kill()
        self._channel.close()
        async with asyncio.timeout(_MOURNING):
            how = await asyncio.shield(self._handle.ended)
        if not known and (died_alone or reason == "crashed"):
            self._lost = how
        return EnvironmentLost(self._lost)


def fresh_seed() -> str:
    """128 bits of the operating system for ``Math.random()``, as hexadecimal digits."""
    return os.urandom(16).hex()


def _parsed(text: bytes) -> Call | Done:
    try:
        return _message.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ProtocolBroken(f"no message of ours: {str(error)[:200]}") from None


def _order(task: Task, limits: Limits, last: bool) -> dict[str, Any]:  # noqa: FBT001
    """The packet of a task. Raises ``NoScriptValue`` for an argument that cannot be handed over."""
    match task:
        case Script():
            body: dict[str, Any] = {"type": "script", "code": task.code, "file": task.file, "block": task.block}
        case _:
            body = msgspec.structs.asdict(task) | {"type": task.__struct_config__.tag}
    match task:
        case Function() | Module():
            body["args"] = encode(task.args)
        case WriteGlobal():
            body["value"] = encode(task.value)
    return {
        "op": "run",
        "cpu": limits.cpu,
        "wall": limits.wall,
        "memory": limits.memory,
        "message": limits.message,
        "last": last,
        "seed": fresh_seed(),
        "task": body,
    }
