"""The rules of sessions: the one check, guarded writes, begin, rotate, end.

Nothing here keeps a session in memory. A right follows from the record as the store has it now and from the facts of
the engine database as they are now.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, NamedTuple

from sojourn.core.clock import SECOND, Clock
from sojourn.core.errors import (
    SessionUnknown,
    SojournError,
)
from sojourn.core.ids import SessionHandle, new_handle, new_token, secret_hash
from sojourn.engine.access import Access, Via
from sojourn.engine.audit import Audit
from sojourn.engine.check import Check
from sojourn.engine.claims import Claims
from sojourn.engine.database import EngineDatabase
from sojourn.engine.ends import Ends
from sojourn.engine.facts import Facts
from sojourn.engine.fences import Fence
from sojourn.engine.journal import EndJournal
from sojourn.model.field import Changed, Field, Op
from sojourn.model.realm import Realm
from sojourn.model.session import (
    Device,
    End,
    EndReason,
    Identity,
    Loaded,
    Rotation,
    Session,
    Tombstone,
)
from sojourn.model.user import Account
from sojourn.stores.base import Cursor, SessionStore

_NO_FIELDS: Mapping[str, str] = {}


class Begun(NamedTuple):
    """A session that was begun or rotated; its handle is shown once."""

    session: Session
    handle: SessionHandle


class Sessions:
    """Sessions of all realms."""

    def __init__(
        self,
        *,
        store: SessionStore,
        facts: Facts,
        journal: EndJournal,
        audit: Audit,
        db: EngineDatabase,
        clock: Clock,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ends = Ends(store=store, journal=journal, audit=audit, db=db, clock=clock)
        self._fence = Fence(facts, self._ends, clock)
        self._check = Check(store, self._fence, clock)

    # --- the one check ---

    def open(self, realm: Realm, handle: SessionHandle, via: Via) -> Coroutine[Any, Any, Access]:
        """The live session that ``handle`` opens in ``realm``.

        Raises :class:`SessionUnknown` (also for a session of another realm), :class:`SessionReplaced` for a secret that
        was rotated away less than a minute ago, and :class:`SessionEnded` with the reason, told only to who holds the
        last secret.
        """
        return self._check.handle(realm, handle, via)

    def open_token(self, realm: Realm, claims: Claims) -> Coroutine[Any, Any, Access]:
        """The live session that a verified token names, if it lists the token.

        Raises :class:`SessionEnded` with the reason for a token that its session had listed when it ended, else
        :class:`TokenRefused`: ``unlisted``; ``issuer`` when ``iss`` names another kind of principal than the session
        has; ``expired`` when the session ended with the token, at its ``exp``.
        """
        return self._check.token(realm, claims)

    async def touch(self, access: Access) -> None:
        """Record the access when the recorded one is older than the realm's ``touchEvery``. Never an error."""
        if not self.touch_due(access):
            return
        session = access.session
        try:
            await self._store.change(access.realm.id, session.id, session.epoch, (), self._clock.now())
        except SojournError:
            return

    def touch_due(self, access: Access) -> bool:
        """Whether :meth:`touch` has something to do."""
        session = access.session
        every = access.realm.touch_every
        if session.idle:
            every = min(every, max(SECOND, session.idle // 20))
        return self._clock.now() - session.last >= every

    async def check(self, access: Access) -> None:
        """The one check again, before an act for the session.

        Raises :class:`SessionEnded`, :class:`StaleSession` when it changed its identity, :class:`TokenRefused` when the
        token is no longer listed, :class:`SessionUnknown` when the store has lost it.
        """
        await self._check.again(access)

    async def fields(self, access: Access) -> Mapping[str, Field]:
        """The fields as they are now; raises as :meth:`check`."""
        return (await self._check.again(access)).fields

    # --- writes ---

    async def change(self, access: Access, ops: Sequence[Op], *, touch: bool = True) -> Changed:
        """Apply all of ``ops`` or none; ``touch`` records the access.

        Raises ``CrossSiteWrite``, ``SessionEnded``, ``StaleSession``, ``SessionUnknown``, ``FieldConflict``,
        ``BadOperand``, ``FieldLimit``.
        """
        access.writable()
        session = access.session
        if self._fence.passed(access.realm, session) is None:
            await self._fence.check(access.realm, session)
        return await self._store.change(
            session.realm,
            session.id,
            session.epoch,
            ops,
            self._clock.now(),
            touch=touch,
            limits=access.realm.limits,
        )

    async def begin(
        self,
        realm: Realm,
        identity: Identity,
        device: Device,
        *,
        fields: Mapping[str, str] = _NO_FIELDS,
        idle: int | None = None,
        absolute: int | None = None,
        authenticated: Account | None = None,
    ) -> Begun:
        """Begin a session.

        Args:
            realm: Where.
            identity: Whom it acts for.
            device: The client.
            fields: First fields, name -> JSON text.
            idle: Idle limit in milliseconds, 0 = none; None = the realm's.
            absolute: Absolute limit, an instant; None = the realm's.
            authenticated: The account as the password was checked for it. A password change, disable or "end all"
                since then ends the new session before it is handed out.

        Raises:
            SessionEnded: The account, realm or engine was ended meanwhile.
            FieldLimit: The fields are too many or too large.
        """
        handle, now = new_handle(), self._clock.now()
        session = Session(
            id=handle.id,
            realm=realm.id,
            secret=secret_hash(handle.secret),
            identity=identity,
            device=device,
            fences=await self._fence.now(realm, identity, authenticated),
            created=now,
            last=now,
            idle=realm.session_idle if idle is None else idle,
            absolute=now + realm.session_lifetime if absolute is None else absolute,
        )
        await self._store.create(session, fields, now)
        await self._fence.check(realm, session)
        return Begun(session, handle)

    async def rotate(
        self,
        access: Access,
        identity: Identity,
        device: Device,
        *,
        keep: frozenset[str] | None,
        authenticated: Account | None = None,
    ) -> Begun:
        """Give the session a new identity, secret and epoch: every handle made before is dead, its JWTs too.

        ``keep`` names the fields that survive, None = all; ``authenticated`` as in :meth:`begin`. Raises
        ``CrossSiteWrite``, ``SessionEnded``, ``StaleSession``, ``SessionUnknown``.
        """
        access.writable()
        realm, session, now = access.realm, access.session, self._clock.now()
        handle = SessionHandle(session.id, new_token())
        to = Rotation(
            secret=secret_hash(handle.secret),
            identity=identity,
            device=device,
            fences=await self._fence.now(realm, identity, authenticated),
            idle=realm.session_idle,
            absolute=now + realm.session_lifetime,
            keep=keep,
        )
        rotated = await self._store.rotate(realm.id, session.id, session.epoch, to, now)
        await self._fence.check(realm, rotated)
        return Begun(rotated, handle)

    # --- ends ---

    async def end(self, access: Access, reason: EndReason = "logout", *, address: str = "") -> End:
        """End the session by one of its own handles: every handle of it is dead when this returns.

        ``address`` is the client's, for the audit log; empty = the one that the session was made from. Raises ``CrossSiteWrite``, ``SessionEnded`` when it was dead before, ``StaleSession`` when it changed its
        identity, ``StoreUnavailable`` when nothing can be acknowledged.
        """
        access.writable()
        session = (await self._check.again(access)).session
        end = End(reason, self._clock.now())
        ended = await self._ends.write(session, end, address or session.device.address)
        if ended is None:
            raise SessionUnknown
        return ended.end

    async def end_by_id(self, realm: Realm, sid: str, reason: EndReason, *, actor: str, rule: str = "") -> End | None:
        """End a session as an operator; the *first* end when it was dead before, None when it is unknown."""
        return await self._ends.by_id(realm.id, sid, End(reason, self._clock.now(), actor, rule))

    async def end_all(self, realm: Realm | None, account_key: int, reason: EndReason, *, actor: str) -> int:
        """End all sessions of an account, see :meth:`Ends.all_of`; how many lived."""
        return await self._ends.all_of(realm, account_key, End(reason, self._clock.now(), actor))

    async def replay_journal(self) -> int:
        """Before serving: end again what the journal says, see :meth:`Ends.replay`."""
        return await self._ends.replay()

    # --- for operators ---

    async def list(
        self, realm: Realm, principal: str | None = None, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Session]:
        """Live sessions, of one principal or of all, ordered by (created, id)."""
        return await self._store.list(realm.id, principal, self._clock.now(), after=after, limit=limit)

    async def show(self, realm: Realm, sid: str) -> Loaded | None:
        """A live session by its public id."""
        return await self._store.load(realm.id, sid, self._clock.now())

    async def why(self, realm: Realm, sid: str) -> Tombstone | None:
        """The tombstone of an ended session by its public id; for operators and the session's own user."""
        return await self._check.tombstone(realm, sid)

    async def why_for(self, realm: Realm, handle: SessionHandle) -> End | None:
        """Why a session ended, for who shows its last secret; None for anybody else."""
        return await self._check.why_for(realm, handle)
