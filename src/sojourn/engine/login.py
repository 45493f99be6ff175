"""Logins with user name and password: uniform in failure, audited, and never into a handle that was known before."""

from __future__ import annotations

from typing import NamedTuple

from sojourn.core.clock import Clock
from sojourn.core.errors import SessionEnded, StaleSession
from sojourn.core.ids import SessionHandle
from sojourn.engine.access import Access
from sojourn.engine.audit.log import Audit
from sojourn.engine.passwords.credentials import AccountUnusable, Admit, Credentials, Shown
from sojourn.engine.passwords.throttling import NO_DEVICE, ShownDevice
from sojourn.engine.sessions import Begun, Sessions
from sojourn.model.realm import Realm
from sojourn.model.session import Device, Identity, Session
from sojourn.model.user import Account, account_identity, account_principal
from sojourn.stores.base import SessionLimit


class LoggedIn(NamedTuple):
    """A login that succeeded."""

    session: Session
    #: Shown once.
    handle: SessionHandle
    account: Account


class Logins:
    """Checks credentials and begins sessions of accounts."""

    def __init__(self, *, credentials: Credentials, sessions: Sessions, audit: Audit, clock: Clock) -> None:
        self._credentials = credentials
        self._sessions = sessions
        self._audit = audit
        self._clock = clock

    async def authenticate(
        self,
        realm: Realm,
        user_name: str,
        password: str,
        address: str = "",
        *,
        shown: ShownDevice = NO_DEVICE,
        tells: bool = False,
    ) -> Account | None:
        """The account, with its scopes in ``realm``, when it may log in there with this password.

        None alike, and in the same time, for an unknown user, a wrong password, an account that is not active, one
        without the realm's ``loginScope`` and a password that has to be changed first. Give the account to
        ``Sessions.begin(authenticated=…)``, so that a password change since then holds.

        ``tells`` is for code of ours, never for an answer to a client: ``AccountUnusable`` is raised then where the
        password was right and the account cannot be used, ``PasswordExpired`` where it has to be changed. Raises
        ``TooManyTries``, ``LoginBusy``, ``StoreUnavailable``.
        """
        try:
            account = await self._credentials.check(realm, Shown(user_name, password, address, shown), tells=tells)
        except AccountUnusable:
            await self._failed(realm, user_name, address)
            if tells:
                raise
            return None
        if account is None:
            await self._failed(realm, user_name, address)
        else:
            await self._succeeded(realm, account, address, None)
        return account

    async def login(
        self,
        realm: Realm,
        user_name: str,
        password: str,
        device: Device,
        *,
        current: Access | None = None,
        end_session: str = "",
        admit: Admit | None = None,
        shown: ShownDevice = NO_DEVICE,
        new_password: str | None = None,
        tells: bool = False,
    ) -> LoggedIn | None:
        """Log in; None when refused, for every reason alike.

        With a ``current`` session that is anonymous the record goes on, with the fields that the realm keeps when the
        handle was a cookie; with one of the same account it goes on with all its fields; one of anybody else ends
        (``replaced-by-login``) and a new one begins. The secret and the epoch are new in every case.

        Where the account has as many sessions as it may and the policy of the realm is *deny*, raises ``SessionLimit``
        with those sessions: to be shown, because the password was right. ``end_session`` is the public id of one of
        them that shall end (``dropped``) in favour of this login; an id that is none of them changes nothing.

        ``admit`` is asked last, after the right password: whom it does not admit is refused like everybody else.

        ``shown`` is what the client shows of its device. Where the password is older than the realm's ``passwordMaxAge``,
        raises ``PasswordExpired`` because it was right; ``new_password`` replaces it then, or whenever it is given, and may
        raise ``WeakPassword``. ``tells`` as :meth:`authenticate`.

        Raises ``TooManyTries``, ``LoginBusy`` and ``CeilingReached``; ``SessionEnded`` (``session-limit``) when others of the account logged in
        at the same moment and this one has had to make room already; ``CrossSiteWrite`` when ``current`` may change nothing;
        ``StaleSession`` when another request logged the same session in at the same moment: repeat with the new handle.
        """
        if current is not None:
            current.writable()
        try:
            account = await self._credentials.check(
                realm, Shown(user_name, password, device.address, shown, new_password), admit=admit, tells=tells
            )
        except AccountUnusable:
            await self._failed(realm, user_name, device.address)
            raise
        if account is not None and end_session:
            await self._sessions.end_own(realm, account, end_session, address=device.address)
        if account is None:
            await self._failed(realm, user_name, device.address)
            return None
        identity = account_identity(account, self._clock.now())
        return await self._entered(realm, account, identity, device, current)

    async def enter(
        self,
        realm: Realm,
        account: Account,
        identity: Identity,
        device: Device,
        *,
        current: Access | None = None,
        end_session: str = "",
    ) -> LoggedIn | None:
        """Log in ``account`` because something else than a password vouched for it; as :meth:`login` in all the rest.

        ``account`` is as it was before that was checked: what ended it since then ends the login. ``identity`` says who
        acts and how that was proved. None when the account may not log in now.
        """
        if current is not None:
            current.writable()
        admitted = await self._credentials.admitted(realm, account)
        if admitted is None:
            await self._failed(realm, account.name, device.address)
            return None
        if end_session:
            await self._sessions.end_own(realm, admitted, end_session, address=device.address)
        return await self._entered(realm, admitted, identity, device, current)

    async def _entered(
        self, realm: Realm, account: Account, identity: Identity, device: Device, current: Access | None
    ) -> LoggedIn | None:
        begun = await self._enter(realm, account, identity, device, current)
        if begun is None:
            await self._failed(realm, account.name, device.address)
            return None
        await self._succeeded(realm, account, device.address, begun.session)
        return LoggedIn(begun.session, begun.handle, account)

    async def _enter(
        self, realm: Realm, account: Account, identity: Identity, device: Device, current: Access | None
    ) -> Begun | None:
        """The session of the login; None when the account was ended while its password was checked."""
        if current is not None and current.session.principal in ("", account_principal(account.key)):
            try:
                return await self._rotate(account, identity, device, current)
            except SessionEnded:
                # The session that came along has died meanwhile; nothing of it goes on.
                current = None
        try:
            begun = await self._sessions.begin(realm, identity, device, authenticated=account)
        except SessionEnded as ended:
            if ended.reason != "session-limit":
                return None
            # The password was right: to say that it was wrong would send the user after another cause.
            await self._refused(realm, account, device.address)
            raise
        if current is not None:
            await self._replace(current)
        return begun

    async def _rotate(self, account: Account, identity: Identity, device: Device, current: Access) -> Begun:
        keep = None
        if current.kind == "anonymous":
            keep = current.realm.kept_at_login if current.via == "cookie" else frozenset()
        return await self._sessions.rotate(current, identity, device, keep=keep, authenticated=account)

    async def _replace(self, current: Access) -> None:
        try:
            await self._sessions.end(current, "replaced-by-login")
        except (SessionEnded, StaleSession):
            # It is dead, or another login has taken it over with a secret of its own: not this client's any more.
            return

    async def _succeeded(self, realm: Realm, account: Account, address: str, session: Session | None) -> None:
        provider = session.identity.provider if session else 0
        await self._audit.record(
            "REMOTE_LOGIN" if provider else "LOGIN",
            realm=realm.id,
            outcome="ok",
            actor=account.name,
            session=session.id if session else "",
            address=address,
            detail={"by": "provider", "provider": provider} if provider else "",
        )

    async def _refused(self, realm: Realm, account: Account, address: str) -> None:
        detail = {"cause": SessionLimit.code, "userName": account.name}
        await self._audit.record(
            "LOGIN_FAIL", realm=realm.id, outcome="refused", actor=account.name, address=address, detail=detail
        )

    async def _failed(self, realm: Realm, user_name: str, address: str) -> None:
        detail = {"userName": user_name}
        await self._audit.record("LOGIN_FAIL", realm=realm.id, outcome="failed", address=address, detail=detail)
