"""Connections to a database file of ours: how they are made, how a transaction begins, how the WAL is kept small."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from sojourn.core.errors import StoreUnavailable
from sojourn.engine.database.faults import DatabaseUrl, closed

_log = logging.getLogger(__name__)

#: The writer moves the WAL into the database when it has grown beyond this, in bytes.
CHECKPOINT_ABOVE = 4 * 1024 * 1024

_PREFIX = "sqlite:///"
# What is deleted or erased is overwritten in the file; not every build of SQLite does that by itself.
_COMMON = ("foreign_keys=ON", "synchronous=FULL", "temp_store=MEMORY", "wal_autocheckpoint=0", "secure_delete=ON")

Role = Literal["reader", "writer"]


def database_path(url: str, project: Path) -> Path:
    """The file that ``url`` names, relative to the project; raises :class:`DatabaseUrl`."""
    if not url.startswith(_PREFIX) or len(url) == len(_PREFIX):
        raise DatabaseUrl("the engine database is named as sqlite:///<file> or postgresql://…")
    return project / url.removeprefix(_PREFIX)


def connect(path: Path, role: Role) -> Connection:
    """A connection whose transactions begin as its role says: a writer's hold the write lock from the start."""
    begin = "BEGIN IMMEDIATE" if role == "writer" else "BEGIN"
    engine = create_engine("sqlite://", creator=lambda: _raw(path, role), poolclass=StaticPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine.connect()


def raw(connection: Connection) -> sqlite3.Connection:
    """The driver's connection below ``connection``."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise closed()
    return driver


def disconnect(connection: Connection) -> None:
    """Close ``connection`` and the driver's connection below it."""
    connection.close()
    connection.engine.dispose()


def checkpoint(writer: sqlite3.Connection, path: Path) -> None:
    """Move a grown WAL into the database; the caller holds the gate. A failure is logged: the commit stands."""
    try:
        if path.with_name(path.name + "-wal").stat().st_size > CHECKPOINT_ABOVE:
            writer.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
    except (OSError, sqlite3.Error):
        _log.warning("the WAL of %s could not be checkpointed", path.name, exc_info=True)


def _raw(path: Path, role: Role) -> sqlite3.Connection:
    # The writer waits in its own loop with jitter; a reader of a WAL waits only while another connection recovers it.
    timeout = 0.0 if role == "writer" else 1.0
    # A reader makes no file: an empty one in place of one that is lost would read as if nothing had ever been there.
    mode = "rwc" if role == "writer" else "rw"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=timeout
    )
    if role == "writer" and connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
        connection.close()
        raise StoreUnavailable(f"{path.name} needs a local file system: no write-ahead log here")
    for pragma in _COMMON:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    if role == "reader":
        connection.execute("PRAGMA query_only=ON").fetchall()
    return connection
