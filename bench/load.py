"""Load generator: keep-alive connections that repeat prepared requests as fast as the server answers.

Run as its own process, ``python -m bench.load``: a :class:`Job` as JSON on standard input, a :class:`Load` as JSON on
standard output. Connection *i* of *n* sends the requests *i*, *i + n*, *i + 2n* … and begins anew at the end, so that
each token or cookie takes its turn.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from functools import partial
from typing import cast

import msgspec
import uvloop

from bench.wire import take_reply

#: How long the last replies may take after the end of the time, in seconds.
DRAIN = 10.0
#: How long a job of counted requests may take, in seconds.
COUNTED_LIMIT = 120.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, and for how long."""

    #: Ports of the same service on this machine; connections are spread over them.
    ports: tuple[int, ...]
    requests: tuple[bytes, ...]
    connections: int = 32
    #: No request begins after this time.
    seconds: float = 2.0
    #: When above 0, each connection sends exactly this many requests; ``seconds`` then does not matter.
    rounds: int = 0


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    #: Replies of any status; those to requests begun within the time, all of them awaited.
    answered: int
    #: From the first request to the last reply.
    seconds: float
    statuses: dict[str, int]
    #: Connections that were lost in the middle of a request.
    broken: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    #: Share of its core that the generator itself used.
    busy: float


class _Run:
    """One job under way: what all connections share."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.broken = 0
        self.deadline = float("inf")
        self.active = job.connections
        self.done = asyncio.Event()

    def leave(self) -> None:
        """One connection has nothing more to send."""
        self.active -= 1
        if not self.active:
            self.done.set()


class _Connection(asyncio.Protocol):
    """One closed loop: the next request goes out when the reply is complete."""

    def __init__(self, run: _Run, index: int) -> None:
        self._run = run
        self._next = index
        self._left = run.job.rounds or sys.maxsize
        self._buffer = b""
        self._began = 0.0
        self._transport: asyncio.Transport | None = None
        self._working = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases

    def begin(self) -> None:
        """Send the first request."""
        self._working = True
        self._send()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        reply = take_reply(self._buffer)
        if reply is None:
            return
        now = time.perf_counter()
        self._buffer = self._buffer[reply.size :]
        self._run.latencies.append(now - self._began)
        self._run.statuses[reply.status] += 1
        self._left -= 1
        if self._left <= 0 or now >= self._run.deadline:
            self._finish()
        elif not reply.closes:
            self._send()  # else: connection_lost counts it

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # that it is gone is all that counts
        if self._working:
            self._run.broken += 1
            self._finish()

    def _send(self) -> None:
        assert self._transport is not None
        requests = self._run.job.requests
        self._began = time.perf_counter()
        self._transport.write(requests[self._next % len(requests)])
        self._next += self._run.job.connections

    def _finish(self) -> None:
        self._working = False
        self._run.leave()


async def run(job: Job) -> Load:
    """Send all of ``job``; every connection is open before the first request goes out."""
    state = _Run(job)
    loop = asyncio.get_running_loop()
    connections = []
    for index in range(job.connections):
        port = job.ports[index % len(job.ports)]
        _, made = await loop.create_connection(partial(_Connection, state, index), "127.0.0.1", port)
        connections.append(made)
    started, cpu = time.perf_counter(), time.process_time()
    if not job.rounds:
        state.deadline = started + job.seconds
    for connection in connections:
        connection.begin()
    async with asyncio.timeout(COUNTED_LIMIT if job.rounds else job.seconds + DRAIN):
        await state.done.wait()
    wall = time.perf_counter() - started
    busy = (time.process_time() - cpu) / wall
    for connection in connections:
        connection.close()
    return _load(state, wall, busy)


def _load(state: _Run, wall: float, busy: float) -> Load:
    ordered = sorted(state.latencies)
    return Load(
        answered=len(ordered),
        seconds=wall,
        statuses={str(status): count for status, count in state.statuses.items()},
        broken=state.broken,
        p50_ms=percentile(ordered, 0.50) * 1e3,
        p99_ms=percentile(ordered, 0.99) * 1e3,
        max_ms=ordered[-1] * 1e3 if ordered else 0.0,
        busy=busy,
    )


def percentile(ordered: list[float], share: float) -> float:
    """The value below which ``share`` of the sorted values lie; 0 when there are none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def main() -> None:
    """Read the job, run it, write what came back."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    load = uvloop.run(run(job))
    sys.stdout.buffer.write(msgspec.json.encode(load))


if __name__ == "__main__":
    main()
