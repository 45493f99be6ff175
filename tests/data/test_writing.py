"""A file of SQLite that several processes write, and what goes wrong with it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from sojourn.core.errors import StoreBusy, StoreCorrupt, StoreVersion
from sojourn.data import schema
from sojourn.data.errors import DatabaseUnavailable, RecordConflict
from sojourn.data.port import Bounds, Statement
from sojourn.data.sqlite.backend import SqliteBackend
from sojourn.data.terms import Modified, TableChanges
from tests.data.applying import apply, count
from tests.data.conftest import product

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
def database_kind() -> str:
    """These tests look behind the face of one kind."""
    return "sqlite"


# --- several processes ---


def _add(path: str, first: int, number: int) -> None:
    async def run() -> None:
        backend = await SqliteBackend.open("main", Path(path))
        for key in range(first, first + number):
            await apply(backend, TableChanges(table="product", inserted=[product(key)]))
            for _ in range(100):
                (rows,) = await backend.query([Statement("SELECT stock FROM product WHERE iKey = 0")], Bounds())
                stock = rows.rows[0][0]
                change = Modified(0, {"stock": stock}, {"stock": stock + 1})  # type: ignore[operator]
                try:
                    await apply(backend, TableChanges(table="product", modified=[change]))
                except RecordConflict:
                    continue
                break
        await backend.close()

    asyncio.run(run())


async def test_two_processes_write_one_file(backend: SqliteBackend) -> None:
    await apply(backend, TableChanges(table="product", inserted=[product(0)]))
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_add, args=(str(backend.path), 1 + 1_000 * place, 6)) for place in range(2)]
    for worker in workers:
        worker.start()
    await asyncio.to_thread(_add, str(backend.path), 5_000, 6)
    for worker in workers:
        await asyncio.to_thread(worker.join, 60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    (rows,) = await backend.query([Statement("SELECT stock FROM product WHERE iKey = 0")], Bounds())
    # No change was lost: each saw the one before it, or was a conflict and was done again.
    assert rows.rows == [(18,)]
    assert await count(backend) == (19, 1 + 18 + 18)
    versions = await backend.read(lambda c: c.execute(select(schema.change.c.version)).scalars().all())
    assert sorted(versions) == list(range(1, len(versions) + 1))


async def test_a_schema_that_another_process_changes_is_seen(backend: SqliteBackend) -> None:
    assert "note" not in await backend.tables()
    other = await SqliteBackend.open("main", backend.path)
    await other.define("CREATE TABLE note (iKey INTEGER PRIMARY KEY, text TEXT)", lambda _connection: None)
    assert "note" in await backend.tables()
    await apply(backend, TableChanges(table="note", inserted=[{"iKey": 1, "text": "x"}]))
    await other.define("ALTER TABLE note ADD COLUMN more INTEGER DEFAULT 7", lambda _connection: None)
    (rows,) = await backend.query([Statement("SELECT * FROM note")], Bounds())
    assert [column.name for column in rows.columns] == ["iKey", "text", "more"]
    assert rows.rows == [(1, "x", 7)]
    await other.close()


def _hold(path: str, ready: Any) -> None:
    async def run() -> None:
        backend = await SqliteBackend.open("main", Path(path))

        async def stay() -> None:
            ready.set()
            await asyncio.sleep(3_600)

        await apply(backend, TableChanges(table="product", inserted=[product(1)]), guard=stay)

    asyncio.run(run())


async def test_a_process_that_dies_in_its_transaction_leaves_nothing_and_holds_nobody_up(
    backend: SqliteBackend,
) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    worker = context.Process(target=_hold, args=(str(backend.path), ready))
    worker.start()
    assert await asyncio.to_thread(ready.wait, 30)
    patience, backend._patience = backend._patience, 0.2
    with pytest.raises(StoreBusy):
        await apply(backend, TableChanges(table="product", inserted=[product(2)]))
    backend._patience = patience
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    await asyncio.to_thread(worker.join, 10)
    assert await apply(backend, TableChanges(table="product", inserted=[product(2)])) == 1
    assert await count(backend) == (1, 1)


# --- faults ---


async def test_a_closed_database_says_so(made_file: Path, tmp_path: Path) -> None:
    opened = await SqliteBackend.open("main", tmp_path / "app.db")
    await opened.close()
    await opened.close()
    for act in (
        opened.tables(),
        opened.query([Statement("SELECT 1")], Bounds()),
        opened.write(lambda _connection: None),
    ):
        with pytest.raises(DatabaseUnavailable):
            await act


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.db").write_bytes(b"no database" * 1_000)
    with pytest.raises(StoreCorrupt):
        await SqliteBackend.open("main", tmp_path / "app.db")


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    await (await SqliteBackend.open("main", tmp_path / "app.db")).close()
    with sqlite3.connect(tmp_path / "app.db") as tool:
        tool.execute("UPDATE sojourn_alembic SET version_num = '9999'")
    tool.close()
    with pytest.raises(StoreVersion):
        await SqliteBackend.open("main", tmp_path / "app.db")


async def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "app.db").mkdir()
    with pytest.raises(DatabaseUnavailable):
        await SqliteBackend.open("main", tmp_path / "app.db")


async def test_a_file_that_is_gone_says_so(backend: SqliteBackend) -> None:
    backend.path.unlink()
    with pytest.raises(DatabaseUnavailable):
        await backend.query([Statement("SELECT 1")], Bounds())
    with pytest.raises(DatabaseUnavailable):
        await backend.read(lambda _connection: None)
