"""The server in which an engine runs, as far as code that the engine executes can ask it to end.

Who serves says so, and gives what begins the end. Without a server (a command, an engine inside of an application of
somebody else) there is nothing to end: whoever asks is told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from sojourn.core.clock import SECOND
from sojourn.core.errors import Conflict


class NotServing(Conflict):
    """There is no server here that could be ended: this engine belongs to a command, or to another application."""

    code = "engine.not_serving"


class AlreadyEnding(Conflict):
    """The engine is about to end already."""

    code = "engine.ending"


class Ending(NamedTuple):
    """How the server is to end."""

    #: Whether it is to begin anew.
    restart: bool
    #: Exit code of the process where it is not.
    code: int = 0


class Control:
    """What can be asked of the server."""

    def __init__(self) -> None:
        self._begin: Callable[[Ending], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._signalled = False
        #: How the server ends, None while nobody has asked, and when a signal ends it.
        self.ending: Ending | None = None

    def serve(self, begin: Callable[[Ending], None]) -> None:
        """From now on there is a server; ``begin`` begins its end and returns."""
        self._begin = begin

    def check(self) -> Callable[[Ending], None]:
        """What begins the end; raises :class:`NotServing`, :class:`AlreadyEnding`."""
        if self._begin is None:
            raise NotServing
        if self._signalled or self.ending is not None:
            raise AlreadyEnding
        return self._begin

    def end(self, ending: Ending, delay: int = 0) -> None:
        """Have the server ended in ``delay`` milliseconds, in good order. Raises as :meth:`check`."""
        begin = self.check()
        self.ending = ending
        self._timer = asyncio.get_running_loop().call_later(delay / SECOND, begin, ending)

    def withdraw(self) -> None:
        """Somebody ends the server by a signal: that is what happens, whatever was asked for before."""
        self.ending, self._signalled = None, True
        if self._timer is not None:
            self._timer.cancel()
