"""The end journal: every end of a session as a row of the engine database, before the session store is told.

A session store that lost writes or went back in time gets its ends again from here. A row is *confirmed* when the store
has answered; it then carries the number of the last noting of the store's mark (:mod:`sojourn.engine.watch.marks`), so that
an ordinary start need look only at rows that were never confirmed and at those of the last moments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from sojourn.engine.database import EngineDatabase, schema
from sojourn.model.session import TOMBSTONE_FOR, End, EndReason

_table = schema.end_journal

#: The reason of a row that ends an epoch and not a session: a login or a change of privilege.
ROTATED = "rotated"

#: Rows that are confirmed with one statement.
_AT_ONCE = 500


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
    #: Why; :data:`ROTATED` where only the epoch ended.
    reason: str
    actor: str = ""
    rule: str = ""

    @property
    def end(self) -> End:
        """The end that the store gets again. A session whose last epoch is lost cannot go on under an older one."""
        reason = "restored" if self.reason == ROTATED else cast("EndReason", self.reason)
        return End(reason, self.at, self.actor, self.rule)


class EndJournal:
    """Ends of sessions, kept 30 days, longer where the session could still live."""

    def __init__(self, db: EngineDatabase) -> None:
        self._db = db
        self._confirmed: list[int] = []
        #: How many ends the store has confirmed to this process.
        self.confirmations = 0

    def add(
        self,
        connection: Connection,
        sid: str,
        realm: str,
        epoch: int,
        *,
        at: int,
        reason: str,
        lives_until: int = 0,
        actor: str = "",
        rule: str = "",
    ) -> int:
        """Note an end in the caller's transaction (``EngineDatabase.append``); the key of the row.

        ``lives_until`` is the absolute limit of the session: the row stays at least so long.
        """
        values = {"sid": sid, "realm": realm, "epoch": epoch, "at": at, "reason": reason, "actor": actor, "rule": rule}
        keep_until = max(at + TOMBSTONE_FOR, lives_until)
        added = insert(_table).values(**values, keep_until=keep_until).returning(_table.c.key)
        return int(connection.execute(added).scalar_one())

    def confirm(self, keys: Iterable[int]) -> None:
        """The store has answered to these; written by the next :meth:`flush`."""
        before = len(self._confirmed)
        self._confirmed.extend(keys)
        self.confirmations += len(self._confirmed) - before

    async def flush(self) -> None:
        """Write what was confirmed since the last time. Rows that are never confirmed are done to the store again."""
        keys, self._confirmed = self._confirmed, []
        if not keys:
            return
        try:
            await self._db.write(lambda connection: _confirm(connection, keys))
        except Exception:
            self._confirmed += keys
            raise

    async def since(self, at: int, *, after: int = 0, limit: int = 1_000) -> Sequence[JournalEntry]:
        """Ends at or after the instant ``at`` in the order of writing; ``after`` is the last key of the page before."""
        return await self._page(_table.c.at >= at, after, limit)

    async def confirmed_at(self, number: int, *, after: int = 0, limit: int = 1_000) -> Sequence[JournalEntry]:
        """Ends that were confirmed when the store's mark had been noted ``number`` times."""
        return await self._page(_table.c.confirmed == number, after, limit)

    async def notings(self, first: int, last: int) -> Sequence[int]:
        """Those of the numbers ``first`` to ``last`` for which :meth:`confirmed_at` finds something, upwards."""
        number = _table.c.confirmed
        found = select(number).where(number.between(first, last)).distinct().order_by(number)
        return await self._db.read(lambda connection: connection.execute(found).scalars().all())

    async def unconfirmed(self, before: int, *, after: int = 0, limit: int = 1_000) -> Sequence[JournalEntry]:
        """Ends of before the instant ``before`` that were never confirmed."""
        return await self._page(_table.c.confirmed.is_(None) & (_table.c.at < before), after, limit)

    async def prune(self, now: int, most: int = 500) -> int:
        """Delete at most ``most`` rows whose time is over; how many went."""
        due = select(_table.c.key).where(_table.c.keep_until <= now).order_by(_table.c.keep_until).limit(most)
        gone = delete(_table).where(_table.c.key.in_(due))
        return await self._db.write(lambda connection: connection.execute(gone).rowcount)

    async def _page(self, wanted: ColumnElement[bool], after: int, limit: int) -> Sequence[JournalEntry]:
        columns = [_table.c[name] for name in JournalEntry._fields]
        page = select(*columns).where(wanted, _table.c.key > after).order_by(_table.c.key).limit(limit)
        return await self._db.read(lambda connection: [JournalEntry(*row) for row in connection.execute(page)])


def _confirm(connection: Connection, keys: Sequence[int]) -> None:
    number = func.coalesce(select(schema.store_mark.c.number).scalar_subquery(), 0)
    for first in range(0, len(keys), _AT_ONCE):
        some = keys[first : first + _AT_ONCE]
        # The first confirmation stays: an end that is done once more has not become a fresh one.
        fresh = (_table.c.key.in_(some), _table.c.confirmed.is_(None))
        connection.execute(update(_table).where(*fresh).values(confirmed=number))
