"""A change belongs to who began it: when he has logged out or another one has logged in before the commit, nothing is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.errors import SessionEnded, StaleSession
from sojourn.data import database as data_database
from sojourn.data.database import Database
from sojourn.data.port import Backend
from sojourn.data.selecting import Selection
from sojourn.data.terms import TableChanges
from sojourn.engine.live import Session
from tests.data.conftest import PASSWORD, Enter, product

pytestmark = pytest.mark.anyio

Act = Callable[[], Awaitable[Any]]


def _before_the_commit(backend: Backend, monkeypatch: pytest.MonkeyPatch, act: Act) -> None:
    """Let ``act`` happen when all is written, before anybody looks at the session."""

    def within(run: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def acting(*given: Any) -> Any:
            *rest, guard = given

            async def late() -> None:
                await act()
                await guard()

            return await run(*rest, late)

        return acting

    monkeypatch.setattr(backend, "write", within(backend.write))
    monkeypatch.setattr(backend, "define", within(backend.define))


async def _state(database: Database) -> list[Any]:
    log = await database.query('SELECT count(*) FROM "iLog"')
    rows = await database.query('SELECT "iKey" FROM product ORDER BY "iKey"')
    return [log.rows, rows.rows]


async def _another(session: Session) -> None:
    await session.login("carla", PASSWORD)


async def _out_and_in(session: Session) -> None:
    await session.logout()
    await session.login("anna", PASSWORD)


@pytest.mark.parametrize("end", [Session.logout, _another, _out_and_in])
async def test_nothing_is_committed_for_who_is_not_there_any_more(
    engine: Engine, enter: Enter, monkeypatch: pytest.MonkeyPatch, end: Callable[[Session], Awaitable[None]]
) -> None:
    witness = engine.database(await enter("anna"))
    await witness.apply_updates([TableChanges(table="product", inserted=[product(1)])])
    backend = await engine.databases.named()
    before = await _state(witness)

    def acts(database: Database) -> list[Act]:
        async def undo() -> None:
            await (await database.undo()).undo(Selection(table="product"))

        return [
            lambda: database.apply_updates([TableChanges(table="product", inserted=[product(2)])]),
            lambda: database.execute_ddl("CREATE TABLE made (a INTEGER PRIMARY KEY)"),
            lambda: database.insert_log("MINE"),
            lambda: database.update_logs(version=1, fresh=True),
            database.inc_version,
            undo,
        ]

    for place in range(6):
        session = await enter("anna")
        act = acts(engine.database(session))[place]
        with monkeypatch.context() as patched:
            _before_the_commit(backend, patched, lambda session=session: end(session))  # type: ignore[misc]
            with pytest.raises(StaleSession):
                await act()
    assert await _state(witness) == before


async def test_a_connection_that_logs_out_keeps_nothing_either(
    engine: Engine, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = engine.database(await enter("anna"))
    backend: Backend = await engine.databases.named()

    async def out() -> None:
        database.logout()

    with monkeypatch.context() as patched:
        _before_the_commit(backend, patched, out)
        with pytest.raises(StaleSession):
            await database.apply_updates([TableChanges(table="product", inserted=[product(2)])])
    assert await database.login("anna", PASSWORD)
    assert await database.apply_updates([TableChanges(table="product", inserted=[product(2)])])


@pytest.mark.parametrize(("end", "error"), [(Session.end, SessionEnded), (_another, StaleSession)])
async def test_who_has_gone_reads_no_further_page(
    engine: Engine,
    enter: Enter,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[Session], Awaitable[None]],
    error: type[Exception],
) -> None:
    monkeypatch.setattr(data_database, "LOOK", 0)
    session = await enter("anna")
    database = engine.database(session)
    await database.apply_updates([TableChanges(table="product", inserted=[product(key) for key in range(1, 6)])])
    async with aclosing(database.stream('SELECT "iKey" FROM product', page=1)) as pages:
        assert len((await anext(pages)).rows) == 1
        assert len((await anext(pages)).rows) == 1
        await end(session)
        with pytest.raises(error):
            await anext(pages)
