"""Logout tokens: by which a provider ends sessions here [OpenID Connect Back-Channel Logout 1.0]."""

from __future__ import annotations

from typing import NamedTuple

from sojourn.core.clock import HOUR, MINUTE
from sojourn.core.errors import TokenRefused
from sojourn.identity.claims import instant, window
from sojourn.identity.compact import read
from sojourn.identity.oidc.idtoken import MAX_TOKEN, Expected, check_origin, optional_text, short_text, signed_claims
from sojourn.identity.oidc.keys import ProviderKeys

#: ``typ`` of a logout token; no token of another purpose has it.
LOGOUT_TYPE = "logout+jwt"

#: How old one may be when it comes here; milliseconds.
FRESH = 5 * MINUTE

#: Its ``jti`` is remembered so long after its ``iat``: longer than it could be shown again.
REMEMBERED = HOUR

_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class LogoutToken(NamedTuple):
    """A verified logout token; at least one of :attr:`subject` and :attr:`sid` is not empty."""

    subject: str
    sid: str
    jti: str
    #: Instant of ``iat``, milliseconds since 1970.
    issued: int


async def verify_logout_token(token: str, keys: ProviderKeys, expected: Expected) -> LogoutToken:
    """The logout token ``token``, checked in every respect but one: that its ``jti`` has not come before.

    Raises ``TokenRefused`` with the reasons of :func:`~sojourn.identity.oidc.idtoken.verify_id_token`, ``ProviderFailed``.
    """
    compact = read(token, most=MAX_TOKEN)
    if str(compact.header.get("typ", "")).lower().removeprefix("application/") != LOGOUT_TYPE:
        raise TokenRefused("type")
    claims = await signed_claims(token, compact, keys)
    check_origin(claims, expected.issuer, expected.client_id)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):
        raise TokenRefused("type")
    if "nonce" in claims:
        raise TokenRefused("nonce")
    now, leeway, issued = expected.now, expected.leeway, instant(claims, "iat")
    if not issued:
        raise TokenRefused("claims")
    if "exp" in claims:
        window(claims).check(now, leeway)
    if issued > now + leeway:
        raise TokenRefused("not-yet")
    if now - issued > FRESH + leeway:
        raise TokenRefused("stale")
    found = LogoutToken(optional_text(claims, "sub"), optional_text(claims, "sid"), short_text(claims, "jti"), issued)
    if not found.subject and not found.sid:
        raise TokenRefused("claims")
    return found
