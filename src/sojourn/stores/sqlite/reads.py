"""What is read, on the thread of the event loop: a session in about 20 µs, less than a thread switch.

Every statement is read to its end at once. A cursor left open would pin its snapshot, and the connection with it would
read the past from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sojourn.model.field import Field
from sojourn.model.session import Loaded, Session, Tombstone
from sojourn.stores.base import Count, Cursor
from sojourn.stores.sqlite import rows
from sojourn.stores.sqlite.connection import connect, probe
from sojourn.stores.sqlite.statements import SQL

_BEFORE_ALL: Cursor = (-(2**63), "")


class Reads:
    """The reading connection of one event loop."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path, read_only=True)
        #: For :meth:`load` alone, which every request needs: a new cursor each time would cost a tenth of it.
        self._loading = self._db.cursor()

    def load(self, realm: str, sid: str, now: int) -> Loaded | None:
        """The session when it lives."""
        found = self._loading.execute(SQL.load, (sid, realm, now)).fetchall()
        return rows.loaded(sid, realm, found[0]) if found else None

    def is_due(self, realm: str, sid: str, now: int) -> bool:
        """Whether it is past its limits without a tombstone."""
        found = self._db.execute(SQL.verdict, {"realm": realm, "id": sid}).fetchall()
        if not found:
            return False
        *_, last, idle, absolute, ended = found[0]
        return ended is None and rows.judge(None, last, idle, absolute, now) is not None

    def tombstone(self, realm: str, sid: str) -> Tombstone | None:
        """Its tombstone where one was written."""
        found = self._db.execute(SQL.grave, {"realm": realm, "id": sid}).fetchall()
        return rows.tombstone(found[0]) if found else None

    def page(
        self, realm: str, owner: str | None, now: int, after: Cursor | None, limit: int
    ) -> Sequence[tuple[Session, bool]]:
        """The next ``limit`` sessions without tombstone, each with whether it lives."""
        where = _where(realm, owner, after, limit)
        statement = SQL.list if owner is None else SQL.list_of
        return [
            (rows.record(row), bool(row[-1])) for row in self._db.execute(statement, {**where, "now": now}).fetchall()
        ]

    def tombstones(self, realm: str, owner: str | None, after: Cursor | None, limit: int) -> Sequence[Tombstone]:
        """The next ``limit`` tombstones."""
        where = _where(realm, owner, after, limit)
        statement = SQL.list_ended if owner is None else SQL.list_ended_of
        return [rows.tombstone(row) for row in self._db.execute(statement, where).fetchall()]

    def bag(self, realm: str, principal: str, now: int) -> Mapping[str, Field]:
        """The fields of a bag, empty when there is none or when it is over."""
        found = self._db.execute(SQL.bag_read, {"realm": realm, "principal": principal, "now": now}).fetchall()
        return rows.fields_of(*found[0]) if found else {}

    def one_time(self, name: str, now: int) -> str | None:
        """The value that may be taken."""
        found = self._db.execute(SQL.once_look, {"name": name, "now": now}).fetchall()
        return str(found[0][0]) if found else None

    def meta(self) -> tuple[str, int]:
        """Installation and counter, of one snapshot."""
        ((installation, counter),) = self._db.execute(SQL.meta_both).fetchall()
        return str(installation), int(counter)

    def facts(self) -> Mapping[str, str]:
        """What this connection says of itself."""
        return probe(self._db)

    def close(self) -> None:
        """Let go of the file; reads after this raise ``sqlite3.ProgrammingError``."""
        self._db.close()


def count(path: Path) -> Sequence[Count]:
    """Live sessions by realm and kind, on a connection of its own: it walks an index and is no work for the event loop."""
    db = connect(path, read_only=True)
    try:
        return [Count(*row) for row in db.execute(SQL.count_live).fetchall()]
    finally:
        db.close()


def _where(realm: str, owner: str | None, after: Cursor | None, limit: int) -> dict[str, object]:
    created, sid = after or _BEFORE_ALL
    return {"realm": realm, "owner": owner, "created": created, "id": sid, "limit": limit}
