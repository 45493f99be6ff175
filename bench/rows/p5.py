"""P5: how long the slowest of a hundred waits, in the pairs of P1."""

from __future__ import annotations

from bench.row import TIMES, Bench, Goal, Outcome, Row
from bench.rows import counters, p1


def run(bench: Bench) -> Outcome:
    """Compare the 99th percentiles of P1."""
    pairs = p1.measured(bench)
    return Outcome(figures={"p99": pairs.p99_ratio()}, pairs=pairs)


ROW = Row(
    name="p5",
    work="p99 at 32 connections in P1",
    against=counters.EXPRESS,
    goals=(Goal(figure="p99", unit=TIMES, floor=0.5, target=0.15, better="less"),),
    measure=run,
)
