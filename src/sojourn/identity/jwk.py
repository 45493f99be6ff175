"""JSON Web Keys for verification: which there are, which are too weak, and the one that a token names.

The key fixes the algorithm, never the header. Only the public members of a key are used, so a private JWK does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from sojourn.core.errors import TokenRefused
from sojourn.identity.compact import ED25519, Compact, Key, decode_part

MIN_RSA_BITS = 2_048
#: A longer modulus is refused too: its checks take the time that an attacker asks for.
MAX_RSA_BITS = 16_384
MIN_HMAC_BITS = 256

_ED25519_BYTES = 32
# Points of small order: under such a "key" anybody can make a signature. Last bit (the sign of x) cleared.
_SMALL_ORDER = frozenset(
    bytes.fromhex(point)
    for point in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)


class VerificationKey(NamedTuple):
    """A key that may verify, with the algorithms it fixes."""

    key: Key
    algorithms: frozenset[str]


def choose(keys: Mapping[str, Any], compact: Compact) -> VerificationKey:
    """The key of a JWK or JWK Set for ``compact``; raises :class:`TokenRefused` ``key``.

    In a set the token's ``kid`` decides; without one the set must hold exactly one key. A ``kid`` that a set holds twice
    makes the whole set useless.
    """
    return load(_from_set(keys["keys"], compact.kid) if "keys" in keys else _single(keys, compact.kid))


def load(jwk: Mapping[str, Any]) -> VerificationKey:
    """``jwk`` checked; raises :class:`TokenRefused` ``key`` for a weak one and for one that is not for verifying."""
    operations = jwk.get("key_ops")
    if jwk.get("use", "sig") != "sig" or (operations is not None and not _allows_verifying(operations)):
        raise TokenRefused("key", "the key is not for signatures")
    match jwk.get("kty"):
        case "OKP":
            return _okp(jwk)
        case "EC":
            return _ec(jwk)
        case "RSA":
            return _rsa(jwk)
        case "oct":
            return _oct(jwk)
        case _:
            raise TokenRefused("key", "the key has no type that is known here")


def _from_set(members: object, kid: str | None) -> Mapping[str, Any]:
    if not isinstance(members, Sequence) or not all(isinstance(member, Mapping) for member in members):
        raise TokenRefused("key", "this is not a JWK Set")
    kids = [member["kid"] for member in members if "kid" in member]
    if len(set(map(str, kids))) != len(kids):
        raise TokenRefused("key", "the set holds a kid twice")
    fitting = [member for member in members if kid is None or member.get("kid") == kid]
    if len(fitting) != 1:
        raise TokenRefused("key", "no key of the set is the token's")
    return fitting[0]  # type: ignore[no-any-return]  # all() above tells a reader, not mypy, that it is a mapping


def _single(jwk: Mapping[str, Any], kid: str | None) -> Mapping[str, Any]:
    if kid is not None and jwk.get("kid", kid) != kid:
        raise TokenRefused("key", "the token names another key")
    return jwk


def _allows_verifying(operations: object) -> bool:
    return isinstance(operations, list) and "verify" in operations


def _okp(jwk: Mapping[str, Any]) -> VerificationKey:
    point = _octets(jwk, "x")
    if jwk.get("crv") != "Ed25519" or jwk.get("alg", "EdDSA") not in ED25519:
        raise TokenRefused("key", "of the OKP keys only Ed25519 is allowed")
    if len(point) != _ED25519_BYTES or bytes([*point[:-1], point[-1] & 0x7F]) in _SMALL_ORDER:
        raise TokenRefused("key", "the Ed25519 key is weak or malformed")
    return VerificationKey(_import(OKPKey, jwk, "kty", "crv", "x"), ED25519)


def _ec(jwk: Mapping[str, Any]) -> VerificationKey:
    if jwk.get("crv") != "P-256" or jwk.get("alg", "ES256") != "ES256":
        raise TokenRefused("key", "of the EC keys only P-256 is allowed")
    return VerificationKey(_import(ECKey, jwk, "kty", "crv", "x", "y"), frozenset({"ES256"}))


def _rsa(jwk: Mapping[str, Any]) -> VerificationKey:
    algorithm = _algorithm(jwk, "RS256", "PS256")
    modulus = int.from_bytes(_octets(jwk, "n"))
    exponent = int.from_bytes(_octets(jwk, "e"))
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS or exponent < 3 or exponent % 2 == 0:  # noqa: PLR2004  # 1 verifies anything, even ones are no exponents
        raise TokenRefused("key", "the RSA key is weak")
    return VerificationKey(_import(RSAKey, jwk, "kty", "n", "e"), algorithm)


def _oct(jwk: Mapping[str, Any]) -> VerificationKey:
    algorithm = _algorithm(jwk, "HS256")
    if len(_octets(jwk, "k")) * 8 < MIN_HMAC_BITS:
        raise TokenRefused("key", "the HMAC key is shorter than 256 bits")
    return VerificationKey(_import(OctKey, jwk, "kty", "k"), algorithm)


def _algorithm(jwk: Mapping[str, Any], *possible: str) -> frozenset[str]:
    if jwk.get("alg") not in possible:
        raise TokenRefused("key", f"the key must say its alg: {' or '.join(possible)}")
    return frozenset({jwk["alg"]})


def _octets(jwk: Mapping[str, Any], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise TokenRefused("key", f"the key has no {name}")
    try:
        return decode_part(value)
    except TokenRefused:
        raise TokenRefused("key", f"{name} of the key is not base64url") from None


def _import(kind: type[Key], jwk: Mapping[str, Any], *members: str) -> Key:
    try:
        return kind.import_key({member: jwk[member] for member in members})
    except (JoseError, ValueError, KeyError, TypeError):
        raise TokenRefused("key", "the key is malformed") from None
