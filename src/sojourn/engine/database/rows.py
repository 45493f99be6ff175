"""The rows that every engine database has, whoever opens it first."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, func, insert, select

from sojourn.engine.database import schema
from sojourn.engine.database.migrate import migrate


def prepare(connection: Connection) -> str:
    """Bring the schema up to date, add the rows that are one, and say which installation this is."""
    migrate(connection)
    known = connection.execute(select(schema.installation.c.id)).scalar_one_or_none()
    if not connection.execute(select(func.count()).select_from(schema.generation)).scalar_one():
        connection.execute(insert(schema.generation).values(number=1))
    if known is None:
        known = secrets.token_urlsafe(12)
        connection.execute(insert(schema.installation).values(id=known))
    return str(known)
