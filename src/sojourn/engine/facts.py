"""What the hot path needs of the engine database, cached under its generation.

An entry serves only the generation it was read under, so whatever changes a right holds from the next request on, in
every process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import ContextVar, Token
from typing import NamedTuple, TypeVar

from sojourn.core.clock import Clock, Ms
from sojourn.engine import lookups
from sojourn.engine.accounts.records import AccountSeal
from sojourn.engine.database import EngineDatabase, Generation
from sojourn.engine.keys.apikeys import ApiKey
from sojourn.engine.lookups import EVERYWHERE, UNKNOWN_EPOCH, ProviderState, Raised, SigningKeyRow, Why
from sojourn.engine.tokens import records as token_records
from sojourn.engine.tokens.records import TokenRecord
from sojourn.model.realm import Realm
from sojourn.model.scope import NO_SCOPE, ScopeSet
from sojourn.model.session import ANONYMOUS_KEY, Fences, Identity, Session
from sojourn.model.user import Account

#: States in which an account's live sessions go on. A lock stops new logins only.
LIVE_STATES = frozenset({"active", "locked"})

#: Entries of one kind that a snapshot keeps; beyond it begins anew.
_MOST = 20_000

K = TypeVar("K")
V = TypeVar("V")


class Standing(NamedTuple):
    """How it stands with an account: what the one check asks for."""

    #: None without an account, and when it is unknown or deleted.
    account: Account | None
    fences: Fences
    #: Sessions made before this instant are refused.
    not_before: int
    #: Whether sessions of its realm and account may live at all.
    live: bool
    #: Keys whose tokens a session may list: those of its realm that were not revoked.
    kids: frozenset[str]


class Acting(NamedTuple):
    """An account that acts for another one."""

    name: str
    #: All that it was granted: scopes by realm id, or ``*``.
    held: Mapping[str, ScopeSet]


class Arrival:
    """What one request was opened with; a context of :meth:`Facts.arriving`."""

    __slots__ = ("_token", "facts", "over", "snapshot")

    def __init__(self, facts: Facts) -> None:
        #: Whose facts; another engine in the same process has its own.
        self.facts = facts
        self.snapshot: Snapshot | None = None
        #: Set when the block has ended: a task that was begun in it may live longer.
        self.over = False
        self._token: Token[Arrival | None] | None = None

    def __enter__(self) -> None:
        self._token = _ARRIVAL.set(self)

    def __exit__(self, *_error: object) -> None:
        self.over = True
        if self._token is not None:
            _ARRIVAL.reset(self._token)


_ARRIVAL: ContextVar[Arrival | None] = ContextVar("arrival", default=None)


class Facts:
    """The door to the present snapshot."""

    def __init__(self, db: EngineDatabase, seal: AccountSeal, clock: Clock) -> None:
        self._db = db
        self._seal = seal
        self._clock = clock
        self._snapshot: Snapshot | None = None
        #: The snapshot of this turn of the event loop.
        self._of_turn: Snapshot | None = None

    async def current(self) -> Snapshot:
        """The facts of this instant, the same object while nothing changed. Ask anew at each check.

        No request is checked against facts older than itself; within :meth:`arriving` those read first serve all of it.
        Raises ``StoreUnavailable`` when the generation cannot be read.
        """
        known = self.glance()
        if known is not None:
            return known
        arrival = _ARRIVAL.get()
        if arrival is None or arrival.over or arrival.facts is not self:
            return await self.anew()
        if arrival.snapshot is None:
            arrival.snapshot = await self.anew()
        return arrival.snapshot

    async def anew(self) -> Snapshot:
        """As :meth:`current`, and never older than this call: for who has found something that may be newer."""
        return self.glance() or self._under(await self._db.generation())

    def arriving(self) -> Arrival:
        """Around the opening of one request that has just come: it takes one reading of the facts, however often it asks.

        Not around anything that it does afterwards, nor around a login.
        """
        return Arrival(self)

    def glance(self) -> Snapshot | None:
        """As :meth:`current`, without waiting; None where that takes waiting, on PostgreSQL.

        The generation is read once a turn of the event loop: whatever arrives later is handled in a later turn. Raises
        ``StoreUnavailable``.
        """
        if self._of_turn is None:
            generation = self._db.glimpse()
            if generation is None:
                return None
            self._of_turn = self._under(generation)
            asyncio.get_running_loop().call_soon(self._forget_turn)
        return self._of_turn

    async def raised(self, realm: Realm, account_key: int) -> Raised:
        """Why the fences were raised last; read anew, because who asks has found that one moved."""
        return await self._db.read(lambda connection: lookups.raised(connection, realm, account_key))

    async def actor_scopes(self, realm: Realm, identity: Identity) -> ScopeSet | None:
        """What the account that impersonates has in ``realm``, nothing once it may not act; None where nobody does."""
        if not identity.actor_key:
            return None
        acting = await (await self.current()).acting(identity.actor_key)
        if acting is None:
            return NO_SCOPE
        return acting.held.get(realm.id, NO_SCOPE) | acting.held.get(EVERYWHERE, NO_SCOPE)

    def _forget_turn(self) -> None:
        self._of_turn = None

    def _under(self, generation: Generation) -> Snapshot:
        if self._snapshot is None or self._snapshot.generation != generation:
            self._snapshot = Snapshot(self._db, self._seal, generation, self._clock.now())
        return self._snapshot


class Snapshot:
    """Facts read under one generation; each is read when first asked for."""

    def __init__(self, db: EngineDatabase, seal: AccountSeal, generation: Generation, taken: Ms) -> None:
        self._db = db
        self._seal = seal
        #: The generation under which the entries serve.
        self.generation = generation
        #: When this process saw it first.
        self.taken = taken
        self._accounts: dict[tuple[str, str, int], Account | None] = {}
        self._held: dict[int, Mapping[str, ScopeSet]] = {}
        self._api_keys: dict[tuple[str, bytes], ApiKey | None] = {}
        self._fences: dict[tuple[str, int], Fences] = {}
        self._standings: dict[tuple[str, str, int], Standing] = {}
        self._rings: dict[str, Sequence[SigningKeyRow]] = {}
        self._auth_tokens: dict[bytes | int, TokenRecord | None] = {}
        self._acting: dict[int, Acting | None] = {}
        self._not_before: int | None = None
        self._providers: Mapping[int, ProviderState] | None = None
        self._provider_ends: dict[str, int] = {}

    async def account(self, realm: Realm, key: int) -> Account | None:
        """The account with its scopes in ``realm``, whatever its state.

        None when unknown, deleted, or not of the realm's directory. One whose record was changed from outside is disabled.
        """
        at = (realm.id, realm.config.directory, key)
        try:
            return self._accounts[at]
        except KeyError:
            found = await self._db.read(lambda connection: lookups.account(connection, self._seal, realm, key))
            return _remember(self._accounts, at, found)

    async def held(self, key: int) -> Mapping[str, ScopeSet]:
        """All that an account was granted, directly and through its groups: scopes by realm id, or ``*``."""
        try:
            return self._held[key]
        except KeyError:
            return _remember(self._held, key, await self._db.read(lambda connection: lookups.held(connection, key)))

    async def api_key(self, realm: Realm, digest: bytes) -> ApiKey | None:
        """The API key of ``realm`` with this SHA-256; None when unknown, revoked or of another realm."""
        at = (realm.id, digest)
        try:
            return self._api_keys[at]
        except KeyError:
            found = await self._db.read(lambda connection: lookups.api_key(connection, realm, digest))
            return _remember(self._api_keys, at, found)

    async def auth_token(self, digest: bytes) -> TokenRecord | None:
        """The AuthToken with this SHA-256, dead or not; None when unknown."""
        try:
            return self._auth_tokens[digest]
        except KeyError:
            found = await self._db.read(lambda connection: token_records.by_digest(connection, digest))
            return _remember(self._auth_tokens, digest, found)

    async def auth_token_by_key(self, key: int) -> TokenRecord | None:
        """The AuthToken with this key, dead or not; None when unknown."""
        try:
            return self._auth_tokens[key]
        except KeyError:
            found = await self._db.read(lambda connection: token_records.by_key(connection, key))
            return _remember(self._auth_tokens, key, found)

    async def acting(self, key: int) -> Acting | None:
        """An account of whatever directory that impersonates another one; None when it may not act any more."""
        try:
            return self._acting[key]
        except KeyError:
            known = await self._db.read(lambda connection: lookups.name_and_state(connection, self._seal, key))
            live = known is not None and known[1] in LIVE_STATES
            found = Acting(known[0], await self.held(key)) if known is not None and live else None
            return _remember(self._acting, key, found)

    async def fences(self, realm: Realm, account_key: int) -> Fences:
        """The present ``authEpoch`` numbers; ``account_key`` -1 = no account, its part is 0.

        The part of an unknown account or realm is -1, which no session was made under.
        """
        at = (realm.id, account_key)
        try:
            return self._fences[at]
        except KeyError:
            found = await self._db.read(lambda connection: lookups.fences(connection, realm, account_key))
            return _remember(self._fences, at, found)

    def standing(self, realm: Realm, account_key: int) -> Standing | None:
        """What :meth:`read_standing` has found before; None = nobody has asked yet."""
        return self._standings.get((realm.id, realm.config.directory, account_key))

    async def read_standing(self, realm: Realm, account_key: int) -> Standing:
        """Fences and account as :meth:`fences` and :meth:`account` give them; -1 = no account."""
        fences = await self.fences(realm, account_key)
        account = None if account_key == ANONYMOUS_KEY else await self.account(realm, account_key)
        if self._not_before is None:
            self._not_before = await self._db.read(lookups.not_before)
        # A realm that is gone has no number; a session that was begun in it after that has none either.
        live = account_key == ANONYMOUS_KEY if account is None else account.state in LIVE_STATES
        kids = frozenset(row.kid for row in await self.ring(realm) if row.state != "revoked")
        standing = Standing(account, fences, self._not_before, live and fences.realm != UNKNOWN_EPOCH, kids)
        return _remember(self._standings, (realm.id, realm.config.directory, account_key), standing)

    async def providers(self) -> Mapping[int, ProviderState]:
        """How it stands with each identity provider of the project, by key."""
        if self._providers is None:
            self._providers = await self._db.read(lookups.providers)
        return self._providers

    async def ended_by_provider(self, session: Session) -> Why | None:
        """Why the identity provider of ``session`` stands against it: disabled, or logged out there; None otherwise."""
        identity = session.identity
        if not identity.provider:
            return None
        state = (await self.providers()).get(identity.provider)
        if not _lets_live(state, identity.login_at):
            return Why("provider-disabled", state.ended_actor if state else "")
        if session.id not in self._provider_ends:
            found = await self._db.read(lambda connection: lookups.provider_end(connection, session.id))
            _remember(self._provider_ends, session.id, found)
        return Why("provider-logout") if self._provider_ends[session.id] else None

    async def ring(self, realm: Realm) -> Sequence[SigningKeyRow]:
        """The signing keys of ``realm`` in every state, oldest first."""
        try:
            return self._rings[realm.id]
        except KeyError:
            found = await self._db.read(lambda connection: lookups.ring(connection, realm))
            return _remember(self._rings, realm.id, found)


def _lets_live(state: ProviderState | None, login_at: int) -> bool:
    return state is not None and state.enabled and login_at > state.not_before


def _remember(cache: dict[K, V], at: K, value: V) -> V:
    if len(cache) >= _MOST:
        cache.clear()
    cache[at] = value
    return value
