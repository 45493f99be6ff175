"""The table of the last results, for the terminal and for ``docs/performance.md``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.harness import Figure
from bench.results import Result
from bench.row import Goal

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"

_HEAD = "| row | work | against | figure | median | spread | floor | target | floor met |\n|---|---|---|---|---|---|---|---|---|"

_INTRODUCTION = """# Performance

This page is written by `make bench` from `bench/results/*.json`; do not edit it.

Machines are shared and noisy, so each figure is a ratio to a peer or a primitive measured in the same run: both servers
stay up, pinned to one core, and are loaded in turn (A B A B) by a generator on another core with 32 kept-alive
connections. The median over the pairs is shown, and between which values they lay. CPU is that of the whole server
process group per request and is steadier than requests per second; CPU of store servers is not counted. Ratios are above
1 where Sojourn is better, times (p99) and microseconds excepted. What is measured is the product as users run it: nothing
is switched off.
"""


def table(results: Sequence[Result]) -> str:
    """All results as one Markdown table, a line for each figure that has a goal."""
    lines = [_line(result, goal) for result in results for goal in result.goals]
    return "\n".join([_HEAD, *lines])


def _line(result: Result, goal: Goal) -> str:
    cells = [
        result.row.upper(),
        result.work,
        result.against,
        goal.figure,
        *_measured(result, goal),
        goal.spell_bound(goal.floor),
        goal.spell_bound(goal.target),
        _verdict(result.figures.get(goal.figure), goal),
    ]
    return "| " + " | ".join(cells) + " |"


def _measured(result: Result, goal: Goal) -> tuple[str, str]:
    figure = result.figures.get(goal.figure)
    if figure is None:
        return "not measured", "-"
    return (
        f"**{goal.spell(figure.median)}**",
        f"{goal.spell(figure.low)} to {goal.spell(figure.high)}, n = {figure.count}",
    )


def _verdict(figure: Figure | None, goal: Goal) -> str:
    if figure is None:
        return "-"
    if goal.reached(figure.median, bound=goal.target):
        return "yes, and the target"
    return "yes" if goal.reached(figure.median, bound=goal.floor) else "**no**"


def details(result: Result) -> str:
    """The facts under the table: how it was measured, every side's own figures, the notes."""
    lines = [
        f"## {result.row.upper()}: {result.work}",
        "",
        f"`{result.command}`, {result.date}, {result.machine}; {result.plan.pairs} pairs of {result.plan.seconds:g} s.",
    ]
    if result.missing:
        lines += ["", f"Not measured: {result.missing}."]
    if result.pairs is not None:
        lines += ["", _sides(result)]
    if result.notes:
        lines += ["", *(f"- {note}" for note in result.notes)]
    return "\n".join(lines)


def _sides(result: Result) -> str:
    assert result.pairs is not None
    lines = [
        "| pair | side | req/s | CPU µs/request | p50 ms | p99 ms | generator | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for number, pair in enumerate(result.pairs.pairs, 1):
        for name, side in (("ours", pair.ours), ("peer", pair.peer)):
            cells = f"{side.rate:.0f} | {side.cpu_us:.1f} | {side.p50_ms:.2f} | {side.p99_ms:.2f} | {side.busy:.0%}"
            lines.append(f"| {number} | {name} | {cells} | {'CPU only' if pair.cpu_only else ''} |")
    return "\n".join(lines)


def page(results: Sequence[Result]) -> str:
    """The whole of ``docs/performance.md``."""
    return "\n".join([_INTRODUCTION, table(results), "", *(details(result) + "\n" for result in results)])
