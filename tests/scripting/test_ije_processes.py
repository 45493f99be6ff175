"""The processes of ije: what a worker has and may, how the zygote ends and is started again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sojourn.scripting.errors import EnvironmentLost, RuntimeMissing
from sojourn.scripting.ije import library, open_runtime
from sojourn.scripting.ije import runtime as ije_runtime
from sojourn.scripting.runtime import Limits, Runtime, Script, Worker
from tests.patience import HANGS
from tests.scripting.conftest import LIMITS, Answering

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="what is looked at is in /proc"),
]


@pytest.fixture(scope="module")
async def ije(anyio_backend: str) -> AsyncIterator[Runtime]:
    opened = await open_runtime()
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def worker(ije: Runtime) -> AsyncIterator[Worker]:
    opened = await ije.open(LIMITS)
    # A worker answers when it has given up everything that it was forked with.
    await outcome(opened, "1")
    yield opened
    await opened.close()


async def outcome(worker: Worker, code: str, **limits: int) -> object:
    return await worker.run(Script(code=code, file="ufs:/x.js"), Answering(), Limits(cpu=10_000, **limits))


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def limits_of(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {line[:26].strip(): line[26:].split()[:2] for line in lines}


async def test_a_worker_has_its_socket_and_no_other_descriptor(worker: Worker) -> None:
    descriptors = Path(f"/proc/{worker.pid}/fd")
    assert [entry.name for entry in descriptors.iterdir()] == ["0"]
    assert str((descriptors / "0").readlink()).startswith("socket:")


async def test_a_worker_can_get_nothing_more(worker: Worker) -> None:
    limits = limits_of(worker.pid)
    assert limits["Max open files"] == ["1", "1"]
    assert limits["Max file size"] == ["0", "0"]
    assert limits["Max core file size"] == ["0", "0"]
    assert int(limits["Max address space"][1]) < 1 << 30
    found = status(worker.pid)
    assert found["NoNewPrivs"] == "1"
    assert found["Threads"] == "1"


async def test_an_idle_worker_uses_no_cpu(worker: Worker) -> None:
    await outcome(worker, "setInterval; 1")
    spent = Path(f"/proc/{worker.pid}/schedstat").read_text().split()[0]
    await asyncio.sleep(0.2)
    assert Path(f"/proc/{worker.pid}/schedstat").read_text().split()[0] == spent


async def test_the_processor_limit_of_the_system_stands_behind_our_own(worker: Worker) -> None:
    await outcome(worker, "1")
    soft, hard = limits_of(worker.pid)["Max cpu time"]
    assert 10 <= int(soft) <= 20
    assert hard == "unlimited"


async def test_a_worker_leaves_when_the_server_hangs_up_even_in_a_loop(ije: Runtime) -> None:
    other = await ije.open(LIMITS)
    running = asyncio.create_task(outcome(other, "for (;;);"))
    await asyncio.sleep(0.05)
    other._channel._socket.shutdown(2)  # type: ignore[attr-defined]
    with pytest.raises(EnvironmentLost):
        await running
    await gone(other.pid)
    await other.close()


async def gone(pid: int) -> None:
    until = time.monotonic() + HANGS
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        await asyncio.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()


async def test_the_zygote_takes_its_workers_along_and_another_is_started(anyio_backend: str) -> None:
    runtime = await open_runtime()
    first = await runtime.open(LIMITS)
    zygote = int(status(first.pid)["PPid"])
    running = asyncio.create_task(outcome(first, "for (;;);"))
    await asyncio.sleep(0.05)
    os.kill(zygote, signal.SIGKILL)
    with pytest.raises(EnvironmentLost):
        await running
    assert not first.alive
    await gone(first.pid)
    second = await runtime.open(LIMITS)
    assert await outcome(second, "6 * 7") == 42
    assert int(status(second.pid)["PPid"]) != zygote
    await runtime.close()
    assert not second.alive
    await gone(second.pid)
    with pytest.raises(EnvironmentLost):
        await runtime.open(LIMITS)
    await runtime.close()


async def test_many_are_opened_and_closed_at_once(ije: Runtime) -> None:
    opened = await asyncio.gather(*(ije.open(LIMITS) for _ in range(12)))
    assert len({one.pid for one in opened}) == 12
    found = await asyncio.gather(*(outcome(one, f"let me = {place}; me") for place, one in enumerate(opened)))
    assert found == list(range(12))
    await asyncio.gather(*(one.close() for one in opened))
    assert not any(one.alive for one in opened)


async def test_orders_wait_for_a_zygote_that_is_busy(anyio_backend: str) -> None:
    runtime = await open_runtime()
    opened = [await runtime.open(LIMITS) for _ in range(3)]
    zygote = int(status(opened[0].pid)["PPid"])
    os.kill(zygote, signal.SIGSTOP)
    for _ in range(2000):
        opened[0]._handle.kill()  # type: ignore[attr-defined]
    waiting = asyncio.create_task(runtime.open(LIMITS))
    await asyncio.sleep(0.05)
    os.kill(zygote, signal.SIGCONT)
    assert await outcome(await waiting, "1") == 1
    assert [one.alive for one in opened] == [False, True, True]
    await runtime.close()


async def test_a_fork_that_is_refused_harms_no_other(
    ije: Runtime, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outcome(worker, "var keep = 5")
    with monkeypatch.context() as without_descriptor:
        without_descriptor.setattr(socket, "send_fds", lambda end, messages, _: end.send(messages[0]))
        with pytest.raises(EnvironmentLost) as caught:
            await ije.open(LIMITS)
    assert caught.value.reason == "refused"
    assert await outcome(worker, "keep") == 5
    other = await ije.open(LIMITS)
    assert await outcome(other, "1") == 1
    await other.close()


async def test_local_time_is_that_of_the_server(monkeypatch: pytest.MonkeyPatch, anyio_backend: str) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    runtime = await open_runtime()
    worker = await runtime.open(LIMITS)
    assert await outcome(worker, "new Date(2026, 6, 1).getTimezoneOffset()") == 240
    await worker.reset()
    assert await outcome(worker, "new Date(2026, 0, 1).getTimezoneOffset()") == 300
    await runtime.close()


async def test_another_version_of_the_library_is_refused(monkeypatch: pytest.MonkeyPatch, anyio_backend: str) -> None:
    monkeypatch.setattr(library, "VERSION", "0.0.0")
    with pytest.raises(library.WrongLibrary, match=r"0\.0\.0 is needed"):
        library.load()
    other = ije_runtime._BOOT.replace(
        "main; main()", "main; from sojourn.scripting.ije import library; library.VERSION = '0.0.0'; main()"
    )
    monkeypatch.setattr(ije_runtime, "_BOOT", other)
    with pytest.raises(RuntimeMissing, match=r"0\.0\.0 is needed"):
        await open_runtime()


async def test_a_zygote_that_cannot_start_is_said(monkeypatch: pytest.MonkeyPatch, anyio_backend: str) -> None:
    monkeypatch.setattr(ije_runtime, "_BOOT", "raise SystemExit({path!r} and 1)")
    with pytest.raises(EnvironmentLost):
        await open_runtime()
