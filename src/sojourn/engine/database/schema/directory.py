"""Accounts, groups, roles, and what was granted to them."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Text, UniqueConstraint

from sojourn.engine.database.schema.columns import key_column, last_raise, reference, table

#: One row for each account, group and role, alive or not: their keys come from here, so that a key names one of them,
#: and their names, so that no two in a directory have the same.
assignee = table(
    "assignee",
    key_column(),
    Column("directory", Text, nullable=False),
    Column("live_name", Text),
    UniqueConstraint("directory", "live_name"),
)

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
    Column(
        "account_type",
        Text,
        CheckConstraint("account_type IN ('standard', 'support')", name="account_type"),
        nullable=False,
        server_default="standard",
    ),
    #: What the engine vouches for this record with; a record without one that fits is unusable.
    Column("signature", LargeBinary),
    UniqueConstraint("directory", "live_name"),
    UniqueConstraint("directory", "live_email"),
    CheckConstraint("state IN ('active', 'locked', 'disabled', 'expired', 'deleted')", name="state"),
)

#: ``everyone`` is the one group of its directory that all its accounts are in. A role is in nothing.
user_group = table(
    "user_group",
    key_column(),
    Column("directory", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("live_name", Text),
    Column("created", BigInteger, nullable=False),
    Column(
        "kind",
        Text,
        CheckConstraint("kind IN ('group', 'role', 'everyone')", name="kind"),
        nullable=False,
        server_default="group",
    ),
    UniqueConstraint("directory", "live_name"),
    Index(None, "directory", "kind"),
)

#: An account or a group is in a group, or has a role; ``position`` orders those of one member, lowest first.
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

#: ``realm`` is a realm's id, or ``*`` for every realm; ``product`` names what shipped the grant, empty for an operator's.
scope_grant = table(
    "scope_grant",
    key_column(),
    reference("account", "account.key", nullable=True),
    reference("user_group", "user_group.key", nullable=True),
    Column("scope", Text, nullable=False),
    Column("realm", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("product", Text, nullable=False, server_default=""),
    UniqueConstraint("account", "scope", "realm"),
    UniqueConstraint("user_group", "scope", "realm"),
    CheckConstraint("(account IS NULL) <> (user_group IS NULL)", name="one_assignee"),
)
