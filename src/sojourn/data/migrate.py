"""Brings our tables in a database of the application to the schema of this version."""

from __future__ import annotations

from sqlalchemy import Connection, func, insert, select

from sojourn.data import schema
from sojourn.engine.database import migrate as alembic
from sojourn.engine.database.migrate import Line

#: The newest revision in ``migrations/versions``; a test holds the two together.
HEAD = "0005"

LINE = Line("sojourn.data:migrations", HEAD, f"{schema.PREFIX}alembic", "the database of the application")


def migrate(connection: Connection) -> None:
    """Run the missing migrations in the caller's transaction, and add the row that is one.

    Raises ``StoreVersion`` for a database that a newer version has written.
    """
    alembic.migrate(connection, LINE)
    if not connection.execute(select(func.count()).select_from(schema.version)).scalar_one():
        connection.execute(insert(schema.version).values(one=1, number=0))


def stored_revision(connection: Connection) -> str | None:
    """The revision that the database says it has; None where our tables are not there."""
    return alembic.stored_revision(connection, LINE)
