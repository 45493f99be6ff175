"""Sealing: the acts that make the chain over the change log longer, as functions over a connection.

Changes are sealed after their commit, so that nobody who writes waits for it: what a seal covers is worked out from a
snapshot, and only the finished row is written. A seal is put on top of the one that it was made for, or not at all:
of two sealers at the same place one fails, and a paused one that wakes up finds its place taken. All changes of a log
are written under one lock (:func:`sojourn.data.changelog.next_version`), so no number appears behind one that is sealed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select, update

from sojourn.data import schema
from sojourn.data.chain import ALL, ChainKeys, Seal, as_seal, covered
from sojourn.data.changelog import SALT, commitment

#: Changes of one seal at most.
BATCH = 1_000

_change, _seal = schema.change, schema.seal
_NEWEST = select(_seal.c.place, _seal.c.at, _seal.c.last, _seal.c.removed, _seal.c.mac).order_by(_seal.c.place.desc())
_LAST_TWO = ALL.order_by(_seal.c.place.desc()).limit(2)
_MAC = select(_seal.c.mac).where(_seal.c.place == bindparam("place"))
_UNSEALED = covered().where(_change.c.number > bindparam("last")).order_by(_change.c.number).limit(bindparam("most"))
_ABOVE = select(_change.c.number).where(_change.c.number > bindparam("last")).limit(1)
_ERASABLE = ("before", "after", "content", "user_name", "address")
_WRITTEN = select(
    _change.c.number,
    _change.c.table_name,
    _change.c.record,
    _change.c.user_key,
    *(_change.c[name] for name in _ERASABLE),
).order_by(_change.c.number)
_REWRITE = update(_change).where(_change.c.number == bindparam("of"))


class Values(NamedTuple):
    """What of a change may be erased."""

    before: str | None
    after: str | None
    content: str
    user_name: str
    address: str


class Written(NamedTuple):
    """A change as erasure looks at it."""

    number: int
    table: str
    #: JSON text of the record's key, empty for none.
    record: str
    user_key: int
    values: Values


#: What is left of a change when its values are erased, or who made it.
Rewriter = Callable[[Written], Values]


def newest(connection: Connection, keys: ChainKeys) -> Seal:
    """The last seal, without its entries; :attr:`ChainKeys.beginning` when there is none yet."""
    row = connection.execute(_NEWEST.limit(1)).one_or_none()
    return keys.beginning if row is None else Seal(*row[:4], bytes(row[4]))


def mac_at(connection: Connection, keys: ChainKeys, place: int) -> bytes | None:
    """The HMAC of the seal at ``place``; None when it is not there."""
    if place == 0:
        return keys.beginning.mac
    found = connection.execute(_MAC, {"place": place}).scalar_one_or_none()
    return None if found is None else bytes(found)


def is_sound(connection: Connection, keys: ChainKeys) -> bool:
    """Whether the last seal was made with these keys behind the one before it, as far as that is still there."""
    found = [as_seal(row) for row in connection.execute(_LAST_TWO)]
    if len(found) == 1 and found[0].place == 1:
        found.append(keys.beginning)
    if len(found) < 2:  # noqa: PLR2004 - two neighbours
        return True
    return found[1].place == found[0].place - 1 and keys.fits(found[1], found[0])


def unsealed(connection: Connection, top: Seal) -> bool:
    """Whether there are changes that ``top`` and the seals before it do not cover."""
    return connection.execute(_ABOVE, {"last": top.last}).first() is not None


def next_seal(connection: Connection, keys: ChainKeys, top: Seal, now: int, most: int = BATCH) -> Seal | None:
    """The seal of the next changes, to be put on top of ``top``; None when all are sealed."""
    rows = connection.execute(_UNSEALED, {"last": top.last, "most": most}).all()
    if not rows:
        return None
    entries = b"".join(map(keys.entry, rows))
    return keys.after(top, Seal(top.place + 1, now, rows[-1][0], top.removed, b"", entries))


def put(connection: Connection, keys: ChainKeys, top: Seal, seal: Seal) -> bool:
    """Write ``seal``, made for ``top``; False when ``top`` is not the last seal any more.

    Where two do it at the same instant, the database refuses one of them: the place is taken.
    """
    there = newest(connection, keys)
    if (there.place, there.mac) != (top.place, top.mac):
        return False
    connection.execute(insert(_seal).values(seal._asdict()))
    return True


def written(connection: Connection, *which: ColumnElement[bool], most: int | None = None) -> Iterator[Written]:
    """The changes for which ``which`` holds, in their order, ``most`` of them at most."""
    for number, table, record, user_key, *values in connection.execute(_WRITTEN.where(*which).limit(most)):
        yield Written(number, table, record, user_key, Values(*values))


def rewrite(connection: Connection, keys: ChainKeys, numbers: Sequence[int], what: Rewriter, now: int) -> int:
    """Erase from the sealed changes among ``numbers`` what ``what`` takes away, with a seal that says what stays.

    All of it is one transaction; how many changes lost something. A salt that hid what is gone goes with it.
    """
    top = newest(connection, keys)
    sealed = [number for number in numbers if top.removed < number <= top.last]
    if not sealed:
        return 0
    changed = [
        (row.number, left)
        for row in written(connection, _change.c.number.in_(sealed))
        if (left := what(row)) != row.values
    ]
    if changed:
        connection.execute(_REWRITE, [_recommitted(number, left) for number, left in changed])
        rows = connection.execute(covered().where(_change.c.number.in_([number for number, _ in changed])))
        entries = b"".join(map(keys.entry, rows))
        seal = keys.after(top, Seal(top.place + 1, now, top.last, top.removed, b"", b"", entries))
        connection.execute(insert(_seal).values(seal._asdict()))
    return len(changed)


def retire(connection: Connection, keys: ChainKeys, limit: int, now: int) -> bool:
    """Seal that the changes that were sealed at ``limit`` or before are to be removed; False when there are none.

    Only when that stands in the chain may :func:`remove` take them away.
    """
    top = newest(connection, keys)
    due = select(_seal.c.last).where(_seal.c.at <= limit).order_by(_seal.c.at.desc(), _seal.c.last.desc()).limit(1)
    last = connection.execute(due).scalar_one_or_none()
    if last is None or last <= top.removed:
        return False
    seal = keys.after(top, Seal(top.place + 1, now, top.last, last, b""))
    connection.execute(insert(_seal).values(seal._asdict()))
    return True


def remove(connection: Connection, removed: int, most: int = BATCH) -> int:
    """Delete some of the changes up to ``removed``, then the seals that are not needed any more; how many rows went.

    The last seal before what stays is kept: the chain begins with it.
    """
    old = select(_change.c.number).where(_change.c.number <= removed).order_by(_change.c.number).limit(most)
    gone = connection.execute(delete(_change).where(_change.c.number.in_(old))).rowcount
    if gone:
        return gone
    seals = select(_seal.c.place).where(_seal.c.last < removed).order_by(_seal.c.place).limit(most)
    return connection.execute(delete(_seal).where(_seal.c.place.in_(seals))).rowcount


def _recommitted(number: int, left: Values) -> dict[str, object]:
    # A row that keeps values gets a salt of its own again; the marks of erased values are no secret.
    salt = None if left.before is None and left.after is None and not left.content else os.urandom(SALT)
    return {**left._asdict(), "of": number, "salt": salt, "commitment": commitment(salt or b"", *left)}


def committed(row: Sequence[Any]) -> bool:
    """Whether a row with salt, commitment and :class:`Values`, in this order, has the values that were committed."""
    salt, there, *values = row
    return commitment(bytes(salt or b""), *Values(*values)) == bytes(there)
