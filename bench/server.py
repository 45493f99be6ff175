"""A server under test: its own process group on its own core, ready before anything is sent."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, Self

from bench import cores
from bench.errors import BenchError

#: How long a server may take until it answers, in seconds.
START_LIMIT = 60.0
#: How long a server may take to end after SIGTERM, in seconds.
STOP_LIMIT = 10.0


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A command that serves HTTP on a port of this machine, as a context manager."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        *,
        env: Mapping[str, str] | None = None,
        ready: str = "/",
        core: int | None = cores.SERVER_CORE,
    ) -> None:
        self.name = name
        self.port = port
        self._command = list(command)
        self._env = {**os.environ, **(env or {})}
        self._ready = ready
        self._core = core
        self._log: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        #: Seconds from the start of the command to its first answer.
        self.start_seconds = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start the command and wait for its first answer below 500."""
        began = time.perf_counter()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # stop() closes it
        with cores.on_core(self._core):
            self._process = subprocess.Popen(
                self._command, env=self._env, stdout=self._log, stderr=self._log, start_new_session=True
            )
        try:
            self._await_answer(began + START_LIMIT)
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.perf_counter() - began

    def _await_answer(self, deadline: float) -> None:
        while time.perf_counter() < deadline:
            if self.process.poll() is not None:
                raise BenchError(f"{self.name} ended with exit code {self.process.returncode}:\n{self._log_tail()}")
            if answers(self.port, self._ready):
                return
            time.sleep(0.005)
        raise BenchError(f"{self.name} did not answer within {START_LIMIT:.0f} s:\n{self._log_tail()}")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The leader of the group."""
        if self._process is None:
            raise BenchError(f"{self.name} was not started")
        return self._process

    def cpu(self) -> float:
        """CPU seconds that the whole group used since it started."""
        return cores.session_cpu(self.process.pid)

    def stop(self) -> None:
        """End the group: SIGTERM to its leader, then SIGKILL to whatever is left."""
        process, self._process = self._process, None
        if process is None:
            return
        self._end(process)
        if self._log is not None:
            self._log.close()

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_LIMIT)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _log_tail(self) -> str:
        if self._log is None:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-2000:]


def answers(port: int, path: str) -> bool:
    """Whether GET ``path`` gets an answer below 500."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def python(*arguments: str) -> list[str]:
    """A command of this interpreter, without the user's site folder."""
    return [sys.executable, *arguments]
