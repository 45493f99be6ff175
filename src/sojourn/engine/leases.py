"""Leases: what only one process of all nodes does at a time. A lease is a row, and dies by time.

Never an advisory lock: any role of a database can forge one. A process that was paused may believe for a moment that it
still holds a lease; so whatever is done under one is harmless when two do it.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from sojourn.core.clock import Clock
from sojourn.engine.database import EngineDatabase, RowConflict, schema

_table = schema.lease


class Leases:
    """The leases of one engine database."""

    def __init__(self, db: EngineDatabase, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def hold(self, name: str, holder: str, for_ms: int) -> bool:
        """Take the lease for ``for_ms`` milliseconds, or keep it so much longer; False while another holds it.

        Raises ``Unavailable`` when the database cannot be asked: then nothing is held.
        """
        if await self.holder(name) not in ("", holder):
            return False
        try:
            return await self._db.write(lambda connection: self._take(connection, name, holder, for_ms))
        except RowConflict:
            # Another one inserted the very first row of this name at the same moment.
            return False

    async def release(self, name: str, holder: str) -> None:
        """Give the lease back, so that the next need not wait; nothing when ``holder`` has it no more."""
        gone = delete(_table).where(_table.c.name == name, _table.c.holder == holder)
        await self._db.write(lambda connection: connection.execute(gone).rowcount)

    async def holder(self, name: str) -> str:
        """Who holds the lease now; empty when nobody does."""
        held = select(_table.c.holder).where(_table.c.name == name, _table.c.until > self._clock.now())
        return await self._db.read(lambda connection: connection.execute(held).scalar_one_or_none() or "")

    def _take(self, connection: Connection, name: str, holder: str, for_ms: int) -> bool:
        now = self._clock.now()
        wanted = {"holder": holder, "until": now + for_ms}
        free = (_table.c.holder == holder) | (_table.c.until <= now)
        if connection.execute(update(_table).where(_table.c.name == name, free).values(wanted)).rowcount:
            return True
        if connection.execute(select(_table.c.key).where(_table.c.name == name)).one_or_none():
            return False
        connection.execute(insert(_table).values(name=name, **wanted))
        return True


class Lease:
    """One lease as one holder sees it."""

    def __init__(self, leases: Leases, name: str, holder: str, for_ms: int) -> None:
        self._leases = leases
        self._name = name
        self._for_ms = for_ms
        #: Who asks for it.
        self.holder = holder
        #: Whether it was held when it was asked for last.
        self.held = False

    async def renew(self) -> bool:
        """Take or keep it; whether it is held. Raises as :meth:`Leases.hold`."""
        self.held = False
        self.held = await self._leases.hold(self._name, self.holder, self._for_ms)
        return self.held

    async def release(self) -> None:
        """Give it back."""
        if self.held:
            self.held = False
            await self._leases.release(self._name, self.holder)
