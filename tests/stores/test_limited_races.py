"""Values that are taken once and counters of tries, wanted by several processes at once; on every store that they share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sojourn.stores.sqlite import SqliteStore
from sojourn.testing.law import T
from tests.servers.nursery import Talk, talk
from tests.stores.conftest import PLACES, opened
from tests.stores.test_races import CHILD

pytestmark = pytest.mark.anyio


async def started(address: str, *args: str) -> list[Talk]:
    """Two children that have opened the store and wait."""
    children = [await talk(str(CHILD), args[0], address, *args[1:]) for _ in range(2)]
    for child in children:
        assert (await child.stdout.readline()).startswith(b"ready")
    return children


async def said_by(children: Sequence[Talk]) -> list[list[str]]:
    """Let them go; the words of each line of all of them."""
    outputs = await asyncio.gather(*(child.communicate(b"!") for child in children))
    assert [child.returncode for child in children] == [0, 0]
    return [line.split() for said, _ in outputs for line in said.decode().splitlines()]


async def test_of_all_who_take_a_value_at_once_one_is_first(shared_store: Any, address: str) -> None:
    """§21: 20 parallel uses of a one-time value by two processes have one winner, and so have 200."""
    times = [10] * 20 + [100]
    for i in range(len(times)):
        assert await shared_store.put(f"code {i}", f"code-{i}", T + 1_000, T) is True
    children = await started(address, "take", "code ", json.dumps(times))
    firsts = await said_by(children)
    assert sorted(text for _, text, _ in firsts) == sorted(f"code-{i}" for i in range(len(times)))
    assert [await shared_store.look(f"code {i}", T) for i in range(len(times))] == [None] * len(times)


async def test_five_hundred_tries_of_two_processes_count_five_hundred(shared_store: Any, address: str) -> None:
    """§21: 500 parallel tries count 500, and as many go on as the delays allow."""
    children = await started(address, "try", "login", "250", json.dumps([0] * 9 + [60_000]))
    tried = await said_by(children)
    assert sorted(int(number) for number, _, _ in tried) == list(range(1, 501))
    assert sorted(int(number) for number, admitted, _ in tried if admitted == "True") == list(range(1, 11))
    assert await shared_store.count_try("login", (0,), T + 59_999, forget=1_000) == (False, 501, 1)
    assert await shared_store.count_try("login", (0,), T + 60_000, forget=1_000) == (True, 502, 0)


async def test_tries_that_meet_what_is_given_back_are_all_counted(shared_store: Any, address: str) -> None:
    async with opened(address) as peer:
        acts = [one.count_try("login", (0,), T, forget=1_000) for _ in range(60) for one in (shared_store, peer)]
        await asyncio.gather(*acts[:40])
        await asyncio.gather(
            *acts[40:], *(one.give_back("login", T) for _ in range(20) for one in (shared_store, peer))
        )
        assert await shared_store.count_try("login", (0,), T, forget=1_000) == (True, 81, 0)


async def test_of_all_who_put_one_value_at_the_instant_at_which_another_is_gone_one_does(
    shared_store: Any, address: str
) -> None:
    async with opened(address) as peer:
        await shared_store.put("code", "old", T + 100, T)
        puts = [one.put("code", f"{i}", T + 200, T + 100) for i in range(20) for one in (shared_store, peer)]
        takes = [one.take("code", T + 100) for _ in range(20) for one in (shared_store, peer)]
        *put, _, left = await asyncio.gather(*puts, asyncio.sleep(0), asyncio.gather(*takes))
        taken = [one for one in left if one is not None]
        assert all(one.first and one.text != "old" for one in taken)
        assert put.count(True) in (len(taken), len(taken) + 1), "each value that was taken had been put"


@pytest.fixture(params=["sqlite", "postgresql", "valkey"])
async def two_installations(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    first = str(request.getfixturevalue(PLACES[request.param]))
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        second = server.new_database()
    else:
        second = {"sqlite": f"sqlite:///{tmp_path}/other.db", "valkey": f"{first}/1"}[request.param]
    async with opened(first) as one, opened(second) as two:
        yield one, two
    if request.param == "postgresql":
        server.drop_database(second)


async def test_names_of_two_installations_are_apart(two_installations: tuple[Any, Any]) -> None:
    one, two = two_installations
    for store, text in ((one, "1"), (two, "2")):
        assert await store.put("code", text, T + 100, T) is True
        assert await store.count_try("login", (100,), T, forget=1_000) == (True, 1, 100)
    assert await one.take("code", T) == ("1", True, T)
    assert await two.take("code", T) == ("2", True, T)


# --- a process that is killed ---


async def killed_after(lines: int, path: Path, prefix: str) -> dict[str, str]:
    """Run a child until it has acknowledged ``lines`` acts, and kill it; each value -> what was said of it last."""
    child = await talk(str(CHILD), "codes", f"sqlite:///{path}", prefix)
    said = [await child.stdout.readline() for _ in range(lines)]
    child.kill()
    said += (await child.stdout.read()).splitlines(keepends=True)
    assert await child.wait() == -9
    return {name: f"{what} {remember}" for what, name, remember in (line.decode().split() for line in said)}


async def rounds(count: int, path: Path) -> None:
    for number in range(count):
        acknowledged = await killed_after(80 + 37 * number, path, f"round{number}")
        store = await SqliteStore.open(path)
        under_way = 0
        for name, said in acknowledged.items():
            taken = await store.take(name, T, remember=500)
            if said == "taken 500":
                assert taken == (name, False, T)
            elif said == "taken 0":
                assert taken is None, "a value that was taken has come back"
            else:
                under_way += taken != (name, True, T)
        assert under_way <= 8, "what was put is there, unless its taking was under way"
        assert set(acknowledged.values()) == {"put 0", "taken 0", "taken 500"}
        await store.close()


async def test_what_was_taken_never_comes_back_after_a_kill(tmp_path: Path) -> None:
    await rounds(4, tmp_path / "state.db")


@pytest.mark.soak
async def test_what_was_taken_never_comes_back_after_forty_kills(tmp_path: Path) -> None:
    await rounds(40, tmp_path / "state.db")
