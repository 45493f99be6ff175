from __future__ import annotations

from pathlib import Path

import pytest

from bench import __main__ as command
from bench import peers, report
from bench.errors import BenchError, PeerMissing
from bench.harness import Figure, Pair, Pairs, Plan, Sample
from bench.results import Result, load_results
from bench.row import TIMES, Bench, Goal, Outcome, Row
from bench.rows import ROWS

RATE = Goal(figure="req/s", unit=TIMES, floor=3, target=5)
WAIT = Goal(figure="p99", unit=" ms", floor=10, target=5, better="less", digits=1)
PLAN = Plan()


def _row(found: Outcome | Exception, name: str = "p1") -> Row:
    def measure(bench: Bench) -> Outcome:
        del bench
        if isinstance(found, Exception):
            raise found
        return found

    return Row(name=name, work="work", against="a peer", goals=(RATE, WAIT), measure=measure)


def _result(found: Outcome | str, name: str = "p1") -> Result:
    row = _row(Outcome(figures={}), name)
    return Result.of(row, found, PLAN, machine="2 cores", date="2026-11-22")


def _figure(value: float) -> Figure:
    return Figure(value, value - 1, value + 1, 3)


@pytest.mark.parametrize(
    ("rate", "wait", "verdicts", "missed"),
    [
        (2.99, 10.1, ["**no**", "**no**"], [RATE, WAIT]),
        (3.0, 10.0, ["yes", "yes"], []),
        (5.0, 5.0, ["yes, and the target", "yes, and the target"], []),
    ],
)
def test_a_figure_is_judged_by_its_floor_and_target(
    rate: float, wait: float, verdicts: list[str], missed: list[Goal]
) -> None:
    result = _result(Outcome(figures={"req/s": _figure(rate), "p99": _figure(wait)}))
    lines = report.table([result]).splitlines()[2:]
    assert [line.split(" | ")[-1].removesuffix(" |") for line in lines] == verdicts
    assert result.floors_missed() == missed


def test_a_missing_peer_is_not_measured_and_never_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    with Bench(PLAN) as bench:
        assert command.measured(_row(PeerMissing("Node.js is not on the PATH")), bench, keep=False)
    printed = capsys.readouterr().out
    assert printed.count("not measured") == 2
    assert "Not measured: Node.js is not on the PATH." in printed


def test_a_run_that_is_no_measurement_fails_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with Bench(PLAN) as bench:
        assert not command.measured(_row(BenchError("answered 500")), bench, keep=False)
    assert "p1 failed: answered 500" in capsys.readouterr().err


def test_a_missed_floor_fails_the_command() -> None:
    with Bench(PLAN) as bench:
        assert not command.measured(_row(Outcome(figures={"req/s": _figure(1)})), bench, keep=False)
        assert command.measured(_row(Outcome(figures={"req/s": _figure(3)})), bench, keep=False)


def test_results_come_back_as_they_were_kept_in_the_order_of_the_rows(tmp_path: Path) -> None:
    side = Sample(rate=1000, cpu_us=20, p50_ms=1, p99_ms=2, busy=0.9)
    pairs = Pairs((Pair(ours=side, peer=side, machine_load=0.5),))
    results = [
        _result("no peer", "p20"),
        _result(Outcome(figures={"req/s": _figure(4)}, notes=("n",), pairs=pairs), "p9"),
    ]
    for result in results:
        result.save(tmp_path)
    assert load_results(tmp_path) == results[::-1]
    page = report.page(load_results(tmp_path))
    assert page.index("## P9") < page.index("## P20")
    assert "| 1 | peer | 1000 | 20.0 | 1.00 | 2.00 | 90% | CPU only |" in page


def test_a_peer_needs_a_node_that_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PeerMissing, match="not on the PATH"):
        peers.node()
    old = tmp_path / "node"
    old.write_text("#!/bin/sh\necho v18.19.0\n")
    old.chmod(0o755)
    with pytest.raises(PeerMissing, match=r"v18\.19\.0 is older than 20"):
        peers.node()


def test_a_peer_that_cannot_be_installed_is_missing_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    monkeypatch.setenv("PATH", str(npm.parent))
    with pytest.raises(PeerMissing, match="npm is not on the PATH"):
        peers.install("express_session", into=tmp_path)
    npm.write_text("#!/bin/sh\nexit 7\n")
    npm.chmod(0o755)
    with pytest.raises(PeerMissing, match="exit code 7"):
        peers.install("express_session", into=tmp_path)
    npm.write_text("#!/bin/sh\nexit 0\n")
    folder = peers.install("express_session", into=tmp_path)
    assert (folder / "server.js").read_bytes() == (peers.APPS / "express_session" / "server.js").read_bytes()
    npm.unlink()
    assert peers.install("express_session", into=tmp_path) == folder


def test_what_a_run_shares_is_made_once() -> None:
    with Bench(PLAN) as bench:
        first = bench.shared("folder", bench.folder)
        assert bench.shared("folder", bench.folder) == first
        assert first.is_dir()
    assert not first.exists()


def test_every_row_declares_goals_that_can_be_told_apart() -> None:
    names = [row.name for row in ROWS]
    assert names == sorted(names, key=lambda name: int(name[1:]))
    assert len(set(names)) == len(names)
    for row in ROWS:
        assert row.goals
        assert len({goal.figure for goal in row.goals}) == len(row.goals)
        assert all(goal.reached(goal.target, bound=goal.floor) for goal in row.goals)
