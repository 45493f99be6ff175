"""P16: requests while the sweeper buries 100,000 expired sessions of a store of a million."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench import project
from bench.harness import Figure, Leg, generate, refuse_errors
from bench.load import Job, Load
from bench.row import Bench, Goal, Outcome, Row
from bench.rows import counters, scale
from sojourn.bootstrap import open_store

LIVE = 1_000_000
EXPIRED = 100_000
#: Few connections: what one request waits for shall be the sweeper, not the others.
CONNECTIONS = 4
SECONDS = 15.0
_NUMBERS = range(2 * LIVE, 2 * LIVE + EXPIRED)


def run(bench: Bench) -> Outcome:
    """The longest answer with the sweeper at work, less the 99th percentile without."""
    file = scale.filled(bench, LIVE)
    store = f"sqlite:///{file}"
    with project.asgi_app(bench, "counter", realm="web", store=store) as server:
        quiet = _turn(counters.leg(server))
    asyncio.run(_expire(file))
    with project.asgi_app(bench, "counter", realm="web", store=store) as server:
        busy = _turn(counters.leg(server))
    swept = asyncio.run(_swept(file))
    delay = busy.max_ms - quiet.p99_ms
    notes = (
        f"without sweeping: p50 {quiet.p50_ms:.1f}, p99 {quiet.p99_ms:.1f}, longest {quiet.max_ms:.1f} ms",
        f"while sweeping: p50 {busy.p50_ms:.1f}, p99 {busy.p99_ms:.1f}, longest {busy.max_ms:.1f} ms",
        f"{swept:,} of {EXPIRED:,} were swept by the end of {SECONDS:g} s of requests on {CONNECTIONS} connections",
    )
    return Outcome(figures={"longest delay": Figure(delay, delay, delay, 1)}, notes=notes)


def _turn(leg: Leg) -> Load:
    job = Job(ports=(leg.server.port,), requests=leg.requests, seconds=SECONDS, connections=CONNECTIONS)
    load = generate(job)
    refuse_errors(leg.server.name, load)
    return load


async def _expire(file: Path) -> None:
    """Add the sessions that have expired when the server starts."""
    store = await open_store(f"sqlite:///{file}")
    began = time.monotonic()
    lives = 60_000
    await scale.add(store, _NUMBERS, lives=lives)
    await scale.close(store)
    await asyncio.sleep(max(0.0, lives / 1e3 - (time.monotonic() - began)) + 1)


async def _swept(file: Path) -> int:
    """How many of the expired have a tombstone that the sweeper wrote: those whose number is no longer due."""
    store = await open_store(f"sqlite:///{file}")
    try:
        left = 0
        while (turn := await store.sweep(scale.now(), 5_000)).handled:
            left += turn.handled
        return EXPIRED - left
    finally:
        await scale.close(store)


ROW = Row(
    name="p16",
    work="sweep of 100,000 expired sessions in a store of 10⁶ while serving: longest answer less p99 without sweeping",
    against="the same server without sweeping",
    goals=(Goal(figure="longest delay", unit=" ms", floor=20, target=10, better="less", digits=1),),
    measure=run,
)
