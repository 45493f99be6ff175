"""Values that are taken once, and counters of tries: each act is one conditional statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from sojourn.stores.limited import Taken, Tried
from sojourn.stores.sqlite.space import DiskSpace
from sojourn.stores.sqlite.statements import SQL
from sojourn.stores.sqlite.writer import Writer


class Limited:
    """The powers :class:`~sojourn.stores.limited.OneTime` and :class:`~sojourn.stores.limited.Throttle` of the store, but for its reads."""

    _writer: Writer
    _space: DiskSpace

    async def put(self, name: str, text: str, until: int, now: int) -> bool:
        """See :meth:`sojourn.stores.limited.OneTime.put`."""
        self._space.admit()
        return await self._writer.submit(_put, name, text, until, now)

    async def take(self, name: str, now: int, *, remember: int = 0) -> Taken | None:
        """See :meth:`sojourn.stores.limited.OneTime.take`."""
        return await self._writer.submit(_take, name, now, remember)

    async def drop(self, name: str) -> None:
        """See :meth:`sojourn.stores.limited.OneTime.drop`."""
        await self._writer.submit(_run, SQL.once_drop, {"name": name})

    async def count_try(self, name: str, delays: Sequence[int], now: int, *, forget: int) -> Tried:
        """See :meth:`sojourn.stores.limited.Throttle.count_try`."""
        self._space.admit()
        return await self._writer.submit(_count, name, tuple(delays) or (0,), now, forget)

    async def give_back(self, name: str, now: int) -> None:
        """See :meth:`sojourn.stores.limited.Throttle.give_back`."""
        await self._writer.submit(_run, SQL.throttle_give_back, {"name": name, "now": now})

    async def reset(self, name: str) -> None:
        """See :meth:`sojourn.stores.limited.Throttle.reset`."""
        await self._writer.submit(_run, SQL.throttle_reset, {"name": name})


def sweep_limited(db: sqlite3.Connection, now: int, most: int) -> bool:
    """Delete what is over; whether more may be."""
    which = {"now": now, "most": most}
    swept = [db.execute(statement, which).rowcount for statement in (SQL.once_sweep, SQL.throttle_sweep)]
    return most in swept


def _put(db: sqlite3.Connection, name: str, text: str, until: int, now: int) -> bool:
    return db.execute(SQL.once_put, {"name": name, "text": text, "until": until, "now": now}).rowcount == 1


def _take(db: sqlite3.Connection, name: str, now: int, remember: int) -> Taken | None:
    which = {"name": name, "now": now, "remember": remember}
    taken = db.execute(SQL.once_take if remember else SQL.once_take_and_forget, which).fetchall()
    if taken:
        return Taken(taken[0][0], first=True, at=now)
    before = db.execute(SQL.once_taken, which).fetchall()
    return Taken(before[0][0], first=False, at=before[0][1]) if before else None


def _count(db: sqlite3.Connection, name: str, delays: Sequence[int], now: int, forget: int) -> Tried:
    array = msgspec.json.encode(delays).decode()
    which = {"name": name, "delays": array, "last": len(delays), "now": now, "forget": forget}
    ((admitted, tries, wait),) = db.execute(SQL.throttle_count, which).fetchall()
    return Tried(bool(admitted), tries, wait)


def _run(db: sqlite3.Connection, statement: str, which: dict[str, object]) -> None:
    db.execute(statement, which)
