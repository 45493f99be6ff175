"""The heads of the change logs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "change_head",
        sa.Column("key", _Key, primary_key=True, autoincrement=True),
        sa.Column("database", sa.Text, nullable=False, unique=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("place", "last")),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
