"""Leases: one holder at a time over processes, and a dead one is succeeded when its time is over."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from sojourn.core.clock import ManualClock, SystemClock
from sojourn.engine.database import EngineDatabase
from sojourn.engine.leases import Lease, Leases
from tests.patience import HANGS

pytestmark = pytest.mark.anyio


HOLDER = """
import asyncio, pathlib, sys
from sojourn.core.clock import SystemClock
from sojourn.engine.database import EngineDatabase
from sojourn.engine.leases import Leases

async def main():
    db = await EngineDatabase.open(sys.argv[3], pathlib.Path(sys.argv[1]))
    print(await Leases(db, SystemClock()).hold("sweeper", "child", int(sys.argv[2])), flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


def start_holder(project: Path, url: str, lasts: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(project), str(lasts), url]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


async def test_one_holds_and_the_others_wait_until_it_is_over(db: EngineDatabase, clock: ManualClock) -> None:
    leases = Leases(db, clock)
    assert await leases.hold("sweeper", "a", 1_000)
    assert not await leases.hold("sweeper", "b", 1_000)
    assert await leases.hold("other", "b", 1_000)
    clock.advance(999)
    assert await leases.holder("sweeper") == "a"
    assert not await leases.hold("sweeper", "b", 1_000)
    clock.advance(1)
    assert await leases.holder("sweeper") == ""
    assert await leases.hold("sweeper", "b", 1_000)
    assert not await leases.hold("sweeper", "a", 1_000)


async def test_a_holder_keeps_it_by_asking_again(db: EngineDatabase, clock: ManualClock) -> None:
    leases = Leases(db, clock)
    for _ in range(5):
        assert await leases.hold("sweeper", "a", 1_000)
        clock.advance(900)
        assert not await leases.hold("sweeper", "b", 1_000)


async def test_what_is_given_back_is_free_at_once_and_only_its_holder_gives_it_back(
    db: EngineDatabase, clock: ManualClock
) -> None:
    leases = Leases(db, clock)
    assert await leases.hold("sweeper", "a", 1_000)
    await leases.release("sweeper", "b")
    assert not await leases.hold("sweeper", "b", 1_000)
    await leases.release("sweeper", "a")
    assert await leases.hold("sweeper", "b", 1_000)


async def test_of_many_that_ask_at_once_one_gets_it(project: Path, engine_url: str, clock: ManualClock) -> None:
    opened = [await EngineDatabase.open(engine_url, project) for _ in range(4)]
    asked = [Lease(Leases(db, clock), "sweeper", f"h{n}", 1_000) for n, db in enumerate(opened)]
    for _ in range(5):
        assert sum(await asyncio.gather(*(lease.renew() for lease in asked))) == 1
        clock.advance(1_000)
    assert sum(lease.held for lease in asked) == 1
    for db in opened:
        await db.close()


async def test_the_lease_of_a_killed_process_dies_by_time(db: EngineDatabase, project: Path, engine_url: str) -> None:
    lasts = 1_500
    with start_holder(project, engine_url, lasts) as child:
        assert child.stdout is not None
        assert (await asyncio.to_thread(child.stdout.readline)).strip() == "True"
        clock = SystemClock()
        leases, taken = Leases(db, clock), clock.now()
        child.kill()
    refused = 0
    async with asyncio.timeout(HANGS):
        while not await leases.hold("sweeper", "me", lasts):
            refused += 1
            await asyncio.sleep(0.05)
    assert refused > 0
    assert clock.now() >= taken + lasts - 500
