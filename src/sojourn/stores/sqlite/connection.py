"""Opening the file: its settings are read back, its schema is brought up to date, and a stranger's file is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from sojourn.core.errors import StoreCorrupt, StoreUnavailable, StoreVersion
from sojourn.core.private import make_private
from sojourn.model.address import address_block
from sojourn.stores.sqlite.lock import WriterLock

#: ``user_version`` that this engine reads and writes.
SCHEMA = 3

#: Seconds that SQLite waits for somebody who holds the file without our lock, such as its own command line.
WAIT = 5.0

#: Files up to this many bytes are checked at every opening.
_CHECKED = 64 * 1024 * 1024

_SCHEMAS = ("schema_1.sql", "schema_2.sql", "schema_3.sql")

# Automatic checkpoints are off: SQLite before 3.51.3 may lose a commit when one of them resets the log beside a writer,
# so the writer checkpoints while it holds the lock. fullfsync has a meaning on macOS only.
_SETTINGS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA fullfsync=1",
    "PRAGMA checkpoint_fullfsync=1",
    "PRAGMA wal_autocheckpoint=0",
    "PRAGMA journal_size_limit=1048576",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-16384",
)

_FULL = 2
_APPLICATION = 1_399_810_670
#: First version of SQLite that resets its log safely beside a writer.
WAL_RESET_FIXED = (3, 51, 3)


def prepare(path: Path) -> None:
    """Make the file where there is none, bring its schema up to date, and see that it is sound.

    Raises ``StoreVersion`` for a newer schema, ``StoreCorrupt`` for what is damaged or is no session store.
    """
    make_private(path)
    db = _connect(path)
    try:
        if schema_of(db) < SCHEMA:
            _migrate(db, path)
        check_schema(db)
        if _one(db, "PRAGMA application_id") != _APPLICATION:
            raise StoreCorrupt(f"{path.name} is not a session store")
        if path.stat().st_size <= _CHECKED:
            check_sound(db)
    finally:
        db.close()


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection to a prepared file. Raises ``StoreUnavailable`` where the file system cannot hold a WAL."""
    db = _connect(path)
    facts = probe(db)
    if (facts["journal_mode"], facts["synchronous"]) != ("wal", "FULL"):
        db.close()
        raise StoreUnavailable("the session store needs WAL and synchronous=FULL; a network file system has neither")
    if read_only:
        db.execute("PRAGMA query_only=1")
    return db


def schema_of(db: sqlite3.Connection) -> int:
    """The version of the file's schema, 0 for a new file."""
    return int(_one(db, "PRAGMA user_version"))


def check_schema(db: sqlite3.Connection) -> None:
    """Raise ``StoreVersion`` when the file was migrated by a newer engine: this one must not write any more."""
    if schema_of(db) > SCHEMA:
        raise StoreVersion


def check_sound(db: sqlite3.Connection) -> None:
    """Raise ``StoreCorrupt`` when pages of the file do not fit together."""
    if _one(db, "PRAGMA quick_check(1)") != "ok":
        raise StoreCorrupt


def probe(db: sqlite3.Connection) -> Mapping[str, str]:
    """What this very connection says of itself."""
    fixed = sqlite3.sqlite_version_info >= WAL_RESET_FIXED
    return {
        "sqlite": sqlite3.sqlite_version,
        "journal_mode": str(_one(db, "PRAGMA journal_mode")),
        "synchronous": "FULL" if _one(db, "PRAGMA synchronous") == _FULL else "other",
        "automatic_checkpoints": "off" if _one(db, "PRAGMA wal_autocheckpoint") == 0 else "on",
        "checkpoints": "by the writer, under the writer lock",
        "wal_reset_fix": "in SQLite" if fixed else "not in SQLite; not needed with the writer's own checkpoints",
        "schema": str(schema_of(db)),
    }


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        for setting in _SETTINGS:
            db.execute(setting).fetchall()
    except sqlite3.Error:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    lock = WriterLock(path)
    try:
        with lock.held():
            have = schema_of(db)
            if have == 0 and _one(db, "SELECT count(*) FROM sqlite_schema"):
                raise StoreCorrupt(f"{path.name} is not a session store")
            db.execute("PRAGMA journal_mode=WAL").fetchall()
            db.create_function("address_block", 1, address_block, deterministic=True)
            for name in _SCHEMAS[have:]:
                db.executescript(Path(__file__).with_name(name).read_text())
    finally:
        lock.close()


def _one(db: sqlite3.Connection, statement: str) -> int | str:
    rows: list[tuple[int | str]] = db.execute(statement).fetchall()
    return rows[0][0]
