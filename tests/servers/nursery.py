"""Python processes that have imported the engine already: one has, and each that is started is a fork of it.

An engine or a command of its own imports for longer than most tests take. A fork is a process as any other, with an id,
an environment, files and an end of its own; what it does not show is that a fresh Python finds everything that it imports.
So some tests start the engine as an operator does, and only what is done by the dozen comes from here.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Protocol

#: Forks need what only Linux promises: that nothing which was imported minds.
FORKS = sys.platform == "linux"

_PARENT = Path(__file__).with_name("nursery_parent.py")


class Running(Protocol):
    """What is asked of a process that was started, however that was."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...


def start(
    words: Sequence[str], environment: Mapping[str, str], *, stdin: int = subprocess.DEVNULL, output: int, errors: int
) -> Running:
    """Start ``python words…`` with its standard output and errors on the files ``output`` and ``errors``."""
    # What the dynamic linker reads, a fork is too late for.
    if not FORKS or any(name.startswith("LD_") for name in environment):
        return subprocess.Popen([sys.executable, *words], stdin=stdin, stdout=output, stderr=errors, env=environment)
    if stdin != subprocess.DEVNULL:
        return _nursery.fork(words, environment, (stdin, output, errors))
    with Path(os.devnull).open("rb") as nothing:
        return _nursery.fork(words, environment, (nothing.fileno(), output, errors))


def run(
    words: Sequence[str], environment: Mapping[str, str], *, stdin: str = "", timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run ``python words…`` to its end; raises ``TimeoutExpired``, and then it goes on."""
    with (
        tempfile.TemporaryFile("w+") as given,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
    ):
        given.write(stdin)
        given.seek(0)
        process = start(words, environment, stdin=given.fileno(), output=out.fileno(), errors=err.fileno())
        code = process.wait(timeout)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess([*words], code, out.read(), err.read())


class Talk:
    """A process that reads and writes on pipes of the event loop, with what tests need of ``asyncio.subprocess``."""

    def __init__(self, process: Running, given: int, stdout: asyncio.StreamReader, pipe: asyncio.ReadTransport) -> None:
        self._process = process
        self._given = given
        self._pipe = pipe
        #: What it says.
        self.stdout = stdout
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    async def wait(self) -> int:
        """Wait for its end; what it said and nobody has read by then is gone."""
        code = await asyncio.to_thread(self._process.wait)
        self._hush()
        self._pipe.close()
        await asyncio.sleep(0)
        return code

    async def communicate(self, words: bytes = b"") -> tuple[bytes, None]:
        """Say a few last words to it; all that it says until its end."""
        if words:
            os.write(self._given, words)
        self._hush()
        said = await self.stdout.read()
        await self.wait()
        return said, None

    def kill(self) -> None:
        """Kill it."""
        self._process.send_signal(signal.SIGKILL)

    def _hush(self) -> None:
        if self._given >= 0:
            os.close(self._given)
            self._given = -1


async def talk(*words: str) -> Talk:
    """Start ``python words…`` and talk to it by its standard input and output."""
    (its_input, given), (said, its_output) = os.pipe(), os.pipe()
    try:
        process = await asyncio.to_thread(start, words, os.environ, stdin=its_input, output=its_output, errors=2)
    finally:
        os.close(its_input)
        os.close(its_output)
    stdout = asyncio.StreamReader()
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdout), os.fdopen(said, "rb", 0)
    )
    return Talk(process, given, stdout, pipe)


class Forked:
    """A process that is a grandchild of this one, with the part of ``subprocess.Popen`` that tests need."""

    def __init__(self, said: socket.socket) -> None:
        self._said = said
        self._code: int | None = None
        #: Its process id.
        self.pid = self._next()

    def poll(self) -> int | None:
        """How it ended as ``Popen`` says it; None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises ``TimeoutExpired``."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("python", timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        """Send it a signal unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def _ended(self, within: float | None) -> int | None:
        if self._code is None and select.select([self._said], [], [], within)[0]:
            self._code = self._next()
            self._said.close()
        return self._code

    def _next(self) -> int:
        said = self._said.recv(64)
        assert said, "the nursery has ended"
        return int(said)


class _Nursery:
    """The process that has imported everything; started when it is needed first, it ends with this one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._line: socket.socket | None = None
        self._parent: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def fork(self, words: Sequence[str], environment: Mapping[str, str], files: tuple[int, int, int]) -> Forked:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = json.dumps([*words]), json.dumps(dict(environment)), str(Path.cwd())
        with there:
            text = "\0".join(order).encode()
            with self._lock:
                line = self._started()
                socket.send_fds(line, [len(text).to_bytes(8, "big")], [*files, there.fileno()])
                line.sendall(text)
        return Forked(here)

    def _started(self) -> socket.socket:
        if self._line is None or self._owner != os.getpid():
            self._line, there = socket.socketpair()
            self._owner = os.getpid()
            with there:
                self._parent = subprocess.Popen(
                    [sys.executable, str(_PARENT), str(there.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[there.fileno()],
                    env=os.environ | {"PYTHONUNBUFFERED": "1"},
                )
        return self._line


_nursery = _Nursery()
