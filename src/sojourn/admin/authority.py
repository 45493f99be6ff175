"""Who asks: the one authority of a request to the admin API, in a token or in the cookie of the admin origin."""

from __future__ import annotations

from msgspec.structs import replace

from sojourn.core.errors import AmbiguousCredentials, SessionUnknown, Unauthorized
from sojourn.engine.access import Access
from sojourn.engine.rules import Rules
from sojourn.engine.security.operators import Operators
from sojourn.http import crosssite
from sojourn.http.call import Call
from sojourn.http.cookies import SessionCookie, read_session_cookie
from sojourn.http.handles import bearer_token

_SECURE_NAME = b"__Host-sojourn_admin"
_PLAIN_NAME = b"sojourn_admin"


def cookie_name(*, secure: bool) -> bytes:
    """The name of the operators' cookie on HTTPS (``secure``) or on plain loopback."""
    return _SECURE_NAME if secure else _PLAIN_NAME


class Authority:
    """Opens the sessions of operators."""

    def __init__(self, rules: Rules, operators: Operators) -> None:
        self._rules = rules
        self._operators = operators

    async def open(self, call: Call) -> Access:
        """The session of whatever one handle the request shows.

        Raises ``AmbiguousCredentials`` for two, ``Unauthorized`` and its kinds, ``CrossSiteWrite`` where the cookie
        authenticates an unsafe request of another site; a safe one gets its session read-only.
        """
        bearer, cookie = bearer_token(call.head), await self._cookie(call)
        if bearer is not None:
            if cookie.present:
                raise AmbiguousCredentials
            claims = await self._rules.tokens.verify(self._operators.realm, bearer)
            return await self._rules.sessions.open_token(self._operators.realm, claims)
        if cookie.handle is None:
            raise SessionUnknown if cookie.present else Unauthorized
        foreign = crosssite.guard(call.head, call.arrival, call.method)
        access = await self._rules.sessions.open(self._operators.realm, cookie.handle, "cookie")
        return replace(access, read_only=True) if foreign else access

    async def current(self, call: Call) -> Access | None:
        """The session with which a browser comes to log in; None without one and for a dead one."""
        cookie = await self._cookie(call)
        if cookie.handle is None:
            return None
        try:
            return await self._rules.sessions.open(self._operators.realm, cookie.handle, "cookie")
        except Unauthorized:
            return None

    async def _cookie(self, call: Call) -> SessionCookie:
        cookie = read_session_cookie(call.head.all(b"cookie"), cookie_name(secure=call.arrival.https))
        if cookie.ambiguous:
            await self._rules.audit.refused("cookie.ambiguous", call.arrival.address, realm=self._operators.realm.id)
        return cookie
