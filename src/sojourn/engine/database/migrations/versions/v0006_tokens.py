"""AuthTokens."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from sojourn.engine.database.triggers import raise_generation_with

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add tables; what is there stays."""
    _table(
        "auth_token",
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        _reference("account", "account.key"),
        _text("realm"),
        _text("scope"),
        _text("data"),
        _text("description"),
        _reference("parent", "auth_token.key", nullable=True),
        _text("session"),
        _reference("actor", "account.key", nullable=True),
        _number("created"),
        _number("expires", nullable=True),
        _number("revoked", nullable=True),
        _text("revoked_reason", server_default=""),
    )
    _table(
        "auth_token_script",
        _reference("token", "auth_token.key"),
        _text("uri"),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("token", "uri"),
    )
    _table("auth_token_use", _number("token", unique=True), _number("last_used"), _number("uses"), _text("address"))
    _table(
        "auth_token_place",
        _number("token"),
        _text("block"),
        _number("first_used"),
        sa.UniqueConstraint("token", "block"),
    )
    raise_generation_with(op.get_bind(), ("auth_token", "auth_token_script"))


def _table(name: str, *parts: Any) -> None:
    key = sa.Column("key", _Key, primary_key=True, autoincrement=True)
    op.create_table(name, key, *parts, sqlite_autoincrement=True)


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)


def _number(name: str, *, nullable: bool = False, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable, **options)


def _reference(name: str, target: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, _Key, sa.ForeignKey(target), nullable=nullable, index=True)
