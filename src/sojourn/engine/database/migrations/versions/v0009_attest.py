"""Realms of an installation that attests itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "attest_realm",
        sa.Column("key", _Key, primary_key=True, autoincrement=True),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("realm", sa.Text, sa.ForeignKey("realm.id"), nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    for column in ("run", "realm", "ends_at"):
        op.create_index(f"ix_attest_realm_{column}", "attest_realm", [column])
