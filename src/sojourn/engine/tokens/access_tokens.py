"""Access tokens: JWTs of type ``at+jwt`` that name a session, and that the session lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from joserfc.jwk import OctKey

from sojourn.core import json
from sojourn.core.clock import SECOND
from sojourn.core.errors import BadRequest, InsufficientScope, SessionEnded, Unauthorized
from sojourn.core.ids import new_token, secret_hash
from sojourn.core.json import Json
from sojourn.engine.access import Access
from sojourn.engine.keys.rings import ALGORITHM
from sojourn.engine.tokens.claims import RESERVED_CLAIMS, Claims
from sojourn.engine.tokens.verification import ACCESS_TYPE, HMAC, Verification
from sojourn.identity.compact import MAX_TOKEN, Key, sign
from sojourn.model.realm import Realm
from sojourn.model.session import IssuedToken, Session, listed_token

__all__ = ["RESERVED_CLAIMS", "Claims", "Issued", "ReservedClaims", "TokenTooLarge", "Tokens", "check_claims"]

_NO_CLAIMS: Mapping[str, Json] = {}


class ReservedClaims(BadRequest):
    """These claims belong to the engine."""

    code = "token.reserved_claims"

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(names))
        super().__init__(f"these claims belong to the engine: {', '.join(self.names)}")


class TokenTooLarge(BadRequest):
    """The claims make the token longer than 8192 characters."""

    code = "token.too_large"


class Issued(NamedTuple):
    """A new token; the text is shown once."""

    token: str
    claims: Mapping[str, Json]
    #: Instant of ``exp`` in milliseconds.
    expires_at: int


def check_claims(names: Iterable[str]) -> None:
    """Raise :class:`ReservedClaims` when one of ``names`` is registered or the engine's own."""
    taken = RESERVED_CLAIMS.intersection(names)
    if taken:
        raise ReservedClaims(taken)


class Tokens(Verification):
    """Issues and verifies the access tokens of all realms."""

    async def issue(
        self,
        realm: Realm,
        session: Session,
        *,
        scope: tuple[str, ...] | None,
        expires_at: int,
        extra: Mapping[str, Json] = _NO_CLAIMS,
        consumer: str = "",
        parent: bytes = b"",
    ) -> Issued:
        """Make a token of ``session`` and list it there, guarded by the session's epoch.

        Args:
            realm: The session's realm.
            session: The record as it was begun, rotated or opened.
            scope: What the token may do at most, each checked by the caller; None = all that the session may.
            expires_at: When it expires, in milliseconds; never after the session's absolute limit.
            extra: Further claims.
            consumer: Name of the API key, for ``consumer_name``; empty = the realm's name.
            parent: SHA-256 of the ``jti`` of the delegated token that asks for it: it dies with that one.

        Raises:
            ReservedClaims: ``extra`` holds a name of the engine.
            TokenTooLarge: The token would be too long.
            SessionEnded, StaleSession, SessionUnknown: As for every write.
        """
        check_claims(extra)
        now = self._clock.now()
        expires = min(expires_at, session.absolute) // SECOND
        jti = new_token()
        claims: dict[str, Json] = {
            **_kept_claims(session),
            **extra,
            "iss": self.issuer(realm, session.identity.space),
            "aud": self.audience(realm),
            "sub": session.identity.subject or session.identity.user_name,
            "sid": session.id,
            "jti": jti,
            "iat": now // SECOND,
            "exp": expires,
            "scopes": list(await self._scopes(realm, session) if scope is None else scope),
            "realm": realm.name,
            "consumer_name": consumer or realm.name,
            **({"act": {"sub": session.identity.actor}} if session.identity.actor_key else {}),
        }
        token, kid = await self._sign(realm, session, claims, expires * SECOND)
        listed = IssuedToken(
            secret_hash(jti), expires * SECOND, full_scope=scope is None, scope=scope or (), kid=kid, parent=parent
        )
        await self._store.change(realm.id, session.id, session.epoch, (), now, touch=False, token=listed)
        if kid and not await self._rings.vouches(realm, kid):
            # The key was revoked meanwhile; who ended its sessions may have been by before this one listed the token.
            raise SessionEnded("revoked", now)
        return Issued(token, claims, expires * SECOND)

    async def renew(
        self,
        access: Access,
        *,
        expires_at: int,
        scope: Iterable[str] | None = None,
        extra: Mapping[str, Json] = _NO_CLAIMS,
        consumer: str = "",
    ) -> Issued:
        """Make a further token of the session that ``access`` opened, never wider and never longer than it.

        ``scope`` None = all that the handle may. Raises :class:`Unauthorized` for an anonymous session,
        :class:`InsufficientScope` for a scope that the handle does not have, and as :meth:`issue`.
        """
        access.writable()
        if access.kind == "anonymous":
            raise Unauthorized("an anonymous session has no tokens")
        wanted = None if scope is None else tuple(dict.fromkeys(scope))
        if wanted is None and access.delegated:
            wanted = tuple(sorted(access.scope))
        if wanted is not None and not access.scope.issuperset(wanted):
            raise InsufficientScope
        if access.delegated and access.token:
            expires_at = min(expires_at, access.token.expires_at)
        return await self.issue(
            access.realm,
            access.session,
            scope=wanted,
            expires_at=expires_at,
            extra=extra,
            consumer=consumer,
            parent=access.token_hash if access.delegated else b"",
        )

    async def unlist(self, realm: Realm, session: Session, token_hash: bytes) -> bool:
        """Take a token of ``session`` back, those that were asked for with it too; False when it is not listed.

        It is refused from the next request on. Raises as every write.
        """
        listed = listed_token(session.tokens, token_hash)
        if listed is None:
            return False
        # A later entry of the same hash; it is dropped after the one that it takes back, and ends at the same instant.
        gone = IssuedToken(token_hash, listed.expires, kid=listed.kid, revoked=True)
        await self._store.change(realm.id, session.id, session.epoch, (), self._clock.now(), touch=False, token=gone)
        return True

    async def _scopes(self, realm: Realm, session: Session) -> Iterable[str]:
        if not session.identity.full_scope:
            return session.identity.scope
        account = await (await self._facts.current()).account(realm, session.identity.user_key)
        return sorted(account.scopes) if account else ()

    async def _sign(self, realm: Realm, session: Session, claims: Mapping[str, Json], until: int) -> tuple[str, str]:
        """The signed token, and which key of the ring signed it: none where the session has a secret of its own."""
        json.check_finite(claims)
        secret = await self._session_keys.open(realm, session)
        if secret is not None:
            return _signed({"alg": HMAC, "typ": ACCESS_TYPE}, claims, OctKey.import_key(secret)), ""
        key = await self._rings.to_sign(realm, until)
        return _signed({"alg": ALGORITHM, "kid": key.kid, "typ": ACCESS_TYPE}, claims, key.key), key.kid


def _kept_claims(session: Session) -> Mapping[str, Json]:
    """The claims that the pipeline of an external principal gave it; checked when the session was begun."""
    return json.decode(session.identity.claims) if session.identity.claims else _NO_CLAIMS


def _signed(header: Mapping[str, str], claims: Mapping[str, Json], key: Key) -> str:
    token = sign(header, json.encode(claims), key)
    if len(token) > MAX_TOKEN:
        raise TokenTooLarge
    return token
