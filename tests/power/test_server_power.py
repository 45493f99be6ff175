"""The power fails under the server of the store while it is written to: what was acknowledged is there."""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import open_store
from sojourn.core.errors import SojournError
from tests.power.counting import missing
from tests.power.outage import COMPILER, Disk
from tests.servers.postgres import PostgresServer
from tests.servers.valkey import ValkeyServer

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")]

CHILD = Path(__file__).parents[1] / "stores" / "store_child.py"


class Machine:
    """A server whose data are on a disk without a battery."""

    def __init__(self, kind: str, disk: Disk) -> None:
        self._disk = disk
        self._policy = kind.partition(" ")[2]
        self.server: Any = self._postgres() if kind.startswith("postgresql") else ValkeyServer(folder=disk.root)

    def start(self) -> None:
        power = self._disk.power()
        if isinstance(self.server, ValkeyServer):
            self.server.start(self._policy, power)
        else:
            self.server.start(power)

    def fail(self, chance: random.Random | None) -> None:
        """The power fails and comes back."""
        self.server.kill()
        self._disk.lose_power(chance, in_order=isinstance(self.server, ValkeyServer))
        self.start()

    def _postgres(self) -> PostgresServer:
        setting = dict([self._policy.split("=")]) if self._policy else {}
        return PostgresServer(durable=True, place=self._disk.root, **setting)


@pytest.fixture
def disk() -> Iterator[Disk]:
    """In a folder with a short name, which the server may enter whoever it runs as."""
    folder = Path(tempfile.mkdtemp(prefix="power-"))
    folder.chmod(0o711)
    yield Disk(folder)
    shutil.rmtree(folder)


@pytest.fixture
def machine(request: pytest.FixtureRequest, disk: Disk) -> Iterator[Machine]:
    machine = Machine(request.param, disk)
    machine.start()
    yield machine
    machine.server.remove()


async def lost(machine: Machine, name: str, chance: random.Random) -> int:
    """Serve until the power fails; how many acknowledged acts are gone afterwards."""
    writer = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), "serve", machine.server.url, name, stdout=PIPE, stderr=DEVNULL
    )
    assert writer.stdout is not None
    said = [await writer.stdout.readline() for _ in range(chance.randint(100, 1_000))]
    assert all(said), "the writer was refused"
    reading = asyncio.create_task(writer.stdout.read())
    await asyncio.to_thread(machine.fail, whims(chance))
    with suppress(ProcessLookupError):
        writer.kill()
    said += (await reading).splitlines(keepends=True)
    await writer.wait()
    store: Any = await open_store(machine.server.url)
    try:
        return await missing(store, said)
    finally:
        await store.close()


def whims(chance: random.Random) -> random.Random | None:
    """Whether something of what was not synced has reached the disk after all."""
    return chance if chance.random() < 0.5 else None


async def rounds(machine: Machine, count: int) -> None:
    chance = random.Random(21)
    for number in range(count):
        assert await lost(machine, f"round{number}", chance) == 0


DURABLE = pytest.mark.parametrize("machine", ["postgresql", "valkey always"], indirect=True)
LOSING = [
    "postgresql synchronous_commit=off",
    "valkey no",
    "valkey everysec",
    pytest.param("postgresql fsync=off", marks=pytest.mark.soak),
]


@DURABLE
async def test_a_power_failure_of_the_server_loses_nothing_that_was_acknowledged(machine: Machine) -> None:
    await rounds(machine, 1)


@pytest.mark.soak
@DURABLE
async def test_twenty_power_failures_of_the_server_lose_nothing_that_was_acknowledged(machine: Machine) -> None:
    await rounds(machine, 20)


@pytest.mark.parametrize("machine", LOSING, indirect=True)
async def test_a_server_that_does_not_sync_each_commit_does_lose_some(machine: Machine) -> None:
    """Unless these lose something, the tests above prove nothing."""
    chance = random.Random(21)
    for number in range(10):
        try:
            gone = await lost(machine, f"round{number}", chance)
        except (SojournError, AssertionError):
            return  # it does not even start
        if gone:
            return
    pytest.fail("nothing was lost without syncing")
