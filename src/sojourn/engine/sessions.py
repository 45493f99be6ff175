"""The rules of sessions: begin, rotate, end; what is done with an open one is in :mod:`sojourn.engine.opened`.

Nothing here keeps a session in memory. A right follows from the record as the store has it now and from the facts of
the engine database as they are now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sojourn.config.settings import SessionSettings
from sojourn.core.clock import Clock
from sojourn.core.errors import SessionUnknown
from sojourn.core.ids import SessionHandle, new_handle, new_token, secret_hash
from sojourn.engine.access import Access
from sojourn.engine.admission import Admission
from sojourn.engine.audit.log import Audit
from sojourn.engine.beginnings import Beginnings
from sojourn.engine.check import Check
from sojourn.engine.ends.ends import Ends
from sojourn.engine.facts import Facts
from sojourn.engine.fences import Fence
from sojourn.engine.fields.bag import SharedBags, shares
from sojourn.engine.keys.session_keys import SessionKeys
from sojourn.engine.opened import OpenSessions
from sojourn.engine.realms import Realms
from sojourn.engine.standalone import StandaloneSessions
from sojourn.engine.tokens.script_scopes import ScriptFiles
from sojourn.engine.tokens.session_tokens import SessionTokens
from sojourn.engine.tokens.transients import Transients
from sojourn.engine.watch.watch import StoreWatch
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


class Begun(NamedTuple):
    """A session that was begun or rotated; its handle is shown once."""

    session: Session
    handle: SessionHandle


class Sessions(OpenSessions):
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
        fence = Fence(facts, ends, clock, watch)
        #: Sessions that are being begun.
        self.beginnings = Beginnings(self._end_unknown)
        self._admission = Admission(store=store, ends=ends, realms=realms, audit=audit, settings=settings, clock=clock)
        super().__init__(
            store=store,
            ends=ends,
            check=Check(store, fence, ends, clock, watch),
            bags=SharedBags(store, clock),
            standalone=StandaloneSessions(fence=fence, realms=realms, ends=ends, audit=audit, clock=clock, busy=busy),
            clock=clock,
            fence=fence,
            transients=Transients(
                facts, scripts, SessionTokens(store=store, facts=facts, fence=fence, realms=realms, clock=clock), clock
            ),
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
