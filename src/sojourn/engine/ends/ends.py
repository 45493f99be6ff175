"""How sessions end: one, all of an account, all of a realm, everything.

Who ends many raises the fence first: one row of the engine database, and from then on no session of before opens. Then
each session is ended in the store, page by page, so that writers under way are refused and lists are true; then it is
acknowledged. What was begun under the new number is spared.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Connection, select

from sojourn.core.clock import MINUTE, Clock
from sojourn.core.errors import SojournError, StaleSession
from sojourn.engine import epochs
from sojourn.engine.accounts.records import Accounts
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.ends.endings import Endings, told
from sojourn.engine.ends.journal import EndJournal
from sojourn.engine.ends.recent import RecentEnds
from sojourn.model.realm import Realm
from sojourn.model.session import End, Session
from sojourn.model.user import account_principal
from sojourn.stores.base import Bags, Cursor, Ended, SessionStore, Tombstones

_log = logging.getLogger(__name__)

#: How often an operator's end is tried anew when the session changes its identity at the very moment.
_TRIES = 8

#: Sessions that are ended with one transaction of the engine database.
_PAGE = 200

#: A session that was created so long after the fence was raised was begun under the new number, whatever clock it met.
_CERTAINLY_LATER = MINUTE

#: Ends of all sessions of an account that leave its shared bags.
_KEEPS_BAG = frozenset({"password-changed", "token-revoked"})


class Ends:
    """Ends sessions of all realms, for good."""

    def __init__(
        self,
        *,
        store: SessionStore,
        journal: EndJournal,
        audit: Audit,
        db: EngineDatabase,
        accounts: Accounts,
        clock: Clock,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._audit = audit
        self._db = db
        self._clock = clock
        self._endings = Endings(store=store, journal=journal, audit=audit, db=db, clock=clock)
        #: How many sessions this process ended, by reason.
        self.counted = self._endings.counted

    @property
    def recent(self) -> RecentEnds:
        """What ended in this process lately."""
        return self._endings.recent

    def listen(self, listener: Callable[[str], object]) -> None:
        """Tell ``listener`` the public id of each session that this process has ended; it must not wait."""
        self._endings.listeners.append(listener)

    def tell(self, sid: str) -> None:
        """Tell all who :meth:`listen` that a session without a record has ended."""
        self._endings.tell(sid)

    async def write(self, session: Session, end: End, address: str = "") -> Ended | None:
        """End ``session`` while it has the epoch of this record; None when the store does not know it.

        ``address`` is that of the client who asked for it. Once begun it is done to the end, even when the caller is
        cancelled. Raises ``StaleSession``, and ``Unavailable`` when the store could not be told: then nothing is
        acknowledged, and the journal makes it final later.
        """
        return await self._endings.one(session, end, address)

    async def rotated(self, session: Session) -> None:
        """Note that the epoch of this record is dead, before the handle of the next one is shown.

        A store that goes back to before the rotation would bring the old secret back; it is refused then.
        """
        await self._endings.rotated(session)

    async def expired(self, session: Session, end: End) -> None:
        """Note that the store found this session idle for too long, before its holder is told; at most once in a while.

        In a store that goes back it could have a longer idle limit, and live.
        """
        await self._endings.expired(session, end)

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
        the sessions that live in that realm now are ended and the account's others stay. The shared bags go too. Raises
        ``NotFound``.
        """
        if realm is not None:
            return await self._all_in(realm.id, account_principal(account_key), end, _nobody)

        def lift(connection: Connection) -> int:
            return self._accounts.end(connection, account_key, end.reason, actor=end.actor, rule=end.rule)

        await self._raise(lift, end, account=account_key)
        return await self.clear(account_key, end)

    async def clear(self, account_key: int, end: End) -> int:
        """End, in the store, the sessions of an account whose ``authEpoch`` was raised before; how many."""
        number = await self._db.read(lambda connection: _account_epoch(connection, account_key))
        principal, count = account_principal(account_key), 0
        for realm_id in await self._db.read(_realm_ids):
            count += await self._all_in(realm_id, principal, end, lambda session: session.fences.account >= number)
        return count

    async def clear_later(self, account_key: int, end: End) -> None:
        """As :meth:`clear`; when the store does not answer, its lists show sessions a while longer that the fence refuses."""
        try:
            await self.clear(account_key, end)
        except SojournError as error:
            _log.warning("sessions of account %d are still in the session store: %s", account_key, error.code)

    async def of_tokens(self, account_key: int, keys: Collection[int], end: End) -> int:
        """End, in the store, the sessions that these AuthTokens logged in; how many. The tokens are dead already.

        What cannot be ended now no check lets pass either: lists show it a while longer.
        """
        principal, count = account_principal(account_key), 0

        def spared(session: Session) -> bool:
            return session.identity.auth_token not in keys

        try:
            for realm_id in await self._db.read(_realm_ids):
                count += await self._all_in(realm_id, principal, end, spared)
        except SojournError as error:
            _log.warning("sessions of account %d are still in the session store: %s", account_key, error.code)
        return count

    async def all_of_realm(self, realm_id: str, end: End) -> int:
        """End all sessions of a realm, anonymous ones too: its fence first; how many. Raises ``NotFound``."""

        def lift(connection: Connection) -> int:
            return epochs.raise_realm_epoch(connection, realm_id, end.reason, actor=end.actor, rule=end.rule)

        number = await self._raise(lift, end, realm=realm_id)
        return await self._all_in(realm_id, None, end, lambda session: session.fences.realm >= number)

    async def everything(self, end: End) -> int:
        """End all sessions of all realms, removed ones too: the fence of the engine first; how many."""

        def lift(connection: Connection) -> int:
            return epochs.raise_engine_epoch(connection, end.reason, actor=end.actor, rule=end.rule)

        number, count = await self._raise(lift, end), 0
        for realm_id in await self._db.read(_realm_ids):
            count += await self._all_in(realm_id, None, end, lambda session: session.fences.engine >= number)
        return count

    async def of_key(self, realm_id: str, kid: str, end: End) -> int:
        """End, in the store, the sessions of a realm that list a token of a key that was revoked before; how many."""

        def spared(session: Session) -> bool:
            return all(token.kid != kid for token in session.tokens)

        count, after = 0, None
        while page := await self._page(realm_id, None, after):
            count += await self._end_page([session for session in page if not spared(session)], end, spared)
            after = (page[-1].created, page[-1].id)
            if page[-1].created > end.at + _CERTAINLY_LATER:
                break
        return count

    async def bury_realm(self, realm_id: str) -> int:
        """End, in the store, what is left of a realm that was removed; how many."""
        return await self._all_in(realm_id, None, End("realm-removed", self._clock.now()), _nobody)

    async def _first(self, realm: str, sid: str) -> End | None:
        if not isinstance(self._store, Tombstones):
            return None
        tombstone = await self._store.why(realm, sid, self._clock.now())
        return tombstone.end if tombstone else None

    async def _raise(self, lift: Callable[[Connection], int], end: End, *, realm: str = "", account: int = 0) -> int:
        detail = {**told(end), "all": "of account" if account else "of realm" if realm else "of engine"}
        row = self._audit.row(
            "SESSION_END",
            realm=realm,
            outcome="ok",
            actor=end.actor,
            detail={**detail, **({"account": account} if account else {})},
        )

        def work(connection: Connection) -> int:
            number = lift(connection)
            connection.execute(row)
            return number

        return await self._db.write(work)

    async def _all_in(self, realm: str, owner: str | None, end: End, spared: Callable[[Session], bool]) -> int:
        """End the sessions of ``owner`` (None = of all) except the spared; at most a page of them is in memory."""
        count, after = 0, None
        while page := await self._page(realm, owner, after):
            due = [session for session in page if not spared(session)]
            count += await self._end_page(due, end, spared)
            await self._drop_bags(realm, owner, due)
            after = (page[-1].created, page[-1].id)
            if page[-1].created > end.at + _CERTAINLY_LATER:
                break
        # A changed password and a revoked token end sessions, not what the user has put away.
        if owner is not None and end.reason not in _KEEPS_BAG:
            await self._drop_bag(realm, owner)
        return count

    async def _end_page(self, due: Sequence[Session], end: End, spared: Callable[[Session], bool]) -> int:
        if not due:
            return 0
        done = await self._endings.page(due, end)
        return done.ended + sum([await self._end_changed(session, end, spared) for session in done.stale])

    async def _end_changed(self, session: Session, end: End, spared: Callable[[Session], bool]) -> bool:
        """End a session that changed its identity meanwhile, unless it did so under the raised fence."""
        loaded = await self._store.load(session.realm, session.id, self._clock.now())
        if loaded is None or spared(loaded.session):
            return False
        return await self.by_id(session.realm, session.id, end) == end

    async def _page(self, realm: str, owner: str | None, after: Cursor | None) -> Sequence[Session]:
        return await self._store.list(realm, owner, self._clock.now(), after=after, limit=_PAGE)

    async def _drop_bags(self, realm: str, owner: str | None, ended: Sequence[Session]) -> None:
        if owner is None:
            for principal in {session.principal for session in ended if session.principal}:
                await self._drop_bag(realm, principal)

    async def _drop_bag(self, realm: str, principal: str) -> None:
        if isinstance(self._store, Bags):
            await self._store.drop_bag(realm, principal)


def _nobody(_session: Session) -> bool:
    return False


def _realm_ids(connection: Connection) -> Sequence[str]:
    return connection.execute(select(schema.realm.c.id)).scalars().all()


def _account_epoch(connection: Connection, key: int) -> int:
    return int(connection.execute(select(schema.account.c.auth_epoch).where(schema.account.c.key == key)).scalar_one())
