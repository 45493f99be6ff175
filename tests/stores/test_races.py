"""Several writers of one store: two connections of one process, and several processes; on every store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sojourn.core.errors import SessionEnded
from sojourn.core.ids import new_token
from sojourn.model.field import Limits, increment, put
from sojourn.stores.sqlite import SqliteStore
from sojourn.testing.interleaving.history import History
from sojourn.testing.law import HERE, LOGOUT, T, created, texts
from tests.servers.nursery import Talk, talk
from tests.stores.conftest import opened
from tests.stores.mutation import broken
from tests.stores.mutation import opened as opened_mutant
from tests.stores.stress import Worker
from tests.stores.test_mutants import MUTANTS
from tests.stores.travel import unpacked
from tests.stores.verdicts import joined, prepare, verdict

pytestmark = pytest.mark.anyio

CHILD = Path(__file__).with_name("store_child.py")
ROOMY = Limits(fields=1_000)


@pytest.fixture
async def peer(address: str) -> AsyncIterator[Any]:
    async with opened(address) as store:
        yield store


async def child(address: str, *args: str) -> Talk:
    return await talk(str(CHILD), args[0], address, *args[1:])


async def test_two_connections_lose_no_put_and_no_increment(shared_store: Any, peer: Any) -> None:
    session = await created(shared_store)
    changes = (
        one.change(HERE, session.id, 1, [put(f"{name}{i}", f"{i}"), increment("n", "0.1")], T, limits=ROOMY)
        for i in range(100)
        for name, one in (("a", shared_store), ("b", peer))
    )
    await asyncio.gather(*changes)
    fields = await texts(shared_store, session)
    assert fields.pop("n") == "20"
    assert fields == {f"{name}{i}": f"{i}" for i in range(100) for name in "ab"}


async def test_two_processes_and_this_one_count_exactly_and_lose_no_put(shared_store: Any, address: str) -> None:
    session, counted = await created(shared_store), await created(shared_store)
    children = [await child(address, "put", session.id, prefix, "30") for prefix in "ab"]
    children += [await child(address, "increment", counted.id, "n", "150")]
    for _ in range(50):
        await shared_store.change(HERE, counted.id, 1, [increment("n")], T)
    assert [await process.wait() for process in children] == [0, 0, 0]
    assert await texts(shared_store, session) == {f"{prefix}{i}": f"{i}" for prefix in "ab" for i in range(30)}
    assert await texts(shared_store, counted) == {"n": "200"}


async def test_an_end_here_stops_the_writers_of_another_process(shared_store: Any, address: str) -> None:
    session = await created(shared_store)
    process = await child(address, "increment", session.id, "n", "3000")
    while not await texts(shared_store, session):
        await shared_store.ping()
    ended = await shared_store.end(HERE, session.id, LOGOUT, T)
    assert ended is not None
    assert ended.now
    said, _ = await process.communicate()
    assert said.count(b"ended") > 0
    assert await shared_store.load(HERE, session.id, T) is None
    with pytest.raises(SessionEnded):
        await shared_store.change(HERE, session.id, 1, [put("x", "1")], T)


async def test_many_stores_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    stores = await asyncio.gather(*(SqliteStore.open(tmp_path / "fresh" / "state.db") for _ in range(6)))
    session = await created(stores[0])
    for one in stores:
        await one.change(HERE, session.id, 1, [increment("n")], T)
    assert await texts(stores[-1], session) == {"n": "6"}
    for one in stores:
        await one.close()


async def raced(store: Any, address: str, folder: Path, *, processes: int, acts: int) -> tuple[History, list[str]]:
    """Random acts of several processes at once; what they did, and what is wrong with it."""
    run = new_token()
    starts = await prepare(store, run)
    files = [folder / f"history-{number}" for number in range(processes)]
    children = [
        await talk(
            *("-m", "tests.stores.stress", address, run, str(number), str(processes)),
            *(str(acts // processes), str(file)),
        )
        for number, file in enumerate(files)
    ]
    assert [await process.wait() for process in children] == [0] * processes
    history = joined(unpacked(file.read_bytes()) for file in files)
    return history, await verdict(store, run, history, starts)


def coverage(history: History) -> Counter[str]:
    """How often what was answered."""
    return Counter(f"{act.asked.what} {'refused' if act.refused else 'done'}" for act in history.acts)


async def test_random_acts_of_two_processes_break_nothing(shared_store: Any, address: str, tmp_path: Path) -> None:
    history, faults = await raced(shared_store, address, tmp_path, processes=2, acts=1_000)
    assert faults == []
    seen = coverage(history)
    for what in ("change done", "change refused", "create refused", "rotate done", "end done", "change_bag done"):
        assert seen[what] > 0, seen


@pytest.mark.soak
async def test_a_hundred_thousand_acts_break_nothing(shared_store: Any, address: str, tmp_path: Path) -> None:
    history, faults = await raced(shared_store, address, tmp_path, processes=3, acts=100_000)
    assert faults == []
    assert len(history.acts) >= 100_000


@pytest.mark.parametrize(
    "name",
    ["changes the dead for every epoch", "rotates for every epoch", "counts outside the transaction", "loads the dead"],
)
async def test_random_acts_on_a_broken_store_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    backend, mutant = next((backend, one) for backend, one in MUTANTS if one.name == name)
    with broken(backend, mutant, tmp_path, monkeypatch) as package:
        for number in range(8):  # chance decides which acts meet
            if await _raced_here(package, tmp_path / f"{number}.db"):
                return
    raise AssertionError("no round has shown it")


async def _raced_here(package: Any, file: Path) -> list[str]:
    """Random acts of two stores of this process on one file; what is wrong."""
    run = new_token()
    async with opened_mutant(package, file) as one, opened_mutant(package, file) as two:
        starts = await prepare(one, run)
        workers = [Worker(store, run, number, 2, 600) for number, store in enumerate((one, two))]
        histories = await asyncio.gather(*(worker.work() for worker in workers))
        history = joined(history.acts for history in histories)
        return await verdict(one, run, history, starts)
