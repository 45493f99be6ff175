"""What takes a change back is found by it; trackers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add an index and a table."""
    undoing = sa.text("undoes IS NOT NULL")
    op.create_index(
        "ix_sojourn_change_undoes", "sojourn_change", ["undoes"], sqlite_where=undoing, postgresql_where=undoing
    )
    op.create_table(
        "sojourn_tracker",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("pool", sa.BigInteger),
        sa.Column("realm", sa.Text, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("user_key", "started", "max_active")),
        sa.Column("auto_undo", sa.Boolean, nullable=False),
        sa.Column("finished", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_sojourn_tracker"),
    )
    op.create_index("ix_sojourn_tracker_started", "sojourn_tracker", ["finished", "started"])
