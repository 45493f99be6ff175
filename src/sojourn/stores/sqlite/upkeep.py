"""What the writer does beside the acts of sessions: observed expiry, sweeping, the store's own marks."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from sojourn.core.errors import SessionEnded, SessionUnknown
from sojourn.model.session import NOBODY, TOMBSTONE_FOR
from sojourn.stores.base import Swept
from sojourn.stores.sqlite.bags import sweep_bags
from sojourn.stores.sqlite.guard import Target, refuse
from sojourn.stores.sqlite.limited import sweep_limited
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

    Then the same for bags, one-time values and counters of tries, which are not counted.
    """
    due = [n for (n,) in db.execute(SQL.due, {"now": now, "most": most}).fetchall()]
    handled = _sweep_these(db, due, now) if due else 0
    more_bags = sweep_bags(db, now, most)
    more_limited = sweep_limited(db, now, most)
    return Swept(handled, len(due) == most or more_bags or more_limited)


def _sweep_these(db: sqlite3.Connection, due: Sequence[int], now: int) -> int:
    """Each session is what it is for exactly one of the three statements; how many are dead."""
    which = {"due": _array(due), "now": now, "kept": TOMBSTONE_FOR}
    forgotten = db.execute(SQL.forget, which).rowcount  # before others get tombstones
    buried = db.execute(SQL.bury_due, which).fetchall()
    if forgotten + len(buried) < len(due):
        db.execute(SQL.rearm, which)
    if buried:
        db.execute(SQL.delete_values_of, {"these": _array([n for n, *_ in buried])})
        left = [
            {"realm": realm, "principal": owner, "at": at}
            for _, realm, owner, at in buried
            if not owner.startswith(NOBODY)
        ]
        db.executemany(SQL.bag_left, left)
    return forgotten + len(buried)


def _array(numbers: Sequence[int]) -> str:
    """``numbers`` as a statement takes them."""
    return msgspec.json.encode(numbers).decode()


def adopt(db: sqlite3.Connection, installation: str) -> str:
    """Write the id of the installation where none stands; the one that stands."""
    db.execute(SQL.adopt, {"installation": installation})
    return str(db.execute(SQL.meta, {"name": "installation"}).fetchall()[0][0])


def advance(db: sqlite3.Connection) -> int:
    """Raise the counter."""
    return int(db.execute(SQL.advance).fetchall()[0][0])


def nothing(_db: sqlite3.Connection) -> None:
    """Prove that the writer can begin and commit."""
