"""Brings a database to the schema of this version. Alembic is imported only when something is to be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import Connection, column, inspect, select, table

from sojourn.core.errors import StoreVersion

if TYPE_CHECKING:
    from alembic.config import Config

#: The newest revision in ``migrations/versions``; a test holds the two together.
HEAD = "0011"


class Line(NamedTuple):
    """A line of revisions: that of the engine database, or of another one with tables of ours."""

    #: Package and folder of the revisions.
    scripts: str
    #: The newest revision.
    head: str
    #: The table in which a database says which revision it has.
    table: str
    #: What the database is, for messages.
    what: str


ENGINE: Final = Line("sojourn.engine.database:migrations", HEAD, "alembic_version", "the engine database")


def migrate(connection: Connection, line: Line = ENGINE) -> None:
    """Run the missing migrations in the caller's transaction; raises :class:`StoreVersion` for a newer database."""
    if stored_revision(connection, line) == line.head:
        return
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(alembic_config(connection, line), "head")
    except CommandError as error:
        raise StoreVersion(f"{line.what} was written by another version of the engine") from error


def stored_revision(connection: Connection, line: Line = ENGINE) -> str | None:
    """The revision that the database says it has; None for an empty one."""
    if not inspect(connection).has_table(line.table):
        return None
    number: str | None = connection.execute(
        select(column("version_num")).select_from(table(line.table))
    ).scalar_one_or_none()
    return number


def alembic_config(connection: Connection, line: Line = ENGINE) -> Config:
    """Alembic's settings without an ini file, so that they work from a wheel."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", line.scripts)
    config.attributes["connection"] = connection
    return config
