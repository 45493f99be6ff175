"""P1: a session by cookie is read, one field changed, and written; beside express-session on Valkey."""

from __future__ import annotations

import contextlib

from bench import peers, project
from bench.harness import Pairs, measure
from bench.row import TIMES, Bench, Goal, Outcome, Row
from bench.rows import counters


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
        peer = stack.enter_context(counters.express(bench, stack.enter_context(peers.valkey())))
        ours = stack.enter_context(project.asgi_app(bench, "counter", realm="web"))
        return measure(counters.leg(ours), counters.leg(peer), bench.plan)


ROW = Row(
    name="p1",
    work="cookie session: read, change one field, write; SQLite default (FULL)",
    against=counters.EXPRESS,
    goals=(
        Goal(figure="req/s", unit=TIMES, floor=3, target=5),
        Goal(figure="CPU", unit=TIMES, floor=3, target=5),
    ),
    measure=run,
)
