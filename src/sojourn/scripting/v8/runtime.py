"""Workers of the runtime ``v8``, and the pool that keeps some of them ready."""

from __future__ import annotations

import asyncio
from pathlib import Path
from socket import socket
from typing import Final

from sojourn.scripting.budget import cpu_of
from sojourn.scripting.errors import EnvironmentLost, ScriptTimeout
from sojourn.scripting.process import READY, Handle, WorkerProcess
from sojourn.scripting.runtime import Facts, Host, Limits, RuntimeName, Task
from sojourn.scripting.v8.spawn import nail_down, spawn, start_packet
from sojourn.scripting.values import Value
from sojourn.scripting.wire import ProtocolBroken

#: How long a process may take until it is ready, in seconds: 0.1 on an idle machine.
_START: Final = 30.0
#: How much more CPU than its limit a task gets before its process is killed: in milliseconds, and as a factor. The worker
#: itself ends tasks at the limit whenever they call the host; it cannot interrupt what never does before the wall limit.
_CPU_SLACK: Final = 100
_CPU_FACTOR: Final = 1.1
#: After so many resets, or with so much memory in use at one, a process is replaced.
_RESETS: Final = 2_000
_GROWN: Final = 48 << 20


class V8Worker(WorkerProcess):
    """A Deno process with one realm for scripts."""

    def __init__(self, end: socket, handle: Handle, limits: Limits, runtime: V8Runtime) -> None:
        super().__init__(end, handle, limits)
        self._limits = limits
        self._runtime = runtime
        self._resets = 0
        self._at_start = 0

    async def start(self) -> None:
        """Hand over the prelude, wait until the first global scope is there, nail the process down.

        Raises ``EnvironmentLost``; the process is gone then.
        """
        try:
            async with asyncio.timeout(_START):
                await self._channel.send(start_packet())
                answer = await self._channel.receive()
            if answer != READY:
                raise ProtocolBroken("not ready")  # noqa: TRY301 - ended like any other failure
            nail_down(self.pid, self._limits.memory)
        except (OSError, ProtocolBroken, TimeoutError, EnvironmentLost):
            raise await self._end("start failed") from None
        except BaseException:
            await self._end("killed")
            raise
        finally:
            self._channel.rest()
        self._at_start = _resident(self.pid)

    async def run(
        self,
        task: Task,
        host: Host,
        limits: Limits,
        *,
        last: bool = False,  # noqa: ARG002
        facts: Facts | None = None,
    ) -> Value:
        """The outcome of ``task``; see :class:`~sojourn.scripting.runtime.Worker`.

        A scope is thrown away by :meth:`reset` only, which counts them, and looks at how large the process has become.
        Raises ``ScriptTimeout`` with the process killed when a script computes beyond its CPU limit without a host call.
        """
        watch = _CpuWatch(self._handle, int(limits.cpu * _CPU_FACTOR) + _CPU_SLACK)
        try:
            return await super().run(task, host, limits, facts=facts)
        except EnvironmentLost:
            if not watch.overrun:
                raise
            raise ScriptTimeout("ScriptTimeout", f"the script used more than {limits.cpu} ms of CPU") from None
        finally:
            watch.stop()

    async def reset(self) -> None:
        """Throw the global scope away and make a fresh one; raises ``EnvironmentLost``.

        A process that has served long, or has grown and does not give back, is replaced by another one, which has another
        :attr:`pid` from then on.
        """
        self._resets += 1
        if self._resets <= _RESETS:
            await super().reset()
        if self._resets > _RESETS or _resident(self.pid) - self._at_start > _GROWN:
            await self._replace()

    async def _replace(self) -> None:
        await self._begin()
        try:
            fresh = await self._runtime.open(self._limits)
        finally:
            self._busy = False
            await self._end("worn out")
        self._channel, self._handle, self._lost = fresh._channel, fresh._handle, ""  # noqa: SLF001 - one of its own kind
        self._resets, self._at_start, self._clean = 0, fresh._at_start, True  # noqa: SLF001


class _CpuWatch:
    """Kills a process that has used so many milliseconds of CPU since now."""

    def __init__(self, handle: Handle, most: int) -> None:
        self.overrun = False
        self._handle = handle
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        used = cpu_of(handle.pid)
        if used is not None:
            self._most = used + most
            self._timer = self._loop.call_later(most / 1000, self._look)

    def stop(self) -> None:
        """It is over."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        used = cpu_of(self._handle.pid)
        if used is None or self._handle.ended.done():
            return
        left = self._most - used
        if left > 0:
            self._timer = self._loop.call_later(max(left, 10) / 1000, self._look)
            return
        self.overrun = True
        self._handle.kill()


def _resident(pid: int) -> int:
    """Memory of a process that is not shared with a file, in bytes; 0 when nothing says."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text("ascii").split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) << 12


class V8Runtime:
    """The :class:`~sojourn.scripting.runtime.Runtime` of this package.

    Args:
        deno: Path of the program.
    """

    def __init__(self, deno: str) -> None:
        self._deno = deno
        self._handles: set[Handle] = set()
        self._closed = False

    @property
    def name(self) -> RuntimeName:
        """``v8``."""
        return "v8"

    async def open(self, limits: Limits) -> V8Worker:
        """A worker with a fresh global scope; raises ``EnvironmentLost``."""
        if self._closed:
            raise EnvironmentLost("closed")
        end, handle = await spawn(self._deno, limits.memory)
        self._handles.add(handle)
        handle.ended.add_done_callback(lambda _: self._handles.discard(handle))
        worker = V8Worker(end, handle, limits, self)
        await worker.start()
        return worker

    async def close(self) -> None:
        """End all workers."""
        self._closed = True
        handles = list(self._handles)
        for handle in handles:
            handle.kill()
        await asyncio.gather(*(asyncio.shield(handle.ended) for handle in handles))
