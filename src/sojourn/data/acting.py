"""Who acts on a connection: the user of the session, or one that has logged in on the connection alone."""

from __future__ import annotations

from collections.abc import Sequence

from sojourn.core.errors import InsufficientScope
from sojourn.data.terms import EXTERNAL_ACCESS
from sojourn.engine.access import Access
from sojourn.engine.live import Session
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.rules import Rules
from sojourn.model.scope import NO_SCOPE, ScopeSet
from sojourn.model.session import ANONYMOUS_KEY, ANONYMOUS_NAME, Identity


class Acting:
    """The part of :class:`~sojourn.data.database.Database` that is about its user.

    Args:
        rules: Of the engine.
        session: Under which it acts; its login ends what has logged in here.
        follows: Whether it begins with the user of the session, else with nobody.
    """

    def __init__(self, rules: Rules, session: Session, *, follows: bool) -> None:
        self._rules = rules
        self._session = session
        self._follows = follows
        #: An identity of its own, with the epoch of the session under which it was taken.
        self._own: Access | None = None
        self._out = not follows
        self._epoch = session.access.session.epoch

    @property
    def user_key(self) -> int:
        """Key of the account that is logged in here, -1 without one."""
        access = self._access
        return access.session.identity.user_key if access else ANONYMOUS_KEY

    @property
    def user_name(self) -> str:
        """Its name, ``anonymous`` without one."""
        access = self._access
        if access is None:
            return ANONYMOUS_NAME
        return access.account.name if access.account else access.session.identity.user_name

    @property
    def scope(self) -> ScopeSet:
        """What it may do."""
        access = self._access
        return access.scope if access else NO_SCOPE

    async def user_has_scope(self, scope: str) -> bool:
        """Whether the user that is logged in here has ``scope`` now. Raises as ``Session.check``."""
        access = self._access
        if access is None:
            return False
        await self._check()
        return scope in await self._scope_now()

    async def login(self, user_name: str, password: str) -> bool:
        """Log this connection in, and nothing but it; False when refused, and then it stays as it was.

        Raises ``AccountUnusable``, ``PasswordExpired``, ``TooManyTries``, ``LoginBusy``, and as ``Session.check``.
        """
        await self._session.check()
        realm, address = self._session.realm, self._address
        account = await self._rules.logins.authenticate(realm, user_name, password, address, tells=True)
        if account is None:
            return False
        transients = self._rules.sessions.transients
        self._become(transients.open_account(realm, account, self._rules.clock.now(), address))
        return True

    async def login_by_auth_token(self, token: str, *, scripts: Sequence[str] = ()) -> None:
        """Log this connection in with an AuthToken, whose scope is then the connection's.

        ``scripts``: the running script and its callers, for a token that names scripts. Raises ``AuthTokenRefused`` with
        the reason, ``InsufficientScope`` unless its user has ``security.externalAccess``; then it stays as it was.
        """
        await self._session.check()
        opened = await self._rules.sessions.transients.open_token(self._session.realm, token, self._address, scripts)
        if EXTERNAL_ACCESS not in opened.held:
            raise InsufficientScope
        self._become(opened)

    async def login_by_session(self) -> bool:
        """Act for the user of the session, as the default connection does; False when it has none."""
        await self._session.check()
        if self._session.access.kind == "anonymous":
            return False
        self._own, self._out, self._follows = None, False, True
        self._epoch = self._session.access.session.epoch
        return True

    def logout(self) -> None:
        """End the identity of this connection; the session keeps its own."""
        self._own, self._out = None, True
        self._epoch = self._session.access.session.epoch

    # --- within ---

    @property
    def _access(self) -> Access | None:
        """The identity of this connection as it is now, None for nobody."""
        session = self._session.access
        if self._follows and session.session.epoch != self._epoch:
            # Login and logout of the session are done on its default connection too.
            self._own, self._out, self._epoch = None, False, session.session.epoch
        found = None if self._out else self._own or session
        return None if found is None or found.kind == "anonymous" else found

    async def _scope_now(self) -> ScopeSet:
        """What it may do, without what was taken from its account since it logged in."""
        access = self._access
        if access is None or access.account is None:
            return self.scope
        held = await self._rules.actors.scopes(access.account.key)
        return access.scope & held.get(access.realm.id, held.get(EVERYWHERE, NO_SCOPE))

    @property
    def _address(self) -> str:
        return self._session.access.session.device.address

    @property
    def _logged_name(self) -> str:
        """The name for the change log; an external principal has no account, and no name of ours."""
        access = self._access
        if access is None or access.account:
            return self.user_name
        return access.session.identity.subject or self.user_name

    def _become(self, access: Access) -> None:
        self._own, self._out = access, False
        self._epoch = self._session.access.session.epoch

    @property
    def _identity(self) -> tuple[int, Identity | None]:
        """Who acts, and under which epoch of the session."""
        access = self._access
        return self._session.access.session.epoch, access.session.identity if access else None

    async def _check(self) -> None:
        """Raise unless the session lives, and the user who is logged in here may still act."""
        await self._session.check()
        if self._own is not None:
            await self._rules.sessions.check(self._own)
