"""The methods of ``Security`` about passwords and tokens."""

from __future__ import annotations

from typing import Final, NamedTuple

from sojourn.core.errors import AuthTokenRefused, DelegatedHandle, InsufficientScope
from sojourn.engine.accounts.directory import UserUnknown
from sojourn.engine.accounts.users import ExternalAuthorizer
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.passwords.passwords import WrongPassword
from sojourn.engine.security.caller import SecurityCaller
from sojourn.engine.security.declared import ANYONE, LOGGED_IN, SELF, needs
from sojourn.engine.tokens.bearers import kind_of
from sojourn.engine.tokens.issuing import IMPERSONATE
from sojourn.model.token import AuthToken
from sojourn.model.user import Account

_CHANGE_PASSWORD: Final = "security.changeUserPassword"  # noqa: S105 - the name of a scope
#: What names nobody.
NOBODY: Final = -1

_ITS_OWN: Final = "the token is its own, or `security.manageTokens` and all that its owner has"


class AuthTokenInfo(NamedTuple):
    """What a token says of whom it acts for."""

    user_key: int
    user_name: str
    #: None for a token of an identity provider.
    token_key: int | None
    #: None for a token of this engine.
    provider_key: int | None
    #: The words of its scope, separated by one blank.
    scope: str
    data: str


class CredentialMethods(SecurityCaller):
    """Passwords and tokens."""

    @needs(ANYONE, also="the password", seed="authenticateUser")
    async def authenticate_user(self, user_id: str, password: str) -> int:
        """The key of the user with that name or mail address and password; -1 for wrong ones. Logs nobody in.

        Throttled as a login is. Raises ``AccountUnusable`` where the password is right and the account is locked, disabled
        or expired, ``TooManyTries``, ``LoginBusy``; ``RealmUnknown`` outside a realm.
        """
        found = await self._rules.logins.authenticate(self._here, user_id, password, self._address, tells=True)
        return found.key if found else NOBODY

    @needs(SELF, also="the present password", fresh=True, seed="changePassword")
    async def change_password(self, user_key: int, old: str, new: str) -> None:
        """Change the own password: the calling session goes on with a new secret, all others of the account end.

        Raises ``WrongPassword``, ``WeakPassword``, ``TooManyTries``, ``LoginBusy``; ``ExternalAuthorizer`` for an account
        whose credentials an identity provider checks.
        """
        if not await self._rules.users.has_password(user_key):
            raise ExternalAuthorizer
        if self._access is not None:
            await self._rules.passwords.change(self._access, old, new, address=self._address)
            return
        if self._who.delegated:
            raise DelegatedHandle
        account = await self._known(user_key)
        if await self.authenticate_user(account.name, old) != user_key:
            raise WrongPassword
        await self._rules.passwords.set(self._who, user_key, new)

    @needs(_CHANGE_PASSWORD, own=True, over=True, fresh=True, seed="setPassword")
    async def set_password(self, user_key: int, password: str) -> None:
        """Set a password, which ends all sessions and revokes all tokens of the account.

        Raises ``UserUnknown``, ``WeakPassword``, ``AccountTampered``, ``LoginBusy``.
        """
        await self._rules.passwords.set(self._who, user_key, password)

    @needs(ANYONE, also="the text of the token", seed="authenticateAuthToken")
    async def authenticate_auth_token(self, access_token: str) -> AuthTokenInfo:
        """Whom a token of this engine acts for here. Logs nobody in.

        Raises ``AuthTokenRefused`` where it or its user cannot be used, ``RealmUnknown`` outside a realm.
        """
        if kind_of(access_token) != "auth":
            raise AuthTokenRefused("unknown")
        access = await self._rules.bearers.open(self._here, access_token, self._address)
        assert access.account is not None
        assert access.transient is not None
        assert access.transient.token is not None
        record, account = access.transient.token, access.account
        return AuthTokenInfo(account.key, account.name, record.key, None, record.scope, record.data)

    @needs(ANYONE, also="the text of the token", seed="restoreAuthToken")
    async def restore_auth_token(self, access_token: str) -> AuthToken:
        """The object of an issued token, expired or not; raises ``AuthTokenRefused``."""
        return await self._rules.auth_tokens.restore(access_token)

    @needs(
        LOGGED_IN,
        also=f"for another account its password, or `{IMPERSONATE}` and all that it has",
        fresh=True,
        seed="authorizeToken",
    )
    async def authorize_token(self, token: AuthToken, user_id: str, password: str | None = None) -> str:
        """Issue a token for a user; the text, shown once. For the own account its scope is part of the caller's.

        With ``password`` it is that user who asks. Raises ``UserUnknown``, ``InsufficientScope``, ``DelegatedHandle``, and what ``AuthTokens.authorize`` says.
        """
        shown = password is not None
        account = await (self._shown(user_id, password) if password is not None else self._of_name(user_id))
        place = self._realm.id if self._realm else EVERYWHERE
        done = await self._rules.auth_tokens.authorize(
            self._who, account, token, place, access=self._access, authenticated=shown
        )
        return done.text

    @needs(LOGGED_IN, also=_ITS_OWN, fresh=True, seed="updateAuthToken")
    async def update_auth_token(self, token: AuthToken) -> None:
        """Give an authorized token another ``description`` and ``expires``; nothing else may differ."""
        await self._rules.auth_tokens.update(self._who, token, access=self._access)

    @needs(ANYONE, also="the text of the token", seed="revokeAuthToken")
    async def revoke_auth_token(self, access_token: str) -> None:
        """Revoke a token by its text, and all that it asked for; for good."""
        await self._rules.auth_tokens.revoke(self._anybody, access_token)

    @needs(LOGGED_IN, also=_ITS_OWN, fresh=True, seed="revokeAuthTokenByKey")
    async def revoke_auth_token_by_key(self, key: int) -> None:
        """Revoke a token by its key, and all that it asked for; for good."""
        await self._rules.auth_tokens.revoke(self._who, key, access=self._access)

    async def _shown(self, user_id: str, password: str) -> Account:
        found = await self._rules.logins.authenticate(self._here, user_id, password, self._address, tells=True)
        if found is None:
            raise WrongPassword
        return found

    async def _of_name(self, user_id: str) -> Account:
        found = await self._rules.users.find(self._directory, user_id)
        if found is not None:
            return found
        # Whether an account exists is not for everybody.
        if not self._rules.rights.sees(self._who, self._directory):
            raise InsufficientScope
        raise UserUnknown
