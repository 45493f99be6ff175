"""Claims of a JWT: strict types and the window of time in which it holds."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from sojourn.core.clock import SECOND
from sojourn.core.errors import TokenRefused
from sojourn.core.json import Json
from sojourn.identity.compact import decode_object

#: How far the clocks of issuer and verifier may differ, in milliseconds.
LEEWAY = 30 * SECOND

_LATEST = 1 << 40


class Window(NamedTuple):
    """``exp``, ``nbf`` and ``iat`` as instants in milliseconds; 0 = absent, which only the last two may be."""

    expires: int
    not_before: int
    issued: int

    def check(self, now: int, leeway: int = LEEWAY) -> None:
        """Raise :class:`TokenRefused` ``expired`` or ``not-yet`` unless it holds at ``now``."""
        if now >= self.expires + leeway:
            raise TokenRefused("expired")
        if now < self.not_before - leeway or now < self.issued - leeway:
            raise TokenRefused("not-yet")


def decode_claims(payload: bytes) -> dict[str, Json]:
    """The claims in ``payload``; raises :class:`TokenRefused` ``claims`` unless it is one JSON object."""
    claims = decode_object(payload)
    if claims is None:
        raise TokenRefused("claims")
    return claims


def window(claims: Mapping[str, Json]) -> Window:
    """The times of ``claims``; raises :class:`TokenRefused` ``claims`` when ``exp`` is absent or one is no number."""
    if "exp" not in claims:
        raise TokenRefused("claims")
    return Window(instant(claims, "exp"), instant(claims, "nbf"), instant(claims, "iat"))


def text(claims: Mapping[str, Json], name: str) -> str:
    """The claim ``name``, which must be a non-empty text; raises :class:`TokenRefused` ``claims``."""
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise TokenRefused("claims")
    return value


def check_issuer(claims: Mapping[str, Json]) -> str:
    """``iss``; raises :class:`TokenRefused` ``issuer-missing`` when it is absent, ``issuer`` when it is no text."""
    issuer = claims.get("iss")
    if issuer is None:
        raise TokenRefused("issuer-missing")
    if not isinstance(issuer, str):
        raise TokenRefused("issuer")
    return issuer


def instant(claims: Mapping[str, Json], name: str) -> int:
    """The claim ``name`` in milliseconds, 0 without it; raises :class:`TokenRefused` ``claims`` when it is no number."""
    value = claims.get(name, 0)
    # A bool is an int to Python; the bound keeps numbers like 1e999999 from being multiplied out.
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= _LATEST:
        raise TokenRefused("claims")
    return int(value * SECOND)
