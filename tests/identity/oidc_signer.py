"""A provider's key and the tokens that it signs, right ones and wrong ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from sojourn.core.json import encode
from sojourn.identity.compact import Key, sign

ISSUER = "https://idp.example"
CLIENT = "sojourn"
#: Now, in milliseconds.
NOW = 1_800_000_000_000
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@cache
def key_of(kind: str) -> Key:
    """A key of each kind, made once."""
    match kind:
        case "RSA":
            return RSAKey.generate_key(2048)
        case "EC":
            return ECKey.generate_key("P-256")
        case "OKP":
            return OKPKey.generate_key("Ed25519")
        case _:
            return OctKey.generate_key(256)


def public(kind: str, kid: str = "k1", **more: Any) -> dict[str, Any]:
    """The public JWK."""
    return {**key_of(kind).as_dict(private=kind == "oct"), "kid": kid, **more}


def jwks(*members: Mapping[str, Any]) -> bytes:
    return encode({"keys": [dict(member) for member in members]})


def id_claims(**changed: Any) -> dict[str, Any]:
    """The claims of a right ID token; None takes one away."""
    now = NOW // 1000
    claims = {"iss": ISSUER, "sub": "s-1", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": "n-1", **changed}
    return {name: value for name, value in claims.items() if value is not None}


def logout_claims(**changed: Any) -> dict[str, Any]:
    """The claims of a right logout token; None takes one away."""
    now = NOW // 1000
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": "j-1",
        "sid": "sid-1",
        "sub": "s-1",
        "events": {EVENT: {}},
    }
    return {name: value for name, value in (claims | changed).items() if value is not None}


def signed(claims: Mapping[str, Any] | bytes, *, kind: str = "RSA", alg: str = "RS256", **header: Any) -> str:
    """A token; ``header`` adds to or changes its header."""
    payload = claims if isinstance(claims, bytes) else encode(claims)
    wanted = {"alg": alg, "kid": "k1", **header}
    whole = {name: value for name, value in wanted.items() if value is not None}
    return sign(whole, payload, key_of(kind))
