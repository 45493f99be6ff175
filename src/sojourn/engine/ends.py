"""How a session ends: noted in the journal and the audit log, then in the session store, then acknowledged.

What is in the journal is final: at the next start it is done to the store again, whatever the store has lost meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import cast

from sqlalchemy import Connection, select

from sojourn.core.clock import Clock
from sojourn.core.errors import StaleSession
from sojourn.engine import epochs
from sojourn.engine.audit import Audit
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.journal import EndJournal, JournalEntry
from sojourn.model.realm import Realm
from sojourn.model.session import End, EndReason, Session
from sojourn.model.user import account_principal
from sojourn.stores.base import Cursor, Ended, Marked, SessionStore, Tombstones

_log = logging.getLogger(__name__)

#: How often an operator's end is tried anew when the session changes its identity at the very moment.
_TRIES = 8

_PAGE = 200


class Ends:
    """Ends sessions of all realms, for good."""

    def __init__(
        self, *, store: SessionStore, journal: EndJournal, audit: Audit, db: EngineDatabase, clock: Clock
    ) -> None:
        self._store = store
        self._journal = journal
        self._audit = audit
        self._db = db
        self._clock = clock
        self._under_way: set[asyncio.Task[Ended | None]] = set()

    async def write(self, session: Session, end: End, address: str = "") -> Ended | None:
        """End ``session`` while it has the epoch of this record; None when the store does not know it.

        ``address`` is that of the client who asked for it. Once begun it is done to the end, even when the caller is cancelled. Raises ``StaleSession``, and
        ``StoreUnavailable`` when the store could not be told: then nothing is acknowledged, and the journal makes it
        final at the next start.
        """
        task = asyncio.ensure_future(self._write(session, end, address))
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def by_id(self, realm: str, sid: str, end: End) -> End | None:
        """End a session whatever its epoch; the first end when it was dead before, None when it is unknown.

        ``realm`` is the realm's immutable id.
        """
        for _ in range(_TRIES):
            loaded = await self._store.load(realm, sid, self._clock.now())
            if loaded is None:
                return await self._first(realm, sid)
            try:
                ended = await self.write(loaded.session, end)
            except StaleSession:
                continue
            return ended.end if ended else None
        raise StaleSession(0)

    async def all_of(self, realm: Realm | None, account_key: int, end: End) -> int:
        """End all sessions of an account; how many were ended here.

        Without ``realm`` its ``authEpoch`` is raised first: that is the end of all, also of a login under way. With one,
        the sessions that live in that realm now are ended and the account's others stay. Raises ``NotFound``.
        """
        if realm is None:
            await self._raise_epoch(account_key, end)
        realms = [realm.id] if realm else await self._db.read(_realm_ids)
        return sum([await self._all_in(realm_id, account_principal(account_key), end) for realm_id in realms])

    async def replay(self) -> int:
        """Do to the store what the journal says and the store does not know (any more); how many ended now.

        Run at start, before anything is served: it completes ends that a crash interrupted, and ends again what a store
        that went back in time brought back.
        """
        await self._recognise_store()
        count, after = 0, 0
        while page := await self._journal.since(0, after=after, limit=_PAGE):
            for entry in page:
                count += await self._again(entry)
            after = page[-1].key
        if count:
            _log.warning("the end journal ended %d sessions that the session store had alive", count)
        return count

    def _done(self, task: asyncio.Task[Ended | None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.info("an end could not be completed: %s", type(task.exception()).__name__)

    async def _write(self, session: Session, end: End, address: str) -> Ended | None:
        row = self._audit.row(
            "LOGOUT" if end.reason == "logout" else "SESSION_END",
            realm=session.realm,
            outcome="ok",
            actor=end.actor or session.identity.subject or session.identity.user_name,
            session=session.id,
            address=address,
            detail=_detail(end),
        )

        def note(connection: Connection) -> None:
            self._journal.add(
                connection,
                session.id,
                session.realm,
                session.epoch,
                at=end.at,
                reason=end.reason,
                lives_until=session.absolute,
            )
            connection.execute(row)

        await self._db.write(note)
        return await self._store.end(session.realm, session.id, end, self._clock.now(), epoch=session.epoch)

    async def _first(self, realm: str, sid: str) -> End | None:
        if not isinstance(self._store, Tombstones):
            return None
        tombstone = await self._store.why(realm, sid, self._clock.now())
        return tombstone.end if tombstone else None

    async def _raise_epoch(self, account_key: int, end: End) -> None:
        row = self._audit.row(
            "SESSION_END", realm="", outcome="ok", actor=end.actor, detail=_detail(end, account=account_key)
        )

        def work(connection: Connection) -> None:
            epochs.raise_account_epoch(connection, account_key, end.reason)
            connection.execute(row)

        await self._db.write(work)

    async def _all_in(self, realm: str, principal: str, end: End) -> int:
        count, after = 0, None
        while page := await self._page(realm, principal, after):
            for session in page:
                ended = await self.by_id(realm, session.id, end)
                count += ended == end
            after = (page[-1].created, page[-1].id)
        return count

    async def _page(self, realm: str, principal: str, after: Cursor | None) -> Sequence[Session]:
        return await self._store.list(realm, principal, self._clock.now(), after=after, limit=_PAGE)

    async def _again(self, entry: JournalEntry) -> bool:
        now = self._clock.now()
        loaded = await self._store.load(entry.realm, entry.sid, now)
        # A later epoch means that the end was refused as stale: the session had become another one.
        if loaded is None or loaded.session.epoch > entry.epoch:
            return False
        end = End(cast("EndReason", entry.reason), entry.at)
        try:
            ended = await self._store.end(entry.realm, entry.sid, end, now, epoch=loaded.session.epoch)
        except StaleSession:
            return False
        return ended is not None and ended.now

    async def _recognise_store(self) -> None:
        if isinstance(self._store, Marked):
            owner = await self._store.adopt(self._db.installation)
            if owner != self._db.installation:
                # Its sessions belong to realms whose ids this engine does not have: none of them can be opened.
                _log.warning("the session store was made by another engine database; its sessions are not served")


def _detail(end: End, **more: int) -> dict[str, str | int]:
    return {"reason": end.reason, **({"rule": end.rule} if end.rule else {}), **more}


def _realm_ids(connection: Connection) -> Sequence[str]:
    return connection.execute(select(schema.realm.c.id)).scalars().all()
