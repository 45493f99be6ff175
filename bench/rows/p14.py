"""P14: what an idle stateful session costs in memory."""

from __future__ import annotations

from bench.harness import Figure
from bench.row import Bench, Goal, Outcome, Row
from bench.rows import workers

#: Of v8 as many as a node has at most by default.
IJE, V8 = 50, 20


def run(_bench: Bench) -> Outcome:
    """Proportional set size of workers that have run a script and wait for the next."""
    ije, v8 = workers.measured("memory", "ije", str(IJE)), workers.measured("memory", "v8", str(V8))
    notes = (f"{IJE} workers of ije, {V8} of v8, alive at once; memory shared with others counts in part",)
    return Outcome(figures={"ije": Figure.of(ije["sizes"]), "v8": Figure.of(v8["sizes"])}, notes=notes)


ROW = Row(
    name="p14",
    work="memory of an idle stateful session's environment (PSS)",
    against="-",
    goals=(
        Goal(figure="ije", unit=" MB", floor=3.5, target=1.5, better="less"),
        Goal(figure="v8", unit=" MB", floor=15, target=10, better="less"),
    ),
    measure=run,
)
