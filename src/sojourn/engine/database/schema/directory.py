"""Accounts, groups, and what was granted to them."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, Text, UniqueConstraint

from sojourn.engine.database.schema.columns import key_column, last_raise, reference, table

account = table(
    "account",
    key_column(),
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
    *last_raise()[1:],
    UniqueConstraint("directory", "live_name"),
    UniqueConstraint("directory", "live_email"),
    CheckConstraint("state IN ('active', 'locked', 'disabled', 'expired', 'deleted')", name="state"),
)

user_group = table(
    "user_group",
    key_column(),
    Column("directory", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("live_name", Text),
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("directory", "live_name"),
)

#: An account or a group is in a group; ``position`` orders the groups of one member, lowest first.
membership = table(
    "membership",
    key_column(),
    reference("user_group", "user_group.key"),
    reference("account", "account.key", nullable=True),
    reference("member_group", "user_group.key", nullable=True),
    Column("position", Integer, nullable=False),
    UniqueConstraint("user_group", "account"),
    UniqueConstraint("user_group", "member_group"),
    CheckConstraint("(account IS NULL) <> (member_group IS NULL)", name="one_member"),
)

#: ``realm`` is a realm's id, or ``*`` for every realm.
scope_grant = table(
    "scope_grant",
    key_column(),
    reference("account", "account.key", nullable=True),
    reference("user_group", "user_group.key", nullable=True),
    Column("scope", Text, nullable=False),
    Column("realm", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("account", "scope", "realm"),
    UniqueConstraint("user_group", "scope", "realm"),
    CheckConstraint("(account IS NULL) <> (user_group IS NULL)", name="one_assignee"),
)
