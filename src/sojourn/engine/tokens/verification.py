"""The verification of access tokens: whose they are, whether the signature is right, and whether they hold now."""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from urllib.parse import quote, unquote

from joserfc.jwk import OctKey

from sojourn.core.clock import Clock
from sojourn.core.errors import TokenRefused
from sojourn.core.ids import is_id, secret_hash
from sojourn.engine.facts import Facts, Snapshot
from sojourn.engine.keys.rings import KeyRings
from sojourn.engine.keys.session_keys import SessionKeys
from sojourn.engine.tokens.claims import Claims, read_claims
from sojourn.identity.claims import check_issuer, decode_claims, text
from sojourn.identity.compact import ED25519, MAX_TOKEN, Compact, check_signature, read
from sojourn.model.realm import Realm
from sojourn.model.session import Session
from sojourn.stores.base import SessionStore, Tombstones

#: ``typ`` of an access token [RFC 9068]; no token of another purpose has it.
ACCESS_TYPE = "at+jwt"

#: ``alg`` of tokens that the secret of a login signs.
HMAC = "HS256"
_HMAC = frozenset({HMAC})

#: How many verified signatures a process remembers.
REMEMBERED = 10_000

# Header texts whose key is known; all tokens of one key have the same, so there are few.
_MOST_HEADS = 1_000


@lru_cache(maxsize=1_000)
def _issuer(public_url: str, realm: str, space: str) -> str:
    base = f"{public_url}/realms/{realm}"
    return f"{base}/external/{quote(space, safe='')}" if space else base


@lru_cache(maxsize=1_000)
def _audience(installation: str, realm_id: str) -> str:
    return f"sojourn:{installation}:{realm_id}"


class Verification:
    """Verifies the access tokens of all realms."""

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
