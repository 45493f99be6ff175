"""A commit that breaks: the client is told that nobody knows, and nothing is tried a second time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sojourn.bootstrap import Engine
from sojourn.pipelines.deployment import Deployment
from sojourn.stores.sqlite import SqliteStore
from tests.http.conftest import bearer
from tests.http.wire_client import Client
from tests.pipelines.flows import get_global, make, plan, step

pytestmark = pytest.mark.anyio


@pytest.fixture
def pipelines() -> None:
    """They are made here."""


class Breaking(sqlite3.Connection):
    """Breaks at the commit, before or after it is done."""

    commits = 0
    done = False

    def execute(self, sql: str, *args: object) -> sqlite3.Cursor:
        if sql != "COMMIT":
            return super().execute(sql, *args)  # type: ignore[arg-type] # the parameters are passed on as they come
        type(self).commits += 1
        if self.done:
            super().execute(sql)
        raise sqlite3.OperationalError("disk I/O error")


@contextmanager
def breaking(engine: Engine, folder: Path, *, done: bool) -> Iterator[None]:
    store = engine.rules.store
    assert isinstance(store, SqliteStore)
    sound = store._writer._db
    Breaking.commits, Breaking.done = 0, done
    broken = sqlite3.connect(
        folder / "var" / "state.db", isolation_level=None, check_same_thread=False, factory=Breaking
    )
    store._writer._db = broken
    try:
        yield
    finally:
        store._writer._db = sound
        broken.close()


@pytest.mark.parametrize("done", [False, True])
async def test_a_broken_commit_is_503_and_never_repeated(engine: Engine, folder: Path, done: bool) -> None:  # noqa: FBT001
    count = step("session-management", params={"operation": "INCREMENT", "sessionType": "GLOBAL", "fields": ["n"]})
    read = plan(make({}), get_global("n"), name="read", tokenJwt=True)
    app = engine.application()
    app.deploy(Deployment([plan(make({}), count, name="count", tokenJwt=True), read]))
    client = Client(app)
    token = await bearer(client, "ana")
    with breaking(engine, folder, done=done):
        answer = await client.post("/pipeline/acme/v1/count", token)
    assert (answer.status, answer.json()["code"]) == (503, "store.outcome_unknown")
    assert answer.header("retry-after") == "1"
    assert Breaking.commits == 1
    assert (await client.post("/pipeline/acme/v1/read", token)).json() == ({"n": 1} if done else {})
    assert (await client.post("/pipeline/acme/v1/count", token)).json() == {"n": 2 if done else 1}
