"""P20: how long a start takes, and the import of the package."""

from __future__ import annotations

import statistics
import subprocess

from bench import cores, project
from bench.harness import Figure
from bench.row import Bench, Goal, Outcome, Row
from bench.rows.p7 import hello
from bench.server import free_port, python

STARTS = 5
_IMPORT = "import time\nbegan = time.perf_counter()\n{statement}\nprint(time.perf_counter() - began)"


def run(bench: Bench) -> Outcome:
    """Start both servers in turn, and import in fresh processes."""
    starts, bare, imports, engines = [], [], [], []
    for _ in range(STARTS):
        with project.serve(bench) as server:
            starts.append(server.start_seconds)
        with hello(free_port()) as peer:
            bare.append(peer.start_seconds)
        imports.append(1e3 * _timed("import sojourn"))
        engines.append(1e3 * _timed("from sojourn import Engine"))
    notes = (
        f"bare uvicorn app to its first answer: {statistics.median(bare):.2f} s",
        f"`from sojourn import Engine`, which loads the whole engine: {statistics.median(engines):.0f} ms",
    )
    return Outcome(figures={"first answer": Figure.of(starts), "import": Figure.of(imports)}, notes=notes)


def _timed(statement: str) -> float:
    """Seconds that ``statement`` takes in a fresh interpreter."""
    with cores.on_core(cores.SERVER_CORE):
        done = subprocess.run(
            python("-c", _IMPORT.format(statement=statement)), stdout=subprocess.PIPE, text=True, check=True
        )
    return float(done.stdout)


ROW = Row(
    name="p20",
    work="start: `sojourn serve` to first answer; import of `sojourn`",
    against="bare uvicorn app",
    goals=(
        Goal(figure="first answer", unit=" s", floor=1.5, target=0.7, better="less"),
        Goal(figure="import", unit=" ms", floor=150, target=80, better="less", digits=0),
    ),
    measure=run,
)
