"""Trouble of the file: always a typed error, never a fresh session, never a new file in place of the old."""

from __future__ import annotations

import asyncio
import fcntl
import random
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sojourn.core.errors import (
    OutcomeUnknown,
    StoreBusy,
    StoreCorrupt,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
    StoreVersion,
)
from sojourn.model.field import put
from sojourn.stores.sqlite import SqliteStore, writer
from sojourn.stores.sqlite.failures import typed
from sojourn.testing.law import HERE, LOGOUT, T, a_rotation, a_session, created, texts

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(path)
    yield store
    await store.close()


def execute(path: Path, statement: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(statement)
    db.close()


def move_away(path: Path) -> None:
    path.rename(path.with_name("moved.db"))


def damage(path: Path) -> None:
    noise, raw = random.Random(7), bytearray(path.read_bytes())
    for page in range(12, len(raw) // 4096, 3):
        raw[page * 4096 : page * 4096 + 512] = noise.randbytes(512)
    path.write_bytes(raw)


async def test_a_damaged_page_is_an_error_and_never_a_missing_session(path: Path) -> None:
    store = await SqliteStore.open(path)
    sessions = [await created(store, {"x": f'"{"x" * 900}"'}) for _ in range(60)]
    await store.close()
    damaged = await SqliteStore.open(path)
    damage(path)
    outcomes = await asyncio.gather(*(damaged.load(HERE, one.id, T) for one in sessions), return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert failures
    assert {type(failure) for failure in failures} == {StoreCorrupt}
    assert None not in outcomes
    with pytest.raises(StoreCorrupt):
        await damaged.ping()
    await damaged.close()
    with pytest.raises(StoreCorrupt):
        await SqliteStore.open(path)


@pytest.mark.parametrize("column", ["doc", "about"])
async def test_a_damaged_row_is_an_error_and_stays_as_it_is(store: SqliteStore, path: Path, column: str) -> None:
    session = await created(store, {"x": "1"})
    execute(path, {"doc": "UPDATE session SET doc = '{'", "about": "UPDATE session SET about = '[]'"}[column])
    with pytest.raises(StoreCorrupt):
        await store.load(HERE, session.id, T)
    with pytest.raises(StoreCorrupt):
        await store.rotate(HERE, session.id, 1, a_rotation(keep=frozenset()), T)
    with pytest.raises(StoreCorrupt):
        await store.ping()


async def test_a_lost_large_value_is_an_error(store: SqliteStore, path: Path) -> None:
    session = await created(store, {"x": "1" * 2_000})
    execute(path, "DELETE FROM field")
    with pytest.raises(StoreCorrupt):
        await store.load(HERE, session.id, T)
    with pytest.raises(StoreCorrupt):
        await store.change(HERE, session.id, 1, [put("x", "2")], T)


@pytest.mark.parametrize("content", [b"not a database, but long enough to look like one" * 100, b"short"])
def test_a_file_that_is_no_database_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt):
        asyncio.run(SqliteStore.open(path))
    assert path.read_bytes() == content


async def test_the_database_of_somebody_else_is_left_alone(path: Path) -> None:
    execute(path, "CREATE TABLE session(x)")
    with pytest.raises(StoreCorrupt):
        await SqliteStore.open(path)
    db = sqlite3.connect(path)
    assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("session",)]
    db.close()


async def test_a_newer_file_is_not_opened(store: SqliteStore, path: Path) -> None:
    execute(path, "PRAGMA user_version = 99")
    with pytest.raises(StoreVersion):
        await SqliteStore.open(path)


async def test_an_open_store_stops_writing_when_the_file_becomes_newer(store: SqliteStore, path: Path) -> None:
    session = await created(store, {"x": "1"})
    execute(path, "PRAGMA user_version = 99")
    with pytest.raises(StoreVersion):
        await store.change(HERE, session.id, 1, [put("x", "2")], T)
    assert await texts(store, session) == {"x": "1"}


async def test_a_file_that_was_replaced_gets_no_more_writes(store: SqliteStore, path: Path) -> None:
    session = await created(store)
    move_away(path)
    with pytest.raises(StoreUnavailable):
        await store.change(HERE, session.id, 1, [put("x", "1")], T)
    execute(path, "CREATE TABLE other(x)")
    with pytest.raises(StoreUnavailable):
        await store.change(HERE, session.id, 1, [put("x", "1")], T)


def test_a_place_that_holds_no_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file" / "state.db"):
        with pytest.raises(StoreUnavailable):
            asyncio.run(SqliteStore.open(place))


async def test_a_read_only_file_says_so(store: SqliteStore, path: Path) -> None:
    await created(store)
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError) as refusal:
        db.execute("DELETE FROM session")
    db.close()
    assert isinstance(typed(refusal.value), StoreReadOnly)


async def test_a_defect_of_the_engine_is_not_hidden_as_trouble_of_the_file() -> None:
    defect = TypeError("a defect")
    assert typed(defect) is defect


async def test_whoever_waits_too_long_for_another_process_is_refused_and_nothing_is_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "WAIT", 0.1)
    store = await SqliteStore.open(path)
    session = await created(store, {"x": "1"})
    with (path.parent / "state.db.writer").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        acts = [store.change(HERE, session.id, 1, [put("x", "2")], T) for _ in range(3)]
        outcomes = await asyncio.gather(*acts, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreBusy] * 3
    await store.change(HERE, session.id, 1, [put("y", "1")], T)
    assert await texts(store, session) == {"x": "1", "y": "1"}
    await store.close()


async def test_a_commit_that_breaks_leaves_the_outcome_unknown(store: SqliteStore, path: Path) -> None:
    session = await created(store)

    class Breaking(sqlite3.Connection):
        def execute(self, sql: str, *args: object) -> sqlite3.Cursor:
            if sql == "COMMIT":
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *args)  # type: ignore[arg-type] # the parameters are passed on as they come

    sound = store._writer._db
    store._writer._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Breaking)
    with pytest.raises(OutcomeUnknown):
        await store.change(HERE, session.id, 1, [put("x", "1")], T)
    store._writer._db.close()
    store._writer._db = sound
    assert await texts(store, session) == {}


async def test_on_a_full_disk_only_ends_and_sweeps_are_admitted(store: SqliteStore, path: Path) -> None:
    session, other = await created(store, {"x": "1"}), await created(store, idle=500)
    await store.put("code", "1", T + 9, T)
    scarce = await SqliteStore.open(path, reserve=2**62)
    for act in (
        scarce.put("another code", "1", T + 9, T),
        scarce.count_try("login", (1,), T, forget=9),
        scarce.create(a_session(), {}, T),
        scarce.change(HERE, session.id, 1, [put("x", "2")], T),
        scarce.rotate(HERE, session.id, 1, a_rotation(), T),
        scarce.ping(),
    ):
        with pytest.raises(StoreFull):
            await act
    assert await texts(scarce, session) == {"x": "1"}
    ended = await scarce.end(HERE, session.id, LOGOUT, T)
    assert ended is not None
    assert ended.now
    assert await scarce.take("code", T) == ("1", True, T)
    assert (await scarce.sweep(T + 500)).handled == 1
    assert await scarce.load(HERE, other.id, T) is None
    await scarce.close()


async def test_a_file_that_may_not_grow_refuses_and_keeps_what_it_had(store: SqliteStore) -> None:
    store._writer._db.execute("PRAGMA max_page_count=40")
    kept, refusals = [], []
    for _ in range(60):
        session = a_session()
        try:
            await store.create(session, {"x": "1" * 2_000}, T)
            kept.append(session)
        except StoreFull as refusal:
            refusals.append(refusal)
    assert kept
    assert refusals
    assert [await texts(store, session) for session in kept] == [{"x": "1" * 2_000}] * len(kept)
