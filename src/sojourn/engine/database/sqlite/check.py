"""What ``sojourn store check`` says of the engine database: read from its own connection, not from settings."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection, text

from sojourn.engine.database.migrate import HEAD, stored_revision
from sojourn.engine.database.port import EngineDatabase
from sojourn.stores.base import Contract, Finding
from sojourn.stores.files import file_system, permissions

_WANTED: Mapping[str, object] = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def contract(db: EngineDatabase) -> Contract:
    """What the engine database promises."""
    facts = {"sqlite": sqlite3.sqlite_version, "schema": HEAD, "installation": db.installation}
    return Contract("sqlite", "every acknowledged act survives the death of the process and a power failure", facts)


async def findings(db: EngineDatabase, path: Path) -> Sequence[Finding]:
    """All findings."""
    settings, damage, revision = await db.read(_look)
    wrong = {name: value for name, value in settings.items() if value != _WANTED[name]}
    return [
        Finding("failure", "settings", f"not as they must be: {wrong}")
        if wrong
        else Finding("ok", "settings", "WAL, synchronous=FULL, foreign keys"),
        Finding("ok", "pages", "they fit together") if damage == "ok" else Finding("failure", "pages", damage),
        Finding("ok", "schema", HEAD)
        if revision == HEAD
        else Finding("failure", "schema", f"{revision}, this engine has {HEAD}: run sojourn store migrate"),
        *file_system(path),
        *permissions(path),
    ]


def _look(connection: Connection) -> tuple[Mapping[str, object], str, str | None]:
    settings = {name: connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in _WANTED}
    damage = str(connection.execute(text("PRAGMA quick_check(1)")).scalar_one())
    return settings, damage, stored_revision(connection)
