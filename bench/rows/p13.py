"""P13: how long a new stateful session waits for its environment."""

from __future__ import annotations

import statistics

from bench import project
from bench.harness import Figure
from bench.row import Bench, Goal, Outcome, Row
from bench.rows import workers

NEW = 30


def run(bench: Bench) -> Outcome:
    """First execution of new sessions, environments ready as the settings say; beside a bare fork and a bare start of Deno."""
    folder = str(project.project(bench).folder)
    ije = workers.measured("ready", folder, "desk", str(NEW))["took"]
    v8 = workers.measured("ready", folder, "studio", str(NEW // 2))["took"]
    fork = statistics.median(workers.measured("bare", "fork", str(NEW))["took"])
    deno = statistics.median(workers.measured("bare", "deno", "5")["took"])
    notes = (f"a bare fork of that process and its end: {fork:.1f} ms; a bare start of Deno: {deno:.0f} ms",)
    return Outcome(figures={"ije": Figure.of(ije), "v8": Figure.of(v8)}, notes=notes)


ROW = Row(
    name="p13",
    work="new stateful environment with the whole prelude, to the end of its first script: ije; v8 from the pool",
    against="bare fork; bare start of Deno",
    goals=(
        Goal(figure="ije", unit=" ms", floor=12, target=6, better="less", digits=1),
        Goal(figure="v8", unit=" ms", floor=10, target=3, better="less", digits=1),
    ),
    measure=run,
)
