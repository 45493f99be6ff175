"""Sessions of one owner: how many of them may live, and what begins with one more. Inside the writer's transaction."""

from __future__ import annotations

import sqlite3

from sojourn.model.session import NOBODY
from sojourn.stores.base import SessionLimit
from sojourn.stores.sqlite import rows
from sojourn.stores.sqlite.bags import expire_bag
from sojourn.stores.sqlite.guard import bury
from sojourn.stores.sqlite.statements import SQL


def admit(db: sqlite3.Connection, realm: str, owner: str, now: int, most: int, *, but: str = "") -> None:
    """Raise ``SessionLimit`` when ``most`` sessions of ``owner`` live, session ``but`` not counted; bury the expired."""
    members = db.execute(SQL.members, {"realm": realm, "owner": owner, "but": but}).fetchall()
    live = 0
    for n, last, idle, absolute in members:
        end = rows.judge(None, last, idle, absolute, now)
        if end is None:
            live += 1
        else:
            bury(db, n, end, now)
    if live >= most:
        found = db.execute(SQL.members_whole, {"realm": realm, "owner": owner, "but": but}).fetchall()
        raise SessionLimit([rows.record(row) for row in found])


def join(db: sqlite3.Connection, realm: str, owner: str, now: int) -> None:
    """A session of ``owner`` begins; it does not find a bag that is over."""
    if not owner.startswith(NOBODY):
        expire_bag(db, realm, owner, now)
