"""Sessions that are being begun: one that nobody waits for any more is ended as soon as it is there.

Who is broken off while a store makes a session would leave it behind, live and with a handle that nobody has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from sojourn.core.errors import SojournError
from sojourn.model.realm import Realm
from sojourn.model.session import Session

_log = logging.getLogger(__name__)

#: How long :meth:`Beginnings.close` waits, in seconds.
PATIENCE: Final = 5.0


class Beginnings:
    """What is under way; ``end`` ends a session."""

    def __init__(self, end: Callable[[Realm, Session], Awaitable[object]]) -> None:
        self._end = end
        self._left: set[asyncio.Task[None]] = set()

    async def finish(self, realm: Realm, session: Session, making: Coroutine[Any, Any, None]) -> None:
        """Wait until ``session`` is made; when the caller is cancelled meanwhile, it is made and then ended."""
        task = asyncio.ensure_future(making)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            undoing = asyncio.ensure_future(self._undo(realm, session, task))
            self._left.add(undoing)
            undoing.add_done_callback(self._left.discard)
            raise

    async def idle(self) -> None:
        """Wait until none is left that nobody waits for."""
        while self._left:
            await asyncio.wait(set(self._left))

    async def close(self) -> None:
        """Give those a moment that nobody waits for."""
        if self._left:
            await asyncio.wait(set(self._left), timeout=PATIENCE)

    async def _undo(self, realm: Realm, session: Session, task: asyncio.Task[None]) -> None:
        # Where it was not made, or that is not known, there is something to end all the same, or nothing.
        with suppress(SojournError):
            await task
        try:
            await self._end(realm, session)
        except SojournError as error:
            _log.warning("session %s, which nobody has a handle of, could not be ended: %s", session.id, error.code)
