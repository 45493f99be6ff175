"""The statements behind :mod:`sojourn.engine.facts`: one indexed read each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec
from sqlalchemy import ColumnElement, Connection, Label, ScalarSelect, Select, Table, bindparam, func, or_, select

from sojourn.engine.accounts.reach import reach_of_account, reach_of_group
from sojourn.engine.accounts.records import AccountSeal, selected
from sojourn.engine.database import schema
from sojourn.engine.keys.apikeys import ApiKey
from sojourn.model.realm import Realm
from sojourn.model.scope import ScopeSet
from sojourn.model.session import ANONYMOUS_KEY, EndReason, Fences
from sojourn.model.user import Account

#: ``realm`` of a grant that holds in every realm.
EVERYWHERE = "*"

#: What an unknown account or realm answers as its ``authEpoch``.
UNKNOWN_EPOCH = -1


class SigningKeyRow(NamedTuple):
    """One key of a realm's ring as it is stored."""

    key: int
    kid: str
    algorithm: str
    #: ``next``, ``active``, ``retired`` or ``revoked``.
    state: str
    #: The JWK as JSON text.
    public: str
    #: The private part under the master key.
    sealed: bytes
    created: int
    activated: int | None
    retired: int | None
    #: When it becomes active at the wish of an operator; None where nobody asked.
    due: int | None
    #: Since when the ring does without it; its private part is erased.
    removed: int | None
    #: Who revoked it.
    actor: str


class ProviderState(NamedTuple):
    """How it stands with an identity provider."""

    key: int
    enabled: bool
    #: Logins of before are refused.
    not_before: int
    #: Who disabled it last, or empty.
    ended_actor: str
    #: Whether the database holds its client secret.
    has_secret: bool


class Why(NamedTuple):
    """Why an ``authEpoch`` was raised last."""

    reason: EndReason
    #: Public name of who did it, or empty.
    actor: str = ""
    rule: str = ""


class Raised(NamedTuple):
    """Why the three numbers were raised last."""

    account: Why
    realm: Why
    engine: Why
    #: The session that changed the password of the account last and goes on with a new secret; empty when none does.
    kept: str
    #: When that was.
    kept_at: int


def account(connection: Connection, seal: AccountSeal, realm: Realm, key: int) -> Account | None:
    """The account with its scopes in ``realm``; None when unknown, deleted, or of another directory."""
    row = connection.execute(_ACCOUNT, {"of": key}).one_or_none()
    if row is None or row.directory != realm.config.directory:
        return None
    scopes = connection.execute(_SCOPES, {"of": key, "within": realm.id}).scalars().all()
    return msgspec.structs.replace(seal.account(row._asdict()), scopes=frozenset(scopes))


def name_and_state(connection: Connection, seal: AccountSeal, key: int) -> tuple[str, str] | None:
    """Name and state of an account of whatever directory; None when unknown or deleted."""
    row = connection.execute(_ACCOUNT, {"of": key}).one_or_none()
    if row is None:
        return None
    found = seal.account(row._asdict())
    return found.name, found.state


def held(connection: Connection, key: int) -> Mapping[str, ScopeSet]:
    """All that an account was granted, directly and through its groups: scopes by realm id, or ``*``."""
    return _by_realm(connection, _HELD, key)


def given(connection: Connection, key: int) -> Mapping[str, ScopeSet]:
    """All that a group or role gives to who is in it or has it, through its own groups and roles too; as :func:`held`."""
    return _by_realm(connection, _GIVEN, key)


def _by_realm(connection: Connection, wanted: Select[str, str], key: int) -> Mapping[str, ScopeSet]:
    found: dict[str, set[str]] = {}
    for realm, scope in connection.execute(wanted, {"of": key}):
        found.setdefault(realm, set()).add(scope)
    return {realm: frozenset(scopes) for realm, scopes in found.items()}


def api_key(connection: Connection, realm: Realm, digest: bytes) -> ApiKey | None:
    """The live API key of ``realm`` with this digest."""
    row = connection.execute(_API_KEY, {"digest": digest, "within": realm.id}).one_or_none()
    if row is None:
        return None
    pipelines = connection.execute(_PIPELINES, {"of": row.key}).scalars().all()
    return ApiKey(row.key, row.name, realm.id, frozenset(pipelines))


def fences(connection: Connection, realm: Realm, account_key: int) -> Fences:
    """The present ``authEpoch`` numbers of account, realm and engine."""
    row = connection.execute(_FENCES, {"of": account_key, "within": realm.id}).one()
    of_account = 0 if account_key == ANONYMOUS_KEY else row.account
    return Fences(account=of_account, realm=row.realm, engine=row.engine)


def raised(connection: Connection, realm: Realm, account_key: int) -> Raised:
    """Why the ``authEpoch`` of account, realm and engine were raised last."""
    account, place, engine, mark = schema.account, schema.realm, schema.installation, schema.password_mark
    wanted = select(mark.c.kept_session, mark.c.set_at).where(mark.c.account == account_key)
    kept, kept_at = connection.execute(wanted).one_or_none() or ("", 0)
    return Raised(
        _why(connection, account, account.c.key == account_key),
        _why(connection, place, place.c.id == realm.id),
        _why(connection, engine, engine.c.key > 0),
        kept,
        kept_at,
    )


def providers(connection: Connection) -> Mapping[int, ProviderState]:
    """All identity providers of the project, by key."""
    table = schema.identity_provider
    columns = (
        table.c.key,
        table.c.enabled,
        table.c.not_before,
        table.c.ended_actor,
        table.c.sealed_secret.is_not(None),
    )
    rows = connection.execute(select(*columns).where(table.c.live_name.is_not(None)))
    return {row[0]: ProviderState._make(row) for row in rows}


def provider_end(connection: Connection, sid: str) -> int:
    """When the provider of a session ended it; 0 when it has not."""
    table = schema.provider_end
    return connection.execute(select(table.c.at).where(table.c.session == sid)).scalar_one_or_none() or 0


def not_before(connection: Connection) -> int:
    """Sessions made before this instant are refused."""
    return int(connection.execute(select(schema.installation.c.not_before)).scalar_one())


def _why(connection: Connection, table: Table, which: ColumnElement[bool]) -> Why:
    wanted = select(table.c.ended_reason, table.c.ended_actor, table.c.ended_rule).where(which)
    reason, actor, rule = connection.execute(wanted).one_or_none() or ("", "", "")
    # Numbers that were raised before reasons were kept beside them have none.
    return Why(cast("EndReason", reason or "ended-everywhere"), actor, rule)


def ring(connection: Connection, realm: Realm) -> Sequence[SigningKeyRow]:
    """The signing keys of ``realm``, oldest first."""
    return tuple(SigningKeyRow._make(row) for row in connection.execute(_RING, {"within": realm.id}))


def _account() -> Select[*tuple[Any, ...]]:
    return selected().where(schema.account.c.key == bindparam("of"))


def _grants_of() -> ColumnElement[bool]:
    """The grants of an account: direct, of its roles, of its groups and of everyone."""
    grant = schema.scope_grant
    return or_(grant.c.account == bindparam("of"), grant.c.user_group.in_(reach_of_account()))


def _given() -> Select[str, str]:
    grant = schema.scope_grant
    return select(grant.c.realm, grant.c.scope).distinct().where(grant.c.user_group.in_(reach_of_group()))


def _scopes() -> Select[str]:
    grant = schema.scope_grant
    within = grant.c.realm.in_([EVERYWHERE, bindparam("within")])
    return select(grant.c.scope).distinct().where(_grants_of(), within)


def _held() -> Select[str, str]:
    grant = schema.scope_grant
    return select(grant.c.realm, grant.c.scope).distinct().where(_grants_of())


def _api_key() -> Select[int, str]:
    table = schema.api_key
    live = (table.c.live_name.is_not(None), table.c.revoked.is_(None))
    return select(table.c.key, table.c.name).where(
        table.c.digest == bindparam("digest"), table.c.realm == bindparam("within"), *live
    )


def _pipelines() -> Select[str]:
    table = schema.api_key_pipeline
    return select(table.c.pipeline).where(table.c.api_key == bindparam("of"))


def _fences() -> Select[int, int, int]:
    account, realm, engine = schema.account, schema.realm, schema.installation
    return select(
        _or_unknown(select(account.c.auth_epoch).where(account.c.key == bindparam("of")).scalar_subquery(), "account"),
        _or_unknown(select(realm.c.auth_epoch).where(*_live_realm()).scalar_subquery(), "realm"),
        _or_unknown(select(engine.c.auth_epoch).scalar_subquery(), "engine"),
    )


def _live_realm() -> tuple[ColumnElement[bool], ...]:
    realm = schema.realm
    return realm.c.id == bindparam("within"), realm.c.live_name.is_not(None)


def _or_unknown(epoch: ScalarSelect[int], name: str) -> Label[int]:
    return func.coalesce(epoch, UNKNOWN_EPOCH).label(name)


def _ring() -> Select[*tuple[Any, ...]]:
    table = schema.signing_key
    columns = [table.c[name] for name in SigningKeyRow._fields]
    return select(*columns).where(table.c.realm == bindparam("within")).order_by(table.c.key)


# Built once: SQLAlchemy then finds its compiled form by identity.
_ACCOUNT = _account()
_SCOPES = _scopes()
_HELD = _held()
_GIVEN = _given()
_API_KEY = _api_key()
_PIPELINES = _pipelines()
_FENCES = _fences()
_RING = _ring()
