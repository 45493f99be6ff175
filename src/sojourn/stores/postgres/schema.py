"""Making and upgrading the schema, and refusing one that is beyond this engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from sojourn.core.errors import StoreBusy, StoreCorrupt, StoreReadOnly, StoreVersion
from sojourn.stores.libpq.connecting import Connection, patience, reach, read_url
from sojourn.stores.libpq.failures import typed

#: The version of the schema that this engine reads and writes.
SCHEMA = 2

# What leads from each version to the next. Functions carry the version in their names: an engine of version N+1 adds those
# that differ beside those of N, and drops the replaced ones one version later; a process of N that finds none stops with
# StoreVersion.
_STEPS = (
    ("schema_1.sql", "functions_1_lives.sql", "functions_1_fields.sql", "functions_1_acts.sql"),
    ("schema_2.sql", "functions_2_limited.sql"),
)

#: Seconds that all statements of an upgrade may take; each waits for a lock for 2 s at most.
_UPGRADE = 60.0

#: Whoever makes or upgrades the schema is alone in it; no other lock of the store is an advisory one.
_ALONE = b"SET LOCAL lock_timeout = '2s'; SELECT pg_advisory_xact_lock(1399810670)"

# From the catalogue itself: functions like to_regclass may answer from a cache that knows nothing of the last commit.
_STATE = b"""
SELECT pg_is_in_recovery(), EXISTS (SELECT FROM pg_namespace WHERE nspname = 'sojourn'),
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'sojourn' AND c.relname = 'version')
"""
_VERSION = b"SELECT schema, min_reader, min_writer FROM sojourn.version"


#: A table, function or other object of that name exists.
_TAKEN = frozenset({"42P07", "42723", "42710"})


class Migrated(NamedTuple):
    """What ``migrate`` found and left; 0 = there was no schema."""

    before: int
    now: int


async def migrate(url: str) -> Migrated:
    """Bring the schema of the database up to this engine's version; for ``sojourn store migrate``.

    Raises ``StoreUnavailable``, ``StoreReadOnly``, ``StoreVersion``, ``StoreBusy`` (somebody holds the tables).
    """
    connection = await reach(read_url(url))
    try:
        return await prepare(connection)
    finally:
        await connection.close()


async def prepare(connection: Connection) -> Migrated:
    """Make the schema where there is none, and bring an older one up to date."""
    try:
        with patience(connection):
            before = await _version(connection)
        if before == SCHEMA:
            return Migrated(before, before)
        with patience(connection, _UPGRADE):
            return await _upgrade(connection)
    except psycopg.errors.LockNotAvailable as error:
        raise StoreBusy("the session store is being upgraded or its tables are held by somebody") from error
    except psycopg.Error as error:
        if error.sqlstate in _TAKEN:
            raise StoreCorrupt("the schema sojourn of the database holds something else") from error
        raise typed(error) from error


async def _upgrade(connection: Connection) -> Migrated:
    async with connection.transaction():
        await connection.execute(_ALONE)
        before = await _version(connection)  # somebody else may have been first
        if before == 0:
            await _make_schema(connection)
        for files in _STEPS[before:]:
            for name in files:
                await connection.execute(Path(__file__).with_name(name).read_bytes())
    return Migrated(before, SCHEMA)


async def _make_schema(connection: Connection) -> None:
    """Unless the operator has made it for us, who may then do without the right to make any."""
    _, there, _ = await _row(connection, _STATE)
    if not there:
        await connection.execute(b"CREATE SCHEMA sojourn")


async def _version(connection: Connection) -> int:
    """The version of the schema, 0 without one."""
    replica, _, made = await _row(connection, _STATE)
    if replica:
        raise StoreReadOnly("this PostgreSQL server is a replica; the store needs the primary")
    if not made:
        return 0
    schema, *oldest = await _row(connection, _VERSION)
    if max(oldest) > SCHEMA:
        raise StoreVersion
    return min(int(schema), SCHEMA)


async def _row(connection: Connection, statement: bytes) -> tuple[Any, ...]:
    found = await (await connection.execute(statement)).fetchone()
    if found is None:
        raise StoreCorrupt("the session store does not say which version it has")
    return tuple(found)
