"""The generation, read on a connection of its own: one question for all who came before it was asked."""

from __future__ import annotations

import asyncio
from typing import Any

from sojourn.core.errors import StoreCorrupt, StoreUnavailable, Unavailable
from sojourn.engine.database.faults import damaged
from sojourn.engine.database.port import Generation
from sojourn.stores.libpq.lanes import Lanes
from sojourn.stores.libpq.statement import Row, Statement

_NUMBER = Statement.of(b"SELECT number FROM sojourn_engine.generation")
_VERSION = Statement.of(b"SELECT xmin::text FROM sojourn_engine.generation")

#: Seconds within which a question fails whose connection was closed before.
_AT_ONCE = 0.5


class Sighting:
    """Reads the generation; nobody is told one that was read before he asked."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._lanes = Lanes(parameters, 1)
        self._loop = asyncio.get_running_loop()
        #: Who waits for the next question.
        self._waiting: asyncio.Future[Generation] | None = None
        self._asking: asyncio.Task[None] | None = None

    async def read(self) -> Generation:
        """The generation of this instant. Raises ``StoreUnavailable``, ``StoreCorrupt``."""
        if self._waiting is None:
            self._waiting = self._loop.create_future()
            if self._asking is None:
                self._asking = self._loop.create_task(self._ask())
        return await asyncio.shield(self._waiting)

    async def version(self) -> str:
        """Which version of the generation's row is read: each UPDATE makes another one. Raises as :meth:`read`."""
        return (await self._row(_VERSION)).decode()

    async def close(self) -> None:
        """Hang up; who waits is refused."""
        await self._lanes.close()
        if self._asking is not None:
            await asyncio.wait([self._asking])

    async def _ask(self) -> None:
        while self._waiting is not None:
            # Whoever comes from now on waits for the next question.
            waiting, self._waiting = self._waiting, None
            try:
                waiting.set_result(await self._look())
            except Unavailable as error:
                waiting.set_exception(error)
                waiting.exception()  # known, also when all who waited were cancelled
            except BaseException:
                waiting.cancel()
                self._asking = None
                raise
        self._asking = None

    async def _look(self) -> Generation:
        number = int.from_bytes(await self._row(_NUMBER), "big", signed=True)
        return Generation(self._lanes.connections, number)

    async def _ask_twice(self, statement: Statement) -> list[Row]:
        """Ask, and once more when the server had just hung up: it may have been restarted while nobody asked."""
        until = self._loop.time() + _AT_ONCE
        try:
            return await self._lanes.ask(statement)
        except StoreUnavailable:
            if self._loop.time() > until:
                raise
            return await self._lanes.ask(statement)

    async def _row(self, statement: Statement) -> bytes:
        try:
            rows = await self._ask_twice(statement)
        except StoreCorrupt as error:
            raise damaged() from error
        except Unavailable as error:
            raise StoreUnavailable("the engine database cannot be read") from error
        if len(rows) != 1 or rows[0][0] is None:
            raise damaged()
        return rows[0][0]
