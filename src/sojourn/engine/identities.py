"""Who a session acts for, changed from within: login, login by a token, logout. The record stays the same.

A handle without a record changes nothing but this execution: what comes back then is another access without a record.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from sojourn.core.clock import Clock
from sojourn.core.errors import AuthTokenRefused, SessionEnded, TokenRefused, TransientSession
from sojourn.core.ids import SessionHandle
from sojourn.engine.access import Access, Transient
from sojourn.engine.audit.log import Audit, Kind
from sojourn.engine.login import Logins
from sojourn.engine.providers.login import ProviderLogins
from sojourn.engine.sessions import Sessions
from sojourn.engine.tokens.uses import TokenUses
from sojourn.model.scope import NO_SCOPE
from sojourn.model.session import Identity
from sojourn.model.token import ScriptChain
from sojourn.model.user import Account, account_identity, account_principal

_NOBODY = Identity()
_DOTS_OF_A_JWT = 2

# What the code that asked is told of an ID token, in the words that AuthTokens have.
_OF_ID_TOKENS = {
    "provider-unknown": "provider-unknown",
    "expired": "expired",
    "stale": "expired",
    "reused": "revoked",
    "logged-out": "revoked",
    "no-account": "user-unusable",
}
_NO_FIELDS: frozenset[str] = frozenset()


class NewIdentity(NamedTuple):
    """A session with its new identity; the handle is None where there is no record."""

    access: Access
    handle: SessionHandle | None


class Identities:
    """Changes whom a session acts for. Refused, everything stays as it was."""

    def __init__(
        self,
        *,
        logins: Logins,
        sessions: Sessions,
        uses: TokenUses,
        through: ProviderLogins,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._logins = logins
        self._sessions = sessions
        self._transients = sessions.transients
        self._uses = uses
        self._through = through
        self._audit = audit
        self._clock = clock

    async def login(self, access: Access, user_name: str, password: str) -> NewIdentity | None:
        """Log the session in with a password; None when refused, and the identity stays.

        The secret and the epoch are new, so every handle and token of before is dead. A login as another account than
        before drops the fields; from nobody those stay that ``keepAtLogin`` names, when the handle was a cookie. Raises
        ``AccountUnusable`` for a right password of an account that is locked or disabled, without saying that it was right;
        as ``Logins.authenticate``, ``SessionEnded``, ``StaleSession``, ``SessionLimit``, ``CrossSiteWrite``.
        """
        if access.transient is None:
            access.writable()
        await self._sessions.check(access)
        address = access.session.device.address
        account = await self._logins.authenticate(access.realm, user_name, password, address, tells=True)
        if account is None:
            return None
        now = self._clock.now()
        if access.transient is not None:
            return await self._unrecorded(access, self._transients.open_account(access.realm, account, now, address))
        return await self._become(access, account, account_identity(account, now))

    async def login_by_token(self, access: Access, text: str, chain: ScriptChain = ()) -> NewIdentity:
        """Log the session in with an AuthToken; it ends (``token-revoked``) when the token is revoked or expires.

        With an ID token of a registered identity provider the session is one of that provider, and ends with it.

        ``chain`` is the running script and its callers, for a token that only some scripts may use. Raises
        ``AuthTokenRefused`` with the reason, and the identity stays; as :meth:`login` too.
        """
        realm, transients, address = access.realm, self._transients, access.session.device.address
        if access.transient is None:
            access.writable()
        await self._sessions.check(access)
        if text.count(".") == _DOTS_OF_A_JWT:
            return await self._login_by_id_token(access, text)
        try:
            record = await transients.find(realm, text)
            await transients.check_scripts(record, chain)
            account = _fit_to_log_in(await transients.account(realm, record))
        except AuthTokenRefused as error:
            await self._told("REMOTE_LOGIN_FAIL", access, "", error.reason)
            raise
        await self._uses.note(record, realm.id, account.name, address, "login")
        identity = await transients.identity(account, record)
        if access.transient is not None:
            return await self._unrecorded(access, await transients.open_record(realm, record, account, address))
        changed = await self._become(access, account, identity)
        await self._told("REMOTE_LOGIN", changed.access, account.name)
        return changed

    async def logout(self, access: Access) -> NewIdentity:
        """End the identity: nobody, no scope, a new secret and epoch; session tokens and JWTs are dead, the fields gone.

        The record stays, and another login may follow. The bag that sessions of one principal share stays with them.
        Raises as :meth:`login`.
        """
        if access.transient is not None:
            session = replace(access.session, identity=_NOBODY)
            # It rests on nothing any more.
            nobody = replace(
                access, session=session, scope=NO_SCOPE, account=None, delegated=False, transient=Transient()
            )
            return await self._unrecorded(access, nobody)
        session = access.session
        begun = await self._sessions.rotate(access, _NOBODY, session.device, keep=_NO_FIELDS)
        await self._audit.record(
            "LOGOUT",
            realm=access.realm.id,
            outcome="ok",
            actor=session.identity.user_name,
            session=session.id,
            address=session.device.address,
            detail={"reason": "logout", "act": "identity"},
        )
        return await self._opened(access, begun.handle)

    async def _unrecorded(self, before: Access, after: Access) -> NewIdentity:
        """What a session without a record becomes: the same one where it is known to the engine, else another one."""
        if before.session.id:
            after = await self._sessions.standalone.adopt(before, after)
        return NewIdentity(after, None)

    async def _login_by_id_token(self, access: Access, text: str) -> NewIdentity:
        if access.transient is not None:
            # It vouches for a session, which the provider can end; there is none.
            raise TransientSession
        try:
            vouched = await self._through.vouch(access.realm, text)
            changed = await self._become(access, vouched.account, vouched.identity)
            await self._through.settle(vouched, access.realm, changed.access.session)
        except TokenRefused as error:
            await self._told("REMOTE_LOGIN_FAIL", access, "", error.reason)
            raise AuthTokenRefused(_OF_ID_TOKENS.get(error.reason, "unknown")) from error
        await self._told("REMOTE_LOGIN", changed.access, vouched.account.name)
        return changed

    async def _become(self, access: Access, account: Account, identity: Identity) -> NewIdentity:
        keep: frozenset[str] | None = None
        if access.kind == "anonymous":
            keep = access.realm.kept_at_login if access.via == "cookie" else _NO_FIELDS
        elif access.session.principal != account_principal(account.key):
            keep = _NO_FIELDS
        try:
            begun = await self._sessions.rotate(
                access, identity, access.session.device, keep=keep, authenticated=account
            )
        except SessionEnded as ended:
            if ended.reason == "token-revoked":
                raise AuthTokenRefused("revoked") from ended
            raise
        return await self._opened(access, begun.handle)

    async def _opened(self, access: Access, handle: SessionHandle) -> NewIdentity:
        return NewIdentity(await self._sessions.open(access.realm, handle, access.via), handle)

    async def _told(self, kind: Kind, access: Access, user: str, cause: str = "") -> None:
        identity = access.session.identity
        await self._audit.record(
            kind,
            realm=access.realm.id,
            outcome="failed" if cause else "ok",
            actor=user or access.session.identity.user_name,
            session=access.session.id,
            address=access.session.device.address,
            detail={
                "by": "token",
                **({"cause": cause} if cause else {}),
                **({"impersonatedBy": identity.actor} if identity.actor and not cause else {}),
            },
        )


def _fit_to_log_in(account: Account) -> Account:
    """``account`` itself; raises ``AuthTokenRefused`` for a locked one: a lock stops new logins."""
    if account.state != "active":
        raise AuthTokenRefused("user-unusable")
    return account
