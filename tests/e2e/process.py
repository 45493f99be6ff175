"""The real engine as a process of its own, started and killed as an operator would."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.patience import HANGS
from tests.servers import nursery
from tests.servers.ports import free_port


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class EngineProcess:
    """``sojourn serve`` (or ``demo``) on free ports, its log in a file."""

    def __init__(self, folder: Path, home: Path, command: str = "serve", *options: str) -> None:
        self.folder, self.home = folder, home
        self.arguments = [sys.executable, "-m", "sojourn", command, str(folder), *options]
        self.port, self.admin_port = free_port(), free_port()
        self.log = home / "engine.log"
        #: Further variables of its environment.
        self.variables: Mapping[str, str] = {}
        #: Served as most tests need it, by a fork; everything else is started as an operator does.
        self._plain = command == "serve" and not options
        self._process: nursery.Running | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        listen = {"SOJOURN_ADMIN_LISTEN": f"http://127.0.0.1:{self.admin_port}"}
        return environment(self.home) | listen | dict(self.variables)

    def start(self) -> EngineProcess:
        command = [*self.arguments, "--port", str(self.port)]
        with self.log.open("ab") as log:
            if self._plain:
                self._process = nursery.start(command[1:], self.environment, output=log.fileno(), errors=log.fileno())
            else:
                self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment)
        self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + HANGS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log.read_text()
            try:
                if self.get("/health/ready").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"not ready within {HANGS} s:\n{self.log.read_text()}")

    def kill(self) -> None:
        """kill -9: nothing is flushed, nothing is said."""
        self._stop(signal.SIGKILL)

    def terminate(self) -> int:
        """SIGTERM, as an init system sends it; gives the exit code."""
        return self._stop(signal.SIGTERM)

    def ended(self) -> int:
        """The exit code, when the engine ends by itself."""
        assert self._process is not None
        return self._process.wait(timeout=HANGS)

    def _stop(self, number: int) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(timeout=HANGS)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, *, admin: bool = False
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port if admin else self.port, timeout=HANGS)
        try:
            sent = {"content-type": "application/json"} if body is not None else {}
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, sent | dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, _headers(response), response.read())
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None, *, admin: bool = False) -> Answer:
        return self.request("GET", path, headers=headers, admin=admin)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("POST", path, body, headers)


@contextmanager
def running(engine: EngineProcess) -> Iterator[EngineProcess]:
    """The engine for the length of a block; never left behind."""
    try:
        yield engine.start()
    finally:
        if engine.running:
            engine.kill()


def environment(home: Path) -> dict[str, str]:
    """The environment of a user who has nothing but this home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SOJOURN_", "XDG_"))}
    return kept | {"HOME": str(home), "PYTHONUNBUFFERED": "1"}


def sojourn(
    home: Path,
    *arguments: str,
    stdin: str = "",
    variables: Mapping[str, str] | None = None,
    timeout: float = HANGS,
) -> subprocess.CompletedProcess[str]:
    """The command line, as a process."""
    given = environment(home) | dict(variables or {})
    return nursery.run(["-m", "sojourn", *arguments], given, stdin=stdin, timeout=timeout)


def _headers(response: http.client.HTTPResponse) -> Mapping[str, str]:
    """By their names in small letters; several of one name are lines of one text."""
    found: dict[str, str] = {}
    for name, value in response.getheaders():
        found[name.lower()] = f"{found[name.lower()]}\n{value}" if name.lower() in found else value
    return found
