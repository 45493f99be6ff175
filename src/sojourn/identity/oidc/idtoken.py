"""ID tokens: every check of OpenID Connect Core 3.1.3.7, and stricter where that leaves a choice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from sojourn.core.clock import MINUTE, SECOND
from sojourn.core.errors import TokenRefused
from sojourn.core.ids import same
from sojourn.core.json import Json
from sojourn.identity.claims import check_issuer, decode_claims, instant, window
from sojourn.identity.compact import ED25519, Compact, check_signature, encode_part, read
from sojourn.identity.oidc.keys import ProviderKeys

#: Longest token of a provider that is read, in characters.
MAX_TOKEN = 16_384

#: How old an ID token may be when it comes here; milliseconds.
FRESH = 5 * MINUTE

#: Longest subject, session id or identifier of a token that is taken [OpenID Connect Core 2].
MOST_CHARACTERS = 255

_MOST_METHODS = 20


class Expected(NamedTuple):
    """What an ID token has to say."""

    issuer: str
    client_id: str
    now: int
    leeway: int = 30 * SECOND
    #: The nonce of the request; None where there was no request of ours.
    nonce: str | None = None
    #: How long ago the user may have logged in at the provider, in milliseconds; None = however long.
    max_age: int | None = None
    #: The access token that came with it, empty without one.
    access_token: str = ""


class IdToken(NamedTuple):
    """A verified ID token."""

    issuer: str
    subject: str
    #: What the provider calls its session, empty where it says nothing.
    sid: str
    acr: str
    amr: tuple[str, ...]
    #: Instant of ``iat``, milliseconds since 1970.
    issued: int
    #: Its signature as text, by which a token is told from every other one.
    signature: str
    #: All claims.
    claims: Mapping[str, Json]


async def verify_id_token(token: str, keys: ProviderKeys, expected: Expected) -> IdToken:
    """The ID token ``token``, checked in every respect.

    Raises ``TokenRefused`` (``form``, ``type``, ``algorithm``, ``key``, ``signature``, ``claims``, ``issuer``, ``audience``,
    ``expired``, ``not-yet``, ``stale``, ``nonce``, ``access-token``, ``login-too-old``), ``ProviderFailed``.
    """
    compact = read(token, most=MAX_TOKEN)
    if str(compact.header.get("typ", "JWT")).upper() != "JWT":
        raise TokenRefused("type")
    claims = await signed_claims(token, compact, keys)
    if "events" in claims:
        raise TokenRefused("type")
    check_origin(claims, expected.issuer, expected.client_id)
    _check_times(claims, expected)
    _check_nonce(claims, expected)
    if expected.access_token:
        _check_access_token(claims, compact, expected.access_token)
    return IdToken(
        issuer=expected.issuer,
        subject=short_text(claims, "sub"),
        sid=optional_text(claims, "sid"),
        acr=optional_text(claims, "acr"),
        amr=_methods(claims),
        issued=instant(claims, "iat"),
        signature=token.rpartition(".")[2],
        claims=claims,
    )


async def signed_claims(token: str, compact: Compact, keys: ProviderKeys) -> dict[str, Json]:
    """The claims of a token of the provider, whose signature is checked; raises as :func:`verify_id_token`."""
    chosen = await keys.find(compact)
    check_signature(token, compact, chosen.key, chosen.algorithms)
    return decode_claims(compact.payload)


def check_origin(claims: Mapping[str, Any], issuer: str, client_id: str) -> None:
    """Raise ``TokenRefused`` unless the token is of ``issuer`` and for ``client_id`` alone.

    Other audiences beside ours are nobody that we know, so a token that has them is refused whatever ``azp`` says.
    """
    if check_issuer(claims) != issuer:
        raise TokenRefused("issuer")
    named = claims.get("aud")
    if (named if isinstance(named, list) else [named]) != [client_id]:
        raise TokenRefused("audience")
    if claims.get("azp", client_id) != client_id:
        raise TokenRefused("audience")


def short_text(claims: Mapping[str, Json], name: str) -> str:
    """The claim ``name``, a text of 1-255 printable characters; raises ``TokenRefused`` ``claims``."""
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MOST_CHARACTERS or not value.isprintable():
        raise TokenRefused("claims")
    return value


def optional_text(claims: Mapping[str, Json], name: str) -> str:
    """The same, empty without the claim."""
    return short_text(claims, name) if name in claims else ""


def _check_times(claims: Mapping[str, Json], expected: Expected) -> None:
    now, leeway = expected.now, expected.leeway
    times = window(claims)
    if not times.issued:
        raise TokenRefused("claims")
    times.check(now, leeway)
    if now - times.issued > FRESH + leeway:
        raise TokenRefused("stale")
    login = instant(claims, "auth_time")
    if login > now + leeway:
        raise TokenRefused("not-yet")
    if expected.max_age is not None and (not login or now - login > expected.max_age + leeway):
        raise TokenRefused("login-too-old")


def _check_nonce(claims: Mapping[str, Json], expected: Expected) -> None:
    if expected.nonce is None:
        return
    shown = claims.get("nonce")
    if not isinstance(shown, str) or not same(shown.encode(), expected.nonce.encode()):
        raise TokenRefused("nonce")


def _check_access_token(claims: Mapping[str, Json], compact: Compact, access_token: str) -> None:
    """``at_hash``, which the code flow may leave out: the token endpoint has answered both at once."""
    shown = claims.get("at_hash")
    if shown is None:
        return
    # Ed25519 signs by SHA-512; the others say SHA-256 in their names.
    digest = hashlib.sha512 if compact.algorithm in ED25519 else hashlib.sha256
    whole = digest(access_token.encode()).digest()
    half = encode_part(whole[: len(whole) // 2])
    if not isinstance(shown, str) or not same(shown.encode(), half.encode()):
        raise TokenRefused("access-token")


def _methods(claims: Mapping[str, Json]) -> tuple[str, ...]:
    found = claims.get("amr", [])
    if not isinstance(found, list) or len(found) > _MOST_METHODS:
        raise TokenRefused("claims")
    if not all(isinstance(word, str) and len(word) <= MOST_CHARACTERS for word in found):
        raise TokenRefused("claims")
    return tuple(found)
