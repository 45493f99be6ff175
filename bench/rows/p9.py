"""P9: a pipeline that keeps and reads GLOBAL data, durable, beside Node-RED with its context in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bench import peers, project
from bench.client import call, expect
from bench.harness import Leg, measure
from bench.project import bearer
from bench.row import TIMES, Bench, Goal, Outcome, Row
from bench.server import Server, free_port
from bench.wire import request

SESSIONS = 1000
CART = {"cart": {"sku": "A1", "note": "x" * 450}}


def run(bench: Bench) -> Outcome:
    """Measure PUT GLOBAL, GET GLOBAL, json-generator with API key and token."""
    with node_red(bench) as peer, project.serve(bench) as ours:
        expect(call(peer.port, "POST", "/cart", json=CART), CART["cart"])
        theirs = Leg(peer, (request(peer.port, "POST", "/cart", json=CART),))
        pairs = measure(Leg(ours, _requests(bench, ours)), theirs, bench.plan)
    notes = (f"the peer is {peers.versions('node_red')}; its context is in memory, ours on disk with every answer",)
    return Outcome(figures={"req/s": pairs.rate_ratio(), "CPU": pairs.cpu_ratio()}, notes=notes, pairs=pairs)


def _requests(bench: Bench, server: Server) -> tuple[bytes, ...]:
    key, path = project.api_key(bench), project.path("cart")
    tokens = project.mint_tokens(bench, server.port, SESSIONS)
    headers = [{**bearer(token), "apikey": key} for token in tokens]
    expect(call(server.port, "POST", path, headers=headers[0], json=CART), CART)
    return tuple(request(server.port, "POST", path, headers=h, json=CART) for h in headers)


@contextlib.contextmanager
def node_red(bench: Bench) -> Iterator[Server]:
    """The peer, serving."""
    folder, port = bench.shared("node_red", lambda: peers.install("node_red")), free_port()
    env = {"PORT": str(port), "USER_DIR": str(bench.folder()), "FLOW_FILE": str(folder / "flows.json")}
    script = folder / "node_modules" / "node-red" / "red.js"
    command = [peers.node(), str(script), "-s", str(folder / "settings.js")]
    with Server("Node-RED", command, port, env=env, ready="/cart") as server:
        yield server


ROW = Row(
    name="p9",
    work="pipeline PUT GLOBAL and GET GLOBAL (REST trigger, API key, JWT, 3 steps), durable on SQLite",
    against="Node-RED http in, flow context (memory), http response",
    goals=(
        Goal(figure="req/s", unit=TIMES, floor=3, target=6),
        Goal(figure="CPU", unit=TIMES, floor=3, target=6),
    ),
    measure=run,
)
