"""The connections of one event loop, and the calls that wait for one.

A call that was sent is never sent again unless the server has said that it rolled it back. One that waits longer than
:data:`~sojourn.stores.libpq.connecting.PATIENCE` is refused; one under way that long breaks its connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import psycopg

from sojourn.core.errors import StoreBusy, StoreUnavailable
from sojourn.stores.libpq.connecting import CONNECT, PATIENCE, connect, examine
from sojourn.stores.libpq.failures import REPEATABLE, typed
from sojourn.stores.libpq.lane import Call, Lane
from sojourn.stores.libpq.statement import PROBE, Row, Statement, Value

_log = logging.getLogger(__name__)

#: How often a statement runs that the server rolls back because of others.
_TRIES = 4
#: Seconds between two looks at what waits.
_LOOK = 0.25

_TRUE = b"\x01"


class Lanes:
    """Up to ``most`` connections, made when they are needed."""

    def __init__(self, parameters: dict[str, Any], most: int) -> None:
        self._parameters = parameters
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._lanes: set[Lane] = set()
        self._free: list[Lane] = []
        self._waiting: deque[Call] = deque()
        self._connecting: asyncio.Task[None] | None = None
        self._watching: asyncio.TimerHandle | None = None
        self._named = True
        self._closed = False
        self._away = False
        self._run = ""
        #: Called when a connection reaches another run than the one before; what waits then is refused.
        self.on_another_run: Callable[[], None] | None = None
        #: Connections made, and statements repeated after the server had rolled them back.
        self.connections = 0
        self.repeats = 0

    async def ask(self, statement: Statement, *parameters: Value) -> list[Row]:
        """Run ``statement`` as a transaction of its own. Raises the errors of a store.

        A caller that is cancelled does not stop what was sent.
        """
        for _ in range(_TRIES):
            try:
                return await self._submit(Call(statement, parameters, self._loop.time() + PATIENCE))
            except psycopg.Error as error:
                if error.sqlstate not in REPEATABLE:
                    raise typed(error) from error
                self.repeats += 1
        raise StoreBusy

    async def close(self) -> None:
        """Finish what is under way and hang up."""
        self._closed = True
        while any(lane.call for lane in self._lanes) or (self._waiting and self._lanes):
            await asyncio.sleep(0.001)
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        self._refuse_waiting(StoreUnavailable("the store is closed"))
        for lane in self._lanes:
            lane.close()
        self._lanes.clear()
        self._free.clear()
        if self._watching is not None:
            self._watching.cancel()

    def _submit(self, call: Call) -> asyncio.Future[list[Row]]:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        while self._free:
            if self._sent(self._free.pop(), call):
                break
        else:
            self._waiting.append(call)
            self._grow()
        if self._watching is None:
            self._watching = self._loop.call_later(_LOOK, self._watch)
        return call.future

    def _sent(self, lane: Lane, call: Call) -> bool:
        try:
            lane.send(call)
        except psycopg.OperationalError:
            lane.close()
            self._lost(lane)
            return False
        return True

    def _freed(self, lane: Lane) -> None:
        """``lane`` has come to the end of its call: the next one that somebody still waits for."""
        self._named = self._named and lane.named
        while self._waiting:
            call = self._waiting.popleft()
            if call.future.done():
                continue
            if not self._sent(lane, call):
                self._waiting.appendleft(call)
                self._grow()
            return
        self._free.append(lane)

    def _lost(self, lane: Lane) -> None:
        self._lanes.discard(lane)
        if lane in self._free:
            self._free.remove(lane)
        if self._waiting:
            self._grow()

    def _grow(self) -> None:
        """Connect once more, one at a time."""
        if self._connecting is None and len(self._lanes) < self._most and not self._closed:
            self._connecting = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            lane = await self._open()
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers learn it
            self._connecting = None
            self._failed(error)
            return
        except asyncio.CancelledError:
            self._connecting = None
            raise
        self._connecting = None
        if self._away:
            _log.warning("PostgreSQL answers again")
        self._away = False
        self._freed(lane)
        if self._waiting:
            self._grow()

    async def _open(self) -> Lane:
        lane = Lane(await connect(self._parameters))
        lane.named = self._named
        try:
            async with asyncio.timeout(CONNECT):
                run = _examine(await lane.first(PROBE))
        except TimeoutError:
            lane.close()
            raise StoreUnavailable("PostgreSQL does not answer") from None
        except BaseException:
            lane.close()
            raise
        lane.serve(self._freed, self._lost)
        self._reached(run)
        self._lanes.add(lane)
        self.connections += 1
        return lane

    def _reached(self, run: str) -> None:
        """Another run has its own history: let go of the old one, and let nothing on that began before."""
        known, self._run = self._run, run
        if known in ("", run):
            return
        for lane in [*self._lanes]:
            lane.close()
            self._lost(lane)
        if self.on_another_run is not None:
            self._refuse_waiting(StoreUnavailable("another PostgreSQL server answers than before"))
            self.on_another_run()

    def _failed(self, error: Exception) -> None:
        """No further connection: whoever waits is refused unless others will come free."""
        if not self._away:
            _log.warning("PostgreSQL cannot be reached: %s", str(error).strip())
        self._away = True
        if not self._lanes:
            self._refuse_waiting(typed(error))

    def _refuse_waiting(self, error: Exception) -> None:
        while self._waiting:
            self._waiting.popleft().refuse(error)

    def _watch(self) -> None:
        """Give up on what has waited too long."""
        now = self._loop.time()
        while self._waiting and self._waiting[0].due <= now:
            self._waiting.popleft().refuse(StoreUnavailable() if self._connecting or self._away else StoreBusy())
        for lane in [lane for lane in self._lanes if lane.call is not None and lane.call.due <= now]:
            lane.close()
            self._lost(lane)
        busy = self._waiting or any(lane.call for lane in self._lanes)
        self._watching = self._loop.call_later(_LOOK, self._watch) if busy else None


def _examine(row: Row) -> str:
    """Which run of a server this is. One that would not keep what the store promises is refused."""
    replica, *texts = row
    isolation, encoding, run = [text.decode() for text in texts if text is not None]
    examine(replica=replica == _TRUE, isolation=isolation, encoding=encoding)
    return run
