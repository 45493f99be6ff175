"""What the writer does to sessions: each act is a plain function of its connection, run inside its transaction.

An act that refuses has written nothing but the tombstone of a session that it found past its limits. The statement that
writes carries the guard (epoch, end, limits); when it meets no row, :func:`~sojourn.stores.sqlite.guard.refuse` says why.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from sojourn.core.errors import BadOperand, FieldConflict, FieldLimit, SessionEnded, SessionExists, SessionUnknown
from sojourn.model.field import DEFAULT_LIMITS, Changed, Limits, Op, apply, check_limits, check_total
from sojourn.model.session import TOMBSTONE_FOR, End, IssuedToken, Rotation, Session, list_token, owner_of
from sojourn.stores.base import Ended
from sojourn.stores.sqlite import rows
from sojourn.stores.sqlite.guard import Target, clear_up, insist, leave, refuse
from sojourn.stores.sqlite.owners import admit, join
from sojourn.stores.sqlite.statements import SQL
from sojourn.stores.sqlite.stored import StoredFields, no_fields


class Login(NamedTuple):
    """The arguments of one rotation."""

    to: Rotation
    most: int | None


class Change(NamedTuple):
    """The arguments of one change."""

    ops: Sequence[Op]
    touch: bool
    limits: Limits
    token: IssuedToken | None
    idle: int | None


def create(
    db: sqlite3.Connection, session: Session, fields: Mapping[str, str], now: int, most: int | None = None
) -> None:
    """Add ``session``; raises ``SessionExists``, ``SessionLimit`` or ``FieldLimit``."""
    check_limits(fields, DEFAULT_LIMITS)
    owner = session.owner
    if most is not None:
        if db.execute(SQL.known, {"id": session.id}).fetchall():
            raise SessionExists
        admit(db, session.realm, owner, now, most)
    version = max(session.version, 1) if fields else session.version
    stored = no_fields(db)
    row = {
        "id": session.id,
        "realm": session.realm,
        "owner": owner,
        "secret": session.secret,
        "created": session.created,
        "last": session.last,
        "idle": session.idle,
        "absolute": session.absolute,
        "epoch": session.epoch,
        "version": version,
        "sweep_at": session.dies_at,
        "about": rows.about_of(session),
        **stored.write(version, fields, {})._asdict(),
    }
    join(db, session.realm, owner, now)
    inserted = db.execute(SQL.create, row)
    if not inserted.rowcount:
        raise SessionExists
    assert inserted.lastrowid is not None
    stored.store_large(inserted.lastrowid)


def change(db: sqlite3.Connection, target: Target, wanted: Change) -> Changed:
    """Apply all of the operations or none; without any (nor token nor idle limit) it is a touch."""
    if not wanted.ops and wanted.token is None and wanted.idle is None:
        return insist(db, target, _touch_once, wanted)
    try:
        return insist(db, target, _change_once, wanted)
    except (FieldConflict, BadOperand, FieldLimit):
        refuse(db, target)  # a dead or another session is the better answer
        raise


def _touch_once(db: sqlite3.Connection, target: Target, wanted: Change) -> Changed | None:
    last = target.now if wanted.touch else 0
    found = db.execute(SQL.touch, {**target.guard, "last": last}).fetchall()
    return Changed(found[0][0], {}) if found else None


def _change_once(db: sqlite3.Connection, target: Target, wanted: Change) -> Changed | None:
    found = db.execute(SQL.seen, (target.sid, target.realm)).fetchall()
    if not found:
        return None
    n, version, weight, large, doc, about = found[0]
    stored = StoredFields(db, n, doc, weight, large)
    old = stored.read(wanted.ops)
    applied = apply(wanted.ops, old, wanted.limits)
    written = stored.write(version + 1, applied.writes, old)
    if wanted.ops:
        check_total(wanted.ops[-1].name, written.fields, written.bytes, wanted.limits)
    if wanted.token:
        about = _listed(about, wanted.token, target.now)
    accessed = target.now if wanted.touch else 0
    row = (accessed, *written, about, n, version, target.epoch, target.now)
    if not db.execute(SQL.change, row).rowcount:
        return None
    stored.store_large(n)
    if wanted.idle is not None:
        db.execute(SQL.set_idle, {"n": n, "idle": wanted.idle})
    return Changed(version + 1, applied.values)


def _listed(text: str, token: IssuedToken, now: int) -> str:
    about = rows.decode_about(text)
    return rows.encode_about(msgspec.structs.replace(about, tokens=list_token(about.tokens, token, now)))


def rotate(db: sqlite3.Connection, target: Target, wanted: Login) -> Session:
    """Replace secret and identity; the record as it is afterwards."""
    if wanted.most is not None:
        refuse(db, target)  # a dead or another session is the better answer than a full owner
        admit(db, target.realm, owner_of(wanted.to.identity, wanted.to.device), target.now, wanted.most, but=target.sid)
    return insist(db, target, _rotate_once, wanted.to)


def _rotate_once(db: sqlite3.Connection, target: Target, to: Rotation) -> Session | None:
    found = db.execute(SQL.seen, (target.sid, target.realm)).fetchall()
    if not found:
        return None
    n, version, weight, large, doc, _ = found[0]
    stored = StoredFields(db, n, doc, weight, large)
    kept = stored.columns() if to.keep is None else stored.keep(to.keep)
    old = rows.record(db.execute(SQL.record, target.key).fetchall()[0])
    owner = owner_of(to.identity, to.device)
    row = {
        "n": n,
        "version": version,
        "epoch": target.epoch,
        "now": target.now,
        "secret": to.secret,
        "owner": owner,
        "idle": to.idle,
        "absolute": to.absolute,
        "sweep_at": min(to.absolute, target.now + to.idle) if to.idle else to.absolute,
        "about": rows.encode_about(_rotated(old, to, target.now)),
        **kept._asdict(),
    }
    join(db, target.realm, owner, target.now)
    if not db.execute(SQL.rotate, row).rowcount:
        return None
    stored.store_large(n)
    if old.owner != owner:
        leave(db, target.realm, old.owner, target.now)
    return rows.record(db.execute(SQL.record, target.key).fetchall()[0])


def _rotated(old: Session, to: Rotation, now: int) -> rows.About:
    return rows.About(
        identity=to.identity,
        device=to.device,
        fences=to.fences,
        tokens=to.tokens,
        replaced=old.secret,
        replaced_at=now,
    )


def end(db: sqlite3.Connection, target: Target, how: End) -> Ended | None:
    """End it for good; None when unknown, the first end when it was ended before."""
    try:
        return insist(db, target, _end_once, how)
    except SessionUnknown:
        return None
    except SessionEnded:
        return Ended(now=False, end=_end_of(db, target))


def _end_once(db: sqlite3.Connection, target: Target, how: End) -> Ended | None:
    row = {**target.guard, "ended": rows.end_text(how), "sweep_at": how.at + TOMBSTONE_FOR}
    ended = clear_up(db, db.execute(SQL.end, row).fetchall(), how.at)
    return Ended(now=True, end=how) if ended else None


def _end_of(db: sqlite3.Connection, target: Target) -> End:
    *_, ended = db.execute(SQL.verdict, target.key).fetchall()[0]
    first = rows.judge(ended, 0, 0, 0, target.now)
    assert first is not None
    return first
