"""Brings an engine database to the schema of this version. Alembic is imported only when something is to be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from sojourn.core.errors import StoreVersion

if TYPE_CHECKING:
    from alembic.config import Config

#: The newest revision in ``migrations/versions``; a test holds the two together.
HEAD = "0010"

_SCRIPTS = "sojourn.engine.database:migrations"


def migrate(connection: Connection) -> None:
    """Run the missing migrations in the caller's transaction; raises :class:`StoreVersion` for a newer file."""
    if stored_revision(connection) == HEAD:
        return
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        raise StoreVersion("the engine database was written by another version of the engine") from error


def stored_revision(connection: Connection) -> str | None:
    """The revision that the file says it has; None for an empty file."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    row = connection.execute(text("SELECT version_num FROM alembic_version")).one_or_none()
    return row[0] if row else None


def alembic_config(connection: Connection) -> Config:
    """Alembic's settings without an ini file, so that they work from a wheel."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    config.attributes["connection"] = connection
    return config
