"""The audit log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Text

from sojourn.engine.database.schema.columns import key_column, table

#: Insert-only. ``realm`` is a realm's id or empty, ``session`` a public id or empty, ``detail`` JSON text.
audit_event = table(
    "audit_event",
    key_column(),
    Column("at", BigInteger, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("realm", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

# What a question begins with; each read is a piece of one of them, in the order of time.
Index("ix_audit_event_realm_at", audit_event.c.realm, audit_event.c.at)
Index("ix_audit_event_realm_actor_at", audit_event.c.realm, audit_event.c.actor, audit_event.c.at)
Index("ix_audit_event_session_at", audit_event.c.session, audit_event.c.at)

# The addresses that are still there to be erased.
_SHOWN = audit_event.c.address != ""
Index("ix_audit_event_shown_at", audit_event.c.at, sqlite_where=_SHOWN, postgresql_where=_SHOWN)
