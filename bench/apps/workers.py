"""Measures workers of the script runtimes in a process of its own; prints JSON. First argument: what is measured."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

import msgspec

import sojourn.scripting.api  # noqa: F401 - the whole prelude is what a worker begins with
from sojourn.bootstrap import Engine
from sojourn.model.session import Device, Identity
from sojourn.scripting import ije, v8
from sojourn.scripting.order import Order
from sojourn.scripting.runtime import Limits, Runtime, Script
from sojourn.scripting.values import Value

LIMITS = Limits(cpu=60_000, wall=120_000)


class Nothing:
    """A host that answers every call with null."""

    async def call(self, _function: str, _args: Sequence[Value]) -> Value:
        """Null."""
        return None


async def opened(name: str) -> Runtime:
    """The runtime of that name."""
    runtime: Runtime = await (ije.open_runtime() if name == "ije" else v8.open_runtime())
    return runtime


async def cpu(name: str, file: str, times: str) -> object:
    """Run a script as often as asked, each time in a fresh global scope: its value, and milliseconds of each run."""
    code, took, value = Path(file).read_text(), list[float](), None  # noqa: ASYNC240 - nothing else runs
    runtime = await opened(name)
    worker = await runtime.open(LIMITS)
    for _ in range(int(times)):
        began = time.perf_counter()
        value = await worker.run(Script(code, "ufs:/cpu.js"), Nothing(), LIMITS)
        took.append(1e3 * (time.perf_counter() - began))
        await worker.reset()
    await runtime.close()
    return {"value": value, "took": took}


async def ready(folder: str, realm: str, times: str) -> object:
    """Milliseconds until a new stateful session has run its first script."""
    took = list[float]()
    async with Engine.open(folder) as engine:
        place, sessions, scripts = engine.realm(realm), engine.rules.sessions, engine.scripts
        for number in range(int(times)):
            scripts.warm_up([place])
            await scripts.workers.filled()
            begun = await sessions.begin(place, Identity(), Device())
            session = await engine.session(realm, str(begun.handle))
            order = Order(session=session, task=Script("1", "ufs:/one.js"), execution_key=f"b{number}", what="bench")
            began = time.perf_counter()
            done = await scripts.execute(order)
            took.append(1e3 * (time.perf_counter() - began))
            assert done.value == 1
            await session.end()
    return {"took": took}


async def memory(name: str, count: str) -> object:
    """Proportional set size of each of so many live workers that have run a script, in MB."""
    runtime = await opened(name)
    workers = [await runtime.open(LIMITS) for _ in range(int(count))]
    for worker in workers:
        await worker.run(
            Script("globalThis.kept = {n: 1}; session.runtime === undefined", "ufs:/k.js"), Nothing(), LIMITS
        )
    sizes = [_pss(worker.pid) for worker in workers]
    await runtime.close()
    return {"mean": statistics.mean(sizes), "sizes": sizes}


async def bare(what: str, times: str) -> object:
    """Milliseconds of a bare fork that ends at once, or of a bare start of Deno until it has printed."""
    act = _fork if what == "fork" else _deno
    return {"took": [act() for _ in range(int(times))]}


def _fork() -> float:
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return 1e3 * (time.perf_counter() - began)


def _deno() -> float:
    from deno import find_deno_bin

    began = time.perf_counter()
    subprocess.run([find_deno_bin(), "eval", "--no-lock", "console.log(1)"], check=True, capture_output=True)
    return 1e3 * (time.perf_counter() - began)


def _pss(pid: int) -> float:
    """Its share of memory: what is its own, and its part of what it shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise AssertionError(pid)


ACTS: dict[str, Callable[..., Coroutine[None, None, object]]] = {
    "cpu": cpu,
    "ready": ready,
    "memory": memory,
    "bare": bare,
}

if __name__ == "__main__":
    print(msgspec.json.encode(asyncio.run(ACTS[sys.argv[1]](*sys.argv[2:]))).decode())
