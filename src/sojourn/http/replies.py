"""Answers: status, headers and body as they go over the wire, with the headers that every answer carries."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

from sojourn.core.clock import SECOND
from sojourn.core.errors import (
    AuthTokenRefused,
    FieldConflict,
    FreshLoginRequired,
    SessionEnded,
    SojournError,
    TokenRefused,
    TooManyTries,
)
from sojourn.core.json import encode
from sojourn.http.errors import BodyTooLarge, BodyTooSlow, MethodNotAllowed
from sojourn.http.wire import WHOLE, Header, Scope, Send
from sojourn.scripting.errors import EnvironmentLost

JSON: Header = (b"content-type", b"application/json")
NO_STORE: Header = (b"cache-control", b"no-store")
CLOSE: Header = (b"connection", b"close")

_NO_SNIFF: Header = (b"x-content-type-options", b"nosniff")
_POLICY: Header = (b"content-security-policy", b"frame-ancestors 'none'; object-src 'none'; base-uri 'none'")
_REFERRER: Header = (b"referrer-policy", b"same-origin")
_NO_REFERRER: Header = (b"referrer-policy", b"no-referrer")
_HSTS: Header = (b"strict-transport-security", b"max-age=31536000")


def security_headers(*, https: bool, secret_url: bool = False) -> tuple[Header, ...]:
    """The headers that every answer carries; ``secret_url``: the URL may hold a credential, so it goes nowhere."""
    headers = (_NO_SNIFF, _NO_REFERRER if secret_url else _REFERRER, _POLICY)
    return (*headers, _HSTS) if https else headers


def _lines(headers: Sequence[Header]) -> bytes:
    return b"".join([b"%s: %s\r\n" % header for header in headers])


_SECURITY_LINES = {
    (https, secret_url): _lines(security_headers(https=https, secret_url=secret_url))
    for https in (False, True)
    for secret_url in (False, True)
}

#: Who ended, or will end, a session, in words for its user: never a name.
OPERATOR = "an operator"

#: Seconds after which a client may try again.
RETRY_AFTER = 1
RETRY: Header = (b"retry-after", b"%d" % RETRY_AFTER)


class Reply(NamedTuple):
    """One whole answer."""

    status: int
    body: bytes = b""
    #: In the order they are sent; the security headers are added when it is sent.
    headers: tuple[Header, ...] = (JSON, NO_STORE)
    #: Whether the body goes out compressed where the client takes that, whatever the realm says.
    pack: bool = False


def json_reply(status: int, value: Any, *headers: Header) -> Reply:
    """``value`` as JSON that no cache may keep."""
    return Reply(status, encode(value), (JSON, NO_STORE, *headers))


def with_cookies(reply: Reply, cookies: Sequence[Header]) -> Reply:
    """``reply`` with ``cookies``, which no cache may keep."""
    headers = [header for header in reply.headers if header[0] != NO_STORE[0]]
    return reply._replace(headers=(*headers, NO_STORE, *cookies))


def error_reply(error: SojournError, execution_key: str, realm: str = "", *, general: bool = False) -> Reply:
    """What a client is told of ``error``: message, code, execution key; never where or how it happened.

    ``general``: in the words of its class, for what says more than the client may know.
    """
    body: dict[str, Any] = {
        "message": _message(error, general=general),
        "code": error.code,
        "executionKey": execution_key,
    }
    body |= _evidence(error)
    return json_reply(error.status, body, *_error_headers(error, realm))


def _message(error: SojournError, *, general: bool) -> str:
    # What failed inside may be told in words that name a file or a host; the client gets the sentence of its class.
    inside = general or error.status >= 500  # noqa: PLR2004 - the HTTP status is its own name
    return inspect.getdoc(type(error)) or error.code if inside else error.message


def _evidence(error: SojournError) -> dict[str, Any]:
    """What else the client is told of ``error``."""
    if isinstance(error, TokenRefused | EnvironmentLost):
        return {"reason": error.reason}
    if isinstance(error, AuthTokenRefused) and error.reason == "script-not-allowed":
        return {"reason": error.reason}
    if isinstance(error, FreshLoginRequired):
        return {"maxAge": error.max_age}
    if isinstance(error, SessionEnded):
        who: dict[str, Any] = {"by": OPERATOR} if error.by_operator else {}
        return {"reason": error.reason, **who, **({"text": error.text} if error.text else {})}
    if isinstance(error, FieldConflict):
        return {"name": error.name, "expected": error.expected, "found": error.found}
    return {}


def _error_headers(error: SojournError, realm: str) -> tuple[Header, ...]:
    if error.status == 401:  # noqa: PLR2004 - the HTTP status is its own name
        return (fresh_login(realm, error.max_age) if isinstance(error, FreshLoginRequired) else challenge(realm),)
    if error.status == 503:  # noqa: PLR2004
        return (RETRY,)
    if isinstance(error, TooManyTries):
        return ((b"retry-after", b"%d" % max(1, -(-error.wait // SECOND))),)
    if isinstance(error, MethodNotAllowed):
        return ((b"allow", ", ".join(error.allowed).encode()),)
    if isinstance(error, BodyTooLarge | BodyTooSlow):
        return (CLOSE,)
    return ()


def challenge(realm: str, scheme: bytes = b"Bearer") -> Header:
    """``WWW-Authenticate`` for ``realm``, a realm's name or empty."""
    return (b"www-authenticate", b'%s realm="%s"' % (scheme, (realm or "sojourn").encode("ascii", "ignore")))


def fresh_login(realm: str, max_age: int) -> Header:
    """``WWW-Authenticate`` that asks for a login not older than ``max_age`` milliseconds [RFC 9470]."""
    name, value = challenge(realm)
    wanted = b', error="insufficient_user_authentication", max_age="%d"' % (max_age // SECOND)
    return name, value + wanted


def _has_length(reply: Reply) -> bool:
    # 204 has no content, so it has no length either [RFC 9110 8.6].
    return reply.status != 204  # noqa: PLR2004 - the HTTP status is its own name


def _whole(reply: Reply, *, https: bool, secret_url: bool) -> bytes:
    lines = _lines(reply.headers) + _SECURITY_LINES[https, secret_url]
    return b"%bcontent-length: %d\r\n" % (lines, len(reply.body)) if _has_length(reply) else lines


async def send_reply(scope: Scope, send: Send, reply: Reply, *, https: bool, secret_url: bool = False) -> None:
    """Send ``reply`` with the security headers; without its body when only the head was asked for."""
    body = b"" if scope["method"] == "HEAD" else reply.body
    if WHOLE in scope.get("extensions", ()):
        head, close = _whole(reply, https=https, secret_url=secret_url), CLOSE in reply.headers
        await send({"type": WHOLE, "status": reply.status, "head": head, "body": body, "close": close})
        return
    headers = [*reply.headers, *security_headers(https=https, secret_url=secret_url)]
    if _has_length(reply):
        headers.append((b"content-length", b"%d" % len(reply.body)))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
