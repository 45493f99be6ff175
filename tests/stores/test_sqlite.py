"""The laws on the SQLite store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sojourn.stores.sqlite import SqliteStore
from sojourn.testing.stores import (
    BagLaws,
    CountLaws,
    DurableLaws,
    LifecycleLaws,
    MarkedLaws,
    OneTimeLaws,
    SessionStoreLaws,
    ThrottleLaws,
    TombstoneLaws,
)


class TestSqlite(
    SessionStoreLaws,
    TombstoneLaws,
    BagLaws,
    OneTimeLaws,
    ThrottleLaws,
    CountLaws,
    MarkedLaws,
    LifecycleLaws,
    DurableLaws,
):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[SqliteStore]:
        store = await SqliteStore.open(tmp_path / "state.db")
        yield store
        await store.close()

    peer = store
