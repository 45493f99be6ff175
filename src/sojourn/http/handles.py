"""Exactly one authority per request: which handle a request shows, in a form that can be opened.

A request may show one handle: ``Authorization``, the session cookie, ``x-session-id`` or ``ngin_sid``. Two of them, or
one of them twice, is 400; a cookie beside an ``Authorization`` is there for affinity only.
"""

from __future__ import annotations

import base64
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote_plus

from sojourn.core.errors import AmbiguousCredentials, SessionUnknown, Unauthorized
from sojourn.core.ids import SessionHandle, parse_handle
from sojourn.http.cookies import NO_COOKIE, SessionCookie, cookie_name, read_session_cookie
from sojourn.http.wire import Head
from sojourn.model.realm import Realm

#: Names of query and form parameters that are credentials.
API_KEY = "apikey"
SESSION_ID = "ngin_sid"

_HANDLE_HEADERS = frozenset({b"cookie", b"x-session-id"})
_MAX_PARAMETERS = 1_000
_Via = Literal["cookie", "header", "parameter"]


class Shown(NamedTuple):
    """What a request shows of itself."""

    #: The token of ``Authorization: Bearer``, None without one.
    bearer: str | None = None
    #: ``user:password`` of ``Authorization: Basic``, None without one and where that is not taken.
    basic: bytes | None = None
    #: The handle of a cookie, header or parameter; None without one, and for one that is malformed.
    handle: SessionHandle | None = None
    via: _Via = "cookie"
    #: Whether a handle of that kind stands there, well formed or not.
    present: bool = False
    cookie: SessionCookie = NO_COOKIE

    @property
    def anything(self) -> bool:
        """Whether there is any handle at all."""
        return self.bearer is not None or self.basic is not None or self.present

    def token(self) -> str:
        """The token of ``Authorization: Bearer``; raises ``Unauthorized`` without one."""
        if self.bearer is None:
            raise Unauthorized
        return self.bearer

    def session_handle(self) -> SessionHandle:
        """The handle; raises ``Unauthorized`` without one and ``SessionUnknown`` for one that is malformed."""
        if self.handle is not None:
            return self.handle
        raise (SessionUnknown if self.present else Unauthorized)


_NOTHING = Shown()


def takes_parameters(realm: Realm) -> bool:
    """Whether ``x-session-id`` and ``ngin_sid`` are handles: stateful realms without cookies."""
    return realm.stateful and not realm.tracks


def takes_credentials_in_query(realm: Realm) -> bool:
    """Whether a URL of ``realm`` may hold a credential: then no browser may tell it to anybody."""
    return realm.config.sid_in_query or realm.config.api_key_in_query


def read_cookie(realm: Realm, head: Head, *, https: bool) -> SessionCookie:
    """The session cookie of ``realm``, none where its cookies do not authenticate."""
    if not head.has(b"cookie") or not realm.cookies_authenticate:
        return NO_COOKIE
    return read_session_cookie(head.all(b"cookie"), cookie_name(realm.name, secure=https))


def shown(realm: Realm, head: Head, query: bytes, *, https: bool, basic: bool = False) -> Shown:
    """The one handle that a request to ``realm`` shows; raises ``AmbiguousCredentials`` for more.

    ``basic``: whether a name with a password is taken too, else ``Unauthorized`` is raised for it.
    """
    pair = basic_pair(head) if basic else None
    bearer = bearer_token(head) if pair is None else None
    found = session_handle(realm, head, query, https=https)
    if bearer is None and pair is None:
        return found
    if found is _NOTHING:
        return Shown(bearer, pair)
    if found.present and found.via != "cookie":
        raise AmbiguousCredentials
    return Shown(bearer=bearer, basic=pair, cookie=found.cookie)


def session_handle(realm: Realm, head: Head, query: bytes, *, https: bool) -> Shown:
    """The same without ``Authorization``, for the login, which does not consume it."""
    if not query and not head.has_any(_HANDLE_HEADERS):
        return _NOTHING
    cookie = read_cookie(realm, head, https=https)
    others = _others(realm, head, query) if takes_parameters(realm) else []
    if cookie is NO_COOKIE and not others:
        return _NOTHING
    if len(others) > 1 or (others and cookie.present):
        raise AmbiguousCredentials
    if others:
        via, text = others[0]
        return Shown(handle=parse_handle(text), via=via, present=True)
    return Shown(handle=cookie.handle, present=cookie.present and not cookie.ambiguous, cookie=cookie)


def bearer_token(head: Head) -> str | None:
    """The token of ``Authorization: Bearer``, None without the header.

    Raises ``AmbiguousCredentials`` for more than one header, ``Unauthorized`` for another scheme.
    """
    value = head.get(b"authorization")
    if value is None:
        if head.has(b"authorization"):
            raise AmbiguousCredentials
        return None
    scheme, _, token = value.partition(b" ")
    if scheme.lower() != b"bearer":
        raise Unauthorized
    return token.decode("latin-1")


def basic_pair(head: Head) -> bytes | None:
    """``user:password`` of ``Authorization: Basic``, None without that scheme.

    Raises ``AmbiguousCredentials`` for more than one header, ``Unauthorized`` for what is no Base64.
    """
    value = head.get(b"authorization")
    if value is None:
        if head.has(b"authorization"):
            raise AmbiguousCredentials
        return None
    scheme, _, text = value.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(text.strip(b" "), validate=True)
    except ValueError:
        raise Unauthorized from None


def api_key(realm: Realm, head: Head, query: bytes) -> str | None:
    """The API key, None without one; raises ``AmbiguousCredentials`` for more than one."""
    if not (realm.config.api_key_in_query and query) and not head.repeats:
        value = head.get(b"apikey")
        return value.decode("latin-1") if value is not None else None
    keys = [value.decode("latin-1") for value in head.all(b"apikey")]
    if realm.config.api_key_in_query:
        keys += [value for name, value in parse_query(query) if name == API_KEY]
    if len(keys) > 1:
        raise AmbiguousCredentials
    return keys[0] if keys else None


def parse_query(query: bytes) -> list[tuple[str, str]]:
    """The parameters of a query string or form body, in order; more than 1,000 are not read."""
    if query.count(b"&") >= _MAX_PARAMETERS:
        return []
    return parse_qsl(query.decode("latin-1"), keep_blank_values=True)


def without_credentials(body: bytes) -> bytes:
    """A form body without ``ngin_sid``, everything else octet for octet."""
    return b"&".join(pair for pair in body.split(b"&") if parameter_name(pair) != SESSION_ID)


def form_handle(body: bytes) -> str | None:
    """The ``ngin_sid`` of a form body, None without one; raises ``AmbiguousCredentials`` for more than one."""
    found = [pair for pair in body.split(b"&") if parameter_name(pair) == SESSION_ID]
    if len(found) > 1:
        raise AmbiguousCredentials
    return unquote_plus(found[0].partition(b"=")[2].decode("latin-1")) if found else None


def form_handles(body: bytes) -> int:
    """How many ``ngin_sid`` a form body holds."""
    return sum(parameter_name(pair) == SESSION_ID for pair in body.split(b"&"))


def _others(realm: Realm, head: Head, query: bytes) -> list[tuple[_Via, str]]:
    found: list[tuple[_Via, str]] = [("header", value.decode("latin-1")) for value in head.all(b"x-session-id")]
    if realm.config.sid_in_query and query:
        found += [("parameter", value) for name, value in parse_query(query) if name == SESSION_ID]
    return found


def parameter_name(pair: bytes) -> str:
    """The name of one parameter of a query string or form body."""
    return unquote_plus(pair.partition(b"=")[0].decode("latin-1"))
