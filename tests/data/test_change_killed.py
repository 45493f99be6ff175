"""A change and its row in the log are both there or both not, whenever the process is killed."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from sojourn.core import json
from sojourn.data import schema
from sojourn.data.port import Backend
from tests.data.conftest import SECRET, empty_postgres
from tests.data.killed_child import opened

pytestmark = pytest.mark.anyio

CHILD = Path(__file__).with_name("killed_child.py")
ROOT = Path(__file__).parents[2]


def kill_at_random(place: str, seed: int) -> list[int]:
    """Let a child change records, kill it without warning; the versions that it was told."""
    chance = random.Random(seed)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, str(CHILD), place, SECRET.hex(), str(seed)], stdout=subprocess.PIPE, text=True, env=environment
    ) as child:
        assert child.stdout is not None
        told = [child.stdout.readline()]
        time.sleep(chance.uniform(0, 0.25))
        child.kill()
        told += child.stdout.read().splitlines()
    whole = told if told[-1].endswith("\n") or len(told) == 1 else told[:-1]
    return [int(line) for line in whole if line.strip()]


async def check(backend: Backend, told: list[int]) -> int:
    """Compare the table with its log played from the beginning; the number of changes."""
    table = (await backend.tables())["product"]

    def work(connection: Connection) -> tuple[dict[int, Any], list[Any], int]:
        change = schema.change
        rows = backend.rows.images(connection, table, range(100))
        log = connection.execute(select(change).order_by(change.c.number)).all()
        last = connection.execute(select(schema.version.c.number)).scalar_one()
        return rows, log, last  # type: ignore[return-value] # the keys are numbers

    rows, log, last = await backend.read(work)
    played: dict[int, dict[str, Any]] = {}
    for row in log:
        key = json.decode(row.record)
        before: Any = row.before and json.decode(row.before)
        after: Any = row.after and json.decode(row.after)
        if row.kind == "UPDATE":
            assert {name: played[key][name] for name in before} == before
            played[key].update(after)
        elif row.kind == "INSERT":
            assert key not in played
            played[key] = after
        else:
            assert played.pop(key) == before
    assert rows == played
    assert last >= max(told, default=0)
    return len(log)


@pytest.fixture
def place(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a database with the tables of the tests is, a file or a URL."""
    if database_kind == "postgresql":
        return empty_postgres(request, "killed")
    shutil.copy(request.getfixturevalue("made_file"), tmp_path / "app.db")
    return str(tmp_path / "app.db")


async def killed(place: str, times: int) -> None:
    changes = 0
    for seed in range(times):
        told = await asyncio.to_thread(kill_at_random, place, seed)
        backend = await opened(place, SECRET)
        try:
            found = await check(backend, told)
        finally:
            await backend.close()
        assert found > changes
        changes = found


async def test_a_change_and_its_row_in_the_log_are_both_there_or_both_not(place: str) -> None:
    await killed(place, 2)


@pytest.mark.soak
async def test_two_hundred_kills_part_no_change_from_its_row(place: str) -> None:
    await killed(place, 200)
