"""Group commit: many acts, few transactions; and the log that it writes stays short."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sojourn.core.errors import StoreUnavailable
from sojourn.model.field import increment, put
from sojourn.stores.sqlite import SqliteStore
from sojourn.testing.law import HERE, T, created, texts

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(tmp_path / "state.db")
    yield store
    await store.close()


async def test_256_changes_at_the_same_time_take_at_most_64_commits(store: SqliteStore) -> None:
    session = await created(store)
    before = store.counters()
    await asyncio.gather(*(store.change(HERE, session.id, 1, [increment("n")], T) for _ in range(256)))
    after = store.counters()
    assert await texts(store, session) == {"n": "256"}
    assert after["changes"] - before["changes"] == 256
    assert 1 <= after["commits"] - before["commits"] <= 64


async def test_a_lone_change_is_committed_at_once(store: SqliteStore) -> None:
    session = await created(store)
    before = store.counters()["commits"]
    await store.change(HERE, session.id, 1, [increment("n")], T)
    assert store.counters()["commits"] == before + 1


async def test_one_sick_act_fails_alone_and_leaves_nothing(store: SqliteStore, tmp_path: Path) -> None:
    sick, healthy = await created(store, {"x": "1"}), await created(store)
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute("CREATE TRIGGER t BEFORE INSERT ON field BEGIN SELECT RAISE(ABORT, 'sick'); END")
    db.close()
    before = await store.load(HERE, sick.id, T)
    acts = [store.change(HERE, healthy.id, 1, [increment("n")], T) for _ in range(20)]
    acts.insert(10, store.change(HERE, sick.id, 1, [put("x", "2"), put("large", "1" * 2_000)], T + 1))
    outcomes = await asyncio.gather(*acts, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [StoreUnavailable]
    assert await texts(store, healthy) == {"n": "20"}
    assert await store.load(HERE, sick.id, T) == before


async def test_the_log_is_moved_into_the_file_while_it_is_served(store: SqliteStore, tmp_path: Path) -> None:
    sessions = [await created(store) for _ in range(20)]
    for turn in range(10):
        text = str(turn % 9 + 1) * 100_000
        await asyncio.gather(*(store.change(HERE, session.id, 1, [put("x", text)], T) for session in sessions))
    assert store.counters()["checkpoints"] > 0
    assert (tmp_path / "state.db-wal").stat().st_size < 12_000_000
    assert await texts(store, sessions[0]) == {"x": text}


async def test_a_reader_that_stays_delays_checkpoints_but_no_change(store: SqliteStore, tmp_path: Path) -> None:
    session = await created(store)
    reader = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM session").fetchall()
    for turn in range(60):
        await store.change(HERE, session.id, 1, [put("x", str(turn % 9 + 1) * 100_000)], T)
    assert store.counters()["checkpoints"] == 0
    reader.close()
    for turn in range(120):
        await store.change(HERE, session.id, 1, [put("x", str(turn % 9 + 1) * 100_000)], T)
    assert store.counters()["checkpoints"] > 0


async def test_a_caller_that_is_cancelled_does_not_disturb_the_others(store: SqliteStore) -> None:
    session = await created(store)
    tasks = [asyncio.ensure_future(store.change(HERE, session.id, 1, [increment("n")], T)) for _ in range(10)]
    await asyncio.sleep(0)
    tasks[4].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await texts(store, session) == {"n": "10"}


async def test_the_contract_is_what_the_open_file_says(store: SqliteStore) -> None:
    contract = store.contract()
    assert contract.name == "sqlite"
    assert contract.facts["sqlite"] == sqlite3.sqlite_version
    assert (contract.facts["journal_mode"], contract.facts["synchronous"]) == ("wal", "FULL")
    assert contract.facts["automatic_checkpoints"] == "off"
