"""Several writers of one file: two stores of one process, and several processes."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sojourn.core.errors import SessionEnded
from sojourn.model.field import Limits, increment, put
from sojourn.stores.sqlite import SqliteStore
from sojourn.testing.law import HERE, LOGOUT, T, created, texts

pytestmark = pytest.mark.anyio

CHILD = Path(__file__).with_name("store_child.py")
ROOMY = Limits(fields=1_000)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(tmp_path / "state.db")
    yield store
    await store.close()


peer = store


async def child(tmp_path: Path, *args: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), args[0], str(tmp_path / "state.db"), *args[1:], stdout=PIPE
    )


async def test_two_stores_lose_no_put_and_no_increment(store: SqliteStore, peer: SqliteStore) -> None:
    session = await created(store)
    changes = (
        one.change(HERE, session.id, 1, [put(f"{name}{i}", f"{i}"), increment("n", "0.1")], T, limits=ROOMY)
        for i in range(100)
        for name, one in (("a", store), ("b", peer))
    )
    await asyncio.gather(*changes)
    fields = await texts(store, session)
    assert fields.pop("n") == "20"
    assert fields == {f"{name}{i}": f"{i}" for i in range(100) for name in "ab"}


async def test_two_processes_lose_no_put(store: SqliteStore, tmp_path: Path) -> None:
    session = await created(store)
    children = [await child(tmp_path, "put", session.id, prefix, "30") for prefix in "ab"]
    assert [await process.wait() for process in children] == [0, 0]
    assert await texts(store, session) == {f"{prefix}{i}": f"{i}" for prefix in "ab" for i in range(30)}


async def test_two_processes_and_this_one_count_exactly(store: SqliteStore, tmp_path: Path) -> None:
    session = await created(store)
    children = [await child(tmp_path, "increment", session.id, "n", "300") for _ in range(2)]
    for _ in range(100):
        await store.change(HERE, session.id, 1, [increment("n")], T)
    assert [await process.wait() for process in children] == [0, 0]
    assert await texts(store, session) == {"n": "700"}


async def test_an_end_here_stops_the_writers_of_another_process(store: SqliteStore, tmp_path: Path) -> None:
    session = await created(store)
    process = await child(tmp_path, "increment", session.id, "n", "3000")
    while not await texts(store, session):
        await store.ping()
    ended = await store.end(HERE, session.id, LOGOUT, T)
    assert ended is not None
    assert ended.now
    said, _ = await process.communicate()
    assert said.count(b"ended") > 0
    assert await store.load(HERE, session.id, T) is None
    with pytest.raises(SessionEnded):
        await store.change(HERE, session.id, 1, [put("x", "1")], T)


async def test_many_stores_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    stores = await asyncio.gather(*(SqliteStore.open(tmp_path / "fresh" / "state.db") for _ in range(6)))
    session = await created(stores[0])
    for one in stores:
        await one.change(HERE, session.id, 1, [increment("n")], T)
    assert await texts(stores[-1], session) == {"n": "6"}
    for one in stores:
        await one.close()
