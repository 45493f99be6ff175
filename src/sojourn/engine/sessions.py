"""The rules of sessions: the one check, guarded writes, begin, rotate, end.

Nothing here keeps a session in memory. A right follows from the record as the store has it now and from the facts of
the engine database as they are now.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from sojourn.config.settings import SessionSettings
from sojourn.core.clock import Clock
from sojourn.core.errors import BadRequest, SessionUnknown, SojournError
from sojourn.core.ids import SessionHandle, new_handle, new_token, secret_hash
from sojourn.engine.access import Access, Via
from sojourn.engine.admission import Admission
from sojourn.engine.audit.log import Audit
from sojourn.engine.beginnings import Beginnings
from sojourn.engine.check import Check
from sojourn.engine.ends.ends import Ends
from sojourn.engine.facts import Facts
from sojourn.engine.fences import Fence
from sojourn.engine.fields.auditing import FieldLog
from sojourn.engine.fields.bag import SharedBags, check_scope, shares
from sojourn.engine.keys.session_keys import SessionKeys
from sojourn.engine.oversight import Oversight
from sojourn.engine.realms import Realms
from sojourn.engine.standalone import StandaloneSessions
from sojourn.engine.tokens.claims import Claims
from sojourn.engine.tokens.script_scopes import ScriptFiles
from sojourn.engine.tokens.session_tokens import SessionTokens
from sojourn.engine.tokens.transients import Transients
from sojourn.engine.watch.watch import StoreWatch
from sojourn.model.field import Changed, Field, Op
from sojourn.model.realm import Realm
from sojourn.model.session import (
    Device,
    End,
    EndReason,
    Identity,
    Rotation,
    Session,
)
from sojourn.model.user import Account
from sojourn.stores.base import SessionStore

_NO_FIELDS: Mapping[str, str] = {}


def _never(_sid: str) -> bool:
    return False


class IdleTooLong(BadRequest):
    """The session cannot be idle for so long."""

    code = "session.idle_too_long"

    def __init__(self, most: int) -> None:
        super().__init__(f"a session of this realm can be idle for at most {most} ms")
        #: The longest idle limit of the realm, in milliseconds.
        self.most = most


class Begun(NamedTuple):
    """A session that was begun or rotated; its handle is shown once."""

    session: Session
    handle: SessionHandle


class Sessions(Oversight):
    """Sessions of all realms."""

    def __init__(
        self,
        *,
        store: SessionStore,
        facts: Facts,
        ends: Ends,
        watch: StoreWatch,
        audit: Audit,
        realms: Realms,
        clock: Clock,
        settings: SessionSettings = SessionSettings(),  # noqa: B008 - frozen
        scripts: ScriptFiles,
        keys: SessionKeys,
        busy: Callable[[str], bool] = _never,
    ) -> None:
        self._keys = keys
        #: Where realms with ``fieldAuditing`` have the changes of fields written down.
        self.field_log: FieldLog | None = None
        self._fence = Fence(facts, ends, clock, watch)
        #: Handles that give identity for one execution; ``scripts``: those that tokens name.
        self.transients = Transients(
            facts,
            scripts,
            SessionTokens(store=store, facts=facts, fence=self._fence, realms=realms, clock=clock),
            clock,
        )
        #: Sessions that are being begun.
        self.beginnings = Beginnings(self._end_unknown)
        self._admission = Admission(store=store, ends=ends, realms=realms, audit=audit, settings=settings, clock=clock)
        super().__init__(
            store=store,
            ends=ends,
            check=Check(store, self._fence, ends, clock, watch),
            bags=SharedBags(store, clock),
            standalone=StandaloneSessions(
                fence=self._fence, realms=realms, ends=ends, audit=audit, clock=clock, busy=busy
            ),
            clock=clock,
        )

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

    def open_refresh(self, realm: Realm, sid: str, epoch: int) -> Coroutine[Any, Any, Access]:
        """The live session of a refresh token that was given out under ``epoch``.

        Raises :class:`SessionEnded` with the reason, :class:`TokenRefused` ``stale`` when it has another epoch by now.
        """
        return self._check.refresh(realm, sid, epoch)

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
        if access.transient is not None:
            return False
        session = access.session
        return self._clock.now() - session.last >= access.realm.touch_after(session.idle)

    async def check(self, access: Access) -> None:
        """The one check again, before an act for the session.

        Raises :class:`SessionEnded`, :class:`StaleSession` when it changed its identity, :class:`TokenRefused` when the
        token is no longer listed, :class:`SessionUnknown` when the store has lost it.
        """
        if access.transient is None:
            await self._check.again(access)
        elif access.session.id:
            await self.standalone.check(access, self.check)
        else:
            await self.transients.again(access)

    async def fields(self, access: Access) -> Mapping[str, Field]:
        """The fields as they are now, those of the shared bag where the realm has one.

        Raises as :meth:`check`, ``TransientSession`` without a record, and ``InsufficientScope`` for a delegated handle
        without the scope ``session.global``.
        """
        access.recorded()
        loaded = await self._check.again(access)
        if not access.shared:
            return loaded.fields
        check_scope(access)
        return await self._bags.fields(access.realm, loaded)

    # --- writes ---

    async def change(self, access: Access, ops: Sequence[Op], *, touch: bool = True) -> Changed:
        """Apply all of ``ops`` or none, to the shared bag where the realm has one; ``touch`` records the access.

        Raises ``CrossSiteWrite``, ``SessionEnded``, ``StaleSession``, ``SessionUnknown``, ``FieldConflict``,
        ``BadOperand``, ``FieldLimit``; ``InsufficientScope`` as :meth:`fields`. Where the realm has ``fieldAuditing``, it
        is in the change log before it is done, and refused when it cannot be.
        """
        access.writable()
        session = access.session
        if self._fence.passed(access.realm, session) is None:
            await self._fence.check(access.realm, session)
        if access.shared:
            check_scope(access)
        log = self.field_log if access.realm.config.field_auditing else None
        if log is None:
            return await self._apply(access, ops, touch=touch)
        await log.changing(access, ops)
        try:
            return await self._apply(access, ops, touch=touch)
        except SojournError as error:
            # Without the second row the first one says what was tried.
            with suppress(SojournError):
                await log.refused(access, ops, error.code)
            raise

    async def _apply(self, access: Access, ops: Sequence[Op], *, touch: bool) -> Changed:
        session = access.session
        if access.shared:
            changed = await self._bags.change(access, ops)
            if touch:
                await self.touch(access)
            return changed
        return await self._store.change(
            session.realm,
            session.id,
            session.epoch,
            ops,
            self._clock.now(),
            touch=touch,
            limits=access.realm.limits,
        )

    async def set_idle(self, access: Access, milliseconds: int) -> None:
        """Give the session an idle limit of its own, from this access on.

        It may be longer than the realm's, up to its ``sessionLifetime`` and the bound of its ``timeouts``: more raises
        :class:`IdleTooLong`, 0 and less ``BadRequest``. Raises as :meth:`change` too.
        """
        standalone = access.transient is not None and bool(access.session.id)
        if not standalone:
            access.writable()
        realm, session = access.realm, access.session
        if type(milliseconds) is not int or milliseconds <= 0:
            # NaN is neither too long nor too short: a limit that never comes.
            raise BadRequest("an idle limit is a whole number of ms, more than 0")
        if milliseconds > realm.max_idle:
            raise IdleTooLong(realm.max_idle)
        if standalone:
            self.standalone.set_idle(access, milliseconds)
            return
        await self._fence.check(realm, session)
        now = self._clock.now()
        await self._store.change(realm.id, session.id, session.epoch, (), now, idle=milliseconds)

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
        """Begin a session, within the limits of :class:`~sojourn.engine.admission.Admission`.

        Args:
            realm: Where.
            identity: Whom it acts for.
            device: The client.
            fields: First fields, name -> JSON text.
            idle: Idle limit in milliseconds, 0 = none; None = the realm's. The bound of the realm's ``timeouts`` holds.
            absolute: Absolute limit, an instant; None = the realm's. The same bound holds.
            authenticated: The account as the password was checked for it. A password change, disable or "end all"
                since then ends the new session before it is handed out.

        Raises:
            SessionEnded: The account, realm or engine was ended meanwhile.
            SessionLimit: The account has as many sessions as it may, and the policy of the realm is *deny*.
            AnonymousLimit, CeilingReached, LoginBusy: There is no room.
            FieldLimit: The fields are too many or too large.
        """
        handle, now = new_handle(), self._clock.now()
        session = Session(
            id=handle.id,
            realm=realm.id,
            secret=secret_hash(handle.secret),
            identity=await self._keys.equip(realm, handle.id, identity),
            device=device,
            fences=await self._fence.now(realm, identity, authenticated),
            created=now,
            last=now,
            idle=realm.session_idle if idle is None else realm.bounded_idle(idle),
            absolute=min(now + realm.session_lifetime if absolute is None else absolute, now + realm.bounds.lifetime),
        )
        await self.beginnings.finish(realm, session, self._make(realm, session, fields))
        return Begun(session, handle)

    async def _make(self, realm: Realm, session: Session, fields: Mapping[str, str]) -> None:
        await self._admission.create(realm, session, fields)
        await self._fence.check(realm, session, begun=True)
        if fields and shares(realm, session.identity):
            await self._bags.after_login(realm, session)

    async def _end_unknown(self, realm: Realm, session: Session) -> None:
        await self.end_by_id(realm, session.id, "token-revoked", actor="")

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

        Its limits begin anew when somebody logged in, and stay when only the secret changes.

        ``keep`` names the fields that survive, None = all; in a realm that shares fields they are added to the
        principal's bag where that has none of the name. ``authenticated`` as in :meth:`begin`. Raises ``CrossSiteWrite``,
        ``SessionEnded``, ``StaleSession``, ``SessionUnknown``, and ``SessionLimit`` as :meth:`begin`.
        """
        access.writable()
        realm, session, now = access.realm, access.session, self._clock.now()
        handle = SessionHandle(session.id, new_token())
        # Only who authenticates anew begins a new life: a mere change of the secret never lengthens one.
        anew = (identity.principal, identity.login_at) != (session.principal, session.identity.login_at)
        to = Rotation(
            secret=secret_hash(handle.secret),
            identity=await self._keys.equip(realm, session.id, identity),
            device=device,
            fences=await self._fence.now(realm, identity, authenticated),
            idle=realm.session_idle if anew else session.idle,
            absolute=now + realm.session_lifetime if anew else session.absolute,
            keep=keep,
        )
        rotated = await self._admission.rotate(realm, session, to)
        await self._ends.rotated(session)
        await self._fence.check(realm, rotated)
        if keep != frozenset() and shares(realm, identity):
            await self._bags.after_login(realm, rotated)
        return Begun(rotated, handle)

    # --- ends ---

    async def end(self, access: Access, reason: EndReason = "logout", *, address: str = "") -> End:
        """End the session by one of its own handles: every handle of it is dead when this returns.

        ``address`` is the client's, for the audit log; empty = the one that the session was made from. Raises
        ``CrossSiteWrite``, ``SessionEnded`` when it was dead before, ``StaleSession`` when it changed its identity,
        ``StoreUnavailable`` when nothing can be acknowledged.
        """
        if access.transient is not None and access.session.id:
            await self.check(access)
            ended_now = self.standalone.end(access.session.id, reason)
            if ended_now is None:
                raise SessionUnknown
            return ended_now
        access.writable()
        session = (await self._check.again(access)).session
        end = End(reason, self._clock.now())
        ended = await self._ends.write(session, end, address or session.device.address)
        if ended is None:
            raise SessionUnknown
        return ended.end
