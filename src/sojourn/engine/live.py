"""The public Python face of a live session: ``session.fields.put(…)``, ``session.set_timeout(30)``, ``session.end()``.

Each call is a check and an act of its own against the session store; nothing is cached, so there is nothing to save.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from sojourn.core.clock import DAY, HOUR, MINUTE
from sojourn.core.errors import BadRequest, Unauthorized
from sojourn.core.ids import SessionHandle
from sojourn.engine.access import Access
from sojourn.engine.fields.fields import Bag, Batch, Batched, Fields, Versioned
from sojourn.engine.identities import NewIdentity
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Sessions
from sojourn.engine.tokens.rules import NoAccountToDelegate
from sojourn.model.field import Changed, Field, Op
from sojourn.model.realm import Realm
from sojourn.model.scope import ScopeSet
from sojourn.model.session import Device, EndReason
from sojourn.model.token import AuthToken, ScriptChain

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

    def __init__(self, rules: Rules, access: Access, handle: SessionHandle | None = None) -> None:
        self._rules = rules
        self._sessions = rules.sessions
        self._clock = rules.clock
        #: The outcome of the check that opened it.
        self.access = access
        #: ``<id>.<secret>`` for the client, None when it was not this call that made it. Keep it secret.
        self.handle = handle
        self.fields = Fields(SessionBag(rules.sessions, access))

    def __repr__(self) -> str:
        return f"<Session {self.id} of {self.user_name} in {self.realm.name}>"

    @property
    def id(self) -> str:
        """Public id; to know it opens nothing. Empty for what has no record: an AuthToken, a session token, a password."""
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

    @property
    def actor(self) -> str:
        """Name of the account that impersonates the user, empty when nobody does."""
        return self.access.session.identity.actor

    @property
    def identity_provider_key(self) -> int | None:
        """Key of the identity provider that authenticated the session, None for every other way to log in."""
        return self.access.session.identity.provider or None

    # --- who acts ---

    async def login(self, user_name: str, password: str) -> bool:
        """Log this session in; False when refused, and then everything stays as it was.

        The session gets a new secret and epoch: :attr:`handle` is the new one, and whatever handle, JWT or session token
        there was before is dead. A login as another account than before drops the fields. Of a session without a record
        only this object changes. Raises ``TooManyTries``, ``LoginBusy``, ``SessionLimit``, and as :meth:`check`.
        """
        changed = await self._rules.identities.login(self.access, user_name, password)
        if changed is not None:
            self.adopt(changed)
        return changed is not None

    async def login_by_auth_token(self, text: str, *, scripts: ScriptChain = ()) -> None:
        """Log this session in with an AuthToken, or with an ID token of a registered identity provider.

        The scope is then the AuthToken's; :attr:`identity_provider_key` is the provider's.

        It ends (``token-revoked``) when the token is revoked or expires. ``scripts``: the running script and its callers,
        for a token that names scripts. Raises ``AuthTokenRefused`` with its reason, and then the identity stays.
        """
        self.adopt(await self._rules.identities.login_by_token(self.access, text, scripts))

    async def set_password(self, new: str, old: str | None = None) -> None:
        """Change the password of this user: this session gets a new secret and epoch, all others of the account end.

        :attr:`handle` is the new one. ``old``, where given, has to be the present password. Raises ``DelegatedHandle``,
        ``FreshLoginRequired``, ``WeakPassword``, ``WrongPassword``, and as :meth:`check`.
        """
        done = await self._rules.passwords.change(self.access, old, new)
        via = "python" if self.access.via == "jwt" else self.access.via
        self.adopt(NewIdentity(await self._sessions.open(self.realm, done.handle, via), done.handle))

    async def logout(self) -> None:
        """End the identity: nobody, without scope and fields, under a new secret and epoch. The session stays.

        Its JWTs and session tokens are dead; a new login may follow. :meth:`end` ends the session itself.
        """
        self.adopt(await self._rules.identities.logout(self.access))

    # --- handing the login on ---

    async def authorize_token(self, token: AuthToken) -> str:
        """Authorize an AuthToken for this user in this realm; its text, which is shown once.

        A delegated session makes a child of its own token: no wider, no longer, and dead with it. Raises ``Unauthorized``
        for nobody, ``NoAccountToDelegate``, ``FreshLoginRequired``, ``InsufficientScope``, ``DelegatedHandle``, and what
        :class:`~sojourn.model.token.AuthToken` cannot be.
        """
        access = await self._acting()
        account = access.account
        if account is None:
            raise Unauthorized if access.kind == "anonymous" else NoAccountToDelegate
        actor = await self._rules.actors.of(access, access.session.device.address)
        done = await self._rules.auth_tokens.authorize(actor, account, token, access.realm.id, access=access)
        return done.text

    async def update_auth_token(self, token: AuthToken) -> None:
        """Give an authorized AuthToken another description or expiry. Raises as ``AuthTokens.update``."""
        access = await self._acting()
        actor = await self._rules.actors.of(access, access.session.device.address)
        await self._rules.auth_tokens.update(actor, token, access=access)

    async def revoke_auth_token_by_key(self, key: int) -> None:
        """Revoke an AuthToken, and what it has authorized itself, for good. Raises as ``AuthTokens.revoke``."""
        access = await self._acting()
        actor = await self._rules.actors.of(access, access.session.device.address)
        await self._rules.auth_tokens.revoke(actor, key, access=access)

    async def new_session_token(self, scope: str | Sequence[str]) -> str:
        """A token with this user's identity that holds while this session lives as it is, in this run of the engine.

        ``scope`` is a list of words, or a text with blanks between them. Raises ``NotStateful``, ``Unauthorized``,
        ``InsufficientScope``, and as :meth:`check`.
        """
        await self.check()
        return await self._sessions.transients.session_tokens.issue(self.access, scope)

    async def _acting(self) -> Access:
        """The access, which may change what is the account's own."""
        await self.check()
        if not self.access.delegated and self.access.account is not None:
            self.access.own(self._clock.now())
        return self.access

    def adopt(self, changed: NewIdentity) -> None:
        """Go on as ``changed`` says: with another identity, or with a record where there was none."""
        self.access, self.handle = changed
        self.fields = Fields(SessionBag(self._sessions, self.access))

    # --- its life ---

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
        await self.set_idle(limit)

    async def set_idle(self, milliseconds: int) -> None:
        """Let the session end after so much time without an access, counted anew from now; > 0, else as :meth:`set_timeout`."""
        await self._sessions.set_idle(self.access, milliseconds)
        now = msgspec.structs.replace(self.access.session, idle=milliseconds, last=self._clock.now())
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
        issued = await self._rules.tokens.renew(self.access, expires_at=self._clock.now() + lasts, scope=scope)
        return issued.token
