"""Opening the session that a request shows: the one authority, the one check, and what is refused and audited."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from sojourn.core.errors import AmbiguousCredentials, CrossSiteWrite, Unauthorized
from sojourn.engine.access import Access
from sojourn.engine.rules import Rules
from sojourn.engine.tokens.bearers import ANY_BEARER, BearerKind
from sojourn.http import crosssite, handles
from sojourn.http.call import Call
from sojourn.http.cookies import SessionCookie
from sojourn.http.handles import Shown
from sojourn.model.realm import Realm
from sojourn.model.token import ScriptChain


class Opener:
    """Opens sessions for requests."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def open(self, call: Call, realm: Realm, *, basic: bool = False, scripts: ScriptChain = ()) -> Access:
        """The session of whatever one handle the request shows; with ``basic`` a name with a password too.

        ``scripts`` are those that serve the request, for an AuthToken that names some.

        Raises ``AmbiguousCredentials``, ``Unauthorized`` and its kinds, and ``CrossSiteWrite`` where a cookie
        authenticates an unsafe request of another site; a safe one gets its session read-only.
        """
        shown = handles.shown(realm, call.head, call.query, https=call.arrival.https, basic=basic)
        if shown.cookie.ambiguous:
            await self.note_cookie(call, realm)
        if shown.basic is not None:
            return await self.by_basic(call, realm, shown)
        if shown.bearer is not None:
            return await self.by_token(call, realm, shown, scripts=scripts)
        return await self.by_handle(call, realm, shown)

    async def by_handle(self, call: Call, realm: Realm, shown: Shown) -> Access:
        """The session of a cookie, header or parameter. Raises as :meth:`open`."""
        handle = shown.session_handle()
        foreign = shown.via == "cookie" and crosssite.guard(call.head, call.arrival, call.method)
        access = await self._rules.sessions.open(realm, handle, shown.via)
        return replace(access, read_only=True) if foreign else access

    async def by_token(
        self,
        call: Call,
        realm: Realm,
        shown: Shown,
        admits: Collection[BearerKind] = ANY_BEARER,
        scripts: ScriptChain = (),
    ) -> Access:
        """What a bearer token opens; the cookie beside it may open nothing that belongs to somebody else.

        Raises ``TokenRefused``, ``type`` for a kind that is not among ``admits``; ``AuthTokenRefused``, ``SessionEnded``,
        ``AmbiguousCredentials``.
        """
        access = await self._rules.bearers.open(realm, shown.token(), call.arrival.address, admits, scripts)
        if shown.cookie.handle is not None:
            await self._check_beside(realm, access, shown.cookie)
        return access

    async def by_basic(self, call: Call, realm: Realm, shown: Shown) -> Access:
        """The account of a name with a password.

        A browser sends these by itself once it has them, so what another site asks for changes nothing: raises
        ``CrossSiteWrite``. Raises ``Unauthorized``, ``TooManyTries``, ``AmbiguousCredentials`` too.
        """
        if shown.basic is None:
            raise Unauthorized
        if _told_by_browser(call) and not crosssite.is_ours(call.head, call.arrival):
            raise CrossSiteWrite
        access = await self._rules.bearers.basic(realm, shown.basic, call.arrival.address)
        if shown.cookie.handle is not None:
            await self._check_beside(realm, access, shown.cookie)
        return access

    async def current(self, call: Call, realm: Realm) -> Access | None:
        """The session with which a client comes to log in; None without one and for a dead one."""
        shown = handles.session_handle(realm, call.head, call.query, https=call.arrival.https)
        if shown.cookie.ambiguous:
            await self.note_cookie(call, realm)
        if shown.handle is None:
            return None
        try:
            return await self._rules.sessions.open(realm, shown.handle, shown.via)
        except Unauthorized:
            return None

    async def note_cookie(self, call: Call, realm: Realm) -> None:
        """Write into the audit log that it was not certain which cookie is ours."""
        await self._rules.audit.refused("cookie.ambiguous", call.arrival.address, realm=realm.id)

    async def _check_beside(self, realm: Realm, access: Access, cookie: SessionCookie) -> None:
        assert cookie.handle is not None
        try:
            other = await self._rules.sessions.open(realm, cookie.handle, "cookie")
        except Unauthorized:
            return
        if other.session.principal and other.session.principal != access.session.principal:
            raise AmbiguousCredentials


def _told_by_browser(call: Call) -> bool:
    """Whether a browser says where the request comes from."""
    return call.head.has(b"sec-fetch-site") or call.head.has(b"origin")
