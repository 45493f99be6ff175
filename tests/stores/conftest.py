"""The stores that a test of all stores runs on, each as an address that any process can open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import open_store
from sojourn.stores.memory import MemoryStore

#: Name of a store -> the fixture that gives its address.
PLACES = {
    "sqlite": "sqlite_address",
    "postgresql": "postgres_database",
    "valkey": "valkey_url",
    "valkey-cluster": "valkey_cluster_url",
}


@pytest.fixture
def sqlite_address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store/state.db"


@pytest.fixture(params=PLACES)
def address(request: pytest.FixtureRequest) -> str:
    """The address of an empty store that several processes may open."""
    return str(request.getfixturevalue(PLACES[request.param]))


@pytest.fixture
async def shared_store(address: str) -> AsyncIterator[Any]:
    """Each of the stores that outlive a process, in turn; the powers of all of them are the same."""
    async with opened(address) as store:
        yield store


@pytest.fixture(params=["memory", *PLACES])
async def any_store(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Each of the stores in turn."""
    if request.param == "memory":
        yield MemoryStore()
        return
    async with opened(str(request.getfixturevalue(PLACES[request.param]))) as store:
        yield store


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Any]:
    """The store at ``address``, once more."""
    store: Any = await open_store(address)
    try:
        yield store
    finally:
        await store.close()
