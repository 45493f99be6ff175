"""The guard stands in the statement that writes: a store whose reads are one step in the past still obeys the laws."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sojourn.stores.sqlite import SqliteStore
from sojourn.stores.sqlite.statements import SQL
from sojourn.testing.law import T
from sojourn.testing.session_laws.changing import ChangingLaws
from sojourn.testing.session_laws.ending import EndingLaws
from sojourn.testing.session_laws.expiring import ExpiringLaws


class Lagging(sqlite3.Connection):
    """Shows the row that a change works on as it was when it was read before."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        cursor = super().execute(sql, parameters)
        if sql != SQL.seen:
            return cursor
        past: dict[str, Any] = self.__dict__.setdefault("past", {})
        sid = parameters[0]
        rows = cursor.fetchall()
        before, past[sid] = past.get(sid, rows), rows
        return Rows(before)


class Rows:
    """A cursor on rows that were read already."""

    def __init__(self, rows: list[Any]) -> None:
        self._rows = rows

    def fetchall(self) -> list[Any]:
        return self._rows


@pytest.mark.anyio
async def test_who_still_sees_a_value_that_was_taken_does_not_take_it(tmp_path: Path) -> None:
    store, other = [await SqliteStore.open(tmp_path / "state.db") for _ in range(2)]
    await store.put("code", "1", T + 100, T)
    store._reads._db.execute("BEGIN")
    assert await store.look("code", T) == "1"
    assert await other.take("code", T, remember=50) == ("1", True, T)
    assert await store.look("code", T) == "1", "it reads the past"
    assert await store.take("code", T) == ("1", False, T)
    assert await store.put("code", "2", T + 100, T) is False
    store._reads._db.execute("COMMIT")
    assert await store.look("code", T) is None
    for one in (store, other):
        await one.close()


class TestLagging(ChangingLaws, EndingLaws, ExpiringLaws):
    pytestmark = pytest.mark.anyio

    @pytest.fixture
    async def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqliteStore]:
        connect = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Lagging))
        store = await SqliteStore.open(tmp_path / "state.db")
        yield store
        await store.close()
