"""The public Python face of a live session: ``session.fields.put(…)``, ``session.set_timeout(30)``, ``session.end()``.

Each call is a check and an act of its own against the session store; nothing is cached, so there is nothing to save.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from sojourn.core.clock import DAY, HOUR, MINUTE, Clock
from sojourn.core.errors import BadRequest
from sojourn.core.ids import SessionHandle
from sojourn.engine.access import Access
from sojourn.engine.fields import Bag, Batch, Batched, Fields, Versioned
from sojourn.engine.sessions import Sessions
from sojourn.engine.tokens import Tokens
from sojourn.model.field import Changed, Field, Op
from sojourn.model.realm import Realm
from sojourn.model.scope import ScopeSet
from sojourn.model.session import Device, EndReason

__all__ = ["Bag", "Batch", "Batched", "Fields", "Session", "SessionBag", "Versioned"]

#: A month and a year of ``set_timeout``.
MONTH = 30 * DAY
YEAR = 365 * DAY


class SessionBag:
    """The fields of an open session; each call is a check of its own."""

    def __init__(self, sessions: Sessions, access: Access) -> None:
        self._sessions = sessions
        self._access = access

    async def read(self) -> Mapping[str, Field]:
        """The fields as they are now."""
        return await self._sessions.fields(self._access)

    async def write(self, ops: Sequence[Op]) -> Changed:
        """Apply all of ``ops`` or none."""
        return await self._sessions.change(self._access, ops)


class Session:
    """A live session, opened by one handle."""

    def __init__(
        self, sessions: Sessions, tokens: Tokens, clock: Clock, access: Access, handle: SessionHandle | None = None
    ) -> None:
        self._sessions = sessions
        self._tokens = tokens
        self._clock = clock
        #: The outcome of the check that opened it.
        self.access = access
        #: ``<id>.<secret>`` for the client, None when it was not this call that made it. Keep it secret.
        self.handle = handle
        self.fields = Fields(SessionBag(sessions, access))

    def __repr__(self) -> str:
        return f"<Session {self.id} of {self.user_name} in {self.realm.name}>"

    @property
    def id(self) -> str:
        """Public id; to know it opens nothing."""
        return self.access.session.id

    @property
    def realm(self) -> Realm:
        """Where the session lives."""
        return self.access.realm

    @property
    def user_name(self) -> str:
        """Name of the account, ``anonymous`` without one."""
        account = self.access.account
        return account.name if account else self.access.session.identity.user_name

    @property
    def user_key(self) -> int:
        """Key of the account, -1 without one."""
        return self.access.session.identity.user_key

    @property
    def subject(self) -> str:
        """``sub`` of an external principal, else empty."""
        return self.access.session.identity.subject

    @property
    def scope(self) -> ScopeSet:
        """The effective scope at the time of the check: handle ∩ session ∩ account."""
        return self.access.scope

    @property
    def created(self) -> int:
        """When it began, in milliseconds since 1970 as all times here."""
        return self.access.session.created

    @property
    def login_at(self) -> int:
        """When its user logged in, 0 without a login."""
        return self.access.session.identity.login_at

    @property
    def last_access(self) -> int:
        """The last recorded access at the time of the check; up to ``touchEvery`` of the realm ago."""
        return self.access.session.last

    @property
    def idle(self) -> int:
        """Idle limit in milliseconds, 0 = none."""
        return self.access.session.idle

    @property
    def expires_at(self) -> int:
        """The instant at which it is dead when nobody uses it any more: the earlier of its two limits."""
        return self.access.session.dies_at

    @property
    def ends_at(self) -> int:
        """The instant at which it is dead however much it is used."""
        return self.access.session.absolute

    @property
    def device(self) -> Device:
        """The client that made the session: its id where the realm gives one, its address, its user agent."""
        return self.access.session.device

    @property
    def client_id(self) -> str:
        """Id of the client's device, empty where the realm does not track clients."""
        return self.access.session.device.client

    @property
    def tracking(self) -> bool:
        """Whether a cookie leads to the session."""
        return self.realm.tracks

    @property
    def delegated(self) -> bool:
        """Whether the handle is narrower than its session."""
        return self.access.delegated

    async def check(self) -> None:
        """Raise ``SessionEnded`` or ``StaleSession`` unless the session still lives and is the same."""
        await self._sessions.check(self.access)

    async def end(self, reason: EndReason = "logout") -> None:
        """End it for good: every handle of it is dead when this returns."""
        await self._sessions.end(self.access, reason)

    async def set_timeout(self, minutes: int, hours: int = 0, days: int = 0, months: int = 0, years: int = 0) -> None:
        """Let the session end after so much time without an access, counted anew from now.

        A month has 30 days, a year 365. ``set_timeout(0)`` ends the session at once, with the reason *idle*. It may be
        longer than the realm's ``sessionIdle``, up to its ``sessionLifetime`` and never beyond its ``timeouts``: more
        raises ``IdleTooLong``. A negative part raises ``BadRequest``.
        """
        if min(minutes, hours, days, months, years) < 0:
            raise BadRequest("no part of a timeout is negative")
        limit = minutes * MINUTE + hours * HOUR + days * DAY + months * MONTH + years * YEAR
        if limit == 0:
            await self.end("idle")
            return
        await self._sessions.set_idle(self.access, limit)
        now = msgspec.structs.replace(self.access.session, idle=limit, last=self._clock.now())
        self.access = msgspec.structs.replace(self.access, session=now)

    async def token(self, *, scope: Iterable[str] | None = None, lifetime: int | None = None) -> str:
        """A new JWT of this session.

        Args:
            scope: Part of :attr:`scope`; None = all that this handle may.
            lifetime: Milliseconds until ``exp``, at most the realm's ``maxTokenLifetime``; None = its ``tokenLifetime``.
                A token never outlives the session.

        Raises:
            InsufficientScope: A word of ``scope`` is not in :attr:`scope`.
            BadRequest: ``lifetime`` is out of range.
        """
        config = self.realm.config
        lasts = config.token_lifetime if lifetime is None else lifetime
        if not 0 < lasts <= config.max_token_lifetime:
            raise BadRequest(f"a token of this realm lives 1 to {config.max_token_lifetime} ms")
        issued = await self._tokens.renew(self.access, expires_at=self._clock.now() + lasts, scope=scope)
        return issued.token
