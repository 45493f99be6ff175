"""``python -m bench`` measures every row, ``python -m bench p7 p8`` only these, ``--report`` none."""

from __future__ import annotations

import argparse
import datetime as dt
import sys

from bench import machine, report
from bench.errors import BenchError, PeerMissing
from bench.harness import Plan
from bench.results import Result, load_results
from bench.row import Bench, Outcome, Row
from bench.rows import ROWS


def main() -> int:
    """Measure, print, keep; 1 when a floor was missed or a row failed."""
    options = _options()
    plan = Plan(pairs=options.pairs, seconds=options.seconds, warmup=options.warmup)
    chosen = [] if options.report else [row for row in ROWS if not options.rows or row.name in options.rows]
    with Bench(plan) as bench:
        failed = [row.name for row in chosen if not measured(row, bench, keep=not options.trial)]
    if not options.trial:
        report.PAGE.write_text(report.page(load_results()), encoding="utf-8")
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Sojourn beside its peers.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one of {', '.join(names)}; all when absent")
    parser.add_argument("--pairs", type=int, default=Plan().pairs, help="pairs of turns")
    parser.add_argument("--seconds", type=float, default=Plan().seconds, help="length of a turn")
    parser.add_argument("--warmup", type=float, default=Plan().warmup, help="length of the turn that does not count")
    parser.add_argument("--trial", action="store_true", help="print only; write neither results nor the page")
    parser.add_argument("--report", action="store_true", help="measure nothing; write the page from the results")
    options = parser.parse_args()
    options.rows = [name.lower() for name in options.rows]
    if unknown := set(options.rows) - set(names):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    return options


def measured(row: Row, bench: Bench, *, keep: bool) -> bool:
    """Measure one row, print it, keep it; whether it is as it should be."""
    print(f"… {row.name}: {row.work}", file=sys.stderr, flush=True)
    try:
        found: Outcome | str = row.measure(bench)
    except PeerMissing as missing:
        found = str(missing)
    except BenchError as error:
        print(f"{row.name} failed: {error}", file=sys.stderr)
        return False
    today = dt.datetime.now(dt.UTC).date().isoformat()
    result = Result.of(row, found, bench.plan, machine=machine.describe(), date=today)
    print(report.table([result]), "\n", report.details(result), "\n", sep="\n", flush=True)
    if keep:
        result.save()
    return not result.floors_missed()


if __name__ == "__main__":
    sys.exit(main())
