"""Refresh tokens: each gives one access token and its own successor, once.

A token names nothing; what it belongs to is kept under its hash in the session store, where exactly one caller can take
it. The successor follows from the token and a key of the realm's ring, so that it can be given again to a client whose
answer was lost, and is itself kept only as a hash. Any other second use is taken for a theft and ends the session.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from sojourn.core.clock import SECOND, Clock
from sojourn.core.errors import SessionEnded, TokenRefused, Unavailable
from sojourn.core.ids import secret_hash
from sojourn.core.prefixed import is_prefixed, new_prefixed, prefixed_from
from sojourn.engine.access import Access
from sojourn.engine.audit.log import Audit
from sojourn.engine.ends.ends import Ends
from sojourn.engine.keys.rings import KeyRings
from sojourn.engine.sessions import Sessions
from sojourn.engine.tokens.access_tokens import Issued, Tokens
from sojourn.model.realm import MAX_MILLIS, Realm
from sojourn.model.session import End, Session
from sojourn.stores.base import SessionStore
from sojourn.stores.limited import OneTime, Taken

PREFIX = "sjr_"

#: For so long the client that used a token gets the same successor again, while that is unused; milliseconds.
AGAIN_FOR = 30 * SECOND

_PURPOSE = "refresh"


class NoRefresh(Unavailable):
    """The session store cannot keep refresh tokens."""

    code = "refresh.no_store"


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of one token, under its hash."""

    #: Public id of its session, and the epoch it belongs to.
    sid: str
    epoch: int
    #: The key of the ring from which its successor follows.
    kid: str
    #: When it is no longer valid.
    until: int
    #: By what the client that got it is known: see :meth:`Refreshes.use`.
    client: tuple[str, ...] = ()


class RefreshToken(NamedTuple):
    """A new refresh token; the text is shown to nobody but its client."""

    text: str
    #: Instant from which it is refused, in milliseconds.
    expires_at: int


class Refreshed(NamedTuple):
    """What the use of a refresh token gives."""

    access: Access
    issued: Issued
    successor: RefreshToken


_decode = msgspec.json.Decoder(Kept).decode


class Refreshes:
    """Offers, uses and revokes the refresh tokens of all realms."""

    def __init__(
        self,
        *,
        store: SessionStore,
        rings: KeyRings,
        tokens: Tokens,
        sessions: Sessions,
        ends: Ends,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._store = store
        self._rings = rings
        self._tokens = tokens
        self._sessions = sessions
        self._ends = ends
        self._audit = audit
        self._clock = clock

    async def offer(self, realm: Realm, session: Session, client: frozenset[str] = frozenset()) -> RefreshToken | None:
        """A first token of a session that has just begun or was rotated; None where the realm offers none.

        ``client`` is by what its client will be known again, see :meth:`use`.
        """
        if not realm.config.refresh_lifetime:
            return None
        text = new_prefixed(PREFIX)
        kept = await self._kept(realm, session, client)
        await self._once().put(_name(realm, text), _encoded(kept), kept.until, self._clock.now())
        return RefreshToken(text, kept.until)

    async def use(self, realm: Realm, text: str, client: frozenset[str], *, address: str = "") -> Refreshed:
        """A new access token with all that the session has, and the successor of ``text``.

        Args:
            realm: Where it is shown.
            text: The refresh token.
            client: By what the client is known: the id of its device, a session cookie that opens this very session.
                Empty = by nothing, so no client is the same as it.
            address: The client's, for the audit log.

        Raises:
            TokenRefused: ``form``, ``refresh`` (unknown, expired, of another realm), ``stale`` (the session has changed
                its identity), ``key`` (the key from which the successor follows was revoked).
            SessionEnded: With the reason; ``refresh-reused`` when this use itself has ended it.
        """
        taken = await self._take(realm, text)
        kept = _decode(taken.text)
        access = await self._sessions.open_refresh(realm, kept.sid, kept.epoch)
        if not taken.first and self._clock.now() - taken.at > AGAIN_FOR:
            raise await self._reused(access, address)
        raw = await self._rings.derive(realm, kept.kid, _PURPOSE, text)
        if raw is None:
            raise TokenRefused("key")
        successor = await self._succeed(access, kept, prefixed_from(PREFIX, raw), client, first=taken.first)
        if successor is None:
            raise await self._reused(access, address)
        await self._sessions.touch(access)
        lifetime = self._clock.now() + realm.config.token_lifetime
        issued = await self._tokens.issue(realm, access.session, scope=None, expires_at=lifetime)
        await self._audited(access, "refreshed", address)
        return Refreshed(access, issued, successor)

    async def find(self, realm: Realm, text: str) -> tuple[Access, Kept] | None:
        """The session of a token that can be used now; None for every other text."""
        if not is_prefixed(text, PREFIX):
            return None
        found = await self._once().look(_name(realm, text), self._clock.now())
        if found is None:
            return None
        kept = _decode(found)
        try:
            return await self._sessions.open_refresh(realm, kept.sid, kept.epoch), kept
        except (TokenRefused, SessionEnded):
            return None

    async def _take(self, realm: Realm, text: str) -> Taken:
        if not is_prefixed(text, PREFIX):
            raise TokenRefused("form")
        taken = await self._once().take(_name(realm, text), self._clock.now(), remember=MAX_MILLIS)
        if taken is None:
            raise TokenRefused("refresh")
        return taken

    async def _succeed(
        self, access: Access, kept: Kept, text: str, client: frozenset[str], *, first: bool
    ) -> RefreshToken | None:
        """The successor; None when this client may not have it, because another one has used the token or its successor."""
        if not first and client.isdisjoint(await self._client_of(access.realm, kept, text)):
            return None
        new = await self._kept(access.realm, access.session, client)
        name, now = _name(access.realm, text), self._clock.now()
        if await self._once().put(name, _encoded(new), new.until, now):
            return RefreshToken(text, new.until)
        # A repeat was faster than the first use, or this is one.
        there = await self._once().look(name, now)
        if there is None or client.isdisjoint(_decode(there).client):
            return None
        return RefreshToken(text, _decode(there).until)

    async def _client_of(self, realm: Realm, kept: Kept, successor: str) -> tuple[str, ...]:
        """By what the client is known that used the token first.

        While its successor is not there nobody has got it: then it is for the client to which the token was given.
        """
        there = await self._once().look(_name(realm, successor), self._clock.now())
        return _decode(there).client if there is not None else kept.client

    async def _kept(self, realm: Realm, session: Session, client: frozenset[str]) -> Kept:
        until = min(session.absolute, self._clock.now() + realm.config.refresh_lifetime)
        # Noted as a use of the key, because the key is needed as long as the token can be used.
        key = await self._rings.to_sign(realm, until)
        return Kept(session.id, session.epoch, key.kid, until, tuple(sorted(client)))

    async def _reused(self, access: Access, address: str) -> SessionEnded:
        end = End("refresh-reused", self._clock.now())
        ended = await self._ends.write(access.session, end, address)
        return (ended.end if ended else end).error()

    async def _audited(self, access: Access, act: str, address: str) -> None:
        identity = access.session.identity
        await self._audit.record(
            "TOKEN_ISSUE",
            realm=access.realm.id,
            outcome="ok",
            actor=identity.subject or identity.user_name,
            session=access.session.id,
            address=address,
            detail={"act": act},
        )

    def _once(self) -> OneTime:
        if not isinstance(self._store, OneTime):
            raise NoRefresh
        return self._store


def _name(realm: Realm, text: str) -> str:
    return f"refresh:{realm.id}:{secret_hash(text).hex()}"


def _encoded(kept: Kept) -> str:
    return msgspec.json.encode(kept).decode()
