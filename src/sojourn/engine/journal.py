"""The end journal: every end of a session as a row of the engine database, before the session store is told.

A session store that lost writes or went back in time gets its ends again from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from sojourn.engine.database import EngineDatabase, schema
from sojourn.model.session import TOMBSTONE_FOR

_table = schema.end_journal


class JournalEntry(NamedTuple):
    """One end."""

    key: int
    #: Public id of the session.
    sid: str
    #: Immutable id of its realm.
    realm: str
    #: The epoch that was ended; every lower one is dead too.
    epoch: int
    #: When, in milliseconds since 1970.
    at: int
    reason: str


class EndJournal:
    """Ends of sessions, kept 30 days, longer where the session could still live."""

    def __init__(self, db: EngineDatabase) -> None:
        self._db = db

    def add(
        self, connection: Connection, sid: str, realm: str, epoch: int, *, at: int, reason: str, lives_until: int = 0
    ) -> None:
        """Note an end in the caller's transaction (``EngineDatabase.write``).

        ``lives_until`` is the absolute limit of the session: the row stays at least so long.
        """
        keep_until = max(at + TOMBSTONE_FOR, lives_until)
        values = {"sid": sid, "realm": realm, "epoch": epoch, "at": at, "reason": reason, "keep_until": keep_until}
        connection.execute(insert(_table).values(values))

    async def since(self, at: int, *, after: int = 0, limit: int = 1_000) -> Sequence[JournalEntry]:
        """Ends at or after the instant ``at`` in the order of writing; ``after`` is the last key of the page before."""
        columns = [_table.c[name] for name in JournalEntry._fields]
        wanted = select(*columns).where(_table.c.at >= at, _table.c.key > after).order_by(_table.c.key).limit(limit)
        return await self._db.read(lambda connection: [JournalEntry(*row) for row in connection.execute(wanted)])

    async def prune(self, now: int, most: int = 500) -> int:
        """Delete at most ``most`` rows whose time is over; how many went."""
        due = select(_table.c.key).where(_table.c.keep_until <= now).order_by(_table.c.keep_until).limit(most)
        gone = delete(_table).where(_table.c.key.in_(due))
        return await self._db.write(lambda connection: connection.execute(gone).rowcount)
