"""Bringing the engine database on PostgreSQL to this version's schema; several processes may do so at once."""

from __future__ import annotations

from sqlalchemy import Connection, text

from sojourn.engine.database.migrate import HEAD, stored_revision
from sojourn.engine.database.postgres.lines import Lines
from sojourn.engine.database.rows import prepare as prepare_rows
from sojourn.engine.database.schema import installation

#: Seconds that one statement of an upgrade may take: it may have to make an index of a large table.
_UPGRADE = 600.0

# Who waits for a table keeps all others waiting, so not for long.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL search_path = sojourn_engine, pg_temp; SET LOCAL lock_timeout = 2000"

#: Whoever makes or upgrades the schema is alone in it; no other lock of the engine database is an advisory one.
_ALONE = text("SELECT pg_advisory_xact_lock(1399810671)")
_PATIENT = text("SET LOCAL lock_timeout = 60000")
_BRIEF = text("SET LOCAL lock_timeout = 2000")

# From the catalogue itself: functions like to_regnamespace may answer from a cache that knows nothing of the last commit.
_THERE = text("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'sojourn_engine')")
_MAKE = text("CREATE SCHEMA sojourn_engine")


def prepare(lines: Lines) -> str:
    """Make the schema where there is none, bring an older one up to date, and say which installation it is.

    For the thread that writes. Raises the errors of the driver, ``StoreVersion``, ``StoreReadOnly``,
    ``StoreUnavailable``.
    """
    line = lines.renewed()
    usual, line.patience = line.patience, _UPGRADE
    try:
        return line.finish(line.begin(_BEGIN), _prepare)
    finally:
        line.patience = usual


def _prepare(connection: Connection) -> str:
    if stored_revision(connection) == HEAD:
        known = connection.execute(installation.select()).first()
        if known is not None:
            return str(known.id)
    connection.execute(_PATIENT)
    connection.execute(_ALONE)
    connection.execute(_BRIEF)
    if not connection.execute(_THERE).scalar_one():
        # Unless the operator has made it for us, who may then do without the right to make any.
        connection.execute(_MAKE)
    return prepare_rows(connection)
