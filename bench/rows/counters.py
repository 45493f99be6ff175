"""The counter that P1 to P4 measure: ten lines of application that read a session and change one field of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bench import peers
from bench.client import call, expect
from bench.harness import Leg
from bench.row import Bench
from bench.server import Server, free_port
from bench.wire import OWN_PAGE, request

#: Sessions that take turns.
SESSIONS = 1000
EXPRESS = "express-session + connect-redis on Valkey, Node"


@contextlib.contextmanager
def express(bench: Bench, url: str) -> Iterator[Server]:
    """The peer on Node, serving with the Valkey at ``url``."""
    folder, port = bench.shared("express_session", lambda: peers.install("express_session")), free_port()
    env = {"PORT": str(port), "REDIS_URL": url, "NODE_ENV": "production"}
    with Server("express-session", [peers.node(), str(folder / "server.js")], port, env=env, ready="/ready") as server:
        yield server


def leg(server: Server) -> Leg:
    """A thousand sessions of about 0.5 KB, each begun by a request without a cookie."""
    cookies = [call(server.port, "POST", "/fill", headers=OWN_PAGE).cookie() for _ in range(SESSIONS)]
    headers = [{**OWN_PAGE, "Cookie": cookie} for cookie in cookies]
    for count in (1, 2):
        expect(call(server.port, "GET", "/count", headers=headers[0]), {"count": count})
    return Leg(server, tuple(request(server.port, "GET", "/count", headers=h) for h in headers))
