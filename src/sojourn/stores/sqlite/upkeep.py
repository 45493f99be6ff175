"""What the writer does beside the acts of sessions: observed expiry, sweeping, the store's own marks."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sojourn.core.errors import SessionEnded, SessionUnknown
from sojourn.stores.base import Swept
from sojourn.stores.sqlite import rows
from sojourn.stores.sqlite.bags import sweep_bags
from sojourn.stores.sqlite.guard import Target, bury, refuse
from sojourn.stores.sqlite.statements import SQL


def settle(db: sqlite3.Connection, realm: str, sids: Sequence[str], now: int) -> None:
    """Write the tombstones of those of the sessions that are past their limits."""
    for sid in sids:
        try:
            refuse(db, Target(realm, sid, None, now))
        except (SessionUnknown, SessionEnded):
            continue


def sweep(db: sqlite3.Connection, now: int, most: int) -> Swept:
    """Bury the expired, delete old tombstones, re-arm those that live longer than was foreseen; the oldest first.

    Then the same for bags, which are not counted.
    """
    due = db.execute(SQL.due, {"now": now, "most": most}).fetchall()
    handled = sum(_sweep_one(db, row, now) for row in due)
    more_bags = sweep_bags(db, now, most)
    return Swept(handled, len(due) == most or more_bags)


def _sweep_one(db: sqlite3.Connection, row: rows.Row, now: int) -> bool:
    n, last, idle, absolute, ended = row
    how = rows.judge(ended, last, idle, absolute, now)
    if how is None:
        db.execute(SQL.rearm, {"n": n})
    elif ended is None:
        bury(db, n, how, now)
    else:
        db.execute(SQL.forget, {"n": n})
    return how is not None


def adopt(db: sqlite3.Connection, installation: str) -> str:
    """Write the id of the installation where none stands; the one that stands."""
    db.execute(SQL.adopt, {"installation": installation})
    return str(db.execute(SQL.meta, {"name": "installation"}).fetchall()[0][0])


def advance(db: sqlite3.Connection) -> int:
    """Raise the counter."""
    return int(db.execute(SQL.advance).fetchall()[0][0])


def nothing(_db: sqlite3.Connection) -> None:
    """Prove that the writer can begin and commit."""
