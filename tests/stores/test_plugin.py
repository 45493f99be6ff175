"""The laws as others run them: on their own store, by an option of pytest."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.patience import HANGS

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "test-a-store.md"

#: Plugins of others that have nothing to do here and take seconds to load.
_OTHERS = ("cacheprovider", "hypothesispytest", "schemathesis", "faker")
PYTEST = (sys.executable, "-m", "pytest", *(word for name in _OTHERS for word in ("-p", f"no:{name}")))

MY_STORE = """
from sojourn.stores.memory import MemoryStore

class MyStore(MemoryStore):
    @classmethod
    async def open_empty(cls):
        return cls()

    async def send(self, command):
        return None

    async def end(self, *args, **kwargs):
        await self.send("end")
        return await super().end(*args, **kwargs)

    async def change(self, *args, **kwargs):
        await self.send("change")
        return await super().change(*args, **kwargs)

    async def create(self, *args, **kwargs):
        await self.send("create")
        return await super().create(*args, **kwargs)
"""

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
    command = [*PYTEST, "--pyargs", "sojourn.testing.suite", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=HANGS, check=False)


def test_the_laws_run_on_a_store_that_is_named(tmp_path: Path) -> None:
    ran = run(tmp_path, "-p", "theirs", "--sojourn-store=theirs:good", "--sojourn-powers=tombstones")
    assert ran.returncode == 0, ran.stdout
    assert " deselected" in ran.stdout


def test_a_power_that_there_is_not_is_named(tmp_path: Path) -> None:
    ran = run(tmp_path, "-p", "theirs", "--sojourn-store=theirs:good", "--sojourn-powers=bags,flight")
    assert ran.returncode != 0
    assert "unknown powers: flight" in ran.stderr


def test_a_failure_names_its_law(tmp_path: Path) -> None:
    ran = run(tmp_path, "-p", "theirs", "--sojourn-store=theirs:forgetful", "-q")
    assert ran.returncode == 1
    assert "END-2: test_a_logout_by_an_old_handle_ends_nothing" in ran.stdout


def test_without_a_store_it_says_what_is_missing(tmp_path: Path) -> None:
    ran = run(tmp_path)
    assert ran.returncode != 0
    assert "--sojourn-store=module:function" in ran.stderr


def test_the_page_of_the_checker_runs_as_it_is_printed(tmp_path: Path) -> None:
    (tmp_path / "mystore").mkdir()
    (tmp_path / "mystore" / "__init__.py").write_text(MY_STORE)
    (tmp_path / "conftest.py").write_text(
        "import pytest\n\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    )
    names = re.findall(r"```python\n# (\S+)\n", PAGE.read_text())
    for name, code in zip(names, re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL), strict=True):
        (tmp_path / name).write_text(code)
    command = [*PYTEST, "-q", *names[1:]]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=HANGS, check=False)
    assert ran.returncode == 0, ran.stdout
    assert "27 passed" in ran.stdout
