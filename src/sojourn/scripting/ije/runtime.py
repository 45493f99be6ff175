"""The server's side of ``ije``: starts the zygote, orders workers from it, and starts another when it is gone."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from contextlib import suppress
from typing import Any, Final, Literal, Self

import msgspec

import sojourn.scripting.api  # noqa: F401 - declares what scripts see
from sojourn.scripting.dispatch import bridge_spec
from sojourn.scripting.errors import EnvironmentLost, RuntimeMissing
from sojourn.scripting.prelude import message
from sojourn.scripting.process import Handle, WorkerProcess
from sojourn.scripting.runtime import Limits, Worker
from sojourn.scripting.wire import PACKET, pair

_log = logging.getLogger(__name__)

#: How long the zygote may take to load everything, and to fork, in seconds.
_START: Final = 30.0
_FORK: Final = 10.0

_BOOT: Final = "import sys; sys.path = {path!r}; from sojourn.scripting.ije.zygote import main; main()"
#: What the zygote keeps of the environment of the server: local time is that of the process.
_KEPT: Final = ("TZ", "TZDIR")


class IjeRuntime:
    """The :class:`~sojourn.scripting.runtime.Runtime` of QuickJS-ng."""

    name: Literal["ije"] = "ije"

    def __init__(self) -> None:
        self._prelude = prelude_message()
        self._zygote: _Zygote | None = None
        self._starting = asyncio.Lock()
        self._closed = False

    @classmethod
    async def started(cls) -> Self:
        """One whose zygote runs. Raises ``RuntimeMissing``."""
        runtime = cls()
        await runtime._living()
        return runtime

    async def open(self, limits: Limits) -> Worker:
        """A worker with a fresh global scope; raises ``EnvironmentLost``, ``RuntimeMissing``."""
        zygote = await self._living()
        return await zygote.fork(limits)

    async def close(self) -> None:
        """End the zygote, and with it all workers."""
        self._closed = True
        async with self._starting:
            if self._zygote is not None:
                await self._zygote.close()

    async def _living(self) -> _Zygote:
        async with self._starting:
            if self._closed:
                raise EnvironmentLost("closed")
            if self._zygote is None or self._zygote.gone:
                if self._zygote is not None:
                    _log.warning("the zygote of ije is gone; starting another")
                    await self._zygote.close()
                self._zygote = await _Zygote.start(self._prelude)
            return self._zygote


class _Zygote:
    """A running zygote and the workers that it has forked."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._last = 0
        self._orders: deque[tuple[bytes, socket.socket | None]] = deque()
        self._forked: dict[int, asyncio.Future[int]] = {}
        self._handles: dict[int, Handle] = {}
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gone = False

    @classmethod
    async def start(cls, prelude: bytes) -> Self:
        """Start the process and wait until it has everything loaded. Raises ``RuntimeMissing``, ``EnvironmentLost``."""
        ours, theirs = pair()
        try:
            process = await asyncio.to_thread(_spawned, theirs, prelude)
        finally:
            theirs.close()
        zygote = cls(process, ours)
        ours.setblocking(False)
        asyncio.get_running_loop().add_reader(ours, zygote._told)
        try:
            async with asyncio.timeout(_START):
                await zygote._ready
        except BaseException as error:
            await zygote.close()
            if isinstance(error, TimeoutError):
                raise EnvironmentLost("the zygote does not start") from None
            raise
        return zygote

    async def fork(self, limits: Limits) -> Worker:
        """A new worker. Raises ``EnvironmentLost``."""
        self._last = number = self._last + 1
        ours, theirs = pair()
        forked = self._forked[number] = asyncio.get_running_loop().create_future()
        handle = self._handles[number] = Handle(0, lambda: self._kill(number))
        try:
            self._order({"op": "fork", "worker": number, "memory": limits.memory}, theirs)
            async with asyncio.timeout(_FORK):
                handle.pid = await forked
        except BaseException as error:
            ours.close()
            self._kill(number)
            if isinstance(error, OSError):
                raise EnvironmentLost("the zygote does not answer") from None
            raise
        finally:
            theirs.close()
            self._forked.pop(number, None)
        return WorkerProcess(ours, handle, limits)

    async def close(self) -> None:
        """End the process and all workers."""
        self._lose()
        await asyncio.to_thread(self._process.wait)

    def _kill(self, number: int) -> None:
        if not self.gone and number in self._handles:
            self._order({"op": "kill", "worker": number})

    def _order(self, order: dict[str, Any], end: socket.socket | None = None) -> None:
        if self.gone:
            raise ConnectionError("the zygote is gone")
        self._orders.append((json.dumps(order).encode(), None if end is None else end.dup()))
        self._hand_over()

    def _hand_over(self) -> None:
        """Send the orders that wait; when there is no room the rest goes as soon as there is."""
        while self._orders:
            message, end = self._orders[0]
            try:
                if end is None:
                    self._control.send(message)
                else:
                    socket.send_fds(self._control, [message], [end.fileno()])
            except BlockingIOError:
                asyncio.get_running_loop().add_writer(self._control, self._hand_over)
                return
            except OSError:
                self._lose()
                return
            self._orders.popleft()
            if end is not None:
                end.close()
        asyncio.get_running_loop().remove_writer(self._control)

    def _told(self) -> None:
        try:
            message = self._control.recv(PACKET)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if message:
            self._note(msgspec.json.decode(message))
        else:
            self._lose()

    def _note(self, message: dict[str, Any]) -> None:
        if "pid" in message:
            forked = self._forked.get(message["worker"])
            if forked is not None and not forked.done():
                forked.set_result(message["pid"])
        elif "refused" in message:
            self._refuse(message["worker"], message["refused"])
        elif "ended" in message:
            self._mourn(message["worker"], _how(message["ended"]))
        elif not self._ready.done():
            if "missing" in message:
                self._ready.set_exception(RuntimeMissing(message["missing"]))
            else:
                self._ready.set_result(None)

    def _refuse(self, number: int, why: str) -> None:
        _log.error("no worker of ije can be made: %s", why)
        forked = self._forked.get(number)
        if forked is not None and not forked.done():
            forked.set_exception(EnvironmentLost("refused"))
        self._mourn(number, "refused")

    def _mourn(self, number: int, how: str) -> None:
        handle = self._handles.pop(number, None)
        if handle is not None and not handle.ended.done():
            handle.ended.set_result(how)

    def _lose(self) -> None:
        """The zygote is gone, or shall be: the system ends its workers with it."""
        if self.gone:
            return
        self.gone = True
        asyncio.get_running_loop().remove_reader(self._control)
        asyncio.get_running_loop().remove_writer(self._control)
        self._control.close()
        for _, end in self._orders:
            if end is not None:
                end.close()
        self._orders.clear()
        self._process.kill()
        for number in list(self._handles):
            self._mourn(number, "killed")
        waiting: list[asyncio.Future[Any]] = [self._ready, *self._forked.values()]
        for one in waiting:
            if not one.done():
                one.set_exception(EnvironmentLost("the zygote is gone"))


def prelude_message() -> bytes:
    """The prelude as the zygote reads it from its standard input."""
    return msgspec.json.encode(message(bridge_spec()))


def _spawned(control: socket.socket, prelude: bytes) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-I", "-S", "-c", _BOOT.format(path=sys.path), str(control.fileno())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=[control.fileno()],
        env=environment,
    )
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as given:
        # What does not read this does not get ready, which is noticed soon enough.
        given.write(prelude)
    return process


def _how(status: int) -> str:
    if status == -signal.SIGKILL:
        return "killed"
    return "hung" if status == -signal.SIGXCPU else "crashed"
