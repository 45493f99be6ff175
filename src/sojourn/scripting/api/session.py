"""The global ``session``: the session that executes the script."""

from __future__ import annotations

import math

from msgspec.structs import replace

from sojourn.core.clock import DAY, HOUR, MINUTE
from sojourn.core.errors import AuthTokenRefused, BadRequest, InsufficientScope
from sojourn.engine import live
from sojourn.engine.accounts.users import ExternalAuthorizer
from sojourn.engine.security.declared import ANYONE, LOGGED_IN
from sojourn.scripting.api.auth_token import TokenArgument, shown
from sojourn.scripting.declare import BadArgument, HostClass, exposed, get, method, put
from sojourn.scripting.values import Value

#: Who has the scope with the key of a product may make keys of that product.
PRODUCT = "database.product:"

#: Characters of ``trackingId``.
MAX_TRACKING_ID = 100

_VFS_KEY = "vfs:ikey?"
_FRESH = "in a request a fresh login"


class ProductUnknown(BadRequest):
    """A product is named by its key, a negative whole number; 0 is no product."""

    code = "product.unknown"


@exposed("Session", "lib/session/Session", "context/session", instance="session")
class Session(HostClass):
    """The session that executes this script: who acts, and for how long.

    A script has exactly one, the global ``session``, and makes none itself. Members that tell something are read as they
    are at the moment of the execution; acts are checked against the session as it is at the moment of the act, and throw
    ``SessionEnded`` or ``StaleSession`` when it has ended or was given another identity meanwhile.

    Example::

        if (!session.login('anna', 'correct horse battery')) {
          throw new Error('wrong name or password');
        }
        session.userName; // => "anna"
    """

    # --- who and where ---

    @get("id: string", ANYONE)
    def id(self) -> str:
        """Public id of the session. To know it opens nothing; empty where a request carries no session of its own."""
        return self.run.session.id

    @get("realm: string", ANYONE)
    def realm(self) -> str:
        """Name of the realm that the session belongs to. A session of one realm is never used by another."""
        return self.run.realm.name

    @get("runtime: string", ANYONE)
    def runtime(self) -> str:
        """``"ije"`` or ``"v8"``: the JavaScript runtime, as the realm's ``runtime`` says; fixed for the session."""
        return self.run.runtime

    @get("application: DBKey | null", ANYONE)
    def application(self) -> int | None:
        """Key of the application that the session belongs to, as the realm's ``application`` says; else null."""
        return self.run.realm.config.application

    @get("clientId: string", ANYONE)
    def client_id(self) -> str:
        """Unique id of the client's device. Empty unless the realm has ``clientTrackingEnabled`` and the client keeps it."""
        return self.run.session.client_id

    @get("userKey: number", ANYONE)
    def user_key(self) -> int:
        """Key of the user; -1 for nobody, the user ``anonymous``, and for an external principal."""
        return self.run.session.user_key

    @get("userName: string", ANYONE)
    def user_name(self) -> str:
        """Name of the user, ``"anonymous"`` without one."""
        return self.run.session.user_name

    @get("subject: string", ANYONE)
    def subject(self) -> str:
        """Who an external principal is, in its pipeline's words; empty for users and for nobody. Ours."""
        return self.run.session.subject

    @get("identityProviderKey: number | null", ANYONE)
    def identity_provider_key(self) -> int | None:
        """Key of the identity provider that authenticated the session; null for every other way to log in."""
        return self.run.session.identity_provider_key

    @get("scope: string", ANYONE)
    def scope(self) -> str:
        """What the session may do, as words separated by one blank; empty for nobody.

        After a login with a password these are all scopes of the user in this realm, after one with a token those of the
        token that the user has too.
        """
        access = self.run.session.access
        in_order = [word for word in access.session.identity.scope if word in access.scope]
        return " ".join([*in_order, *sorted(access.scope.difference(in_order))])

    # --- what runs ---

    @get("scriptURI: string | number", ANYONE)
    def script_uri(self) -> str | int:
        """The script that is running: its URI, or its key where it was named by the key."""
        uri = self.run.scripts[0] if self.run.scripts else ""
        key = uri.removeprefix(_VFS_KEY)
        return int(key) if key != uri else uri

    @get("lastPath: string", ANYONE, deprecated="There is nothing in its place.")
    def last_path(self) -> str:
        """URL of the script that this environment has executed last, empty for none."""
        return self.run.kept.last_path

    @get("startupScriptsExecuted: boolean", ANYONE)
    def startup_scripts_executed(self) -> bool:
        """Whether :meth:`executeStartupScripts` was called in this environment."""
        return self.run.kept.startup_scripts_executed

    @method("hasRequest(): boolean", ANYONE)
    def has_request(self) -> bool:
        """Whether an HTTP request is being served: then ``request`` and ``response`` can be used.

        Example::

            session.hasRequest() && request.remoteAddress === '127.0.0.1';
        """
        return self.run.exchange is not None

    # --- what the data layer asks for ---

    @get("trackingId: string", ANYONE)
    def tracking_id(self) -> str:
        """Tag of everything that this session changes in the database, so that it can be looked up and undone together.

        At most 100 printable characters; use something unique, ``createGUID(true)``. Empty by default. It stays with a
        stateful session; in a stateless realm it holds for one execution. It takes effect with the database of scripts,
        which this version does not have yet.

        Example::

            session.trackingId = createGUID(true);
            session.trackingId.length; // => 32
        """
        return self.run.kept.tracking_id

    @put("trackingId", ANYONE)
    def set_tracking_id(self, value: str) -> None:
        """Raises ``BadArgument`` for what is no such text."""
        if len(value) > MAX_TRACKING_ID or not value.isprintable():
            raise BadArgument(f"trackingId has at most {MAX_TRACKING_ID} printable characters")
        self.run.kept.tracking_id = value

    @get("createKeyLicense: number", ANYONE)
    def create_key_license(self) -> int:
        """What new keys look like: 0 for positive ones, or the key of a product for negative ones of that product.

        0 by default, and again after each login and logout. Only who has the scope ``database.product:<key>`` may name a
        product. It takes effect with the database of scripts, which this version does not have yet.
        """
        return self.run.kept.create_key_license

    @put("createKeyLicense", ANYONE, also="of a product: the scope `database.product:<key>`")
    def set_create_key_license(self, value: int) -> None:
        """Raises ``ProductUnknown`` for what is no product's key, ``InsufficientScope``; the old value stays then."""
        if value > 0:
            raise ProductUnknown
        if value < 0 and f"{PRODUCT}{value}" not in self.run.session.scope:
            raise InsufficientScope(f"a product is modified by who has the scope {PRODUCT}{value}")
        self.run.kept.create_key_license = value

    @method("limitKeyCreation(limit: number | null): void", ANYONE)
    def limit_key_creation(self, limit: int | None) -> None:
        """Let this session create at most ``limit`` keys from now on, positive and negative ones; null removes the limit.

        A block of n keys counts n. Each call counts anew. It takes effect with the database of scripts, which this version
        does not have yet. Throws ``BadArgument`` for what is no whole number from 0.
        """
        if limit is not None and limit < 0:
            raise BadArgument("a limit is a whole number from 0, or null")
        self.run.kept.key_limit = limit

    # --- login and logout ---

    @method("login(userName: string, password: string): boolean", ANYONE, also="the password")
    async def login(self, user_name: str, password: str) -> bool:
        """Log the session in, by name or mail address; false for wrong ones, and then everything stays as it was.

        The session gets a new secret: every handle and token of before is dead. A login as somebody else drops the fields,
        and the next execution has a fresh environment. Of a request that carries no session of its own only this execution
        is logged in. Throws ``AccountUnusable`` for a locked, disabled or expired account, ``TooManyTries``,
        ``SessionLimit``, ``ResponseAlreadySent``.
        """
        self._before_identity()
        done = await self.run.session.login(user_name, password)
        if done:
            await self._after_identity()
        return done

    @method("loginByAuthToken(authToken: string): void", ANYONE, also="the text of the token")
    async def login_by_auth_token(self, auth_token: str) -> None:
        """Log the session in with an AuthToken, or with an ID token of a registered identity provider.

        The session then has the token's scope, and ends when the token is revoked or expires. A token that names scripts is
        taken only while the running script and every caller of it is one of them. Throws ``AuthTokenRefused``, whose
        ``reason`` is ``unknown``, ``expired``, ``revoked``, ``script-not-allowed``, ``user-unusable`` or
        ``provider-unknown``; the session keeps its user then.
        """
        self._before_identity()
        await self.run.session.login_by_auth_token(auth_token, scripts=self.run.scripts)
        await self._after_identity()

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
        self._before_identity()
        await self.run.session.logout()
        await self._after_identity()

    @method("setPassword(newPassword: string): void", LOGGED_IN, also=f"the own account; {_FRESH}")
    async def set_password(self, new_password: str) -> None:
        """Change the password of the user: this session gets a new secret, all other sessions of the user end.

        Throws ``WeakPassword``, ``FreshLoginRequired``, ``DelegatedHandle`` for a session that a token logged in, and
        ``ExternalAuthorizer`` for a user whose credentials an identity provider checks.
        """
        self._before_identity()
        user = self.run.session.access.account
        if user is not None and not await self.run.rules.users.has_password(user.key):
            raise ExternalAuthorizer
        await self._own().set_password(new_password)
        await self._after_identity()

    # --- tokens ---

    @method("authorizeToken(authToken: AuthToken): string", LOGGED_IN, also=_FRESH)
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
        text = await self._own().authorize_token(auth_token.token())
        return shown(await self.run.rules.auth_tokens.restore(text), text)

    @method("updateAuthToken(authToken: AuthToken): void", LOGGED_IN, also=f"the token is its own; {_FRESH}")
    async def update_auth_token(self, auth_token: TokenArgument) -> None:
        """Give an authorized token another ``description`` and ``expires``; throws ``AuthTokenFixed`` for anything else."""
        await self._own().update_auth_token(auth_token.token())

    @method("revokeAuthTokenByKey(key: number): void", LOGGED_IN, also=f"the token is its own; {_FRESH}")
    async def revoke_auth_token_by_key(self, key: int) -> None:
        """Revoke a token, and what it has authorized itself, for good. Throws ``AuthTokenUnknown``."""
        await self._own().revoke_auth_token_by_key(key)

    @method("newSessionToken(scope: string | string[]): string", LOGGED_IN)
    async def new_session_token(self, scope: str | list[str]) -> str:
        """A token with this user's identity that holds while this session lives as it is, in this run of the engine.

        ``scope`` is a list of words, or a text with blanks between them, each of them in ``session.scope``. Throws
        ``NotStateful`` in a stateless realm, ``InsufficientScope``.
        """
        return await self.run.session.new_session_token(scope)

    # --- its life ---

    @method(
        "setTimeout(minutes: number, hours?: number, days?: number, months?: number, years?: number): void",
        ANYONE,
        deprecated="Set sessionIdle, or maxInactiveTime, in the realm.",
    )
    async def set_timeout(
        self, minutes: float, hours: float = 0, days: float = 0, months: float = 0, years: float = 0
    ) -> None:
        """Let the session end after so much time without use, counted anew from now; a month has 30 days, a year 365.

        No time at all ends the session when the script has ended. It can be longer than the realm's ``sessionIdle``, up to
        its ``sessionLifetime``: more throws ``IdleTooLong``. It has nothing to do with the timers of the language.
        """
        parts = (minutes, hours, days, months, years)
        if not all(math.isfinite(part) and part >= 0 for part in parts):
            raise BadArgument("each part of a timeout is a number from 0")
        units = (MINUTE, HOUR, DAY, live.MONTH, live.YEAR)
        limit = sum(part * unit for part, unit in zip(parts, units, strict=True))
        if limit == 0:
            self.run.ends_session = True
            return
        await self.run.session.set_idle(max(1, int(limit)))
        self.run.ends_session = False

    # --- what all share ---

    def _own(self) -> live.Session:
        """The session for what is the account's own: without a request nobody is there who could log in afresh."""
        session = self.run.session
        if self.run.exchange is None:
            session.access = replace(session.access, unattended=True)
        return session

    def _before_identity(self) -> None:
        if self.run.before_identity is not None:
            self.run.before_identity()

    async def _after_identity(self) -> None:
        self.run.kept.create_key_license = 0
        if self.run.record is not None:
            await self.run.record()
