"""P11: a route whose script calls the host three times, in a fresh global scope each; beside Express on Valkey."""

from __future__ import annotations

import contextlib

from bench import peers, project
from bench.harness import measure
from bench.row import TIMES, Bench, Goal, Outcome, Row
from bench.rows import counters


def run(bench: Bench) -> Outcome:
    """Measure requests per second and CPU of the whole process group, workers included."""
    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(counters.express(bench, stack.enter_context(peers.valkey())))
        ours = stack.enter_context(project.serve(bench))
        pairs = measure(counters.leg(ours), counters.leg(peer), bench.plan)
    figures = {"req/s": pairs.rate_ratio(), "CPU": pairs.cpu_ratio()}
    notes = (f"the peer is {peers.versions('express_session')}; ours keeps the session in SQLite (FULL)",)
    return Outcome(figures=figures, notes=notes, pairs=pairs)


ROW = Row(
    name="p11",
    work="script route on `ije`: a session by cookie, 3 host calls, a fresh global scope for each request",
    against=counters.EXPRESS,
    goals=(Goal(figure="req/s", unit=TIMES, floor=0.5, target=1),),
    measure=run,
)
