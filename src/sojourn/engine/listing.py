"""Lists of sessions over several realms, a bounded piece of work at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal, NamedTuple

from sojourn.core.clock import Clock
from sojourn.engine.standalone import StandaloneSessions
from sojourn.model.realm import Realm
from sojourn.model.session import End, Loaded, Session, Tombstone
from sojourn.stores.base import Cursor, SessionStore, Tombstones

Kind = Literal["anonymous", "account", "external"]

#: Sessions that one page looks at, at most, when it searches for some of a kind.
_MOST_LOOKED_AT = 2_000

_CHUNK = 200


class Wanted(NamedTuple):
    """Which sessions."""

    #: Key of the owner, see ``Session.owner``; None = of all.
    owner: str | None = None
    kind: Kind | None = None
    #: Ended ones (their tombstones) instead of live ones.
    ended: bool = False


class Place(NamedTuple):
    """Where a list goes on: after this session, or at this realm when ``sid`` is empty."""

    #: Name of the realm.
    realm: str
    created: int = 0
    sid: str = ""


class Row(NamedTuple):
    """One session of a list."""

    realm: Realm
    session: Session
    #: Why it ended; None while it lives.
    end: End | None


class Page(NamedTuple):
    """A piece of a list."""

    rows: Sequence[Row]
    #: Where it goes on; None when that was all. There may be nothing more although it is given.
    next: Place | None


class Found(NamedTuple):
    """A session found by its public id: ``loaded`` while it lives, its ``tombstone`` once it has ended."""

    realm: Realm
    loaded: Loaded | None
    tombstone: Tombstone | None

    @property
    def session(self) -> Session:
        """The record, or what stays of it."""
        if self.loaded is not None:
            return self.loaded.session
        assert self.tombstone is not None
        return self.tombstone.session


class Listing:
    """Reads one session store, and the standalone sessions of this process beside it."""

    def __init__(self, store: SessionStore, clock: Clock, standalone: StandaloneSessions) -> None:
        self._store = store
        self._clock = clock
        self._standalone = standalone

    async def page(self, realms: Sequence[Realm], wanted: Wanted, after: Place | None, limit: int) -> Page:
        """At most ``limit`` sessions of ``realms``, by name of the realm and then by (created, id).

        A page may hold fewer although more follow, even none: a search for a rare kind gives way to others.
        """
        rows: list[Row] = []
        looked_at = 0
        for realm in _from(realms, after):
            cursor = _cursor(realm, after)
            while True:
                if looked_at >= _MOST_LOOKED_AT:
                    return Page(rows, Place(realm.name, *(cursor or (0, ""))))
                size = _CHUNK if wanted.kind else min(_CHUNK, limit - len(rows))
                chunk = await self._chunk(realm, wanted, cursor, size)
                for row in chunk:
                    cursor = row.session.created, row.session.id
                    if wanted.kind in (None, row.session.identity.kind):
                        rows.append(row)
                    if len(rows) == limit:
                        return Page(rows, Place(realm.name, *cursor))
                looked_at += len(chunk)
                if len(chunk) < size:
                    break
        return Page(rows, None)

    async def every(self, realms: Sequence[Realm], wanted: Wanted) -> AsyncIterator[Row]:
        """All sessions, read a chunk at a time."""
        after: Place | None = None
        while True:
            page = await self.page(realms, wanted, after, _CHUNK)
            for row in page.rows:
                yield row
            if page.next is None:
                return
            after = page.next

    async def find(self, realms: Sequence[Realm], sid: str) -> Found | None:
        """The session with that public id in one of ``realms``, alive or ended; None when none of them knows it."""
        now, standing = self._clock.now(), self._standalone.find(sid)
        for realm in realms:
            if standing is not None and standing.realm_id == realm.id:
                return Found(realm, Loaded(standing.session, {}), None)
            loaded = await self._store.load(realm.id, sid, now)
            if loaded is not None:
                return Found(realm, loaded, None)
        if isinstance(self._store, Tombstones):
            for realm in realms:
                tombstone = await self._store.why(realm.id, sid, now)
                if tombstone is not None:
                    return Found(realm, None, tombstone)
        return None

    async def _chunk(self, realm: Realm, wanted: Wanted, after: Cursor | None, limit: int) -> Sequence[Row]:
        if not wanted.ended:
            live = await self._store.list(realm.id, wanted.owner, self._clock.now(), after=after, limit=limit)
            rest = self._standing(realm, wanted, after)
            found = sorted([*live, *rest], key=_order)[:limit] if rest else live
            return [Row(realm, session, None) for session in found]
        if not isinstance(self._store, Tombstones):
            return ()
        ended = await self._store.list_ended(realm.id, wanted.owner, after=after, limit=limit)
        return [Row(realm, tombstone.session, tombstone.end) for tombstone in ended]

    def _standing(self, realm: Realm, wanted: Wanted, after: Cursor | None) -> Sequence[Session]:
        mine = (one.session for one in self._standalone.all() if one.realm_id == realm.id)
        return [one for one in mine if wanted.owner in (None, one.owner) and (after is None or _order(one) > after)]


def _order(session: Session) -> Cursor:
    return session.created, session.id


def _from(realms: Sequence[Realm], after: Place | None) -> Sequence[Realm]:
    ordered = sorted(realms, key=lambda realm: realm.name)
    return [realm for realm in ordered if realm.name >= after.realm] if after else ordered


def _cursor(realm: Realm, after: Place | None) -> Cursor | None:
    return (after.created, after.sid) if after and after.sid and after.realm == realm.name else None
