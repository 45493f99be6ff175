"""Starts Deno for one environment, and nails the process down once it is ready."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import os
import re
import resource
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Final

import sojourn.scripting.api  # noqa: F401 - declares what scripts see
from sojourn.scripting.dispatch import bridge_spec
from sojourn.scripting.errors import EnvironmentLost, RuntimeMissing
from sojourn.scripting.prelude import message
from sojourn.scripting.process import Handle
from sojourn.scripting.wire import pair

_log = logging.getLogger(__name__)

_HERE: Final = Path(__file__).parent

#: No permission is given, none is asked for, and nothing but the one file is read, at the start.
_OPTIONS: Final = (
    "--no-prompt",
    "--no-config",
    "--no-lock",
    "--no-remote",
    "--no-npm",
    "--cached-only",
    "--no-code-cache",
)
#: What a process keeps of the environment of the server: local time is that of the process.
_KEPT: Final = ("TZ", "TZDIR")
#: The rest of its environment. A cache folder that cannot be: Deno then keeps none.
_ENVIRONMENT: Final = {
    "DENO_DIR": "/dev/null/none",
    "DENO_NO_UPDATE_CHECK": "1",
    "HOME": "/nonexistent",
    "NO_COLOR": "1",
    "LANG": "C.UTF-8",
    # One heap of the C library for all threads: 1 MB less in each process.
    "MALLOC_ARENA_MAX": "1",
}
#: What a process may take beyond its values for code, compilers and the collector, in bytes.
_ROOM: Final = 96 << 20
#: The last words of a dead process that are looked at, in bytes.
_LAST_WORDS: Final = 64 << 10
_OUT_OF_MEMORY: Final = re.compile(rb"out of memory|allocation fail|memory allocation of", re.IGNORECASE)


def find_deno() -> str:
    """The path of Deno as the extra ``v8`` installs it; raises ``RuntimeMissing``."""
    try:
        path = str(importlib.import_module("deno").find_deno_bin())
    except (ImportError, FileNotFoundError):
        raise RuntimeMissing("The runtime v8 is not installed; install it with: pip install 'sojourn[v8]'") from None
    if not os.access(path, os.X_OK):
        raise RuntimeMissing(f"The runtime v8 cannot be started: {path} is not executable")
    return path


async def spawn(deno: str, memory: int) -> tuple[socket.socket, Handle]:
    """The server's end of the socket to a new process, which still has to be told to start, and the process.

    Args:
        deno: Path of the program.
        memory: Cap of V8's heap, in bytes.
    """
    ours, theirs = pair()
    flags = f"--v8-flags=--max-old-space-size={max(memory >> 20, 8)}"
    command = [deno, "run", *_OPTIONS, flags, str(_HERE / "worker.js")]
    launch = [sys.executable, "-I", "-S", str(_HERE / "launch.py"), str(os.getpid()), *command]
    try:
        process = await asyncio.create_subprocess_exec(
            *launch, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=PIPE, env=_environment(), cwd="/"
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return ours, _handle(process)


def _environment() -> dict[str, str]:
    return _ENVIRONMENT | {name: os.environ[name] for name in _KEPT if name in os.environ}


def start_packet() -> bytes:
    """What a process is told first: the prelude, and the classes that the bridge builds."""
    return json.dumps({"op": "start", **message(bridge_spec())}).encode()


def nail_down(pid: int, memory: int) -> None:
    """Take from a process that is ready what it does not need any more; raises ``EnvironmentLost`` when it is gone.

    ``NOFILE`` 0: no file, socket or pipe can be opened, whatever gets hold of the process; those that are open stay.
    ``FSIZE`` 0: nothing can be written into a file. ``CORE`` 0: values of scripts are not written to disk by a crash.
    ``DATA``: V8's own cap does not count array buffers, so the kernel counts: what the process has now (Deno reserves
    some 560 MB at its start), the heap, as much again for buffers, and room for code and compilers. An allocation beyond
    that is a RangeError, or the end of this process alone. Where there is no ``prlimit`` (macOS) only ``CORE`` holds,
    which is set before the start.
    """
    if sys.platform != "linux":
        return
    try:
        data = _data_size(pid) + 2 * memory + _ROOM
        for what, most in (
            (resource.RLIMIT_NOFILE, 0),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_DATA, data),
        ):
            resource.prlimit(pid, what, (most, most))
    except (OSError, StopIteration):
        raise EnvironmentLost("crashed") from None


def _data_size(pid: int) -> int:
    """Private writable memory that a process has mapped, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    line = next(line for line in status.splitlines() if line.startswith("VmData:"))
    return int(line.split()[1]) << 10


def _handle(process: Process) -> Handle:
    # Once it is mourned the descriptor may stand for another process.
    handle = Handle(process.pid, lambda: None if handle.ended.done() else _kill(process, known))
    known = _known(process, handle)
    watch = asyncio.get_running_loop().create_task(_mourn(process, handle), name=f"v8 worker {process.pid}")
    # The loop holds tasks weakly only.
    handle.ended.add_done_callback(lambda _: watch)
    return handle


def _known(process: Process, handle: Handle) -> int | None:
    """A descriptor that stands for exactly this process until it is mourned; None when there is none."""
    if sys.platform != "linux":
        return None
    try:
        known = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    handle.ended.add_done_callback(lambda _: os.close(known))
    return known


def _kill(process: Process, known: int | None) -> None:
    """Kill a process that may be gone already.

    Not by ``Process.send_signal`` alone: it may wait for the process itself, and how it ended is then lost to who
    watches it.
    """
    with contextlib.suppress(ProcessLookupError, OSError):
        if known is None:
            process.send_signal(signal.SIGKILL)
        else:
            signal.pidfd_send_signal(known, signal.SIGKILL)


async def _mourn(process: Process, handle: Handle) -> None:
    """Wait for the end of a process and say how it came."""
    reason = "crashed"
    try:
        words = await _last_words(process)
        status = await process.wait()
        if _OUT_OF_MEMORY.search(words):
            reason = "out of memory"
        elif status == -signal.SIGKILL:
            reason = "killed"
        if words:
            _log.warning("worker %d ended (status %d): %s", process.pid, status, words[-2000:].decode(errors="replace"))
    finally:
        if not handle.ended.done():
            handle.ended.set_result(reason)


async def _last_words(process: Process) -> bytes:
    """The end of what the process has written to standard error, until it is gone."""
    assert process.stderr is not None
    words = b""
    while piece := await process.stderr.read(_LAST_WORDS):
        words = (words + piece)[-_LAST_WORDS:]
    return words


__all__ = ["find_deno", "nail_down", "spawn", "start_packet"]
