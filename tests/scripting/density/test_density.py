"""Many environments at once: what they cost while nobody uses them, and that no two of them share their chance."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from sojourn.scripting.dispatch import Dispatcher
from sojourn.scripting.run import Run
from sojourn.scripting.runtime import Runtime, Script, Worker
from tests.patience import HANGS
from tests.scripting.conftest import LIMITS

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="CPU and memory of processes are looked up as Linux has them"),
]

#: Numbers and identifiers that an environment made before it does anything else.
CHANCE = "[Math.random(), Math.random(), Math.random(), createGUID(), createGUID(true)]"


class Herd:
    """Live environments of one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.workers: list[Worker] = []

    async def grow(self, count: int) -> None:
        """Open that many; each has a scope that was used."""
        for _ in range(count):
            worker = await self._runtime.open(LIMITS)
            self.workers.append(worker)
            await worker.run(Script("var mine = 1; session", "ufs:/a.js"), _host(), LIMITS)

    async def close(self) -> None:
        await asyncio.gather(*(worker.close() for worker in self.workers))


def _host() -> Dispatcher:
    """A host whose functions that need no session work."""
    return Dispatcher(cast("Run", Any))


@pytest.fixture
async def herd(runtime: Runtime) -> AsyncIterator[Herd]:
    opened = Herd(runtime)
    yield opened
    await opened.close()


def _cpu(workers: list[Worker]) -> float:
    """CPU that processes have used, in milliseconds."""
    return sum(time.clock_gettime_ns(~worker.pid << 3 | 2) for worker in workers) / 1e6


async def _settled(workers: list[Worker]) -> None:
    """Return when compilers and collectors have done what the last script left them to do."""
    async with asyncio.timeout(HANGS):
        before = -1.0
        while (now := _cpu(workers)) != before:
            before = now
            await asyncio.sleep(0.5)


def _pss(pid: int) -> int:
    """Memory of a process, shared pages divided by those who share them, in bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))


async def _idle(herd: Herd, seconds: float) -> float:
    await _settled(herd.workers)
    before = _cpu(herd.workers)
    await asyncio.sleep(seconds)
    return _cpu(herd.workers) - before


async def test_environments_that_nobody_uses_take_no_cpu(herd: Herd, runtime: Runtime) -> None:
    await herd.grow(8 if runtime.name == "ije" else 2)
    assert await _idle(herd, 0.3) == 0


@pytest.mark.soak
async def test_300_and_20_environments_are_idle_small_and_alive(herd: Herd, runtime: Runtime) -> None:
    # Somewhat more than the benchmark of memory demands, which measures it alone.
    most, megabytes = (300, 4.2) if runtime.name == "ije" else (20, 15.5)
    await herd.grow(most)
    assert await _idle(herd, 3) == 0
    sizes = [_pss(worker.pid) / 1e6 for worker in herd.workers]
    assert sum(sizes) / len(sizes) <= megabytes
    for worker in herd.workers:
        assert await worker.run(Script("mine", "ufs:/a.js"), _host(), LIMITS) == 1


async def _no_two_alike(workers: list[Worker], scopes: int) -> None:
    found: list[object] = []
    for _ in range(scopes):
        for worker in workers:
            values = await worker.run(Script(CHANCE, "ufs:/chance.js"), _host(), LIMITS)
            assert isinstance(values, list)
            found += values
            await worker.reset()
    assert len(found) == len(workers) * scopes * 5
    assert len(set(map(str, found))) == len(found)


async def test_no_two_of_100_global_scopes_make_the_same_numbers(herd: Herd, runtime: Runtime) -> None:
    processes = 10 if runtime.name == "ije" else 2
    await herd.grow(processes)
    await _no_two_alike(herd.workers, 100 // processes)


@pytest.mark.soak
async def test_no_two_of_100_processes_make_the_same_numbers(herd: Herd) -> None:
    await herd.grow(100)
    await _no_two_alike(herd.workers, 1)


async def test_the_executions_of_one_scope_never_begin_alike(herd: Herd) -> None:
    await herd.grow(1)
    first = [await herd.workers[0].run(Script("Math.random()", "ufs:/a.js"), _host(), LIMITS) for _ in range(20)]
    assert len(set(map(str, first))) == 20
    assert all(isinstance(one, float) and 0 <= one < 1 for one in first)
