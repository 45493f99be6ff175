"""A serving process is killed while it writes: what was acknowledged is there, once."""

from __future__ import annotations

import random
import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

from sojourn.core.json import decode
from sojourn.stores.sqlite import SqliteStore
from sojourn.testing.law import HERE, T
from tests.servers.nursery import talk

pytestmark = pytest.mark.anyio

CHILD = Path(__file__).with_name("store_child.py")


class Acknowledged(NamedTuple):
    """What the child said before it died."""

    #: Session -> number of its changes.
    changed: dict[str, int]
    ended: list[str]


async def killed_after(lines: int, path: Path, prefix: str) -> Acknowledged:
    """Run a child until it has acknowledged ``lines`` acts, kill it, and read what else it had said."""
    address = f"sqlite:///{path}"
    child = await talk(str(CHILD), "serve", address, prefix)
    said = [await child.stdout.readline() for _ in range(lines)]
    child.kill()
    said += (await child.stdout.read()).splitlines(keepends=True)
    assert await child.wait() == -9
    changed: defaultdict[str, int] = defaultdict(int)
    ended = []
    for line in said:
        what, name, number = line.decode().split()
        if what == "ended":
            ended.append(name)
        else:
            changed[name] = max(changed[name], int(number))
    return Acknowledged(changed, ended)


async def check(path: Path, acknowledged: Acknowledged) -> None:
    """Every acknowledged change is there once, with at most the one under way beside it; every end stays."""
    store = await SqliteStore.open(path)
    for name, count in acknowledged.changed.items():
        loaded = await store.load(HERE, name, T)
        assert loaded is not None
        fields = {key: decode(field.text) for key, field in loaded.fields.items()}
        assert fields["n"] in (count, count + 1)
        assert fields["log"] == list(range(1, fields["n"] + 1))
        assert fields["pad"].rstrip("x") == str(fields["n"])
    for name in acknowledged.ended:
        stone = await store.why(HERE, name, T)
        assert stone is not None
        assert stone.end.reason == "logout"
    await store.close()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


async def rounds(count: int, path: Path) -> None:
    moments = random.SystemRandom()
    for number in range(count):
        acknowledged = await killed_after(moments.randint(1, 500), path, f"round{number}")
        assert acknowledged.changed or acknowledged.ended
        await check(path, acknowledged)


async def test_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    await rounds(4, tmp_path / "state.db")


@pytest.mark.soak
async def test_fifty_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    await rounds(50, tmp_path / "state.db")
