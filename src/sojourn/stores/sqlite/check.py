"""What ``sojourn store check`` says of a SQLite file: probed on a connection of its own."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sojourn.stores.base import Finding
from sojourn.stores.files import file_system, permissions
from sojourn.stores.sqlite.connection import SCHEMA, WAL_RESET_FIXED, connect, schema_of

_MB = 1024 * 1024
_FULL = 2

#: Free bytes below which a warning is due.
_TIGHT = 1024 * _MB


def findings(path: Path, reserve: int) -> Sequence[Finding]:
    """All findings; ``reserve`` = bytes of free disk that are kept for ends and sweeps."""
    db = connect(path, read_only=True)
    try:
        return [
            *_settings(db),
            _version(),
            *file_system(path),
            _free(shutil.disk_usage(path.parent).free, reserve),
            *permissions(path),
            _schema(db),
        ]
    finally:
        db.close()


def _settings(db: sqlite3.Connection) -> Iterator[Finding]:
    journal = db.execute("PRAGMA journal_mode").fetchall()[0][0]
    if journal == "wal":
        yield Finding("ok", "journal mode", "WAL")
    else:
        yield Finding("failure", "journal mode", f"{journal}, not WAL: readers and the writer block each other")
    if db.execute("PRAGMA synchronous").fetchall()[0][0] == _FULL:
        yield Finding("ok", "synchronous", "FULL: each commit is synced before it is acknowledged")
    else:
        yield Finding("failure", "synchronous", "not FULL: a power failure loses acknowledged writes")
    if sys.platform == "darwin":
        full = db.execute("PRAGMA fullfsync").fetchall()[0][0]
        yield (
            Finding("ok", "fullfsync", "on: a sync reaches the disk itself")
            if full
            else Finding("failure", "fullfsync", "off: a sync ends in the drive's cache, power loss loses it")
        )


def _version() -> Finding:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info >= WAL_RESET_FIXED:
        return Finding("ok", "SQLite", f"{version}, resets its log safely beside a writer")
    return Finding(
        "ok",
        "SQLite",
        f"{version} may lose a commit when it resets its log beside a writer; not met here, since checkpoints run under "
        "the writer lock. Do not write to the file with other tools while the engine runs",
    )


def _free(free: int, reserve: int) -> Finding:
    if free < reserve:
        text = f"{free // _MB} MB free: only ends and sweeps are admitted below {reserve // _MB} MB. Make room"
        return Finding("failure", "free disk", text)
    if free < _TIGHT:
        return Finding(
            "warning", "free disk", f"{free // _MB} MB free: below {reserve // _MB} MB no session is written"
        )
    return Finding("ok", "free disk", f"{free // _MB} MB")


def _schema(db: sqlite3.Connection) -> Finding:
    found = schema_of(db)
    if found == SCHEMA:
        return Finding("ok", "schema", str(found))
    return Finding("failure", "schema", f"{found}, this engine writes {SCHEMA}: open the store with the newest engine")
