"""P8: what a JWT costs: the pipeline of P7 with and without one, on the same server."""

from __future__ import annotations

from bench import project
from bench.client import call, expect
from bench.harness import Leg, generate, measure, refuse_errors
from bench.load import Job
from bench.project import bearer
from bench.row import Bench, Goal, Outcome, Row
from bench.server import Server
from bench.wire import request

#: Tokens that take turns; each belongs to a login of its own.
TOKENS = 100
#: Tokens that are shown once, to a process that never saw them.
COLD = 1024


def run(bench: Bench) -> Outcome:
    """Measure verification, session check and answer against the answer alone."""
    with project.serve(bench) as server:
        tokens = project.login_tokens(bench, server.port, TOKENS)
        fresh = project.mint_tokens(bench, server.port, COLD)
        expect(call(server.port, "GET", project.path("hello-jwt"), headers=bearer(tokens[0])), {"hello": "world"})
        plain = Leg(server, (request(server.port, "GET", project.path("hello")),))
        pairs = measure(Leg(server, _requests(server, tokens)), plain, bench.plan)
    with project.serve(bench) as server:
        cold = _once(server, _requests(server, fresh))
        warm = _once(server, _requests(server, fresh))
    notes = (
        f"a token that this process never verified: {cold:.0f} µs CPU per request; the same {COLD} once more: {warm:.0f} µs",
        "requests per second and times: ours with token, peer without, one server",
    )
    return Outcome(figures={"extra CPU": pairs.extra_cpu()}, notes=notes, pairs=pairs)


def _requests(server: Server, tokens: list[str]) -> tuple[bytes, ...]:
    return tuple(request(server.port, "GET", project.path("hello-jwt"), headers=bearer(token)) for token in tokens)


def _once(server: Server, requests: tuple[bytes, ...]) -> float:
    """CPU microseconds per request when each is sent once."""
    connections = 32
    before = server.cpu()
    rounds = len(requests) // connections
    load = generate(Job(ports=(server.port,), requests=requests, connections=connections, rounds=rounds))
    refuse_errors(server.name, load)
    return (server.cpu() - before) / load.answered * 1e6


ROW = Row(
    name="p8",
    work="request with a JWT: verify, session check, answer; 100 tokens, signatures cached",
    against="P7",
    goals=(Goal(figure="extra CPU", unit=" µs", floor=60, target=25, better="less", digits=1),),
    measure=run,
)
