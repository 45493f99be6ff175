"""What holds of a transaction on every kind of database: the guard before the commit, callers who go, who sees what."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from msgspec.structs import replace

from sojourn.bootstrap import Engine
from sojourn.core.errors import CrossSiteWrite, SessionEnded, SojournError
from sojourn.data.port import Backend
from sojourn.data.terms import TableChanges
from tests.data.applying import apply, count
from tests.data.conftest import Enter, product

pytestmark = pytest.mark.anyio


async def test_the_guard_is_asked_before_the_commit_and_its_refusal_undoes_all(backend: Backend) -> None:
    asked = []

    async def refuse() -> None:
        # Nobody sees the change yet.
        asked.append(await count(backend))
        raise SessionEnded("logout")

    with pytest.raises(SessionEnded):
        await apply(backend, TableChanges(table="product", inserted=[product(1)]), guard=refuse)
    assert asked == [(0, 0)]
    assert await count(backend) == (0, 0)
    assert await apply(backend, TableChanges(table="product", inserted=[product(1)])) == 1


async def test_a_session_that_ends_while_its_change_is_under_way(engine: Engine, enter: Enter) -> None:
    session = await enter()
    backend = await engine.databases.named()
    begun, ended = threading.Event(), threading.Event()

    class Slow(type(backend.rows)):  # type: ignore[misc]
        def insert(self, *given: Any) -> None:
            begun.set()
            assert ended.wait(10)
            super().insert(*given)

    backend.rows = Slow()
    applying = asyncio.create_task(
        engine.database(session).apply_updates([TableChanges(table="product", inserted=[product(1)])])
    )
    await asyncio.to_thread(begun.wait)
    await session.end()
    ended.set()
    with pytest.raises(SessionEnded):
        await applying
    assert await count(backend) == (0, 0)


async def test_an_account_that_is_disabled_while_its_change_is_under_way(engine: Engine, enter: Enter) -> None:
    backend = await engine.databases.named()
    database = engine.database(await enter("ben"))
    check = database._check

    async def disabled_meanwhile() -> None:
        database._check = check  # type: ignore[method-assign]
        await check()
        await engine.rules.users.set_state(database.user_key, "disabled", "test")

    # The check at the door passes, and the account is disabled right behind it.
    database._check = disabled_meanwhile  # type: ignore[method-assign]
    with pytest.raises(SojournError) as raised:
        await database.apply_updates([TableChanges(table="product", inserted=[product(1)])])
    assert raised.value.status == 401
    assert await count(backend) == (0, 0)


async def test_a_caller_who_goes_before_the_commit_leaves_nothing(backend: Backend) -> None:
    asking = asyncio.Event()

    async def forever() -> None:
        asking.set()
        await asyncio.Event().wait()

    change = TableChanges(table="product", inserted=[product(1)])
    applying = asyncio.create_task(apply(backend, change, guard=forever))
    async with asyncio.timeout(10):
        await asking.wait()
    applying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await applying
    assert await apply(backend, change) == 1
    assert await count(backend) == (1, 1)


async def test_a_caller_who_goes_while_he_waits_for_his_turn_leaves_nothing(backend: Backend) -> None:
    asking, go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        asking.set()
        await go.wait()

    first = asyncio.create_task(apply(backend, TableChanges(table="product", inserted=[product(1)]), guard=hold))
    await asking.wait()
    second = asyncio.create_task(apply(backend, TableChanges(table="product", inserted=[product(2)])))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    go.set()
    await first
    assert await apply(backend, TableChanges(table="product", inserted=[product(3)])) == 2
    assert await count(backend) == (2, 2)


async def test_readers_go_on_while_somebody_writes(backend: Backend) -> None:
    seen = []

    async def look() -> None:
        seen.append(await count(backend))

    await apply(backend, TableChanges(table="product", inserted=[product(1)]), guard=look)
    assert seen == [(0, 0)]


async def test_a_request_of_another_site_writes_nothing(engine: Engine, enter: Enter) -> None:
    session = await enter()
    session.access = replace(session.access, read_only=True)
    database = engine.database(session)
    with pytest.raises(CrossSiteWrite):
        await database.apply_updates([TableChanges(table="product", inserted=[product(1)])])
    assert len(await database.query("SELECT * FROM product")) == 0
