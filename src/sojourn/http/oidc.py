"""Logins through identity providers as browsers and providers see them: ``/realms/{realm}/oidc/{provider}/…``.

``login`` sends the browser to the provider, ``callback`` takes it back. Between the two the login is bound to a cookie of
the browser, and used once. ``link`` does the same for a user who is logged in; ``backchannel-logout`` is called by the
provider itself.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from sojourn.core.errors import BadRequest, CrossSiteWrite, TokenRefused
from sojourn.core.ids import is_id, new_token
from sojourn.engine.providers.login import ProviderLogins
from sojourn.engine.providers.pending import Browser, Way
from sojourn.engine.rules import Rules
from sojourn.http import crosssite
from sojourn.http.body import SMALL, check_announced, read_body
from sojourn.http.call import Call
from sojourn.http.cookies import read_cookie_value
from sojourn.http.endpoints import Endpoints, handle_headers, limit_reply
from sojourn.http.errors import UnsupportedMediaType
from sojourn.http.handles import parse_query
from sojourn.http.opening import Opener
from sojourn.http.origin import Origins
from sojourn.http.replies import NO_STORE, Reply, json_reply
from sojourn.http.requests import admit, json_body
from sojourn.http.wire import Header
from sojourn.identity.oidc.flow import read_returned
from sojourn.model.realm import Realm
from sojourn.stores.base import SessionLimit

#: How long the browser keeps the cookie of a login under way, in seconds.
COOKIE_AGE = 600

_FORM_TYPE = b"application/x-www-form-urlencoded"
_MOST_FIELDS = 20


class NeedsCookies(BadRequest):
    """Sessions of this realm do not travel in cookies, so a browser cannot be sent to log in; use an ID token."""

    code = "oidc.needs_cookies"


class BadLogoutToken(BadRequest):
    """The logout token was refused."""

    code = "oidc.logout_refused"


class ProviderEndpoints:
    """What is answered below ``oidc/``."""

    def __init__(self, rules: Rules, endpoints: Endpoints, opener: Opener) -> None:
        self._rules = rules
        self._endpoints = endpoints
        self._opener = opener

    @property
    def _logins(self) -> ProviderLogins:
        return self._rules.federation.logins

    @property
    def _origins(self) -> Origins:
        return self._endpoints.origins

    async def login(self, call: Call, realm: Realm, name: str) -> Reply:
        """``GET …/login?returnTo=/path``: send the browser to the provider; from a page of ours or of nobody only."""
        secure = self._secure(call, realm)
        if not crosssite.is_ours(call.head, call.arrival):
            raise CrossSiteWrite
        way = Way(self._binding(call, realm) or new_token(), _callback(call, realm, name), _return_to(call))
        url = await self._logins.begin(realm, name, way)
        return _redirect(url, _set_cookie(realm, way.binding, secure=secure))

    async def callback(self, call: Call, realm: Realm, name: str) -> Reply:
        """``GET …/callback``: log in, or link, whom the provider sends back, and go on to ``returnTo``."""
        secure = self._secure(call, realm)
        returned = read_returned(parse_query(call.query))
        binding = self._binding(call, realm)
        async with self._endpoints.turn(call, realm) as current:
            try:
                done = await self._logins.finish(realm, name, returned, Browser(binding, call.device, current))
            except SessionLimit as full:
                self._endpoints.logins["limit"] += 1
                return limit_reply(full, call.execution_key)
        if done.logged_in is None:
            return _redirect(done.return_to)
        self._endpoints.logins["ok"] += 1
        return _redirect(done.return_to, *handle_headers(realm, done.logged_in.handle, secure=secure))

    async def link(self, call: Call, realm: Realm, name: str) -> Reply:
        """``POST …/link``: link an identity there to the account that is logged in freshly.

        With ``{"returnTo": "/path"}`` the answer says where the browser goes; with ``{"idToken": …}`` it is done at once.
        """
        await admit(call)
        access = await self._opener.open(call, realm)
        body = await json_body(call)
        given = body if isinstance(body, dict) else {}
        id_token, return_to = given.get("idToken"), given.get("returnTo", "/")
        if isinstance(id_token, str):
            await self._logins.link_token(access, name, id_token, call.arrival.address)
            return json_reply(200, {"linked": True})
        if not isinstance(return_to, str) or id_token is not None:
            raise BadRequest("returnTo and idToken are texts")
        secure = self._secure(call, realm)
        if access.via != "cookie":
            raise NeedsCookies
        way = Way(self._binding(call, realm) or new_token(), _callback(call, realm, name), return_to)
        url = await self._logins.begin(realm, name, way, link=access)
        return json_reply(200, {"redirect": url}, _set_cookie(realm, way.binding, secure=secure))

    async def backchannel_logout(self, call: Call, realm: Realm, name: str) -> Reply:
        """``POST …/backchannel-logout``: the provider says that one of its sessions, or all of a user, are over.

        It comes from the provider's server, so no cookie and no origin counts: the token's signature does.
        """
        await check_announced(call.receive, call.head, SMALL)
        if crosssite.media_type(call.head) != _FORM_TYPE:
            raise UnsupportedMediaType
        token = _logout_token(await read_body(call.receive, SMALL))
        try:
            await self._logins.logout(realm, name, token)
        except TokenRefused as error:
            await self._rules.audit.refused(
                BadLogoutToken.code,
                call.arrival.address,
                realm=realm.id,
                detail={"provider": name, "reason": error.reason},
            )
            raise BadLogoutToken(f"the logout token was refused: {error.reason}") from None
        return Reply(200, b"", (NO_STORE,))

    def _secure(self, call: Call, realm: Realm) -> bool:
        """Whether cookies are Secure here; raises where there can be none."""
        if not realm.cookies_authenticate:
            raise NeedsCookies
        return self._origins.secure_cookie(call.arrival)

    def _binding(self, call: Call, realm: Realm) -> str:
        """What binds logins under way to this browser, empty without it. One value serves several tabs."""
        found = read_cookie_value(call.head.all(b"cookie"), login_cookie(realm.name, secure=call.arrival.https))
        value = (found.value or b"").decode("latin-1")
        return value if is_id(value) else ""


def login_cookie(realm: str, *, secure: bool) -> bytes:
    """The name of the cookie of a login under way on HTTPS (``secure``) or on plain loopback."""
    return (b"__Host-sojourn_oidc." if secure else b"sojourn_oidc.") + realm.encode()


def _set_cookie(realm: Realm, binding: str, *, secure: bool) -> Header:
    name, guard = login_cookie(realm.name, secure=secure), b"; Secure" if secure else b""
    attributes = b"; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s" % (COOKIE_AGE, guard)
    return (b"set-cookie", b"%s=%s%s" % (name, binding.encode(), attributes))


def _callback(call: Call, realm: Realm, name: str) -> str:
    mount: str = call.scope.get("root_path") or ""
    return f"{call.arrival.origin.decode()}{mount}/realms/{realm.name}/oidc/{name}/callback"


def _return_to(call: Call) -> str:
    given = [value for name, value in parse_query(call.query) if name == "returnTo"]
    if len(given) > 1:
        raise BadRequest("returnTo stands twice")
    return given[0] if given else "/"


def _logout_token(body: bytes) -> str:
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise BadLogoutToken from None
    tokens = [value for name, value in fields if name == "logout_token"]
    if len(tokens) != 1:
        raise BadLogoutToken("expected one logout_token")
    return tokens[0]


def _redirect(url: str, *headers: Header) -> Reply:
    return Reply(303, b"", ((b"location", url.encode("ascii")), NO_STORE, *headers))
