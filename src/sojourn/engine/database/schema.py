"""The tables of the engine database.

Rules of the house: keys are AUTOINCREMENT and never used twice; a deleted account, group, realm or API key leaves a
husk whose *live* name column is NULL, so the name is free again; instants are milliseconds since 1970. Every table
that a request's rights follow from is in :data:`FACTS`: a trigger raises the generation at each change of it, so no
writer can forget to, not even a foreign tool.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

#: SQLite gives AUTOINCREMENT to INTEGER only.
_Key = BigInteger().with_variant(Integer(), "sqlite")


def _key() -> Column[int]:
    return Column("key", _Key, primary_key=True, autoincrement=True)


def _reference(name: str, target: str, *, nullable: bool = False) -> Column[Any]:
    kind = Text() if target == "realm.id" else _Key
    return Column(name, kind, ForeignKey(target), nullable=nullable, index=True)


def _table(name: str, *parts: Any) -> Table:
    return Table(name, metadata, *parts, sqlite_autoincrement=True)


def _last_raise() -> tuple[Column[str], Column[str], Column[str]]:
    """Why, by whom and under which rule an ``auth_epoch`` was raised last: what the sessions that it ended are told."""
    names = ("ended_reason", "ended_actor", "ended_rule")
    reason, actor, rule = (Column(name, Text, nullable=False, server_default="") for name in names)
    return reason, actor, rule


#: One row: who this engine is, and the ``authEpoch`` of the whole engine. Sessions made before ``not_before`` are refused.
installation = _table(
    "installation",
    _key(),
    Column("id", Text, nullable=False, unique=True),
    Column("auth_epoch", BigInteger, nullable=False, server_default="0"),
    *_last_raise(),
    Column("not_before", BigInteger, nullable=False, server_default="0"),
)

#: One row: how often the facts changed.
generation = _table("generation", _key(), Column("number", BigInteger, nullable=False))

realm = _table(
    "realm",
    _key(),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("live_name", Text, unique=True),
    Column("auth_epoch", BigInteger, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False),
    Column("removed", BigInteger),
    *_last_raise(),
)

account = _table(
    "account",
    _key(),
    Column("directory", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("live_name", Text),
    Column("email", Text, nullable=False, server_default=""),
    Column("live_email", Text),
    Column("password", Text),
    Column("state", Text, nullable=False),
    Column("auth_epoch", BigInteger, nullable=False, server_default="0"),
    #: Why the number was raised last: the reason of the sessions that this ended.
    Column("ended_reason", Text, nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    *_last_raise()[1:],
    UniqueConstraint("directory", "live_name"),
    UniqueConstraint("directory", "live_email"),
    CheckConstraint("state IN ('active', 'locked', 'disabled', 'expired', 'deleted')", name="state"),
)

user_group = _table(
    "user_group",
    _key(),
    Column("directory", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("live_name", Text),
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("directory", "live_name"),
)

#: An account or a group is in a group; ``position`` orders the groups of one member, lowest first.
membership = _table(
    "membership",
    _key(),
    _reference("user_group", "user_group.key"),
    _reference("account", "account.key", nullable=True),
    _reference("member_group", "user_group.key", nullable=True),
    Column("position", Integer, nullable=False),
    UniqueConstraint("user_group", "account"),
    UniqueConstraint("user_group", "member_group"),
    CheckConstraint("(account IS NULL) <> (member_group IS NULL)", name="one_member"),
)

#: ``realm`` is a realm's id, or ``*`` for every realm.
scope_grant = _table(
    "scope_grant",
    _key(),
    _reference("account", "account.key", nullable=True),
    _reference("user_group", "user_group.key", nullable=True),
    Column("scope", Text, nullable=False),
    Column("realm", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("account", "scope", "realm"),
    UniqueConstraint("user_group", "scope", "realm"),
    CheckConstraint("(account IS NULL) <> (user_group IS NULL)", name="one_assignee"),
)

api_key = _table(
    "api_key",
    _key(),
    _reference("realm", "realm.id"),
    Column("name", Text, nullable=False),
    Column("live_name", Text),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),
    UniqueConstraint("realm", "live_name"),
)

#: The pipelines that an API key opens; a key without rows opens all of its realm.
api_key_pipeline = _table(
    "api_key_pipeline",
    _key(),
    _reference("api_key", "api_key.key"),
    Column("pipeline", Text, nullable=False),
    UniqueConstraint("api_key", "pipeline"),
)

#: ``public`` is the JWK as JSON text, ``sealed`` the private part under the master key.
signing_key = _table(
    "signing_key",
    _key(),
    _reference("realm", "realm.id"),
    Column("kid", Text, nullable=False, unique=True),
    Column("algorithm", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("public", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("activated", BigInteger),
    Column("retired", BigInteger),
    CheckConstraint("state IN ('next', 'active', 'retired', 'revoked')", name="state"),
)

#: Every end of a session, kept until ``keep_until``: replayed onto a session store that went back in time. ``confirmed``
#: is the number of ``store_mark`` when the store had answered, NULL while it has not.
end_journal = _table(
    "end_journal",
    _key(),
    Column("sid", Text, nullable=False),
    Column("realm", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("keep_until", BigInteger, nullable=False, index=True),
    Column("actor", Text, nullable=False, server_default=""),
    Column("rule", Text, nullable=False, server_default=""),
    Column("confirmed", BigInteger, index=True),
)

#: One row: what was last seen of the session store. ``number`` counts the notings, ``era`` the times that it went back.
store_mark = _table(
    "store_mark",
    _key(),
    Column("number", BigInteger, nullable=False),
    Column("era", BigInteger, nullable=False),
    Column("installation", Text, nullable=False),
    Column("counter", BigInteger, nullable=False),
    Column("run", Text, nullable=False),
    Column("noted_at", BigInteger, nullable=False),
)

#: What one process at a time does, and until when it is that process.
lease = _table(
    "lease",
    _key(),
    Column("name", Text, nullable=False, unique=True),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)

#: Sessions that an operator will end, with notice. ``realm`` is a realm's id.
drop_request = _table(
    "drop_request",
    _key(),
    Column("session", Text, nullable=False, unique=True),
    Column("realm", Text, nullable=False, index=True),
    Column("requester_key", BigInteger, nullable=False),
    Column("requester", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("drops_at", BigInteger, nullable=False, index=True),
)

#: Insert-only. ``realm`` is a realm's id or empty, ``session`` a public id or empty, ``detail`` JSON text.
audit_event = _table(
    "audit_event",
    _key(),
    Column("at", BigInteger, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("realm", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

#: What the rights of a request follow from.
FACTS = (
    installation,
    realm,
    account,
    user_group,
    membership,
    scope_grant,
    api_key,
    api_key_pipeline,
    signing_key,
)


@event.listens_for(metadata, "after_create")
def _make_triggers(_target: MetaData, connection: Connection, **_options: Any) -> None:
    """The triggers that raise the generation; the words in them are ours, none is input."""
    for table in FACTS:
        for act in ("INSERT", "UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER generation_{table.name}_{act.lower()} AFTER {act} ON {table.name} "  # noqa: S608
                "BEGIN UPDATE generation SET number = number + 1; END"
            )
