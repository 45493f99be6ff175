"""The view of products."""

from __future__ import annotations

from alembic import op

from sojourn.data.views import LICENSES

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a view."""
    op.get_bind().exec_driver_sql(LICENSES)
