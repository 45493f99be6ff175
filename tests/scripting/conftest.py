"""Real runtimes with real workers, shared as far as tests do not see each other."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest

from sojourn.scripting.runtime import Limits, Runtime, Script, Task, Worker
from sojourn.scripting.values import Value

RUNTIMES = [name for name in ("ije", "v8") if importlib.util.find_spec(f"sojourn.scripting.{name}")]

#: Wide enough for a machine that is busy with other tests.
LIMITS = Limits(cpu=10_000, wall=60_000)


class Answering:
    """A host whose functions a test gives; it notes the calls."""

    def __init__(self, functions: dict[str, Callable[..., Any]] | None = None) -> None:
        self.functions = functions or {}
        self.calls: list[tuple[str, list[Value]]] = []

    async def call(self, function: str, args: Sequence[Value]) -> Value:
        self.calls.append((function, list(args)))
        made = self.functions[function](*args) if function in self.functions else None
        return await made if isinstance(made, Awaitable) else made


class Running:
    """A worker with the host and limits of a test."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.host = Answering()
        self.limits = LIMITS

    async def __call__(self, code: str, *, file: str = "ufs:/test.js", **limits: int) -> Value:
        """The outcome of a script."""
        return await self.task(Script(code=code, file=file), **limits)

    async def task(self, task: Task, **limits: int) -> Value:
        """The outcome of a task."""
        given = Limits(**{name: limits.get(name, getattr(self.limits, name)) for name in Limits.__struct_fields__})
        return await self.worker.run(task, self.host, given)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """One event loop for all tests here: workers belong to it."""
    return "asyncio"


@pytest.fixture(scope="module", params=RUNTIMES)
async def runtime(request: pytest.FixtureRequest, anyio_backend: str) -> AsyncIterator[Runtime]:
    """Each runtime, started once."""
    opened: Runtime = await importlib.import_module(f"sojourn.scripting.{request.param}").open_runtime()
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def worker_kept(runtime: Runtime) -> AsyncIterator[list[Worker]]:
    """The worker that :func:`js` lends to one test after the other."""
    kept: list[Worker] = []
    yield kept
    for worker in kept:
        await worker.close()


@pytest.fixture
async def js(runtime: Runtime, worker_kept: list[Worker]) -> Running:
    """A fresh global scope: the worker of the last test after a reset, or another one when that is gone."""
    if worker_kept and worker_kept[0].alive:
        await worker_kept[0].reset()
    else:
        worker_kept[:] = [await runtime.open(LIMITS)]
    return Running(worker_kept[0])
