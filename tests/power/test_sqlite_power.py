"""The power fails while the SQLite store is written to: what was acknowledged is there."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from sojourn.core.errors import StoreCorrupt, StoreUnavailable
from sojourn.stores.sqlite import SqliteStore
from tests.power.counting import missing
from tests.power.outage import COMPILER, Disk

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")]

CHILD = Path(__file__).with_name("sqlite_child.py")


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


async def lost(disk: Disk, synchronous: str, name: str, chance: random.Random) -> int:
    """Serve on ``disk`` until the power fails; how many acknowledged acts are gone afterwards."""
    file = disk.root / "state.db"
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), str(file), name, synchronous, stdout=PIPE, env=disk.power()
    )
    assert child.stdout is not None
    said = [await child.stdout.readline() for _ in range(chance.randint(20, 400))]
    child.kill()
    said += (await child.stdout.read()).splitlines(keepends=True)
    assert await child.wait() == -9
    disk.lose_power(chance if chance.random() < 0.5 else None)
    store = await SqliteStore.open(file)
    try:
        return await missing(store, said)
    finally:
        await store.close()


async def rounds(disk: Disk, count: int) -> None:
    chance = random.Random(20)
    for number in range(count):
        assert await lost(disk, "FULL", f"round{number}", chance) == 0
        with sqlite3.connect(disk.root / "state.db") as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        db.close()


async def test_three_power_failures_lose_nothing_that_was_acknowledged(disk: Disk) -> None:
    await rounds(disk, 3)


@pytest.mark.soak
async def test_forty_power_failures_lose_nothing_that_was_acknowledged(disk: Disk) -> None:
    await rounds(disk, 40)


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
async def test_the_disk_does_lose_what_is_not_synced(disk: Disk, synchronous: str) -> None:
    """The same on a store that does not sync each commit: unless it loses something, the tests above prove nothing."""
    chance = random.Random(20)
    for number in range(10):
        try:
            gone = await lost(disk, synchronous, f"round{number}", chance)
        except (StoreCorrupt, StoreUnavailable):
            return
        if gone:
            return
    pytest.fail("nothing was lost without syncing")
