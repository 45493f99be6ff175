"""Identity providers, identities of accounts there, and logouts there."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from sojourn.engine.database.triggers import raise_generation_with

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add tables; what is there stays."""
    _table(
        "identity_provider",
        _text("name"),
        sa.Column("live_name", sa.Text, unique=True),
        _text("issuer"),
        sa.Column("enabled", sa.Boolean, nullable=False),
        _number("not_before", server_default="0"),
        _text("ended_actor", server_default=""),
        sa.Column("sealed_secret", sa.LargeBinary),
        _number("created"),
    )
    _table(
        "external_identity",
        _reference("account", "account.key"),
        _text("directory"),
        _text("issuer"),
        _text("subject"),
        _text("linked_by", server_default=""),
        _number("created"),
        sa.UniqueConstraint("directory", "issuer", "subject"),
    )
    _make_logouts()
    raise_generation_with(op.get_bind(), ["identity_provider", "provider_end"])


def _make_logouts() -> None:
    _table(
        "provider_session",
        _reference("provider", "identity_provider.key"),
        _text("sid"),
        _text("subject"),
        _text("realm"),
        _text("session", unique=True),
        _number("keep_until", index=True),
    )
    _table(
        "provider_logout",
        _reference("provider", "identity_provider.key"),
        _text("sid"),
        _text("subject"),
        _number("not_before"),
        _number("at"),
        _number("keep_until", index=True),
    )
    for table in ("provider_session", "provider_logout"):
        for name in ("sid", "subject"):
            op.create_index(f"ix_{table}_{name}", table, ["provider", name])
    _table("provider_end", _text("session", unique=True), _number("at"), _number("keep_until", index=True))


def _table(name: str, *parts: Any) -> None:
    key = sa.Column("key", _Key, primary_key=True, autoincrement=True)
    op.create_table(name, key, *parts, sqlite_autoincrement=True)


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)


def _number(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, **options)


def _reference(name: str, target: str) -> sa.Column[int]:
    return sa.Column(name, _Key, sa.ForeignKey(target), nullable=False, index=True)
