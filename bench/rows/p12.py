"""P12: a script that only computes, on ``v8`` and in Node."""

from __future__ import annotations

import statistics

from bench import peers
from bench.errors import BenchError
from bench.harness import Figure
from bench.row import TIMES, Bench, Goal, Outcome, Row
from bench.rows import workers

RUNS = 5


def run(bench: Bench) -> Outcome:
    """The same file in turn: ours with the way to the worker and back, a fresh global scope for each run on both sides."""
    file, ratios, ours_ms, node_ms = str(workers.SCRIPTS / "cpu.js"), [], [], []
    peer = [peers.node(), str(workers.SCRIPTS / "cpu_node.js"), file, str(RUNS)]
    for _ in range(bench.plan.pairs):
        ours, node = workers.measured("cpu", "v8", file, str(RUNS)), workers.run(peer)
        if ours["value"] != node["value"]:
            raise BenchError(f"the values differ: {ours['value']} and {node['value']}")
        ours_ms.append(statistics.median(ours["took"]))
        node_ms.append(statistics.median(node["took"]))
        ratios.append(node_ms[-1] / ours_ms[-1])
    ije = statistics.median(workers.measured("cpu", "ije", file, "2")["took"])
    notes = (
        f"one run: v8 {statistics.median(ours_ms):.0f} ms, node {statistics.median(node_ms):.0f} ms, ije {ije:.0f} ms",
    )
    return Outcome(figures={"speed": Figure.of(ratios)}, notes=notes)


ROW = Row(
    name="p12",
    work="`v8` script that computes: bodies in motion, JSON, sorting, strings",
    against="node running the same file",
    goals=(Goal(figure="speed", unit=TIMES, floor=0.8, target=1),),
    measure=run,
)
