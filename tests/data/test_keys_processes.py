"""Keys are given out once, whoever asks: processes and threads at the same time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data.conftest import empty_postgres
from tests.patience import HANGS


def made_at_once(place: str, processes: int, count: int) -> list[int]:
    command = [sys.executable, "-m", "tests.data.keys_child", place, str(count)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
    found: list[int] = []
    for child in running:
        out, _ = child.communicate(timeout=HANGS)
        assert child.returncode == 0
        found += json.loads(out)
    return found


@pytest.mark.parametrize("count", [20, pytest.param(2_000, marks=pytest.mark.soak)])
def test_two_processes_of_eight_threads_make_no_key_twice(
    database_kind: str, request: pytest.FixtureRequest, tmp_path: Path, count: int
) -> None:
    if database_kind == "postgresql":
        place = empty_postgres(request)
    else:
        place = str(tmp_path / "app.db")
        shutil.copy(request.getfixturevalue("made_file"), place)
    found = made_at_once(place, 2, count)
    assert len(found) == 2 * 8 * (count + count // 5 * 6)
    assert len(set(found)) == len(found)
    assert min(found) >= 1
