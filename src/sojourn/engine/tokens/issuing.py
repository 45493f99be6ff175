"""Authorizing AuthTokens: who may hand on what, and the row that says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, Insert, func, insert, select

from sojourn.core.clock import Clock
from sojourn.core.errors import DelegatedHandle, InsufficientScope, StaleSession, Unauthorized
from sojourn.core.ids import secret_hash
from sojourn.core.json import Json
from sojourn.core.prefixed import new_prefixed
from sojourn.engine.access import Access
from sojourn.engine.accounts.directory import UserUnknown
from sojourn.engine.audit.log import Audit, Kind
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.facts import LIVE_STATES
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.security.actors import ROOT, Actor, Actors
from sojourn.engine.tokens import records as token_records
from sojourn.engine.tokens.records import TokenRecord
from sojourn.engine.tokens.rules import (
    MOST_LIVE,
    PERMANENT,
    NoAccountToDelegate,
    TooManyAuthTokens,
    asking_token,
    expiry,
    scope_of_new,
    usual_expiry,
)
from sojourn.engine.tokens.script_scopes import ScriptFiles, canonical
from sojourn.engine.tokens.transients import PREFIX
from sojourn.model.scope import NO_SCOPE, ScopeSet
from sojourn.model.token import AuthToken
from sojourn.model.user import Account

#: The scope for tokens in the name of others.
IMPERSONATE = "security.issueImpersonationToken"

_table, _scripts = schema.auth_token, schema.auth_token_script


class Authorized(NamedTuple):
    """A new token; the text is shown once."""

    key: int
    text: str


class Order(NamedTuple):
    """A token that somebody asks for."""

    #: Who asks.
    actor: Actor
    #: Whom it acts for.
    account: Account
    #: Immutable id of its realm, or ``*``.
    realm_id: str
    #: The handle that asks, where one does.
    access: Access | None
    #: Whether the account has just shown its password.
    authenticated: bool

    @property
    def own(self) -> bool:
        """Whether it is the account itself that asks."""
        return self.authenticated or (self.actor.key == self.account.key and not self.actor.host)

    @property
    def impersonates(self) -> bool:
        """Whether another account will act through it."""
        return not self.own and not self.actor.host


class Issuing:
    """Writes new tokens."""

    def __init__(self, *, db: EngineDatabase, actors: Actors, scripts: ScriptFiles, audit: Audit, clock: Clock) -> None:
        self._db = db
        self._actors = actors
        self._files = scripts
        self._audit = audit
        self._clock = clock

    async def authorize(self, order: Order, token: AuthToken) -> Authorized:
        """See :meth:`sojourn.engine.tokens.authtokens.AuthTokens.authorize`."""
        parent, allowed = await self._parent(order.access), await self._allowed(order)
        scope = scope_of_new(canonical(token.scope.split()), allowed, parent)
        now = self._clock.now()
        permanent = order.actor.host or PERMANENT in allowed or await self._may_impersonate_for_ever(order)
        expires = expiry(usual_expiry(token, now, parent), now, parent, permanent=permanent)
        text, files = new_prefixed(PREFIX), await self._files.digests(scope)
        columns = {
            **self._columns(order, token, parent),
            "digest": secret_hash(text),
            "scope": scope,
            "created": now,
            "expires": expires,
        }

        def work(connection: Connection) -> int:
            _check_now(connection, order, parent, expires, now)
            key: int = connection.execute(insert(_table).values(columns).returning(_table.c.key)).scalar_one()
            for uri, digest in files.items():
                connection.execute(insert(_scripts).values(token=key, uri=uri, digest=digest))
            detail: dict[str, Json] = {"token": key, "user": order.account.name, "scope": scope, "expires": expires}
            detail |= {"parent": parent.key} if parent else {}
            connection.execute(audited(self._audit, "TOKEN_ISSUE", order.actor, order.realm_id, detail))
            if order.impersonates:
                told = {"act": "authorized", **detail}
                connection.execute(audited(self._audit, "IMPERSONATION", order.actor, order.realm_id, told))
            return key

        key = await self._db.write(work)
        token.scope, token.expires, token.key, token.user_key = scope, expires, key, order.account.key
        return Authorized(key, text)

    @staticmethod
    def _columns(order: Order, token: AuthToken, parent: TokenRecord | None) -> dict[str, Any]:
        return {
            "account": order.account.key,
            "realm": order.realm_id,
            "data": token.data,
            "description": token.description,
            "parent": parent.key if parent else None,
            "session": order.actor.session,
            "actor": order.actor.key if order.impersonates else _inherited_actor(parent),
        }

    async def _parent(self, access: Access | None) -> TokenRecord | None:
        """The token whose child a new one is."""
        key = asking_token(access) if access is not None else 0
        if not key:
            return None
        record = await self._db.read(lambda connection: token_records.by_key(connection, key))
        if record is None or record.dead(self._clock.now()):
            raise DelegatedHandle
        return record

    async def _may_impersonate_for_ever(self, order: Order) -> bool:
        return order.impersonates and order.actor.has(PERMANENT, place(order.realm_id))

    async def _allowed(self, order: Order) -> ScopeSet:
        """What the new token may have at most; raises unless ``order.actor`` may ask for it at all."""
        actor, realm_id, access = order.actor, order.realm_id, order.access
        if access is not None and (access.account is None or access.account.key != actor.key):
            raise NoAccountToDelegate
        if realm_id == EVERYWHERE and not actor.host:
            actor.check(ROOT)
        theirs = await self._actors.scopes(order.account.key)
        allowed = theirs.get(realm_id, theirs.get(EVERYWHERE, NO_SCOPE))
        if order.impersonates:
            await self._actors.check_over(actor, IMPERSONATE, order.account.key, place(realm_id))
            return allowed & actor.in_realm.get(realm_id, actor.everywhere)
        if actor.host or order.authenticated:
            return allowed
        if access is None:
            if actor.delegated:
                raise DelegatedHandle
            return allowed
        if access.realm.id == realm_id:
            return allowed & access.scope
        # What a narrower handle may elsewhere is not known.
        if access.delegated or not access.session.identity.full_scope:
            raise InsufficientScope
        return allowed


def audited(audit: Audit, kind: Kind, actor: Actor, realm_id: str, detail: dict[str, Json]) -> Insert:
    """The audit row of an act on a token."""
    return audit.row(
        kind,
        realm="" if realm_id == EVERYWHERE else realm_id,
        outcome="ok",
        actor=actor.name,
        session=actor.session,
        address=actor.address,
        detail=detail,
    )


def place(realm_id: str) -> str | None:
    """The realm in which a scope is needed, None for all of them."""
    return None if realm_id == EVERYWHERE else realm_id


def _inherited_actor(parent: TokenRecord | None) -> int | None:
    """Who impersonates through a token does so through its children too."""
    return parent.actor if parent else None


def _asked_as(order: Order) -> Iterator[tuple[int, int]]:
    """Keys of the accounts on whose word the token is made, each with the ``auth_epoch`` under which that was checked."""
    account, access = order.account, order.access
    if order.authenticated:
        yield account.key, account.auth_epoch
    if access is None or access.account is None:
        return
    if access.transient is None or access.session.id:
        yield access.account.key, access.session.fences.account
    elif access.via == "basic":
        yield access.account.key, access.account.auth_epoch


def _check_now(connection: Connection, order: Order, parent: TokenRecord | None, expires: int | None, now: int) -> None:
    """What must still be so when the token is written: a change of the account, or an end, may have been quicker."""
    table, access, key = schema.account, order.access, order.account.key
    state = connection.execute(select(table.c.state).where(table.c.key == key)).scalar_one_or_none()
    if state not in LIVE_STATES:
        raise UserUnknown
    for account, epoch in _asked_as(order):
        wanted = select(table.c.auth_epoch).where(table.c.key == account)
        if connection.execute(wanted).scalar_one_or_none() != epoch:
            raise StaleSession(access.session.epoch) if access is not None else Unauthorized
    if parent is not None:
        again = token_records.by_key(connection, parent.key)
        if again is None or again.dead(now):
            raise Unauthorized
        expiry(expires, now, again, permanent=True)
    live = (_table.c.account == key, _table.c.revoked.is_(None), _table.c.expires.is_(None) | (_table.c.expires > now))
    if connection.execute(select(func.count()).select_from(_table).where(*live)).scalar_one() >= MOST_LIVE:
        raise TooManyAuthTokens
