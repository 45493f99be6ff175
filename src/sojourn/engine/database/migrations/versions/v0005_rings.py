"""The life of signing keys, secrets of the engine, and the name of the master key."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add columns and tables; what is there stays."""
    for name in ("due", "removed"):
        op.add_column("signing_key", sa.Column(name, sa.BigInteger))
    for table, name in (("signing_key", "actor"), ("installation", "master")):
        op.add_column(table, sa.Column(name, sa.Text, nullable=False, server_default=""))
    _table("signing_key_use", sa.Column("until", sa.BigInteger, nullable=False), name="kid")
    _table("engine_secret", sa.Column("sealed", sa.LargeBinary, nullable=False), name="name")


def _table(table: str, *parts: Any, name: str) -> None:
    key = sa.Column("key", _Key, primary_key=True, autoincrement=True)
    unique = sa.Column(name, sa.Text, nullable=False, unique=True)
    op.create_table(table, key, unique, *parts, sqlite_autoincrement=True)
