"""A file of an older schema: everything in it is found, and processes of the older engine stop writing."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from sojourn.core.errors import StoreUnavailable
from sojourn.model.field import increment
from sojourn.model.session import Device, End, Session
from sojourn.stores import sqlite
from sojourn.stores.base import Count, SessionLimit
from sojourn.stores.sqlite import SqliteStore, rows
from sojourn.stores.sqlite.connection import SCHEMA
from sojourn.testing.law import ALICE, HERE, LOGOUT, THERE, T, a_session

pytestmark = pytest.mark.anyio

SCHEMAS = Path(sqlite.__file__).parent
LARGE = '"' + "x" * 2_000 + '"'

_INSERT = """
INSERT INTO session(id, realm, principal, secret, created, last, idle, absolute, epoch, version,
                    fields, bytes, large, sweep_at, ended, about, doc)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def nobody(address: str, sid: str) -> Session:
    device = Device(address=address)
    return Session(id=sid, realm=HERE, secret=b"n" * 32, device=device, created=T, last=T, absolute=T + 10_000)


def insert(db: sqlite3.Connection, session: Session, ended: End | None = None) -> None:
    """As schema 1 kept it; two fields, one of them large."""
    doc = f'{{"x":[1,"41"],"y":[-1,"{len(LARGE)}"]}}' if ended is None else "{}"
    weights = (2, 4 + len(LARGE), 1) if ended is None else (0, 0, 0)
    key = (session.id, session.realm, session.principal, session.secret)
    times = (session.created, session.last, session.idle, session.absolute, session.epoch, 1)
    end = rows.end_text(ended) if ended else None
    n = db.execute(_INSERT, (*key, *times, *weights, session.dies_at, end, rows.about_of(session), doc)).lastrowid
    if ended is None:
        db.execute("INSERT INTO field(n, name, value) VALUES (?, 'y', ?)", (n, LARGE))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "state.db"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.executescript((SCHEMAS / "schema_1.sql").read_text())
    db.execute("UPDATE meta SET value = 'ours' WHERE name = 'installation'")
    db.execute("UPDATE meta SET value = 7 WHERE name = 'counter'")
    insert(db, a_session(sid="alice"))
    insert(db, a_session(sid="theirs", realm=THERE))
    insert(db, nobody("192.0.2.7", "near"))
    insert(db, nobody("2001:db8::1", "six"))
    insert(db, nobody("", "nowhere"))
    insert(db, nobody("192.0.2.8", "gone"), LOGOUT)
    db.close()
    return path


async def test_everything_of_schema_1_is_found(old: Path) -> None:
    store = await SqliteStore.open(old)
    loaded = await store.load(HERE, "alice", T)
    assert loaded is not None
    assert {name: field.text for name, field in loaded.fields.items()} == {"x": "41", "y": LARGE}
    assert (loaded.session.principal, loaded.session.identity.user_name) == (ALICE, "alice")
    assert (await store.change(HERE, "alice", 1, [increment("x")], T)).values == {"x": "42"}
    assert [session.id for session in await store.list(HERE, ALICE, T)] == ["alice"]
    assert [session.id for session in await store.list(THERE, None, T)] == ["theirs"]
    assert await store.mark() == ("ours", 7, "")
    stone = await store.why(HERE, "gone", T)
    assert stone is not None
    assert stone.end == LOGOUT
    assert await store.count(T) == [Count(HERE, "account", 1), Count(HERE, "anonymous", 3), Count(THERE, "account", 1)]
    await store.close()


async def test_anonymous_sessions_of_schema_1_belong_to_their_address_block(old: Path) -> None:
    store = await SqliteStore.open(old)
    for owner, sid in (("n:192.0.2.0/24", "near"), ("n:2001:db8::/64", "six"), ("n:", "nowhere")):
        assert [session.id for session in await store.list(HERE, owner, T)] == [sid]
    assert [stone.session.id for stone in await store.list_ended(HERE, "n:192.0.2.0/24")] == ["gone"]
    with pytest.raises(SessionLimit) as full:
        await store.create(nobody("192.0.2.9", "new"), {}, T, most=1)
    assert [session.id for session in full.value.live] == ["near"]
    await store.close()


async def test_an_old_file_has_the_tables_and_indexes_of_a_new_one(old: Path, tmp_path: Path) -> None:
    stores = [await SqliteStore.open(path) for path in (old, tmp_path / "new.db")]
    for store in stores:
        await store.close()
    migrated, fresh = (sqlite3.connect(path) for path in (old, tmp_path / "new.db"))
    shape = "SELECT type, name, sql FROM sqlite_schema ORDER BY name"
    assert migrated.execute(shape).fetchall() == fresh.execute(shape).fetchall()
    assert migrated.execute("PRAGMA user_version").fetchall() == [(SCHEMA,)]
    migrated.close()
    fresh.close()


async def test_values_and_tries_may_be_kept_in_an_old_file(old: Path) -> None:
    store = await SqliteStore.open(old)
    assert await store.put("code", "1", T + 1, T) is True
    assert await store.take("code", T) == ("1", True, T)
    assert await store.count_try("login", (100,), T, forget=500) == (True, 1, 100)
    await store.close()


async def test_many_processes_may_meet_at_an_old_file(old: Path) -> None:
    stores = await asyncio.gather(*(SqliteStore.open(old) for _ in range(5)))
    for store in stores:
        assert await store.load(HERE, "alice", T) is not None
        await store.close()


async def test_a_migration_that_breaks_leaves_the_file_as_it_was(old: Path) -> None:
    db = sqlite3.connect(old, isolation_level=None)
    db.execute("UPDATE session SET about = '[' WHERE id = 'six'")
    with pytest.raises(StoreUnavailable):
        await SqliteStore.open(old)
    assert db.execute("PRAGMA user_version").fetchall() == [(1,)]
    assert db.execute("SELECT count(*) FROM session WHERE principal = ''").fetchall() == [(4,)]
    db.close()
