"""The laws as others run them: on their own store, by an option of pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

OURS = """
from contextlib import asynccontextmanager
from sojourn.stores.memory import MemoryStore

class Forgetful(MemoryStore):
    async def end(self, realm, sid, end, now, *, epoch=None):
        return await super().end(realm, sid, end, now)

@asynccontextmanager
async def good():
    yield MemoryStore()

@asynccontextmanager
async def forgetful():
    yield Forgetful()
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "theirs.py").write_text(OURS)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--pyargs", "sojourn.testing.suite", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_the_laws_run_on_a_store_that_is_named(tmp_path: Path) -> None:
    ran = run(tmp_path, "-p", "theirs", "--sojourn-store=theirs:good", "--sojourn-powers=tombstones")
    assert ran.returncode == 0, ran.stdout
    assert " deselected" in ran.stdout


def test_a_failure_names_its_law(tmp_path: Path) -> None:
    ran = run(tmp_path, "-p", "theirs", "--sojourn-store=theirs:forgetful", "-q")
    assert ran.returncode == 1
    assert "END-2: test_a_logout_by_an_old_handle_ends_nothing" in ran.stdout


def test_without_a_store_it_says_what_is_missing(tmp_path: Path) -> None:
    ran = run(tmp_path)
    assert ran.returncode != 0
    assert "--sojourn-store=module:function" in ran.stderr
