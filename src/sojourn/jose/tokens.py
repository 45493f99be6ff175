"""``verify`` for the signature, ``claims`` for what it says: two calls, because each checks one thing only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sojourn.core.errors import TokenRefused
from sojourn.core.json import Json
from sojourn.identity.claims import LEEWAY, check_issuer, decode_claims, window
from sojourn.identity.compact import check_signature, read
from sojourn.identity.jwk import choose

#: Longest token that :func:`verify` reads, in characters; tokens of other issuers may be longer than ours.
MAX_FOREIGN_TOKEN = 65_536


def verify(token: str, keys: dict[str, Any]) -> bytes:
    """Check form and signature of a compact JWS, **nothing else**, and return its payload.

    Issuer, audience, times and type are not looked at: call :func:`claims` with the payload.

    Args:
        token: The compact text. Only the strict form is read: three parts, base64url without padding or spare bits, a
            JSON header without duplicate keys, ``crit`` or embedded keys.
        keys: A JWK or a JWK Set. The key fixes the algorithm: Ed25519 (``EdDSA``, ``Ed25519``), P-256 (``ES256``), RSA
            of at least 2048 bits with ``alg`` ``RS256`` or ``PS256``, oct of at least 256 bits with ``alg`` ``HS256``.

    Returns:
        The payload as it was signed.

    Raises:
        TokenRefused: With ``reason`` ``form``, ``key``, ``algorithm`` or ``signature``.
    """
    compact = read(token, most=MAX_FOREIGN_TOKEN)
    chosen = choose(keys, compact)
    check_signature(token, compact, chosen.key, chosen.algorithms)
    return compact.payload


def claims(payload: bytes, *, issuer: str, audience: str, now: int, leeway: int = LEEWAY) -> Mapping[str, Json]:
    """Check the claims of a payload that :func:`verify` returned; the signature is **not** checked here.

    Args:
        payload: One JSON object without duplicate keys.
        issuer: What ``iss`` must be, exactly.
        audience: What ``aud`` must be or contain.
        now: Milliseconds since 1970.
        leeway: How far clocks may differ, in milliseconds.

    Returns:
        All claims; numbers are exact (``int``, ``Decimal``).

    Raises:
        TokenRefused: With ``reason`` ``claims``, ``issuer-missing``, ``issuer``, ``audience``, ``expired`` (``exp`` is
            demanded) or ``not-yet``.
    """
    found = decode_claims(payload)
    if check_issuer(found) != issuer:
        raise TokenRefused("issuer")
    named = found.get("aud")
    if audience not in (named if isinstance(named, list) else [named]):
        raise TokenRefused("audience")
    window(found).check(now, leeway)
    return found
