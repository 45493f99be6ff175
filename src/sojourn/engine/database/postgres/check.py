"""What ``sojourn store check`` says of an engine database on PostgreSQL: asked of the server, not read from settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sojourn.engine.database.migrate import HEAD, stored_revision
from sojourn.engine.database.port import EngineDatabase
from sojourn.engine.database.postgres.faults import house_errors
from sojourn.engine.database.schema import FACTS
from sojourn.stores.base import Contract, Finding
from sojourn.stores.libpq import server
from sojourn.stores.libpq.connecting import patience, reach

# Triggers that fire for every change ('O', 'A'), not only for a replica's, and that do what ours do.
_TRIGGERS = text(
    """SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE c.relnamespace = 'sojourn_engine'::regnamespace AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
          AND p.proname = 'raise_generation'"""
)
_SUPERUSER = text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
_LACKING = text(
    """SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'sojourn_engine'::regnamespace AND c.relkind IN ('r', 'S') AND NOT (
          CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'USAGE')
          ELSE has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
               AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE') END)
        ORDER BY c.relname"""
)

_SHOWN = ("server", "synchronous_commit", "fsync", "full_page_writes", "isolation", "line")


class _Seen(NamedTuple):
    """What stands in the database itself."""

    revision: str | None
    triggers: frozenset[str]
    superuser: bool
    lacking: Sequence[str]


async def contract(parameters: dict[str, Any], installation: str) -> Contract:
    """What the engine database promises. Raises ``StoreUnavailable``."""
    facts = await _ask(parameters)
    durability = (
        "every acknowledged act survives the death of engine and server and a power failure"
        if server.is_sound(facts)
        else "acknowledged acts may be lost when the server dies; sojourn store check says why"
    )
    told = {name: str(facts[name]) for name in _SHOWN}
    return Contract("postgresql", durability, {**told, "schema": HEAD, "installation": installation})


async def findings(db: EngineDatabase, parameters: dict[str, Any]) -> Sequence[Finding]:
    """All findings. Raises ``StoreUnavailable``."""
    facts = await _ask(parameters)
    return [*server.findings(facts), *_own(await db.read(_look))]


async def _ask(parameters: dict[str, Any]) -> server.Facts:
    connection = await reach(parameters)
    try:
        with house_errors(), patience(connection):
            return await server.look(connection, parameters)
    finally:
        await connection.close()


def _look(connection: Connection) -> _Seen:
    return _Seen(
        stored_revision(connection),
        frozenset(connection.execute(_TRIGGERS).scalars()),
        bool(connection.execute(_SUPERUSER).scalar_one()),
        connection.execute(_LACKING).scalars().all(),
    )


def _own(seen: _Seen) -> Iterator[Finding]:
    if seen.revision == HEAD:
        yield Finding("ok", "schema", HEAD)
    else:
        yield Finding("failure", "schema", f"{seen.revision}, this engine has {HEAD}: run sojourn store migrate")
    wanted = {f"generation_{table.name}{end}" for table in FACTS for end in ("", "_truncate")}
    missing = sorted(wanted - seen.triggers)
    if missing:
        text = f"missing or disabled: {', '.join(missing)}. Changes of these tables would not be noticed"
        yield Finding("failure", "triggers", text)
    else:
        yield Finding("ok", "triggers", "each change of users, scopes, tokens and keys is noticed")
    if seen.lacking:
        yield Finding("failure", "rights", f"the role may not use {', '.join(seen.lacking)}")
    elif seen.superuser:
        text = "the role is a superuser; a role that owns the schema sojourn_engine and nothing else is enough"
        yield Finding("warning", "rights", text)
    else:
        yield Finding("ok", "rights", "no superuser")
