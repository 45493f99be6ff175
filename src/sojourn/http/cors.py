"""Which pages may call a script route: ``allowedOrigins``, preflights, and what an answer says of it.

An answer never lets another site read what the session cookie has opened: it allows credentials only in realms whose
cookies authenticate nobody, and only to an origin that the route names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sojourn.core.errors import Forbidden
from sojourn.http.call import Call
from sojourn.http.replies import Reply
from sojourn.http.wire import Header
from sojourn.model.realm import Realm
from sojourn.scripting.routes.model import RouteDef

_METHOD = b"access-control-request-method"
_HEADERS = b"access-control-request-headers"
_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{0,2000}")
_VARY: Header = (b"vary", b"Origin")
_MAX_AGE: Header = (b"access-control-max-age", b"600")
_EXPOSED: Header = (b"access-control-expose-headers", b"x-session-id")


class OriginRefused(Forbidden):
    """Pages of this origin may not call the route."""

    code = "route.origin"


def is_preflight(call: Call) -> bool:
    """Whether a browser asks whether it may ask."""
    return call.method == "OPTIONS" and call.head.has(b"origin") and call.head.has(_METHOD)


def check_origin(call: Call, route: RouteDef) -> None:
    """Raise :class:`OriginRefused` for a page of an origin that the route does not allow."""
    if call.head.has(b"origin") and not _admits(call, route):
        raise OriginRefused


def answer_headers(call: Call, realm: Realm, route: RouteDef) -> tuple[Header, ...]:
    """What an answer of the route says to a page of another origin, and to caches."""
    varies = () if route.any_origin else (_VARY,)
    origin = call.head.get(b"origin")
    if origin is None or origin == call.arrival.origin or not _admits(call, route):
        return varies
    if route.any_origin:
        return ((b"access-control-allow-origin", b"*"), _EXPOSED)
    return (*varies, *_named(origin, realm), _EXPOSED)


def preflight(call: Call, realm: Realm, methods: Mapping[str, RouteDef]) -> Reply:
    """The answer to a preflight; raises :class:`OriginRefused` where no method of the path may be asked for from there."""
    allowed = sorted(name for name, route in methods.items() if _admits(call, route))
    origin, names = call.head.get(b"origin"), call.head.get(_HEADERS)
    if not allowed or origin is None:
        raise OriginRefused
    if all(methods[name].any_origin for name in allowed):
        first: tuple[Header, ...] = ((b"access-control-allow-origin", b"*"),)
    else:
        first = _named(origin, realm)
    headers = [_VARY, *first, (b"access-control-allow-methods", ", ".join(allowed).encode()), _MAX_AGE]
    if names and _NAMES.fullmatch(names):
        headers.append((b"access-control-allow-headers", names))
    return Reply(204, b"", tuple(headers))


def _named(origin: bytes, realm: Realm) -> tuple[Header, ...]:
    allowed = (b"access-control-allow-origin", origin)
    return (allowed, (b"access-control-allow-credentials", b"true")) if realm.config.cross_site_clients else (allowed,)


def _admits(call: Call, route: RouteDef) -> bool:
    origin = call.head.get(b"origin")
    if origin is None:
        return False
    return route.any_origin or origin == call.arrival.origin or origin.decode("latin-1") in route.allowed_origins
