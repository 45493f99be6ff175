"""The power fails under the whole engine, and under a Valkey that syncs each second: what ended stays ended."""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Shop, copy_of
from tests.e2e.pair import Pair, Tally, furnish
from tests.e2e.process import EngineProcess, running
from tests.power.outage import COMPILER, Disk
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")

WRITERS = 4

#: Seconds after which ``appendfsync everysec`` has what it acknowledged on the disk.
SYNCED_WITHIN = 2.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short name, for the socket of a server."""
    folder = Path(tempfile.mkdtemp(prefix="power-"))
    yield folder
    shutil.rmtree(folder)


class Machine:
    """An engine whose whole project is on a disk without a battery."""

    def __init__(self, pristine: Shop, folder: Path, *, lying: bool = False) -> None:
        self.disk = Disk(folder, lying=lying)
        shop = copy_of(pristine, folder / "home")
        self.shop = shop._replace(folder=shop.folder.rename(self.disk.root / "project"))
        furnish(self.shop, "sqlite:///var/state.db")
        self.engine = self.shop.engine()
        self.pair = Pair(self.shop, (self.engine, self.engine), None, "")
        self.gone: list[str] = []
        self.tallies: list[Tally] = []

    def start(self) -> EngineProcess:
        self.disk.power()
        self.engine.variables = self.disk.wires()
        return self.engine.start()

    def serve(self, seconds: float) -> None:
        """Serve writers, and some that log out, until the power fails."""
        self.tallies, stop = [Tally(token) for token in self.pair.enter(WRITERS)], threading.Event()
        threads = [threading.Thread(target=tally.write, args=(self.pair, 0, stop)) for tally in self.tallies]
        for thread in threads:
            thread.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            (token,) = self.pair.enter()
            assert self.pair.call(self.engine, "logout", token).status == 200
            self.gone.append(token)
        self.engine.kill()
        stop.set()
        for thread in threads:
            thread.join()

    def lost(self) -> int:
        """How many acknowledged acts are gone."""
        answers = [self.pair.call(self.engine, "look", tally.token) for tally in self.tallies]
        pairs = zip(answers, self.tallies, strict=True)
        lost = sum(found.status != 200 or int(found.json().get("n", 0)) < tally.acknowledged for found, tally in pairs)
        ended = [self.pair.call(self.engine, "look", token) for token in self.gone]
        return lost + sum((answer.status, answer.json().get("reason")) != (401, "logout") for answer in ended)


def failures(machine: Machine, count: int) -> int:
    """How many acknowledged acts ``count`` failures of the power have cost."""
    lost, chance = 0, random.Random(22)
    machine.start()
    try:
        for _ in range(count):
            machine.serve(chance.uniform(0.2, 0.8))
            machine.disk.lose_power(chance if chance.random() < 0.5 else None)
            machine.start()
            lost += machine.lost()
    finally:
        if machine.engine.running:
            machine.engine.kill()
    return lost


def test_a_power_failure_of_the_engine_loses_no_acknowledged_write_and_no_logout(
    pristine_shop: Shop, folder: Path
) -> None:
    machine = Machine(pristine_shop, folder)
    assert failures(machine, 1) == 0
    assert machine.gone
    assert sum(tally.acknowledged for tally in machine.tallies) > 10


@pytest.mark.soak
def test_twenty_power_failures_of_the_engine_lose_no_acknowledged_write_and_no_logout(
    pristine_shop: Shop, folder: Path
) -> None:
    assert failures(Machine(pristine_shop, folder), 20) == 0


@pytest.mark.soak
def test_an_engine_on_a_disk_that_lies_does_lose_some(pristine_shop: Shop, folder: Path) -> None:
    """Unless this loses something, the tests above prove nothing."""
    assert failures(Machine(pristine_shop, folder, lying=True), 1) > 0


def test_what_ended_stays_ended_when_valkey_loses_the_last_second(pristine_shop: Shop, folder: Path) -> None:
    disk = Disk(folder)
    shop = copy_of(pristine_shop, folder / "home")
    server = ValkeyServer(folder=disk.root)
    server.start("everysec", disk.power())
    furnish(shop, server.url)
    try:
        with running(shop.engine()) as engine:
            pair = Pair(shop, (engine, engine), server, server.url)
            for _ in range(5):
                lose_a_second(pair, disk, server)
                if "the end journal ended" in engine.log.read_text():
                    return
        pytest.fail("the server has lost no end, so nothing was shown")
    finally:
        server.kill()


def lose_a_second(pair: Pair, disk: Disk, server: ValkeyServer) -> None:
    staying, leaving = pair.enter(4), pair.enter(8)
    engine, (token, *_) = pair.engines[0], staying
    acknowledged, until = [], time.monotonic() + 2.5
    while time.monotonic() < until:
        count = pair.call(engine, "count", token).json()["n"]
        acknowledged.append((time.monotonic(), count))
    assert [pair.call(engine, "logout", each).status for each in leaving] == [200] * len(leaving)
    failed = time.monotonic()
    server.kill()
    disk.lose_power()
    server.start("everysec", disk.power())
    pair.wait_until(ready=True)
    for each in leaving:
        answer = pair.call(engine, "look", each)
        assert (answer.status, answer.json()["reason"]) == (401, "logout")
    found = pair.call(engine, "look", token).json()["n"]
    assert found >= max(count for at, count in acknowledged if at < failed - SYNCED_WITHIN)
    assert found <= acknowledged[-1][1]
