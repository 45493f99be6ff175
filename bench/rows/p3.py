"""P3: the work of P1 with the session store on PostgreSQL."""

from __future__ import annotations

import contextlib

from bench import peers, project
from bench.harness import measure
from bench.row import TIMES, Bench, Goal, Outcome, Row
from bench.rows import counters


def run(bench: Bench) -> Outcome:
    """Measure CPU and requests per second."""
    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(counters.express(bench, stack.enter_context(peers.valkey())))
        store = stack.enter_context(peers.postgres())
        ours = stack.enter_context(project.asgi_app(bench, "counter", realm="web", store=store))
        pairs = measure(counters.leg(ours), counters.leg(peer), bench.plan)
    notes = (
        f"the peer is {peers.versions('express_session')}, in memory only",
        "PostgreSQL with fsync and synchronous_commit on",
    )
    return Outcome(figures={"req/s": pairs.rate_ratio(), "CPU": pairs.cpu_ratio()}, notes=notes, pairs=pairs)


ROW = Row(
    name="p3",
    work="cookie session as in P1, on PostgreSQL",
    against=counters.EXPRESS,
    goals=(Goal(figure="req/s", unit=TIMES, floor=0.7, target=1.2),),
    measure=run,
)
