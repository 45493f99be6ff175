"""The heads of the change logs: how far the log of each database was sealed, kept away from that database.

Whoever cuts off the end of a log, or puts an old file or another one in its place, would have to change these too, and
what the audit log and exports say of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from sojourn.engine.database import EngineDatabase, RowConflict, schema

_table = schema.change_head


class Head(NamedTuple):
    """The last seal of a log as the engine knows it."""

    #: 0 while nothing is sealed.
    place: int
    #: Number of the last change that it covers.
    last: int
    mac: bytes
    #: Milliseconds since 1970.
    at: int


class ChangeHeads:
    """Reads and notes them."""

    def __init__(self, db: EngineDatabase) -> None:
        self._db = db

    async def all(self) -> Mapping[str, Head]:
        """All that are known, by the name of the database."""
        wanted = select(_table.c.database, *(_table.c[name] for name in Head._fields))
        return await self._db.read(lambda connection: {row[0]: _head(*row[1:]) for row in connection.execute(wanted)})

    async def of(self, database: str) -> Head | None:
        """The head of one database; None when the engine has never sealed anything there."""
        return (await self.all()).get(database)

    async def note(self, database: str, head: Head) -> None:
        """Remember ``head`` unless a later one is known."""
        later = update(_table).where(_table.c.database == database, _table.c.place < head.place).values(head._asdict())
        await self._put(database, head, lambda connection: connection.execute(later).rowcount)

    async def replace(self, database: str, head: Head) -> None:
        """Remember ``head`` whatever was known: an operator takes the log as it is."""
        this = update(_table).where(_table.c.database == database).values(head._asdict())
        await self._put(database, head, lambda connection: connection.execute(this).rowcount)

    async def _put(self, database: str, head: Head, change: Callable[[Connection], int]) -> None:
        known = select(_table.c.key).where(_table.c.database == database)

        def work(connection: Connection) -> None:
            if not change(connection) and connection.execute(known).one_or_none() is None:
                connection.execute(insert(_table).values(database=database, **head._asdict()))

        try:
            await self._db.write(work)
        except RowConflict:
            # Another process inserted the very first row at the same moment.
            await self._db.write(work)


def _head(place: int, last: int, mac: bytes, at: int) -> Head:
    return Head(place, last, bytes(mac), at)
