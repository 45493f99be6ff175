"""What the audit log is asked by: realm, actor, session; and which addresses are still to be erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_EVENTS = "audit_event"


def upgrade() -> None:
    """Add indexes; every row stays."""
    op.create_index("ix_audit_event_realm_at", _EVENTS, ["realm", "at"])
    op.create_index("ix_audit_event_realm_actor_at", _EVENTS, ["realm", "actor", "at"])
    op.create_index("ix_audit_event_session_at", _EVENTS, ["session", "at"])
    shown = sa.text("address != ''")
    op.create_index("ix_audit_event_shown_at", _EVENTS, ["at"], sqlite_where=shown, postgresql_where=shown)
