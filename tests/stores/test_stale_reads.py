"""The guard stands in the statement that writes: a store whose reads are one step in the past still obeys the laws."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sojourn.stores.sqlite import SqliteStore
from sojourn.stores.sqlite.statements import SQL
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


class TestLagging(ChangingLaws, EndingLaws, ExpiringLaws):
    pytestmark = pytest.mark.anyio

    @pytest.fixture
    async def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqliteStore]:
        connect = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Lagging))
        store = await SqliteStore.open(tmp_path / "state.db")
        yield store
        await store.close()
