"""Claims of our own access tokens."""

from __future__ import annotations

from msgspec import Struct

from sojourn.core.ids import secret_hash
from sojourn.core.json import Json
from sojourn.identity.claims import Window, check_issuer, decode_claims, text, window

#: Names that no pipeline may put into a token: registered ones and ours.
RESERVED_CLAIMS = frozenset(
    {
        *("iss", "aud", "exp", "nbf", "iat", "jti", "sid", "azp", "client_id", "scope", "scopes", "typ", "act", "acr"),
        *("amr", "auth_time", "cnf", "events", "nonce", "realm", "consumer_name", "epoch", "groups", "roles"),
    }
)


class Claims(Struct, frozen=True):
    """What a verified access token of ours says. Immutable, so that it may be kept and shared."""

    #: Public id of the session.
    sid: str
    jti: str
    #: SHA-256 of the ``jti``, as the session lists it.
    token_hash: bytes
    issuer: str
    audience: str
    #: Space of the external principal that ``iss`` names, empty for an account.
    space: str
    window: Window
    #: The claims as they were signed.
    payload: bytes

    @property
    def all(self) -> dict[str, Json]:
        """Every claim, decoded anew at each call: nobody else holds what comes back."""
        return decode_claims(self.payload)

    @property
    def expires_at(self) -> int:
        """Instant of ``exp`` in milliseconds."""
        return self.window.expires


def read_claims(payload: bytes, space: str) -> Claims:
    """The claims of an access token of ours; raises :class:`TokenRefused` ``claims`` when one is missing or no text."""
    claims = decode_claims(payload)
    jti = text(claims, "jti")
    return Claims(
        sid=text(claims, "sid"),
        jti=jti,
        token_hash=secret_hash(jti),
        issuer=check_issuer(claims),
        audience=text(claims, "aud"),
        space=space,
        window=window(claims),
        payload=payload,
    )
