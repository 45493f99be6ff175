"""The first tables. The naming convention of ``schema.metadata`` names constraints and indices."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from sojourn.engine.database.triggers import raise_generation_with

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_FACTS = (
    "installation",
    "realm",
    "account",
    "user_group",
    "membership",
    "scope_grant",
    "api_key",
    "api_key_pipeline",
    "signing_key",
)


def upgrade() -> None:
    """Make tables and triggers."""
    _make_engine_and_realm()
    _make_accounts()
    _make_grants()
    _make_keys()
    _make_logs()
    raise_generation_with(op.get_bind(), _FACTS)


def _table(name: str, *parts: Any) -> None:
    key = sa.Column("key", _Key, primary_key=True, autoincrement=True)
    op.create_table(name, key, *parts, sqlite_autoincrement=True)


def _text(name: str, *, nullable: bool = False, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable, **options)


def _number(name: str, *, nullable: bool = False, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable, **options)


def _reference(name: str, target: str, *, nullable: bool = False) -> sa.Column[Any]:
    kind = sa.Text() if target == "realm.id" else _Key
    return sa.Column(name, kind, sa.ForeignKey(target), nullable=nullable, index=True)


def _make_engine_and_realm() -> None:
    _table("installation", _text("id", unique=True), _number("auth_epoch", server_default="0"))
    _table("generation", _number("number"))
    _table(
        "realm",
        _text("id", unique=True),
        _text("name"),
        _text("live_name", nullable=True, unique=True),
        _number("auth_epoch", server_default="0"),
        _number("created"),
        _number("removed", nullable=True),
    )


def _make_accounts() -> None:
    _table(
        "account",
        _text("directory"),
        _text("name"),
        _text("live_name", nullable=True),
        _text("email", server_default=""),
        _text("live_email", nullable=True),
        _text("password", nullable=True),
        _text("state"),
        _number("auth_epoch", server_default="0"),
        _text("ended_reason", server_default=""),
        _number("created"),
        _number("changed"),
        sa.UniqueConstraint("directory", "live_name"),
        sa.UniqueConstraint("directory", "live_email"),
        sa.CheckConstraint("state IN ('active', 'locked', 'disabled', 'expired', 'deleted')", name="state"),
    )
    _table(
        "user_group",
        _text("directory"),
        _text("name"),
        _text("live_name", nullable=True),
        _number("created"),
        sa.UniqueConstraint("directory", "live_name"),
    )


def _make_grants() -> None:
    _table(
        "membership",
        _reference("user_group", "user_group.key"),
        _reference("account", "account.key", nullable=True),
        _reference("member_group", "user_group.key", nullable=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.UniqueConstraint("user_group", "account"),
        sa.UniqueConstraint("user_group", "member_group"),
        sa.CheckConstraint("(account IS NULL) <> (member_group IS NULL)", name="one_member"),
    )
    _table(
        "scope_grant",
        _reference("account", "account.key", nullable=True),
        _reference("user_group", "user_group.key", nullable=True),
        _text("scope"),
        _text("realm"),
        _number("created"),
        sa.UniqueConstraint("account", "scope", "realm"),
        sa.UniqueConstraint("user_group", "scope", "realm"),
        sa.CheckConstraint("(account IS NULL) <> (user_group IS NULL)", name="one_assignee"),
    )


def _make_keys() -> None:
    _table(
        "api_key",
        _reference("realm", "realm.id"),
        _text("name"),
        _text("live_name", nullable=True),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        _number("created"),
        _number("revoked", nullable=True),
        sa.UniqueConstraint("realm", "live_name"),
    )
    _table(
        "api_key_pipeline",
        _reference("api_key", "api_key.key"),
        _text("pipeline"),
        sa.UniqueConstraint("api_key", "pipeline"),
    )
    _table(
        "signing_key",
        _reference("realm", "realm.id"),
        _text("kid", unique=True),
        _text("algorithm"),
        _text("state"),
        _text("public"),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        _number("created"),
        _number("activated", nullable=True),
        _number("retired", nullable=True),
        sa.CheckConstraint("state IN ('next', 'active', 'retired', 'revoked')", name="state"),
    )


def _make_logs() -> None:
    _table(
        "end_journal",
        _text("sid"),
        _text("realm"),
        _number("epoch"),
        _number("at", index=True),
        _text("reason"),
        _number("keep_until", index=True),
    )
    _table(
        "audit_event",
        _number("at", index=True),
        _text("kind"),
        _text("outcome"),
        _text("realm"),
        _text("actor"),
        _text("session"),
        _text("address"),
        _text("detail"),
    )
