"""What ``sojourn store check`` says of a database of the application: read from its own connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, text

from sojourn.data.migrate import HEAD, stored_revision
from sojourn.data.port import Table
from sojourn.data.schema import PREFIX
from sojourn.data.sqlite.tables import tables
from sojourn.engine.database.sqlite.connections import raw
from sojourn.stores.base import Contract, Finding
from sojourn.stores.files import file_system, permissions

_WANTED: Mapping[str, object] = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}

_TRIGGERS = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND substr(tbl_name, 1, ?) <> ? ORDER BY name"
_CASCADES = """\
SELECT DISTINCT item.name FROM sqlite_schema AS item, pragma_foreign_key_list(item.name) AS key
WHERE item.type = 'table' AND (key.on_delete NOT IN ('NO ACTION', 'RESTRICT') OR key.on_update NOT IN ('NO ACTION', 'RESTRICT'))
ORDER BY item.name"""


class Seen(NamedTuple):
    """What a look at the file has found."""

    settings: Mapping[str, object]
    damage: str
    revision: str | None
    triggers: Sequence[str]
    cascades: Sequence[str]
    tables: Mapping[str, Table]


def contract(name: str) -> Contract:
    """What a database in a file promises."""
    facts = {"sqlite": sqlite3.sqlite_version, "schema": HEAD, "name": name}
    return Contract("sqlite", "every acknowledged change survives the death of the process and a power failure", facts)


def look(connection: Connection) -> Seen:
    """Look at everything."""
    driver = raw(connection)
    return Seen(
        {name: connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in _WANTED},
        str(connection.execute(text("PRAGMA quick_check(1)")).scalar_one()),
        stored_revision(connection),
        [row[0] for row in driver.execute(_TRIGGERS, (len(PREFIX), PREFIX))],
        [row[0] for row in driver.execute(_CASCADES)],
        tables(driver),
    )


def findings(seen: Seen, path: Path) -> Sequence[Finding]:
    """All findings."""
    wrong = {name: value for name, value in seen.settings.items() if value != _WANTED[name]}
    return [
        Finding("failure", "settings", f"not as they must be: {wrong}")
        if wrong
        else Finding("ok", "settings", "WAL, synchronous=FULL, foreign keys"),
        Finding("ok", "pages", "they fit together")
        if seen.damage == "ok"
        else Finding("failure", "pages", seen.damage),
        Finding("ok", "schema", HEAD)
        if seen.revision == HEAD
        else Finding("failure", "schema", f"{seen.revision}, this engine has {HEAD}: run sojourn store migrate"),
        *_logged(seen),
        *file_system(path),
        *permissions(path),
    ]


def _logged(seen: Seen) -> Iterator[Finding]:
    """Whether every change has its row in the change log."""
    unseen = "what they change has no row in the change log, and is not undone"
    if seen.triggers:
        yield Finding("warning", "triggers", f"{', '.join(seen.triggers)}: {unseen}")
    if seen.cascades:
        yield Finding("warning", "foreign keys", f"cascading in {', '.join(seen.cascades)}: {unseen}")
    keyless = [name for name, table in seen.tables.items() if not table.view and not table.key]
    if keyless:
        yield Finding(
            "warning", "keys", f"no key of one column in {', '.join(keyless)}: applyUpdates cannot write there"
        )
    if not (seen.triggers or seen.cascades or keyless):
        yield Finding("ok", "tables", f"{len(seen.tables)}, every change of a row by applyUpdates is logged")
