"""P2: the work of P1 with the session store on Valkey, beside express-session on the very same server."""

from __future__ import annotations

import contextlib

from bench import peers, project
from bench.harness import measure
from bench.row import TIMES, Bench, Goal, Outcome, Row
from bench.rows import counters


def run(bench: Bench) -> Outcome:
    """Measure CPU and requests per second."""
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(peers.valkey())
        peer = stack.enter_context(counters.express(bench, url))
        ours = stack.enter_context(project.asgi_app(bench, "counter", realm="web", store=peers.store_url(url)))
        pairs = measure(counters.leg(ours), counters.leg(peer), bench.plan)
    notes = (
        f"the peer is {peers.versions('express_session')}",
        "the server keeps nothing on disk (no append-only file), the same for both",
    )
    return Outcome(figures={"req/s": pairs.rate_ratio(), "CPU": pairs.cpu_ratio()}, notes=notes, pairs=pairs)


ROW = Row(
    name="p2",
    work="cookie session as in P1, on Valkey",
    against=counters.EXPRESS + ", the same server",
    goals=(Goal(figure="req/s", unit=TIMES, floor=2.5, target=4),),
    measure=run,
)
