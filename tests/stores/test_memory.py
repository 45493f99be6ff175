"""The laws on the memory store."""

import pytest

from sojourn.stores.memory import MemoryStore
from sojourn.testing.stores import (
    BagLaws,
    CountLaws,
    LifecycleLaws,
    MarkedLaws,
    OneTimeLaws,
    SessionStoreLaws,
    ThrottleLaws,
    TombstoneLaws,
)


class TestMemory(
    SessionStoreLaws, TombstoneLaws, BagLaws, OneTimeLaws, ThrottleLaws, CountLaws, MarkedLaws, LifecycleLaws
):
    @pytest.fixture
    async def store(self) -> MemoryStore:
        return MemoryStore()
