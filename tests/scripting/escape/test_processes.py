"""What a worker process has, and what it cannot get: descriptors, files, privileges, the environment of the server."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sojourn.scripting.errors import EnvironmentLost
from sojourn.scripting.runtime import Runtime, Worker
from sojourn.scripting.v8.spawn import _OPTIONS, find_deno
from tests.patience import HANGS
from tests.scripting.conftest import LIMITS, Running

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux; looked up in /proc"),
]


@pytest.fixture
async def worker(runtime: Runtime) -> AsyncIterator[Worker]:
    opened = await runtime.open(LIMITS)
    await Running(opened)("1")
    yield opened
    await opened.close()


def _limits(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {line[:26].strip(): line[26:].split()[1] for line in lines}


def _status(pid: int) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


def _descriptors(pid: int) -> list[str]:
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(entry.readlink()))
        except FileNotFoundError:
            continue
    return found


async def test_a_worker_can_open_write_and_dump_nothing(worker: Worker) -> None:
    limits = _limits(worker.pid)
    # Descriptor 0, where 1 is the limit, is taken.
    assert int(limits["Max open files"]) <= 1
    assert Path(f"/proc/{worker.pid}/fd/0").is_symlink()
    assert limits["Max file size"] == "0"
    assert limits["Max core file size"] == "0"
    assert _status(worker.pid)["NoNewPrivs"] == "1"
    # Memory is bounded by the system too, beside what the engine counts itself.
    assert {limits["Max data size"], limits["Max address space"]} != {"unlimited"}


async def test_a_worker_inherits_no_descriptor_and_no_secret(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_TEST_SECRET", "canary-4711")
    listening = socket.create_server(("127.0.0.1", 0))
    listening.set_inheritable(True)
    canary = os.memfd_create("canary", 0)
    try:
        worker = await runtime.open(LIMITS)
        found = _descriptors(worker.pid)
        own = os.fstat(listening.fileno()).st_ino
        assert not [one for one in found if "canary" in one or str(own) in one or ".db" in one]
        assert b"canary-4711" not in Path(f"/proc/{worker.pid}/environ").read_bytes()
        await worker.close()
    finally:
        listening.close()
        os.close(canary)


async def test_a_worker_that_dies_is_noticed_at_once_and_harms_no_other(runtime: Runtime, worker: Worker) -> None:
    other = await runtime.open(LIMITS)
    await Running(other)("var mine = 5")
    running = asyncio.create_task(Running(worker)("for (;;);"))
    await asyncio.sleep(0.05)
    os.kill(worker.pid, signal.SIGABRT)
    with pytest.raises(EnvironmentLost) as lost:
        await asyncio.wait_for(running, HANGS)
    assert lost.value.reason
    assert not worker.alive
    assert await Running(other)("mine") == 5
    await other.close()


async def test_a_cancelled_caller_leaves_no_script_behind(worker: Worker) -> None:
    running = asyncio.create_task(Running(worker)("for (;;);"))
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, HANGS)
    if worker.alive:
        assert await Running(worker)("1 + 1") == 2
    else:
        assert not Path(f"/proc/{worker.pid}/exe").exists()


SERVER = """
import asyncio, sys
from sojourn.scripting.ije import open_runtime as ije
from sojourn.scripting.v8 import open_runtime as v8
from sojourn.scripting.runtime import Limits, Script
class Nobody:
    async def call(self, function, args): return None
async def main():
    limits = Limits(cpu=600_000, wall=600_000)
    workers = [await (await open_runtime()).open(limits) for open_runtime in (ije, v8)]
    running = [asyncio.create_task(worker.run(Script('for (;;);', 'x'), Nobody(), limits)) for worker in workers]
    await asyncio.sleep(0.2)
    print(*[worker.pid for worker in workers], flush=True)
    await asyncio.gather(*running)
asyncio.run(main())
"""


def test_workers_die_with_the_server() -> None:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pids = [int(word) for word in server.stdout.readline().split()]
        assert len(pids) == 2
        server.kill()
    end = time.monotonic() + HANGS
    while any(_running(pid) for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.02)


def _running(pid: int) -> bool:
    try:
        return "Z" not in _status(pid)["State"]
    except (FileNotFoundError, ProcessLookupError):
        return False


ACTS = {
    "read a file": "Deno.readTextFileSync('/etc/hostname')",
    "write a file": "Deno.writeTextFileSync('/tmp/sojourn-escape', 'x')",
    "start a process": "new Deno.Command('/bin/true').outputSync()",
    "open a socket": "await Deno.connect({ port: 80 })",
    "look up a name": "await Deno.resolveDns('localhost', 'A')",
    "read the environment": "Deno.env.get('PATH')",
    "ask the system": "Deno.hostname()",
    "load a library": "Deno.dlopen('/lib/x86_64-linux-gnu/libc.so.6', {})",
    "listen": "Deno.listen({ port: 0 })",
}


def test_deno_itself_has_no_permission(tmp_path: Path) -> None:
    """What is left should a script get out of its realm: each act is refused before the system is asked."""
    body = "\n".join(
        f"try {{ {act}; console.log({name!r}) }} catch (error) {{ if (error.name !== 'NotCapable') console.log(error) }}"
        for name, act in ACTS.items()
    )
    file = tmp_path / "acts.js"
    file.write_text(body + "\nconsole.log('done');\n")
    done = subprocess.run(
        [find_deno(), "run", *_OPTIONS, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        stdin=subprocess.DEVNULL,
        env={"DENO_DIR": "/dev/null/none", "NO_COLOR": "1"},
    )
    assert done.stdout == "done\n"
