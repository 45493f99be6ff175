"""Access tokens: JWTs of type ``at+jwt`` that name a session, and that the session lists."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

from joserfc.jwk import OctKey

from sojourn.core import json
from sojourn.core.clock import SECOND, Clock
from sojourn.core.errors import BadRequest, InsufficientScope, SessionEnded, TokenRefused, Unauthorized
from sojourn.core.ids import is_id, new_token, secret_hash
from sojourn.core.json import Json
from sojourn.engine.access import Access
from sojourn.engine.facts import Facts, Snapshot
from sojourn.engine.keys.rings import ALGORITHM, KeyRings
from sojourn.engine.keys.session_keys import SessionKeys
from sojourn.engine.tokens.claims import RESERVED_CLAIMS, Claims, read_claims
from sojourn.identity.claims import check_issuer, decode_claims, text
from sojourn.identity.compact import ED25519, MAX_TOKEN, Compact, Key, check_signature, read, sign
from sojourn.model.realm import Realm
from sojourn.model.session import IssuedToken, Session, listed_token
from sojourn.stores.base import SessionStore, Tombstones

__all__ = ["RESERVED_CLAIMS", "Claims", "Issued", "ReservedClaims", "TokenTooLarge", "Tokens", "check_claims"]

#: ``typ`` of an access token [RFC 9068]; no token of another purpose has it.
ACCESS_TYPE = "at+jwt"

#: ``alg`` of tokens that the secret of a login signs.
HMAC = "HS256"
_HMAC = frozenset({HMAC})

#: How many verified signatures a process remembers.
REMEMBERED = 10_000

# Header texts whose key is known; all tokens of one key have the same, so there are few.
_MOST_HEADS = 1_000

_NO_CLAIMS: Mapping[str, Json] = {}


@lru_cache(maxsize=1_000)
def _issuer(public_url: str, realm: str, space: str) -> str:
    base = f"{public_url}/realms/{realm}"
    return f"{base}/external/{quote(space, safe='')}" if space else base


@lru_cache(maxsize=1_000)
def _audience(installation: str, realm_id: str) -> str:
    return f"sojourn:{installation}:{realm_id}"


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


class Tokens:
    """Issues and verifies the access tokens of all realms."""

    def __init__(
        self,
        *,
        public_url: str,
        installation: str,
        rings: KeyRings,
        session_keys: SessionKeys,
        facts: Facts,
        store: SessionStore,
        clock: Clock,
    ) -> None:
        self._session_keys = session_keys
        self._public_url = public_url.rstrip("/")
        self._installation = installation
        self._rings = rings
        self._facts = facts
        self._store = store
        self._clock = clock
        self._verified = _Outcomes(REMEMBERED)
        self._kids: dict[str, str] = {}

    def issuer(self, realm: Realm, space: str = "") -> str:
        """``iss`` of the tokens of accounts, or of the external principals of ``space``."""
        return _issuer(self._public_url, realm.name, space)

    def audience(self, realm: Realm) -> str:
        """``aud`` of all tokens of ``realm``."""
        return _audience(self._installation, realm.id)

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

    async def verify(self, realm: Realm, token: str) -> Claims:
        """The claims of ``token`` when it is an access token of ``realm`` that holds now.

        Whether its session lives and lists it, ``Sessions.open_token`` says. Raises :class:`TokenRefused` with reason
        ``form``, ``algorithm``, ``issuer-missing``, ``issuer``, ``key``, ``signature``, ``type``, ``claims``,
        ``audience``, ``expired`` or ``not-yet``; the first that is found.
        """
        facts = await self._facts.current()
        await self._rings.refresh(realm, facts)
        claims = self._remembered(realm, token, facts)
        if claims is None:
            claims = await self._check_signature(realm, token)
        return self._holding(realm, claims)

    def recall(self, realm: Realm, token: str) -> Claims | None:
        """As :meth:`verify` for a token that was verified before, where that takes no waiting; raises the same.

        None leaves everything open: then :meth:`verify` finds out.
        """
        facts = self._facts.glance()
        claims = self._remembered(realm, token, facts) if facts else None
        return None if claims is None else self._holding(realm, claims)

    def _holding(self, realm: Realm, claims: Claims) -> Claims:
        """``claims`` whose signature is right, when they are for ``realm`` and this instant."""
        if claims.issuer != self.issuer(realm, claims.space):
            raise TokenRefused("issuer")
        if claims.audience != self.audience(realm):
            raise TokenRefused("audience")
        claims.window.check(self._clock.now())
        return claims

    def _remembered(self, realm: Realm, token: str, facts: Snapshot) -> Claims | None:
        """The claims of a token whose signature was right; key and state are looked up each time."""
        if len(token) > MAX_TOKEN or not token.isascii():
            raise TokenRefused("form")
        kid = self._kids.get(token[: token.find(".")])
        key = self._rings.known(realm, kid, facts) if kid is not None else None
        if kid is None or key is None:
            return None
        return self._verified.get((realm.id, ACCESS_TYPE, kid, key.state, secret_hash(token)))

    async def _check_signature(self, realm: Realm, token: str) -> Claims:
        compact = read(token)
        if compact.kid is None:
            return await self._check_session_key(realm, token, compact)
        if compact.algorithm not in ED25519:
            raise TokenRefused("algorithm")
        space = self._space(realm, check_issuer(decode_claims(compact.payload)))
        kid = compact.kid
        key = await self._rings.find(realm, kid)
        if key is None:
            raise TokenRefused("key")
        check_signature(token, compact, key.key, ED25519)
        if compact.header.get("typ") != ACCESS_TYPE:
            raise TokenRefused("type")
        claims = read_claims(compact.payload, space)
        if len(self._kids) >= _MOST_HEADS:
            self._kids.clear()
        self._kids[compact.head] = kid
        place = (realm.id, ACCESS_TYPE, kid, key.state, secret_hash(token))
        self._verified.put(place, claims)
        return claims

    async def _check_session_key(self, realm: Realm, token: str, compact: Compact) -> Claims:
        """A token without ``kid`` is signed with the secret of the login that it names, or with nothing of ours.

        Not remembered: the secret is in the record, which has to be read anyway, and one hash is soon computed.
        """
        claims = decode_claims(compact.payload)
        space = self._space(realm, check_issuer(claims))
        session = await self._session(realm, text(claims, "sid"))
        secret = await self._session_keys.open(realm, session) if session else None
        if secret is None:
            raise TokenRefused("key")
        check_signature(token, compact, OctKey.import_key(secret), _HMAC)
        if compact.header.get("typ") != ACCESS_TYPE:
            raise TokenRefused("type")
        return read_claims(compact.payload, space)

    async def _session(self, realm: Realm, sid: str) -> Session | None:
        """The session, or what stays of an ended one: who holds a token of it is told why it ended."""
        now = self._clock.now()
        loaded = await self._store.load(realm.id, sid, now) if is_id(sid) else None
        if loaded is not None:
            return loaded.session
        tombstone = (
            await self._store.why(realm.id, sid, now) if is_id(sid) and isinstance(self._store, Tombstones) else None
        )
        return tombstone.session if tombstone else None

    def _space(self, realm: Realm, issuer: str) -> str:
        """The space that ``issuer`` names, empty for the realm itself; raises :class:`TokenRefused` ``issuer``."""
        own = self.issuer(realm)
        if issuer == own:
            return ""
        space = unquote(issuer.removeprefix(f"{own}/external/"))
        if issuer != self.issuer(realm, space):
            raise TokenRefused("issuer")
        return space

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


#: Realm id, purpose, key id, state of the key, SHA-256 of the whole token.
_Place = tuple[str, str, str, str, bytes]


class _Outcomes:
    """Verified signatures, the least recently used go first. It holds that a signature was right, nothing more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[_Place, Claims] = OrderedDict()

    def get(self, place: _Place) -> Claims | None:
        found = self._kept.get(place)
        if found is not None:
            self._kept.move_to_end(place)
        return found

    def put(self, place: _Place, claims: Claims) -> None:
        self._kept[place] = claims
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _kept_claims(session: Session) -> Mapping[str, Json]:
    """The claims that the pipeline of an external principal gave it; checked when the session was begun."""
    return json.decode(session.identity.claims) if session.identity.claims else _NO_CLAIMS


def _signed(header: Mapping[str, str], claims: Mapping[str, Json], key: Key) -> str:
    token = sign(header, json.encode(claims), key)
    if len(token) > MAX_TOKEN:
        raise TokenTooLarge
    return token
