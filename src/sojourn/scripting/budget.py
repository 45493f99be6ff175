"""CPU of worker processes, and what one task may use of it together with all that it causes."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sojourn.scripting.errors import ScriptTimeout

#: How often a process is looked at, in seconds.
_OFTEN: Final = 0.05
#: How much of what is left of a task something gets that it causes: the rest is there to deal with its failure.
_SHARE: Final = 0.75


def cpu_of(pid: int) -> float | None:
    """CPU time of all threads of a process, in milliseconds; None when it is gone or the system does not say."""
    if sys.platform != "linux":
        return None
    try:
        # The clock of another process, as clock_getcpuclockid(3) makes it.
        return time.clock_gettime_ns(~pid << 3 | 2) / 1e6
    except OSError:
        return None


class Budget:
    """What one task may use; what a script runner of it uses is charged to it, and to the one that has caused it.

    A worker ends a task at the task's own limit. It does not know what others have used for it: after the first of them
    the server looks at its clock too. Where the system tells no clock of other processes, each task has its own limit alone.

    Args:
        most: The limit of the task itself, in milliseconds.
        pid: The process that does it.
        above: The budget of the task that has caused it.
    """

    def __init__(self, most: int, pid: int, above: Budget | None = None) -> None:
        #: Milliseconds that there are for it at its start; 0 or less: nothing is left.
        self.most: float = most if above is None else min(most, above.left() * _SHARE)
        self._pid = pid
        self._above = above
        self._began = cpu_of(pid)
        #: What it has used itself when it was last looked at, and what those have used that it has caused.
        self._own = self._caused = 0.0
        self._scope: asyncio.Timeout | None = None
        self._timer: asyncio.TimerHandle | None = None

    def left(self) -> float:
        """Milliseconds that are left of it; what it causes must be over."""
        return self.most - self._used()

    @asynccontextmanager
    async def spent(self) -> AsyncIterator[None]:
        """While the task runs. Raises ``ScriptTimeout`` when it, with what it has caused, has used more than there was."""
        if self.most <= 0:
            raise self._over()
        try:
            async with asyncio.timeout(None) as self._scope:
                self.resume()
                yield
        except TimeoutError:
            raise self._over() from None
        finally:
            self.pause()
            self._scope = None
            if self._above is not None:
                self._above.charge(self._used())

    def charge(self, used: float) -> None:
        """Something that it has caused is over, and has used so many milliseconds."""
        self._caused += used

    def pause(self) -> None:
        """It waits for the host: what that does for it is not broken off."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def resume(self) -> None:
        """It goes on, and is watched where more than one limit holds for it."""
        if self._scope is not None and (self._caused or self._above is not None):
            self._look()

    def _look(self) -> None:
        loop, left = asyncio.get_running_loop(), self.left()
        if left > 0:
            self._timer = loop.call_later(_OFTEN, self._look)
        elif self._caused and self._scope is not None:
            self._scope.reschedule(loop.time())

    def _used(self) -> float:
        if self._began is not None:
            now = cpu_of(self._pid)
            # Of a process that is gone it is known what it had used a moment before.
            self._own = self._own if now is None else now - self._began
        return self._own + self._caused

    def _over(self) -> ScriptTimeout:
        text = f"the script, with those that it has run, used more than {max(0, round(self.most))} ms of CPU"
        return ScriptTimeout("ScriptTimeout", text)
