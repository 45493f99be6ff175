"""P1: a session by cookie is read, one field changed, and written; beside express-session on Valkey."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bench import peers, project
from bench.client import call, expect
from bench.harness import Leg, Pairs, measure
from bench.row import TIMES, Bench, Goal, Outcome, Row
from bench.server import Server, free_port
from bench.wire import OWN_PAGE, request

#: Sessions that take turns.
SESSIONS = 1000
PEER = "express-session + connect-redis on Valkey, Node"


def run(bench: Bench) -> Outcome:
    """Measure CPU and requests per second."""
    pairs = measured(bench)
    figures = {"req/s": pairs.rate_ratio(), "CPU": pairs.cpu_ratio()}
    return Outcome(figures=figures, notes=(f"the peer is {peers.versions('express_session')}",), pairs=pairs)


def measured(bench: Bench) -> Pairs:
    """The pairs of P1, measured once in a run; P5 reads them too."""
    return bench.shared("p1", lambda: _measure(bench))


def _measure(bench: Bench) -> Pairs:
    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(express(bench))
        ours = stack.enter_context(project.asgi_app(bench, "counter", realm="web"))
        return measure(_leg(ours), _leg(peer), bench.plan)


@contextlib.contextmanager
def express(bench: Bench) -> Iterator[Server]:
    """The peer, serving."""
    folder, port = bench.shared("express_session", lambda: peers.install("express_session")), free_port()
    with peers.valkey() as url:
        env = {"PORT": str(port), "REDIS_URL": url, "NODE_ENV": "production"}
        with Server(
            "express-session", [peers.node(), str(folder / "server.js")], port, env=env, ready="/ready"
        ) as server:
            yield server


def _leg(server: Server) -> Leg:
    """A thousand sessions of about 0.5 KB, each begun by a request without a cookie."""
    cookies = [call(server.port, "POST", "/fill", headers=OWN_PAGE).cookie() for _ in range(SESSIONS)]
    headers = [{**OWN_PAGE, "Cookie": cookie} for cookie in cookies]
    for count in (1, 2):
        expect(call(server.port, "GET", "/count", headers=headers[0]), {"count": count})
    return Leg(server, tuple(request(server.port, "GET", "/count", headers=h) for h in headers))


ROW = Row(
    name="p1",
    work="cookie session: read, change one field, write; SQLite default (FULL)",
    against=PEER,
    goals=(
        Goal(figure="req/s", unit=TIMES, floor=3, target=5),
        Goal(figure="CPU", unit=TIMES, floor=3, target=5),
    ),
    measure=run,
)
