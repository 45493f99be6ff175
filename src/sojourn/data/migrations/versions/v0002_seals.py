"""The chain over the change log, what the database itself refuses to do to the log, and the view of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sojourn.data.guarding import guard
from sojourn.data.views import log_view

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table, triggers and a view."""
    op.create_table(
        "sojourn_seal",
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("place", "at", "last", "removed")),
        *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("mac", "entries", "rewritten")),
        sa.PrimaryKeyConstraint("place", name="pk_sojourn_seal"),
    )
    op.create_index("ix_sojourn_seal_at", "sojourn_seal", ["at", "last"])
    connection = op.get_bind()
    guard(connection)
    connection.exec_driver_sql(log_view(connection))
