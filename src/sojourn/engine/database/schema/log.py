"""The audit log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Text

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
