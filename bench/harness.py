"""Paired measurement: ours and the peer stay up side by side and are loaded in turn, A B A B."""

from __future__ import annotations

import os
import statistics
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench import cores
from bench.errors import BenchError
from bench.load import Job, Load
from bench.server import Server, python

ROOT = Path(__file__).parent.parent
#: A generator that used more of its core than this was itself the limit: the pair counts for CPU only.
SATURATED = 0.85


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how often to measure."""

    pairs: int = 4
    seconds: float = 3.0
    warmup: float = 1.5
    connections: int = 32


class Leg(msgspec.Struct, frozen=True):
    """One side of a pair: a running server and the requests that are sent to it."""

    server: Server
    requests: tuple[bytes, ...]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of one side."""

    rate: float
    #: CPU time of the whole server process group, in microseconds per request.
    cpu_us: float
    p50_ms: float
    p99_ms: float
    #: Share of its core that the generator used.
    busy: float


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of each side, right after each other."""

    ours: Sample
    peer: Sample
    #: Load average of the machine before the pair: other people's work shows here.
    machine_load: float

    @property
    def cpu_only(self) -> bool:
        """Whether the generator was the limit, so that rates and times say nothing."""
        return max(self.ours.busy, self.peer.busy) > SATURATED


class Figure(msgspec.Struct, frozen=True):
    """One number: its median over the pairs, and between which values they lay."""

    median: float
    low: float
    high: float
    #: How many pairs it rests on.
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure | None:
        """The figure of some values; None when there are none."""
        return cls(statistics.median(values), min(values), max(values), len(values)) if values else None


class Pairs(msgspec.Struct, frozen=True):
    """All pairs of one measurement; every ratio is above 1 where we are better, times excepted."""

    pairs: tuple[Pair, ...]

    def rate_ratio(self) -> Figure | None:
        """Requests per second, ours divided by the peer's."""
        return self._figure(lambda pair: pair.ours.rate / pair.peer.rate, timed=True)

    def cpu_ratio(self) -> Figure | None:
        """CPU per request, the peer's divided by ours."""
        return self._figure(lambda pair: pair.peer.cpu_us / pair.ours.cpu_us)

    def extra_cpu(self) -> Figure | None:
        """CPU per request in microseconds, ours less the peer's."""
        return self._figure(lambda pair: pair.ours.cpu_us - pair.peer.cpu_us)

    def p99_ratio(self) -> Figure | None:
        """The 99th percentile, ours divided by the peer's."""
        return self._figure(lambda pair: pair.ours.p99_ms / pair.peer.p99_ms, timed=True)

    def _figure(self, value: Callable[[Pair], float], *, timed: bool = False) -> Figure | None:
        return Figure.of([value(pair) for pair in self.pairs if not (timed and pair.cpu_only)])


def measure(ours: Leg, peer: Leg, plan: Plan) -> Pairs:
    """Warm both sides up, then load them in turn."""
    for leg in (ours, peer):
        turn(leg, plan.warmup, plan.connections)
    return Pairs(tuple(_pair(ours, peer, plan) for _ in range(plan.pairs)))


def _pair(ours: Leg, peer: Leg, plan: Plan) -> Pair:
    machine = os.getloadavg()[0]
    first = turn(ours, plan.seconds, plan.connections)
    second = turn(peer, plan.seconds, plan.connections)
    return Pair(ours=first, peer=second, machine_load=machine)


def turn(leg: Leg, seconds: float, connections: int) -> Sample:
    """Load one side for a while; the other one idles meanwhile."""
    before = leg.server.cpu()
    load = generate(Job(ports=(leg.server.port,), requests=leg.requests, seconds=seconds, connections=connections))
    used = leg.server.cpu() - before
    refuse_errors(leg.server.name, load)
    return Sample(
        rate=load.answered / load.seconds,
        cpu_us=used / load.answered * 1e6,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        busy=load.busy,
    )


def generate(job: Job) -> Load:
    """Run the load generator as a process of its own on its own core."""
    with cores.on_core(cores.LOAD_CORE):
        done = subprocess.run(
            python("-m", "bench.load"), input=msgspec.json.encode(job), stdout=subprocess.PIPE, cwd=ROOT, check=False
        )
    if done.returncode:
        raise BenchError(f"the load generator ended with exit code {done.returncode}")
    return msgspec.json.decode(done.stdout, type=Load)


def refuse_errors(name: str, load: Load) -> None:
    """An answer that is not 2xx makes the whole run worthless; raises :class:`BenchError`."""
    bad = {status: count for status, count in load.statuses.items() if not status.startswith("2")}
    if bad or load.broken or not load.answered:
        raise BenchError(f"{name} answered {load.statuses or 'nothing'}, {load.broken} connections were lost")
