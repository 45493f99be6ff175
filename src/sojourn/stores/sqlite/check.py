"""What ``sojourn store check`` says of a SQLite file: probed on a connection of its own."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sojourn.stores.base import Finding
from sojourn.stores.sqlite.connection import SCHEMA, WAL_RESET_FIXED, connect, schema_of
from sojourn.stores.sqlite.mounts import NETWORK, VOLATILE, filesystem_of

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
            *_file_system(path),
            _free(shutil.disk_usage(path.parent).free, reserve),
            *_permissions(path),
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


def _file_system(path: Path) -> Iterator[Finding]:
    kind = filesystem_of(path)
    if kind in NETWORK:
        text = f"{kind} is a network file system: its locks and syncs do not hold. Move the file to a local disk"
        yield Finding("failure", "file system", text)
    elif kind in VOLATILE:
        text = f"{kind} is gone after a restart of the machine or container, and with it all sessions"
        yield Finding("warning", "file system", text)
    elif kind:
        yield Finding("ok", "file system", kind)
    else:
        yield Finding("warning", "file system", "its kind cannot be seen here; it must be a local disk")


def _free(free: int, reserve: int) -> Finding:
    if free < reserve:
        text = f"{free // _MB} MB free: only ends and sweeps are admitted below {reserve // _MB} MB. Make room"
        return Finding("failure", "free disk", text)
    if free < _TIGHT:
        return Finding(
            "warning", "free disk", f"{free // _MB} MB free: below {reserve // _MB} MB no session is written"
        )
    return Finding("ok", "free disk", f"{free // _MB} MB")


def _permissions(path: Path) -> Iterator[Finding]:
    beside = [path.with_name(path.name + end) for end in ("-wal", "-shm", ".writer")]
    for file in [path, *(file for file in beside if file.exists())]:
        yield _mode(file, 0o600)
    yield _mode(path.parent, 0o700)


def _mode(file: Path, wanted: int) -> Finding:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & ~wanted & 0o077:
        text = f"{file.name} is open to others on this machine ({mode:04o}): chmod {wanted:o} it"
        return Finding("warning", "permissions", text)
    return Finding("ok", "permissions", f"{file.name} {mode:04o}")


def _schema(db: sqlite3.Connection) -> Finding:
    found = schema_of(db)
    if found == SCHEMA:
        return Finding("ok", "schema", str(found))
    return Finding("failure", "schema", f"{found}, this engine writes {SCHEMA}: open the store with the newest engine")
