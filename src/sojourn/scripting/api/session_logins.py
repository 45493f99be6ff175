"""Logins and tokens of the global ``session``."""

from __future__ import annotations

from sojourn.core.errors import AuthTokenRefused
from sojourn.engine.accounts.users import ExternalAuthorizer
from sojourn.engine.security.declared import ANYONE, LOGGED_IN
from sojourn.scripting.api.auth_token import TokenArgument, shown
from sojourn.scripting.declare import HostClass, method
from sojourn.scripting.values import Value

_FRESH = "in a request a fresh login"


class SessionLogins(HostClass):
    """What changes who acts, and what hands the login on."""

    # --- login and logout ---

    @method("login(userName: string, password: string): boolean", ANYONE, also="the password")
    async def login(self, user_name: str, password: str) -> bool:
        """Log the session in, by name or mail address; false for wrong ones, and then everything stays as it was.

        The session gets a new secret: every handle and token of before is dead. A login as somebody else drops the fields,
        and the next execution has a fresh environment. Of a request that carries no session of its own only this execution
        is logged in. Throws ``AccountUnusable`` for a locked, disabled or expired account, ``TooManyTries``,
        ``SessionLimit``, ``ResponseAlreadySent``.
        """
        self.run.changing_identity()
        done = await self.run.session.login(user_name, password)
        if done:
            await self.run.changed_identity()
        return done

    @method("loginByAuthToken(authToken: string): void", ANYONE, also="the text of the token")
    async def login_by_auth_token(self, auth_token: str) -> None:
        """Log the session in with an AuthToken, or with an ID token of a registered identity provider.

        The session then has the token's scope, and ends when the token is revoked or expires. A token that names scripts is
        taken only while the running script and every caller of it is one of them. Throws ``AuthTokenRefused``, whose
        ``reason`` is ``unknown``, ``expired``, ``revoked``, ``script-not-allowed``, ``user-unusable`` or
        ``provider-unknown``; the session keeps its user then.
        """
        self.run.changing_identity()
        await self.run.session.login_by_auth_token(auth_token, scripts=self.run.chain())
        await self.run.changed_identity()

    @method(
        "loginByToken(token: string): boolean",
        ANYONE,
        also="the text of the token",
        deprecated="Use loginByAuthToken.",
    )
    async def login_by_token(self, token: str) -> bool:
        """Log the session in with an AuthToken; false where :meth:`loginByAuthToken` throws ``AuthTokenRefused``."""
        try:
            await self.login_by_auth_token(token)
        except AuthTokenRefused:
            return False
        return True

    @method("logout(): void", ANYONE)
    async def logout(self) -> None:
        """End the login: the session goes on as nobody, without scope and fields; its tokens are dead.

        Nothing happens when nobody is logged in. The script's own globals stay until somebody else logs in.
        """
        if self.run.session.access.kind == "anonymous":
            return
        self.run.changing_identity()
        await self.run.session.logout()
        await self.run.changed_identity()

    @method("setPassword(newPassword: string): void", LOGGED_IN, also=f"the own account; {_FRESH}")
    async def set_password(self, new_password: str) -> None:
        """Change the password of the user: this session gets a new secret, all other sessions of the user end.

        Throws ``WeakPassword``, ``FreshLoginRequired``, ``DelegatedHandle`` for a session that a token logged in, and
        ``ExternalAuthorizer`` for a user whose credentials an identity provider checks.
        """
        self.run.changing_identity()
        user = self.run.session.access.account
        if user is not None and not await self.run.rules.users.has_password(user.key):
            raise ExternalAuthorizer
        await self.run.own_session().set_password(new_password)
        await self.run.changed_identity()

    # --- tokens ---

    @method("authorizeToken(authToken: AuthToken): string", LOGGED_IN, also=_FRESH, writes=True)
    async def authorize_token(self, auth_token: TokenArgument) -> Value:
        """Authorize a token for this user and give its text, which is shown this once: who has it acts as the user.

        The token's scope is part of the session's. Throws ``InsufficientScope``, ``FreshLoginRequired``,
        ``AuthTokenExpiry``, ``TooManyAuthTokens``.

        Example::

            const AuthToken = require('@nginstack/engine/lib/security/AuthToken');
            session.login('anna', 'correct horse battery');
            const token = new AuthToken('cart.read', 'nightly');
            token.description = 'the nightly job';
            const accessToken = session.authorizeToken(token);
            accessToken.startsWith('sjt_'); // => true
        """
        text = await self.run.own_session().authorize_token(auth_token.token())
        return shown(await self.run.rules.auth_tokens.restore(text), text)

    @method(
        "updateAuthToken(authToken: AuthToken): void", LOGGED_IN, also=f"the token is its own; {_FRESH}", writes=True
    )
    async def update_auth_token(self, auth_token: TokenArgument) -> None:
        """Give an authorized token another ``description`` and ``expires``; throws ``AuthTokenFixed`` for anything else."""
        await self.run.own_session().update_auth_token(auth_token.token())

    @method("revokeAuthTokenByKey(key: number): void", LOGGED_IN, also=f"the token is its own; {_FRESH}", writes=True)
    async def revoke_auth_token_by_key(self, key: int) -> None:
        """Revoke a token, and what it has authorized itself, for good. Throws ``AuthTokenUnknown``."""
        await self.run.own_session().revoke_auth_token_by_key(key)

    @method("newSessionToken(scope: string | string[]): string", LOGGED_IN)
    async def new_session_token(self, scope: str | list[str]) -> str:
        """A token with this user's identity that holds while this session lives as it is, in this run of the engine.

        ``scope`` is a list of words, or a text with blanks between them, each of them in ``session.scope``. Throws
        ``NotStateful`` in a stateless realm, ``InsufficientScope``.
        """
        return await self.run.session.new_session_token(scope)
