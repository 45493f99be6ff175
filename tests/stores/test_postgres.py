"""The laws on the PostgreSQL store."""

from collections.abc import AsyncIterator

import pytest

from sojourn.stores.postgres import PostgresStore
from sojourn.testing import stores as laws


class TestPostgres(
    laws.SessionStoreLaws,
    laws.TombstoneLaws,
    laws.BagLaws,
    laws.OneTimeLaws,
    laws.ThrottleLaws,
    laws.CountLaws,
    laws.TimedLaws,
    laws.MarkedLaws,
    laws.LifecycleLaws,
    laws.DurableLaws,
):
    @pytest.fixture
    async def store(self, postgres_database: str) -> AsyncIterator[PostgresStore]:
        store = await PostgresStore.open(postgres_database)
        yield store
        await store.close()

    peer = store
