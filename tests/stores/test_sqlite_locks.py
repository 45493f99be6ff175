"""What a process that opens the same store twice does to its own locks: POSIX drops them all with any descriptor."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from sojourn.core.clock import SystemClock
from sojourn.stores.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

#: Another process that opens the file and closes it again: if nobody else holds it, SQLite removes the log.
VISIT = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT count(*) FROM session').fetchall(); db.close()"


async def visit(path: Path) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", VISIT, str(path))
    assert await process.wait() == 0


async def test_a_second_store_on_the_file_leaves_the_locks_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    log = path.with_name("state.db-wal")
    first = await SqliteStore.open(path)
    try:
        await first.sweep(SystemClock().now(), 10)
        second = await SqliteStore.open(path)
        await second.close()
        before = log.stat().st_ino
        await visit(path)
        assert log.stat().st_ino == before
    finally:
        await first.close()
    await visit(path)
    assert not log.exists()
