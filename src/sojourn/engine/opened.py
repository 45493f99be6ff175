"""What is done with a session that a handle has opened: the one check, its fields, its limits.

Nothing here keeps a session in memory. A right follows from the record as the store has it now and from the facts of
the engine database as they are now.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sojourn.core.clock import Clock
from sojourn.core.errors import BadRequest, SojournError
from sojourn.core.ids import SessionHandle
from sojourn.engine.access import Access, Via
from sojourn.engine.check import Check
from sojourn.engine.ends.ends import Ends
from sojourn.engine.fences import Fence
from sojourn.engine.fields.auditing import FieldLog
from sojourn.engine.fields.bag import SharedBags, check_scope
from sojourn.engine.oversight import Oversight
from sojourn.engine.standalone import StandaloneSessions
from sojourn.engine.tokens.claims import Claims
from sojourn.engine.tokens.transients import Transients
from sojourn.model.field import Changed, Field, Op
from sojourn.model.realm import Realm
from sojourn.stores.base import SessionStore


class IdleTooLong(BadRequest):
    """The session cannot be idle for so long."""

    code = "session.idle_too_long"

    def __init__(self, most: int) -> None:
        super().__init__(f"a session of this realm can be idle for at most {most} ms")
        #: The longest idle limit of the realm, in milliseconds.
        self.most = most


class OpenSessions(Oversight):
    """The part of :class:`~sojourn.engine.sessions.Sessions` that needs an open session, or opens one."""

    def __init__(
        self,
        *,
        store: SessionStore,
        ends: Ends,
        check: Check,
        bags: SharedBags,
        standalone: StandaloneSessions,
        clock: Clock,
        fence: Fence,
        transients: Transients,
    ) -> None:
        super().__init__(store=store, ends=ends, check=check, bags=bags, standalone=standalone, clock=clock)
        self._fence = fence
        #: Handles that give identity for one execution, without a record.
        self.transients = transients
        #: Where realms with ``fieldAuditing`` have the changes of fields written down.
        self.field_log: FieldLog | None = None

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
