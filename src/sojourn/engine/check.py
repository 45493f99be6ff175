"""The one check: from a handle to the live session that it opens, made anew for every request and every act."""

from __future__ import annotations

from sojourn.core.clock import Clock
from sojourn.core.errors import SessionReplaced, SessionUnknown, SojournError, StaleSession, TokenRefused
from sojourn.core.ids import SessionHandle, same, secret_hash
from sojourn.engine.access import Access, Via, effective_scope
from sojourn.engine.ends.ends import Ends
from sojourn.engine.fences import Fence
from sojourn.engine.tokens.claims import Claims
from sojourn.engine.watch.watch import StoreWatch
from sojourn.model.realm import Realm
from sojourn.model.scope import ScopeSet
from sojourn.model.session import REPLACED_FOR, End, IssuedToken, Loaded, Tombstone, listed_token
from sojourn.model.user import Account
from sojourn.stores.base import SessionStore, Tombstones


class Check:
    """Opens sessions. What each method raises is said at :class:`~sojourn.engine.sessions.Sessions`."""

    def __init__(self, store: SessionStore, fence: Fence, ends: Ends, clock: Clock, watch: StoreWatch) -> None:
        self._store = store
        self._fence = fence
        self._ends = ends
        self._clock = clock
        self._watch = watch

    async def handle(self, realm: Realm, handle: SessionHandle, via: Via) -> Access:
        """Open by id and secret."""
        self._watch.admit()
        now = self._clock.now()
        loaded = await self._store.load(realm.id, handle.id, now)
        if loaded is None:
            raise _gone(await self.why_for(realm, handle))
        session = loaded.session
        shown = secret_hash(handle.secret)
        if not same(shown, session.secret):
            replaced = now - session.replaced_at < REPLACED_FOR and same(shown, session.replaced)
            raise SessionReplaced if replaced else SessionUnknown
        standing = self._fence.passed(realm, session)
        account = standing.account if standing else await self._fence.check(realm, session)
        actor = await self._fence.actor_scopes(realm, session.identity) if session.identity.actor_key else None
        return _access(realm, loaded, account, via=via, actor=actor)

    async def token(self, realm: Realm, claims: Claims) -> Access:
        """Open by a verified token."""
        self._watch.admit()
        now = self._clock.now()
        loaded = await self._store.load(realm.id, claims.sid, now)
        if loaded is None:
            raise await self._dead_token(realm, claims, now)
        issued = listed_token(loaded.session.tokens, claims.token_hash)
        if issued is None:
            raise TokenRefused("unlisted")
        if claims.space != loaded.session.identity.space:
            raise TokenRefused("issuer")
        standing = self._fence.passed(realm, loaded.session)
        account = standing.account if standing else await self._fence.check(realm, loaded.session)
        identity = loaded.session.identity
        actor = await self._fence.actor_scopes(realm, identity) if identity.actor_key else None
        return _access(realm, loaded, account, via="jwt", token=claims, issued=issued, actor=actor)

    async def refresh(self, realm: Realm, sid: str, epoch: int) -> Access:
        """Open by what is kept of a refresh token: the session while it has that epoch."""
        self._watch.admit()
        loaded = await self._store.load(realm.id, sid, self._clock.now())
        if loaded is None:
            tombstone = await self.tombstone(realm, sid)
            raise _gone(await self._told(tombstone) if tombstone else None)
        if loaded.session.epoch != epoch:
            raise TokenRefused("stale")
        standing = self._fence.passed(realm, loaded.session)
        account = standing.account if standing else await self._fence.check(realm, loaded.session)
        identity = loaded.session.identity
        actor = await self._fence.actor_scopes(realm, identity) if identity.actor_key else None
        return _access(realm, loaded, account, via="refresh", actor=actor)

    async def again(self, access: Access) -> Loaded:
        """The session of ``access`` as it is now, while it is the same and lives."""
        self._watch.admit()
        realm, session = access.realm, access.session
        loaded = await self._store.load(realm.id, session.id, self._clock.now())
        if loaded is None:
            tombstone = await self.tombstone(realm, session.id)
            raise _gone(await self._told(tombstone) if tombstone else None)
        if loaded.session.epoch != session.epoch:
            raise StaleSession(loaded.session.epoch)
        if access.token and listed_token(loaded.session.tokens, access.token.token_hash) is None:
            raise TokenRefused("unlisted")
        if self._fence.passed(realm, loaded.session) is None:
            await self._fence.check(realm, loaded.session)
        return loaded

    async def tombstone(self, realm: Realm, sid: str) -> Tombstone | None:
        """What stays of an ended session; None when it lives, is unknown, or the store keeps none."""
        if not isinstance(self._store, Tombstones):
            return None
        return await self._store.why(realm.id, sid, self._clock.now())

    async def why_for(self, realm: Realm, handle: SessionHandle) -> End | None:
        """The end, for who shows the last secret."""
        tombstone = await self.tombstone(realm, handle.id)
        if tombstone is None or not same(secret_hash(handle.secret), tombstone.session.secret):
            return None
        return await self._told(tombstone)

    async def _told(self, tombstone: Tombstone) -> End:
        """Its end, for who held it; final from then on, whatever happens to the store."""
        end = tombstone.end
        if end.reason == "idle":
            await self._ends.expired(tombstone.session, end)
        return end

    async def _dead_token(self, realm: Realm, claims: Claims, now: int) -> SojournError:
        tombstone = await self.tombstone(realm, claims.sid)
        if tombstone is None or listed_token(tombstone.session.tokens, claims.token_hash) is None:
            return TokenRefused("unlisted")
        if tombstone.end.reason == "absolute" and now >= claims.expires_at:
            return TokenRefused("expired")
        return _gone(await self._told(tombstone))


def _access(
    realm: Realm,
    loaded: Loaded,
    account: Account | None,
    *,
    via: Via,
    token: Claims | None = None,
    issued: IssuedToken | None = None,
    actor: ScopeSet | None = None,
) -> Access:
    session, fields = loaded
    narrower = issued is not None and not issued.full_scope
    return Access(
        realm=realm,
        session=session,
        fields=fields,
        via=via,
        scope=effective_scope(session, account, issued, actor),
        delegated=narrower or bool(session.identity.auth_token or session.identity.actor_key),
        account=account,
        token=token,
    )


def _gone(end: End | None) -> SojournError:
    return end.error() if end else SessionUnknown()
