"""Which session an act is on, and why it may be refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from sojourn.core.errors import SessionEnded, SessionUnknown, StaleSession, StoreBusy
from sojourn.model.session import NOBODY, TOMBSTONE_FOR, End
from sojourn.stores.sqlite import rows
from sojourn.stores.sqlite.statements import SQL

_A = TypeVar("_A")
_T = TypeVar("_T")

# A guarded statement that meets no row although nothing speaks against it can only follow a read that was out of date.
_TRIES = 3


class Target(NamedTuple):
    """Which session an act is on; ``epoch`` None = whichever it has."""

    realm: str
    sid: str
    epoch: int | None
    now: int

    @property
    def key(self) -> dict[str, object]:
        """The parameters that find it."""
        return {"realm": self.realm, "id": self.sid}

    @property
    def guard(self) -> dict[str, object]:
        """The parameters that find and guard it."""
        return {"realm": self.realm, "id": self.sid, "epoch": self.epoch, "now": self.now}


def refuse(db: sqlite3.Connection, target: Target) -> None:
    """Raise what speaks against an act on ``target``: unknown, ended (an expiry is written first), another epoch."""
    found = db.execute(SQL.verdict, target.key).fetchall()
    if not found:
        raise SessionUnknown
    n, epoch, last, idle, absolute, ended = found[0]
    end = rows.judge(ended, last, idle, absolute, target.now)
    if end is not None and (ended is not None or bury(db, n, end, target.now)):
        raise SessionEnded(end.reason, end.at)
    if end is None and target.epoch is not None and epoch != target.epoch:
        raise StaleSession(epoch)


def bury(db: sqlite3.Connection, n: int, end: End, now: int) -> bool:
    """Write the tombstone of a session past its limits, by one conditional statement; False when it lives on."""
    about = {"n": n, "ended": rows.end_text(end), "sweep_at": end.at + TOMBSTONE_FOR, "now": now}
    return clear_up(db, db.execute(SQL.bury, about).fetchall(), end.at)


def clear_up(db: sqlite3.Connection, ended: Sequence[tuple[int, str, str]], at: int) -> bool:
    """What goes with the session that a statement has just ended, ``(n, realm, owner)``; False when there is none."""
    for n, realm, owner in ended:
        db.execute(SQL.delete_values, {"n": n})
        leave(db, realm, owner, at)
    return bool(ended)


def leave(db: sqlite3.Connection, realm: str, owner: str, at: int) -> None:
    """Since ``at`` one session fewer is ``owner``'s: from the last one on, its bag lives only so much longer."""
    if not owner.startswith(NOBODY):
        db.execute(SQL.bag_left, {"realm": realm, "principal": owner, "at": at})


def insist(
    db: sqlite3.Connection, target: Target, attempt: Callable[[sqlite3.Connection, Target, _A], _T | None], what: _A
) -> _T:
    """What ``attempt(db, target, what)`` gives; when that is None, what speaks against it is raised."""
    for _ in range(_TRIES):
        done = attempt(db, target, what)
        if done is not None:
            return done
        refuse(db, target)
    raise StoreBusy
