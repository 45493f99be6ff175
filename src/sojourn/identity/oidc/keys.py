"""The keys of a provider: read when they are needed, read again when one is unknown, never more than once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sojourn.core.clock import MINUTE, SECOND, Clock
from sojourn.core.errors import TokenRefused
from sojourn.identity.compact import ED25519, Compact, decode_object
from sojourn.identity.jwk import VerificationKey, load
from sojourn.identity.oidc.errors import ProviderFailed

#: Algorithms that are taken from a provider. No HMAC: who knows the client secret could make anybody's token.
ALGORITHMS = frozenset({"RS256", "PS256", "ES256"}) | ED25519

#: An unknown key makes the set be read again, but not more often than this; milliseconds.
REREAD_AFTER = SECOND

#: A set is not used longer without being read again: a key that the provider took out is refused then; milliseconds.
KEEP = 10 * MINUTE

#: Keys of one set that are looked at.
_MOST = 100


class KeySet:
    """The keys of one JWK Set that may verify; those for other purposes and of other kinds are passed over."""

    def __init__(self, body: bytes, only: str | None = None) -> None:
        """``only`` is the one algorithm that the provider signs with. Raises :class:`ProviderFailed`."""
        found = decode_object(body)
        members = found.get("keys") if found else None
        if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
            raise ProviderFailed("the keys of the provider are no JWK Set")
        self._only = only
        self._keys = [(member.get("kid"), key) for member in members[:_MOST] if (key := self._usable(member))]

    def find(self, compact: Compact) -> VerificationKey | None:
        """The one key for ``compact``: by ``kid``, without one the only key of its algorithm. None when there is none.

        A ``kid`` that stands there twice names nothing.
        """
        fitting = [
            key
            for kid, key in self._keys
            if compact.algorithm in key.algorithms and (compact.kid is None or kid == compact.kid)
        ]
        return fitting[0] if len(fitting) == 1 else None

    def __len__(self) -> int:
        return len(self._keys)

    def _usable(self, member: Mapping[str, Any]) -> VerificationKey | None:
        if member.get("kty") == "oct":
            return None
        # The default of the protocol: what a client that registered nothing else gets.
        jwk = {"alg": self._only or "RS256", **member} if member.get("kty") == "RSA" else member
        try:
            key = load(jwk)
        except TokenRefused:
            return None
        allowed = key.algorithms & (ALGORITHMS if self._only is None else _named(self._only))
        return VerificationKey(key.key, allowed) if allowed else None


class ProviderKeys:
    """The key set of one provider, as this process has read it last."""

    def __init__(self, read: Callable[[], Awaitable[bytes]], clock: Clock, only: str | None = None) -> None:
        """``read`` asks the provider for its JWK Set."""
        self._read = read
        self._clock = clock
        self._only = only
        self._set: KeySet | None = None
        self._read_at = 0
        self._tried_at = -REREAD_AFTER
        self._lock = asyncio.Lock()

    async def find(self, compact: Compact) -> VerificationKey:
        """The key for ``compact``.

        Raises ``TokenRefused`` ``algorithm`` for one that is never taken, ``key`` when there is no such key, and
        :class:`ProviderFailed` when the keys cannot be read.
        """
        if compact.algorithm not in ALGORITHMS:
            raise TokenRefused("algorithm")
        found = self._find(compact)
        if found is None:
            # Whoever waited here looks first at what the other has read.
            async with self._lock:
                found = self._find(compact) or await self._find_anew(compact)
        if found is None:
            raise TokenRefused("key")
        return found

    def _find(self, compact: Compact) -> VerificationKey | None:
        present = self._present()
        return present.find(compact) if present else None

    async def _find_anew(self, compact: Compact) -> VerificationKey | None:
        now = self._clock.now()
        if now - self._tried_at >= REREAD_AFTER:
            self._tried_at = now
            self._set = KeySet(await self._read(), self._only)
            self._read_at = now
        elif self._present() is None:
            raise ProviderFailed("the keys of the provider could not be read a moment ago")
        return self._find(compact)

    def _present(self) -> KeySet | None:
        return self._set if self._clock.now() - self._read_at < KEEP else None


def _named(algorithm: str) -> frozenset[str]:
    return ED25519 if algorithm in ED25519 else frozenset({algorithm})
