"""Fixtures that every test may use."""

import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

# Real servers, started once for a run and only when a test asks for one.
pytest_plugins = ["tests.servers.postgres", "tests.servers.valkey"]

#: Where files live in memory, and how many bytes it must have free.
_MEMORY, _ROOM = Path("/dev/shm"), 4 << 30


def _keep_files_in_memory() -> None:
    """Tests make and flush thousands of databases: a disk takes minutes for it, and longer when others use it.

    Power failures are played on a disk of their own (``tests.power``), so nothing is proved by a real one.
    """
    if os.environ.keys() & {"TMPDIR", "PYTEST_DEBUG_TEMPROOT"}:
        return
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ROOM:
        os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = tempfile.tempdir = str(_MEMORY)


def _keep_bytecode() -> None:
    """A run starts a hundred processes, and each would compile everything anew."""
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _collect_seldom() -> None:
    """Everything that a run has imported would be walked through again and again for hardly any garbage."""
    gc.set_threshold(50_000, 20, 100)


_keep_files_in_memory()
_keep_bytecode()
_collect_seldom()


def pytest_xdist_auto_num_workers() -> int | None:
    """``-n auto``: two test processes more than cores, for many a test waits for a process or a limit of time."""
    said = "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ  # which xdist reads itself
    return None if said else (os.cpu_count() or 1) + 2


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
