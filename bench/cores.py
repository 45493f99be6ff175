"""Cores and CPU time: where processes run, and what a whole group of them used."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator

import psutil

#: The kind of clock in a Linux clock id made of a process id (clock_getcpuclockid(3) makes the same).
_CPUCLOCK_SCHED = 2

_CAN_PIN = hasattr(os, "sched_setaffinity")


def _available() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if _CAN_PIN else []


_CORES = _available()

#: The core of the servers that are measured; None where cores cannot be chosen.
SERVER_CORE = _CORES[0] if _CORES else None
#: The core of the load generator and of store servers.
LOAD_CORE = _CORES[1] if len(_CORES) > 1 else None


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Processes started inside run on ``core`` only; nothing happens where that cannot be arranged."""
    if core is None or not _CAN_PIN:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def session_cpu(leader: int) -> float:
    """CPU seconds of every process in the session that ``leader`` leads, children that ended and were awaited included."""
    return sum(_cpu(pid) for pid in psutil.pids() if _in_session(pid, leader))


def _in_session(pid: int, leader: int) -> bool:
    try:
        return os.getsid(pid) == leader
    except OSError:  # it ended a moment ago, or is none of ours
        return False


def _cpu(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
        own = _clock(pid) if sys.platform == "linux" else times.user + times.system
    except (psutil.Error, OSError):  # it ended a moment ago: its parent has its time
        return 0.0
    return float(own + getattr(times, "children_user", 0) + getattr(times, "children_system", 0))


def _clock(pid: int) -> float:
    """The CPU clock of a process in seconds, to the nanosecond where its times in ``/proc`` have ticks of 10 ms."""
    return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)


def processes(leader: int) -> list[int]:
    """The processes of the session that ``leader`` leads."""
    return [pid for pid in psutil.pids() if _in_session(pid, leader)]
