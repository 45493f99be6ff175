"""Session tokens: handles ``sjs_…`` with the identity of a stateful session, while that lives as it is.

One is an entry in the session store under the SHA-256 of its text. The entry names the session with its epoch and the
run of the engine that made it: another epoch, another run, no entry, and it opens nothing. No answer of the store is
kept here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from sojourn.core.clock import Clock
from sojourn.core.errors import (
    BadRequest,
    InsufficientScope,
    SessionEnded,
    SessionUnknown,
    StoreUnavailable,
    TokenRefused,
    Unauthorized,
)
from sojourn.core.ids import new_token, secret_hash
from sojourn.core.prefixed import is_prefixed, new_prefixed
from sojourn.engine.access import Access, Transient, effective_scope
from sojourn.engine.facts import LIVE_STATES, Facts
from sojourn.engine.fences import Fence
from sojourn.engine.realms import Realms
from sojourn.model.realm import Realm
from sojourn.model.scope import is_condition, parse_scopes
from sojourn.model.session import Device, Session, listed_token
from sojourn.stores.base import SessionStore
from sojourn.stores.limited import OneTime

#: What the text of a session token begins with.
PREFIX: Final = "sjs_"


class NotStateful(BadRequest):
    """Only a stateful session makes session tokens."""

    code = "session.not_stateful"


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """What the session store keeps of a session token."""

    #: Immutable id of the realm, and the public id and epoch of the session.
    realm: str
    sid: str
    epoch: int
    #: Run of the engine that made it.
    run: str
    scope: tuple[str, ...]
    #: SHA-256 of the ``jti`` of the JWT that asked for it, empty for another handle.
    asked: bytes


class SessionTokens:
    """Makes, opens and drops session tokens."""

    def __init__(self, *, store: SessionStore, facts: Facts, fence: Fence, realms: Realms, clock: Clock) -> None:
        self._store = store
        self._facts = facts
        self._fence = fence
        self._realms = realms
        self._clock = clock
        #: This run of the engine; the processes of one ``serve`` are given the same one.
        self.run = new_token()

    async def issue(self, access: Access, scope: str | Sequence[str]) -> str:
        """A new token with the identity of the session, at most as wide as ``access`` and at most as long-lived.

        ``scope`` is a list of words or a text with blanks between them; an empty one gives no scope. Raises
        :class:`NotStateful`, ``TransientSession``, ``Unauthorized`` without a logged-in account, ``InsufficientScope``,
        ``BadScope``, ``StoreUnavailable``.
        """
        access.writable()
        if not access.realm.stateful:
            raise NotStateful
        if access.account is None:
            raise Unauthorized
        words = parse_scopes(scope if isinstance(scope, str) else " ".join(scope))
        if any(is_condition(word) or word not in access.scope for word in words):
            raise InsufficientScope
        session, text, now = access.session, new_prefixed(PREFIX), self._clock.now()
        entry = Entry(access.realm.id, session.id, session.epoch, self.run, words, access.token_hash)
        until = min(session.absolute, access.token.expires_at) if access.token else session.absolute
        await self._kept().put(_name(secret_hash(text)), msgspec.json.encode(entry).decode(), until, now)
        return text

    async def open(self, realm: Realm, text: str, address: str = "") -> Access:
        """What a session token on a request to ``realm`` opens.

        Raises ``TokenRefused`` ``unknown`` for what was never made, was made by another run of the engine or belongs to
        another realm that is not in ``acceptSessionTokensOf``; ``SessionEnded``, ``SessionUnknown``.
        """
        digest = secret_hash(text) if is_prefixed(text, PREFIX) else b""
        entry = await self._entry(digest) if digest else None
        if entry is None:
            raise TokenRefused("unknown")
        home = self._realms.by_id(entry.realm)
        if home is None or (home.id != realm.id and home.name not in realm.config.accept_session_tokens_of):
            raise TokenRefused("unknown")
        parent = await self._parent(home, entry)
        access = await self._access(realm, home, parent, entry, digest)
        return replace(access, session=replace(access.session, device=Device(address=address)))

    async def again(self, access: Access) -> None:
        """Raise as :meth:`open` unless the token and its session still hold."""
        behind = access.transient
        assert behind is not None
        entry = await self._entry(behind.digest)
        if entry is None or behind.home is None:
            raise TokenRefused("unknown")
        await self._parent(behind.home, entry)

    async def drop(self, access: Access) -> None:
        """End the token that was shown; its session lives on."""
        assert access.transient is not None
        await self._kept().drop(_name(access.transient.digest))

    async def _access(self, realm: Realm, home: Realm, parent: Session, entry: Entry, digest: bytes) -> Access:
        facts, now = await self._facts.current(), self._clock.now()
        account = await facts.account(realm, parent.identity.user_key)
        needed = realm.config.login_scope
        if account is None or account.state not in LIVE_STATES or (needed and needed not in account.scopes):
            raise TokenRefused("unknown")
        # The tie to the AuthToken of a login stays with the session: this handle dies with that.
        identity = replace(parent.identity, full_scope=False, scope=entry.scope, auth_token=0)
        session = replace(
            parent, id="", realm=realm.id, secret=b"", replaced=b"", identity=identity, tokens=(), epoch=0
        )
        limit = effective_scope(parent, account, None, await self._fence.actor_scopes(realm, parent.identity))
        return Access(
            realm=realm,
            session=replace(session, last=now, idle=0),
            fields={},
            via="session-token",
            scope=limit.intersection(entry.scope),
            delegated=True,
            account=account,
            transient=Transient(digest=digest, parent=parent, home=home, expires=parent.absolute),
        )

    async def _entry(self, digest: bytes) -> Entry | None:
        text = await self._kept().look(_name(digest), self._clock.now())
        entry = None if text is None else msgspec.json.decode(text, type=Entry)
        return entry if entry is not None and entry.run == self.run else None

    async def _parent(self, home: Realm, entry: Entry) -> Session:
        """The session of a token while it is the very one that made it."""
        loaded = await self._store.load(home.id, entry.sid, self._clock.now())
        if loaded is None:
            raise SessionUnknown
        session = loaded.session
        if session.epoch != entry.epoch:
            raise SessionEnded("logout", self._clock.now())
        if entry.asked and listed_token(session.tokens, entry.asked) is None:
            raise TokenRefused("unlisted")
        await self._fence.check(home, session)
        return session

    def _kept(self) -> OneTime:
        if not isinstance(self._store, OneTime):
            raise StoreUnavailable("this session store keeps no session tokens")
        return self._store


def _name(digest: bytes) -> str:
    return f"sjs:{digest.hex()}"
