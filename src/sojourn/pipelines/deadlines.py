"""Time limits for what waits: one timer of the event loop for all of them, since one of its own costs more than most steps."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class Overdue(Exception):
    """The time was up before the work was done; it was cancelled where it waited."""


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` gives within ``seconds``; raises :class:`Overdue`. Meant for limits that are hardly ever reached."""
    task = asyncio.current_task()
    assert task is not None
    limit = _Limit(task, seconds)
    deadlines = _of_loop(task.get_loop())
    deadlines.add(limit)
    try:
        return await work
    except asyncio.CancelledError:
        # As asyncio.timeout does it: a cancellation by somebody else goes on as one.
        if limit.over and task.uncancel() <= limit.cancelling:
            raise Overdue from None
        raise
    finally:
        deadlines.running.discard(limit)


class _Limit:
    """Of one piece of work: who does it, and until when it may take."""

    __slots__ = ("at", "cancelling", "over", "task")

    def __init__(self, task: asyncio.Task[Any], seconds: float) -> None:
        self.task = task
        self.at = task.get_loop().time() + seconds
        #: How often others had cancelled the task before.
        self.cancelling = task.cancelling()
        self.over = False


class _Deadlines:
    """The limits of one event loop; the timer is set for the first that was there, and lapses where none is left."""

    def __init__(self) -> None:
        self.running: set[_Limit] = set()
        self._next = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def add(self, limit: _Limit) -> None:
        self.running.add(limit)
        if limit.at < self._next:
            self._set(limit.at)

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = at
        self._timer = asyncio.get_running_loop().call_at(at, self._look)

    def _look(self) -> None:
        self._next, self._timer = math.inf, None
        now = asyncio.get_running_loop().time()
        for limit in self.running:
            if limit.at <= now and not limit.over:
                limit.over = True
                limit.task.cancel()
        earliest = min((limit.at for limit in self.running if not limit.over), default=math.inf)
        if earliest < math.inf:
            self._set(earliest)


_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Deadlines] = WeakKeyDictionary()


def _of_loop(loop: asyncio.AbstractEventLoop) -> _Deadlines:
    found = _loops.get(loop)
    if found is None:
        found = _loops[loop] = _Deadlines()
    return found
