"""Two processes of the engine on one project folder and one session store, and clients that talk to both."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.e2e.process import Answer, EngineProcess
from tests.patience import HANGS
from tests.servers.postgres import PostgresServer
from tests.servers.valkey import ValkeyServer

if TYPE_CHECKING:
    from tests.e2e.conftest import Shop

Server = PostgresServer | ValkeyServer

#: Seconds after which a client has heard something.
SOON = 6.0
#: How often a client asks that was answered late: it is the machine that is slow once, and the engine that always is.
TRIES = 5

#: Fields of a shared session that one client each writes.
MARKS = [f"w{number}" for number in range(8)]

_REALMS = {
    "acme": {"sessionTrackingEnabled": True},
    "few": {"maxSessionsPerUser": 5, "sessionLimitPolicy": "deny"},
    "newest": {"maxSessionsPerUser": 5, "sessionLimitPolicy": "evict-oldest"},
}

_PIPELINES = {
    "enter": ["json-generator {json: {sub: '{{ message.body.sub }}'}}", "jwt {operation: GENERATE}"],
    "count": [
        "json-generator {json: {}}",
        "session-management {operation: INCREMENT, sessionType: GLOBAL, fields: [n]}",
        "json-generator {json: {n: '{{ message.n }}'}}",
    ],
    "mark": [
        "json-generator {json: '{{ message.body }}'}",
        f"session-management {{operation: PUT, sessionType: GLOBAL, fields: [{', '.join(MARKS)}]}}",
    ],
    "swap": [
        "json-generator {json: '{{ message.body }}'}",
        "session-management {operation: PUT, sessionType: GLOBAL, fields: [x], ifVersion: '{{ message.seen }}'}",
    ],
    "look": [
        "json-generator {json: {}}",
        f"session-management {{operation: GET, sessionType: GLOBAL, fields: [n, x, {', '.join(MARKS)}], versions: v}}",
    ],
}


class Pair(NamedTuple):
    """What a test has: the project, its two processes, and the server of the store; None for a file."""

    shop: Shop
    engines: tuple[EngineProcess, EngineProcess]
    server: Server | None
    url: str

    @contextmanager
    def lines(self) -> Iterator[list[Line]]:
        """A connection to each process."""
        lines = [Line(engine) for engine in self.engines]
        try:
            yield lines
        finally:
            for line in lines:
                line.close()

    def enter(self, count: int = 1) -> list[str]:
        """Tokens of new sessions, without passwords."""
        return [
            self.engines[number % 2]
            .post("/pipeline/acme/v1/enter", {"sub": "guest"}, self.shop.headers())
            .headers["authorization"]
            .removeprefix("Bearer ")
            for number in range(count)
        ]

    def call(self, line: Line | EngineProcess, name: str, token: str, body: object = None) -> Answer:
        return line.request("POST", f"/pipeline/acme/v1/{name}", body, self.shop.headers(token))

    def wait_until(self, *, ready: bool, within: float = HANGS) -> None:
        """Until both processes say at ``/health/ready`` that they serve, or that they do not."""
        status = 200 if ready else 503
        deadline = time.monotonic() + within
        while any(engine.get("/health/ready").status != status for engine in self.engines):
            assert time.monotonic() < deadline, [engine.log.read_text()[-2000:] for engine in self.engines]
            time.sleep(0.02)


class Line:
    """A connection to one process that stays open."""

    def __init__(self, engine: EngineProcess) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=HANGS)

    def request(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        """Raises ``ConnectionError`` when nobody knows what became of the request."""
        try:
            payload = None if body is None else json.dumps(body)
            sent = {} if body is None else {"content-type": "application/json"}
            self._connection.request(method, path, payload, sent | headers)
            answer = self._connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ConnectionError from error

    def close(self) -> None:
        self._connection.close()


class Tally:
    """What one client was told about the changes that it asked for."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.acknowledged = self.unknown = self.refused = 0

    def write(self, pair: Pair, home: int, stop: Event) -> None:
        """Count up at the process ``home``, and at the other one whenever that does not answer."""
        at = home
        with pair.lines() as lines:
            while not stop.is_set():
                try:
                    self._hear(pair.call(lines[at], "count", self.token))
                except ConnectionError:
                    self.unknown += 1
                    at = 1 - at

    def _hear(self, answer: Answer) -> None:
        if answer.status == 200:
            self.acknowledged += 1
            return
        assert (answer.status, answer.headers.get("retry-after")) == (503, "1"), answer
        if answer.json()["code"] == "store.outcome_unknown":
            self.unknown += 1
        else:
            self.refused += 1
            time.sleep(0.02)

    def holds(self, pair: Pair) -> bool:
        """Whether each process finds all that was acknowledged, and nothing that nobody asked for."""
        found = [int(pair.call(engine, "look", self.token).json().get("n", 0)) for engine in pair.engines]
        return found[0] == found[1] and 0 <= found[0] - self.acknowledged <= self.unknown


def furnish(shop: Shop, url: str) -> None:
    """The realms, pipelines and settings of the pair in the project of ``shop``."""
    for name, config in _REALMS.items():
        folder = shop.folder / "realms" / name
        folder.mkdir(exist_ok=True)
        (folder / "zz.json").write_text(json.dumps(config))
    for name, steps in _PIPELINES.items():
        token = "" if name == "enter" else ", tokenJwt: true"
        text = f'pipeline: {name}\nversion: "1.0"\nrealm: acme\ntrigger: {{type: rest, methods: [POST], apiKey: true{token}}}\nflow:\n'
        for number, step in enumerate(steps):
            component, _, params = step.partition(" ")
            text += f"  - {{step: s{number}, component: {component}, params: {params}}}\n"
        (shop.folder / "pipelines" / f"{name}.yaml").write_text(text)
    settings = f'[server]\npublicUrl = "http://127.0.0.1:8420"\n[stores]\nsession = "{url}"\n'
    (shop.folder / "sojourn.toml").write_text(settings)


@contextmanager
def two_engines(shop: Shop) -> Iterator[tuple[EngineProcess, EngineProcess]]:
    """Both of them, for the length of a block."""
    first, second = shop.engine(), shop.engine()
    first.log, second.log = shop.home / "first.log", shop.home / "second.log"
    try:
        yield first.start(), second.start()
    finally:
        for engine in (first, second):
            if engine.running:
                engine.kill()


def refused(engine: EngineProcess, act: Callable[[EngineProcess], Answer]) -> None:
    """It is 503 with ``Retry-After``, soon, and without anything that would be a fresh session."""
    took = []
    for _ in range(TRIES):
        began = time.monotonic()
        answer = act(engine)
        took.append(time.monotonic() - began)
        assert (answer.status, answer.headers.get("retry-after")) == (503, "1"), answer
        assert not {"set-cookie", "authorization", "x-session-id"} & set(answer.headers)
        if took[-1] < SOON:
            return
    raise AssertionError(f"answered after {took} seconds")


@contextmanager
def serving(store: str) -> Iterator[Server | None]:
    """A server that keeps what it acknowledges, for the length of a block; None for a file."""
    if store == "sqlite":
        yield None
        return
    server = PostgresServer(durable=True) if store == "postgresql" else ValkeyServer()
    try:
        start(server)
        yield server
    finally:
        server.remove()


def start(server: Server) -> None:
    """Start it so that it keeps what it acknowledges."""
    if isinstance(server, ValkeyServer):
        server.start("always")
    else:
        server.start()
