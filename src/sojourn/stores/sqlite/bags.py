"""What the writer does to the bags that all sessions of one principal share."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sojourn.core.errors import BadOperand, FieldConflict, FieldLimit, SessionUnknown
from sojourn.model.field import Changed, Limits, Op, apply, check_total
from sojourn.model.session import NOBODY
from sojourn.stores.sqlite.guard import Target, insist, refuse
from sojourn.stores.sqlite.statements import SQL
from sojourn.stores.sqlite.stored import StoredFields


class BagChange(NamedTuple):
    """The arguments of one change."""

    ops: Sequence[Op]
    idle: int
    limits: Limits


def change_bag(db: sqlite3.Connection, target: Target, wanted: BagChange) -> Changed:
    """Apply all of the operations or none."""
    try:
        return insist(db, target, _change_once, wanted)
    except (FieldConflict, BadOperand, FieldLimit, SessionUnknown):
        refuse(db, target)  # a dead or another session is the better answer
        raise


def _change_once(db: sqlite3.Connection, target: Target, wanted: BagChange) -> Changed | None:
    found = db.execute(SQL.bag_of, target.key).fetchall()
    if not found or found[0][0].startswith(NOBODY):
        raise SessionUnknown
    _, n, version, weight, large, doc = found[0]
    stored = StoredFields(db, -(n or 0), doc or "{}", weight or 0, large or 0)
    old = stored.read(wanted.ops)
    applied = apply(wanted.ops, old, wanted.limits)
    version = (version or 0) + 1
    written = stored.write(version, applied.writes, old)
    if wanted.ops:
        check_total(wanted.ops[-1].name, written.fields, written.bytes, wanted.limits)
    row = {**target.guard, "idle": wanted.idle, "version": version - 1, **written._asdict()}
    inserted = db.execute(SQL.bag_write, row).fetchall()
    if not inserted:
        return None
    stored.store_large(-inserted[0][0])
    return Changed(version, applied.values)


def drop_bag(db: sqlite3.Connection, realm: str, principal: str) -> None:
    """Forget the bag of ``principal``."""
    _forget(db, SQL.bag_drop, {"realm": realm, "principal": principal})


def expire_bag(db: sqlite3.Connection, realm: str, principal: str, now: int) -> bool:
    """Forget the bag of ``principal`` when it is over; whether it was."""
    return _forget(db, SQL.bag_expire, {"realm": realm, "principal": principal, "now": now})


def sweep_bags(db: sqlite3.Connection, now: int, most: int) -> bool:
    """Forget bags that are over, re-arm those that live longer than was foreseen; whether more may be due."""
    due = db.execute(SQL.bag_due, {"now": now, "most": most}).fetchall()
    for realm, principal in due:
        if not expire_bag(db, realm, principal, now):
            db.execute(SQL.bag_rearm, {"realm": realm, "principal": principal})
    return len(due) == most


def _forget(db: sqlite3.Connection, statement: str, which: Mapping[str, object]) -> bool:
    gone = db.execute(statement, which).fetchall()
    for (n,) in gone:
        db.execute(SQL.delete_values, {"n": -n})
    return bool(gone)
