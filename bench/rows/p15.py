"""P15: what an act costs in a store of a million sessions, beside one of a thousand."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.harness import Figure
from bench.row import TIMES, Bench, Goal, Outcome, Row
from bench.rows import scale
from sojourn.bootstrap import open_store
from sojourn.model.field import increment
from sojourn.model.session import End
from sojourn.stores.base import SessionStore

SMALL = 1_000
SIZES = (SMALL, 100_000, 1_000_000)
#: Acts of one kind in one turn; reads are short, so more of them are needed for a steady figure.
ACTS = {"load": 2_000, "change": 300, "list of user": 1_000, "end": 300}
_Act = Callable[[SessionStore, int], Awaitable[object]]


class Cost(NamedTuple):
    """What one act of a turn cost, in microseconds."""

    p50: float
    cpu: float


async def _load(store: SessionStore, number: int) -> None:
    assert await store.load(scale.REALM, scale.name(number), scale.now()) is not None


async def _change(store: SessionStore, number: int) -> None:
    await store.change(scale.REALM, scale.name(number), 1, [increment("count")], scale.now())


async def _list(store: SessionStore, number: int) -> None:
    found = await store.list(scale.REALM, scale.principal(number), scale.now())
    assert len(found) == scale.SESSIONS_EACH


async def _end(store: SessionStore, number: int) -> None:
    end = await store.end(scale.REALM, scale.name(number), End("logout", scale.now()), scale.now())
    assert end is not None
    assert end.now


_ACTS: dict[str, _Act] = {"load": _load, "change": _change, "list of user": _list, "end": _end}
_KINDS = ("p50", "CPU")


def run(bench: Bench) -> Outcome:
    """Turn by turn on each of the three stores."""
    files = {size: scale.filled(bench, size) for size in SIZES}
    costs = asyncio.run(_measure(files, bench.plan.pairs))
    figures: dict[str, Figure | None] = {}
    for act, kind in itertools.product(_ACTS, _KINDS):
        small = [_value(cost, kind) for cost in costs[act, SMALL]]
        large = [_value(cost, kind) for cost in costs[act, SIZES[-1]]]
        figures[f"{act} {kind}"] = Figure.of([big / little for big, little in zip(large, small, strict=True)])
    notes = [f"{act}: " + "; ".join(_spell(size, costs[act, size]) for size in SIZES) for act in _ACTS]
    return Outcome(figures=figures, notes=tuple(notes))


def _value(cost: Cost, kind: str) -> float:
    return cost.p50 if kind == "p50" else cost.cpu


def _spell(size: int, costs: Sequence[Cost]) -> str:
    p50, cpu = (statistics.median(values) for values in zip(*costs, strict=True))
    return f"{size:,} sessions: p50 {p50:.0f} µs, CPU {cpu:.0f} µs"


async def _measure(files: dict[int, Path], turns: int) -> dict[tuple[str, int], list[Cost]]:
    stores = {size: await open_store(f"sqlite:///{path}") for size, path in files.items()}
    costs: dict[tuple[str, int], list[Cost]] = {pair: [] for pair in itertools.product(_ACTS, SIZES)}
    chance = random.Random(7)
    for turn in range(turns + 1):
        for (act, do), (size, store) in itertools.product(_ACTS.items(), stores.items()):
            numbers = [chance.randrange(size) for _ in range(ACTS[act])]
            if act == "end":
                fresh = range(size + turn * ACTS[act], size + (turn + 1) * ACTS[act])
                await scale.add(store, fresh)
                numbers = list(fresh)
            cost = await _timed(store, do, numbers)
            if turn:  # the first one warms up
                costs[act, size].append(cost)
    for store in stores.values():
        await scale.close(store)
    return costs


async def _timed(store: SessionStore, do: _Act, numbers: Sequence[int]) -> Cost:
    times, cpu = [], time.process_time()
    for number in numbers:
        began = time.perf_counter()
        await do(store, number)
        times.append(time.perf_counter() - began)
    used = time.process_time() - cpu
    return Cost(statistics.median(times) * 1e6, used / len(numbers) * 1e6)


ROW = Row(
    name="p15",
    work="scale: p50 and CPU of load, change, list of a user and end, one after the other, with 10⁶ sessions; SQLite",
    against="the same with 10³ sessions",
    goals=tuple(
        Goal(figure=f"{act} {kind}", unit=TIMES, floor=1.5, target=1.2, better="less")
        for act, kind in itertools.product(_ACTS, _KINDS)
    ),
    measure=run,
)
