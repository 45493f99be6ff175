"""P7: the shortest pipeline beside the shortest ASGI application on the same server."""

from __future__ import annotations

from bench import peers, project
from bench.client import call, expect
from bench.harness import Leg, measure
from bench.row import TIMES, Bench, Goal, Outcome, Row
from bench.server import Server, free_port, python
from bench.wire import request


def hello(port: int) -> Server:
    """The bare application on uvicorn."""
    return Server("bare ASGI", python(str(peers.APPS / "hello.py"), str(port)), port)


def run(bench: Bench) -> Outcome:
    """Measure a pipeline of one json-generator step, without key and token."""
    with project.serve(bench) as ours, hello(free_port()) as peer:
        expect(call(ours.port, "GET", project.path("hello")), {"hello": "world"})
        expect(call(peer.port, "GET", "/hello"), {"hello": "world"})
        legs = [
            Leg(ours, (request(ours.port, "GET", project.path("hello")),)),
            Leg(peer, (request(peer.port, "GET", "/hello"),)),
        ]
        pairs = measure(legs[0], legs[1], bench.plan)
    return Outcome(figures={"CPU": pairs.cpu_ratio(), "req/s": pairs.rate_ratio()}, pairs=pairs)


ROW = Row(
    name="p7",
    work="plain routed JSON answer: a pipeline of one json-generator step, no key, no token",
    against="bare ASGI hello on uvicorn",
    goals=(Goal(figure="CPU", unit=TIMES, floor=0.6, target=0.8),),
    measure=run,
)
