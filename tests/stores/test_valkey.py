"""The laws on Valkey, on one server and on a cluster."""

from collections.abc import AsyncIterator

import pytest

from sojourn.stores.valkey import ValkeyStore
from sojourn.testing.stores import (
    BagLaws,
    CountLaws,
    DurableLaws,
    LifecycleLaws,
    MarkedLaws,
    OneTimeLaws,
    SessionStoreLaws,
    ThrottleLaws,
    TimedLaws,
    TombstoneLaws,
)


class _Laws(
    SessionStoreLaws,
    TombstoneLaws,
    BagLaws,
    OneTimeLaws,
    ThrottleLaws,
    CountLaws,
    TimedLaws,
    MarkedLaws,
    LifecycleLaws,
    DurableLaws,
):
    @pytest.fixture
    async def store(self, url: str) -> AsyncIterator[ValkeyStore]:
        store = await ValkeyStore.open(url)
        yield store
        await store.close()

    peer = store


class TestValkey(_Laws):
    @pytest.fixture
    def url(self, valkey_url: str) -> str:
        return valkey_url


class TestValkeyCluster(_Laws):
    @pytest.fixture
    def url(self, valkey_cluster_url: str) -> str:
        return valkey_cluster_url
