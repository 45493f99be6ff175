"""The global ``session``: the session that executes the script."""

from __future__ import annotations

import math

from sojourn.core.clock import DAY, HOUR, MINUTE
from sojourn.data.keys import ProductUnknown, check_product_right
from sojourn.data.products import Products
from sojourn.data.terms import MAX_TAG, is_tag
from sojourn.engine import live
from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.api.session_logins import SessionLogins
from sojourn.scripting.declare import BadArgument, exposed, get, method, put
from sojourn.scripting.values import Value

_VFS_KEY = "vfs:ikey?"


def checked_tracking_id(value: str) -> str:
    """``value`` itself; raises ``BadArgument`` for what is no tag of changes."""
    if not is_tag(value):
        raise BadArgument(f"trackingId has at most {MAX_TAG} printable characters")
    return value


@exposed("Session", "lib/session/Session", "context/session", instance="session")
class Session(SessionLogins):
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

    @get("id: string", ANYONE, steady=True)
    def id(self) -> str:
        """Public id of the session. To know it opens nothing; empty where a request carries no session of its own."""
        return self.run.session.id

    @get("realm: string", ANYONE, steady=True)
    def realm(self) -> str:
        """Name of the realm that the session belongs to. A session of one realm is never used by another."""
        return self.run.realm.name

    @get("runtime: string", ANYONE, steady=True)
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

    @get("userKey: number", ANYONE, steady=True)
    def user_key(self) -> int:
        """Key of the user; -1 for nobody, the user ``anonymous``, and for an external principal."""
        return self.run.session.user_key

    @get("userName: string", ANYONE, steady=True)
    def user_name(self) -> str:
        """Name of the user, ``"anonymous"`` without one."""
        return self.run.session.user_name

    @get("subject: string", ANYONE, steady=True)
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

    @method("executeStartupScripts(): void", ANYONE)
    async def execute_startup_scripts(self) -> Value:
        """Run all start-up scripts of the realm and of ``shared``, in the ordinal order of their paths (``iUrl``).

        These are the records of ``vfs:`` of the type ``application/x-startup``, and on disk ``startup/*.startup.js``. Each
        runs as a file does: what it declares with ``var``, and its functions, stay. They run again at each call; ask
        ``startupScriptsExecuted`` before. When one fails the rest does not run, and the error (``StartupError``) names it
        and has its ``cause``.

        Example::

            if (!session.startupScriptsExecuted) session.executeStartupScripts();
            session.startupScriptsExecuted; // => true
        """
        self.run.kept.startup_scripts_executed = True
        return [source.uri for source in await self.run.service.sources.startup(self.run.realm)]

    @method("hasRequest(): boolean", ANYONE, steady=True)
    def has_request(self) -> bool:
        """Whether an HTTP request is being served: then ``request`` and ``response`` can be used.

        Example::

            session.hasRequest() && request.remoteAddress === '127.0.0.1'; // => false
        """
        return self.run.exchange is not None

    # --- what the data layer asks for ---

    @get("trackingId: string", ANYONE)
    def tracking_id(self) -> str:
        """Tag of everything that this session changes in the database, so that it can be looked up and undone together.

        At most 100 printable characters; use something unique, ``createGUID(true)``. Empty by default. It stays with a
        stateful session; in a stateless realm it holds for one execution. A change without one has the key of its execution
        as its tag; a ``Database`` may have a tag of its own.

        Example::

            session.trackingId = createGUID(true);
            session.trackingId.length; // => 32
        """
        return self.run.kept.tracking_id

    @put("trackingId", ANYONE)
    def set_tracking_id(self, value: str) -> None:
        """Raises ``BadArgument`` for what is no such text."""
        self.run.kept.tracking_id = checked_tracking_id(value)

    @get("createKeyLicense: number", ANYONE)
    def create_key_license(self) -> int:
        """What new keys look like: 0 for positive ones, or the key of a product for negative ones of that product.

        0 by default, and again after each login and logout. Only who has the scope ``database.product:<key>`` may name a
        product.
        """
        return self.run.kept.create_key_license

    @put("createKeyLicense", ANYONE, also="of a product: the scope `database.product:<key>`")
    async def set_create_key_license(self, value: int) -> None:
        """Raises ``ProductUnknown`` for what is no product's key, ``InsufficientScope``; the old value stays then."""
        if value > 0:
            raise ProductUnknown
        if value < 0:
            check_product_right(value, self.run.session.scope)
            rules = self.run.rules
            await Products(await self.run.service.databases.named(), rules.leases, rules.hasher).get(value)
        self.run.kept.create_key_license = value

    @method("limitKeyCreation(limit: number | null): void", ANYONE)
    def limit_key_creation(self, limit: int | None) -> None:
        """Let this session create at most ``limit`` keys from now on, positive and negative ones; null removes the limit.

        A block of n keys counts n. Each call counts anew. What goes beyond it throws ``KeyLimit``, and makes no key. Throws ``BadArgument`` for what is no whole number from 0.
        """
        if limit is not None and limit < 0:
            raise BadArgument("a limit is a whole number from 0, or null")
        self.run.kept.key_limit = limit

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
