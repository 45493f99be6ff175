"""The strict compact form of a JWS, in front of joserfc, and the one way into joserfc.

Exactly three non-empty parts, only the base64url alphabet, canonical last bits, a header that is one JSON object
without duplicate keys. No key, address or extension in a header is ever followed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from sojourn.core import json
from sojourn.core.errors import InvalidJson, TokenRefused

#: Longest token that the engine itself issues or accepts, in characters.
MAX_TOKEN = 8_192

#: Names of the algorithm of Ed25519 keys: the old one, that we issue, and the one of RFC 9864.
ED25519 = frozenset({"EdDSA", "Ed25519"})

Key = OKPKey | ECKey | RSAKey | OctKey

_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_TEXT_HEADERS = ("alg", "kid", "typ", "cty")
# Keys and addresses that a sender embeds, and extensions: none of them is understood here.
_REFUSED_HEADERS = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64"})


class Compact(NamedTuple):
    """A token whose form is right; its signature is not checked yet."""

    #: Text of the header part, the same for all tokens of one key and purpose.
    head: str
    header: Mapping[str, json.Json]
    payload: bytes

    @property
    def algorithm(self) -> str:
        """``alg``; the header has it, as text."""
        return str(self.header["alg"])

    @property
    def kid(self) -> str | None:
        """``kid``, None when the header has none."""
        kid = self.header.get("kid")
        return None if kid is None else str(kid)


def read(token: str, *, most: int = MAX_TOKEN) -> Compact:
    """Take ``token`` apart; raises :class:`TokenRefused` ``form`` for anything but the strict compact form."""
    match = _FORM.fullmatch(token) if len(token) <= most else None
    if match is None:
        raise TokenRefused("form")
    head, body, signature = match.groups()
    header = _header(decode_part(head))
    decode_part(signature)
    return Compact(head, header, decode_part(body))


def decode_part(part: str) -> bytes:
    """The bytes of a base64url text; raises :class:`TokenRefused` for padding, blanks and spare bits."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True)
    except ValueError:
        raise TokenRefused("form") from None
    if encode_part(raw) != part:
        raise TokenRefused("form")
    return raw


def encode_part(raw: bytes) -> str:
    """``raw`` as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_object(data: bytes) -> dict[str, json.Json] | None:
    """The JSON object in ``data``, None when it is another value, has a key twice or is no JSON."""
    try:
        value = json.decode(data)
    except InvalidJson:
        return None
    return value if isinstance(value, dict) else None


def _header(data: bytes) -> Mapping[str, json.Json]:
    header = decode_object(data)
    if header is None or "alg" not in header or not _REFUSED_HEADERS.isdisjoint(header):
        raise TokenRefused("form")
    if any(not isinstance(header.get(name, ""), str) for name in _TEXT_HEADERS):
        raise TokenRefused("form")
    return header


class _Registry(JWSRegistry):
    """joserfc's registry with exactly our algorithms.

    joserfc warns that the name ``EdDSA`` is deprecated by RFC 9864. We know: tokens carry it for the verifiers that
    read nothing else yet. Both names lead to the algorithm ``Ed25519``, which takes no other curve and warns of nothing.
    """

    max_header_length = MAX_TOKEN
    max_payload_length = 1 << 20
    max_signature_length = 1 << 12

    def get_alg(self, name: str) -> Any:
        """The algorithm ``name``; the caller has checked that the key allows it."""
        return self.algorithms["Ed25519" if name in ED25519 else name]


# Unknown header members are ignored as RFC 7515 wants it; what we refuse was refused by _header.
_registry = _Registry(strict_check_header=False)


def sign(header: Mapping[str, str], payload: bytes, key: Key) -> str:
    """The compact JWS of ``payload``; ``header`` names the algorithm of ``key``."""
    return jws.serialize_compact(dict(header), payload, key, registry=_registry)


def check_signature(token: str, compact: Compact, key: Key, allowed: frozenset[str]) -> None:
    """Check ``token`` (whose form is ``compact``) with ``key``, which fixes the ``allowed`` algorithms.

    Raises :class:`TokenRefused` ``algorithm`` or ``signature``.
    """
    if compact.algorithm not in allowed:
        raise TokenRefused("algorithm")
    try:
        jws.deserialize_compact(token, key, registry=_registry)
    except (JoseError, ValueError):
        raise TokenRefused("signature") from None
