"""The session manager: what the reference promises of its members."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import HOUR, MINUTE, ManualClock
from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.engine.activity import ExecutionAborted
from sojourn.engine.manager import SessionManager, StatefulRealm
from sojourn.model.session import Device, Identity, Session
from tests.http.conftest import clock, engine, folder, made_project

pytestmark = pytest.mark.anyio

__all__ = ["clock", "engine", "folder", "made_project"]

Begin = Callable[..., Awaitable[Session]]


@pytest.fixture
def pipelines() -> Path | None:
    """None are needed here."""
    return None


@pytest.fixture
def manager(engine: Engine) -> SessionManager:
    return engine.session_manager


@pytest.fixture
def begin(engine: Engine) -> Begin:
    async def make(realm: str = "acme") -> Session:
        return (await engine.rules.sessions.begin(engine.realm(realm), Identity(), Device())).session

    return make


@pytest.fixture
async def busy(engine: Engine, begin: Begin) -> AsyncIterator[tuple[Session, asyncio.Task[None]]]:
    """A session that executes until it is broken off."""
    session, began = await begin(), asyncio.Event()

    async def execute() -> None:
        async with engine.rules.activity.run(session, chain="x", exclusive=False, what="pipeline slow"):
            began.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(execute())
    await began.wait()
    yield session, task
    task.cancel()
    await asyncio.wait([task])


async def test_all_sessions_are_stateful_stateless_or_standalone(manager: SessionManager, begin: Begin) -> None:
    for realm in ("acme", "acme", "web", "desk"):
        await begin(realm)
    assert await manager.stateful_sessions_count() == 1
    assert await manager.stateless_sessions_count() == 3
    assert await manager.standalone_sessions_count() == 0
    assert await manager.sessions_count() == 4


async def test_the_ceilings_are_those_of_the_settings(manager: SessionManager, engine: Engine) -> None:
    settings = engine.rules.settings.sessions
    assert manager.max_stateful_sessions_count == settings.max_stateful == 10_000
    assert manager.max_stateless_sessions_count == settings.max_stateless == 1_000_000


async def test_the_worker_of_a_session_is_0_when_it_is_idle_or_unknown(
    manager: SessionManager, begin: Begin, busy: tuple[Session, asyncio.Task[None]]
) -> None:
    assert manager.get_session_thread_id(busy[0].id) > 0
    assert manager.get_session_thread_id((await begin()).id) == 0
    assert manager.get_session_thread_id("nobody") == 0
    assert manager.in_use_sessions_count == 1


async def test_a_dropped_session_is_gone_and_its_end_says_by_whom(
    manager: SessionManager, engine: Engine, begin: Begin
) -> None:
    session = await begin()
    end = await manager.drop_session(session.id, actor="olga", text="orphan")
    assert end is not None
    assert (end.reason, end.actor, end.rule) == ("dropped", "olga", "orphan")
    assert await engine.rules.sessions.show(engine.realm("acme"), session.id) is None
    assert await manager.drop_session(session.id, actor="ben") == end
    assert await manager.drop_session("unknown", actor="ben") is None


async def test_dropping_the_stateless_ones_leaves_busy_ones_and_other_realms(
    manager: SessionManager, engine: Engine, begin: Begin, busy: tuple[Session, asyncio.Task[None]]
) -> None:
    for _ in range(3):
        await begin()
    other = await begin("web")
    assert await manager.drop_stateless_sessions("acme", actor="olga") == 3
    left = {row.session.id async for row in manager.every(engine.rules.realms.all())}
    assert left == {busy[0].id, other.id}


async def test_only_stateless_realms_have_stateless_sessions(manager: SessionManager, begin: Begin) -> None:
    await begin("desk")
    with pytest.raises(StatefulRealm):
        await manager.drop_stateless_sessions("desk", actor="olga")
    with pytest.raises(RealmUnknown):
        await manager.drop_stateless_sessions("nowhere", actor="olga")
    assert await manager.stateful_sessions_count() == 1


async def test_an_abort_breaks_off_what_executes_and_leaves_the_session(
    manager: SessionManager, engine: Engine, busy: tuple[Session, asyncio.Task[None]]
) -> None:
    session, task = busy
    assert await manager.abort_session(session.id, actor="olga") == 1
    with pytest.raises(ExecutionAborted):
        await task
    assert await manager.abort_session(session.id, actor="olga") == 0
    assert await engine.rules.sessions.show(engine.realm("acme"), session.id) is not None


async def test_statistics_have_one_row_for_each_session(
    manager: SessionManager, begin: Begin, clock: ManualClock, busy: tuple[Session, asyncio.Task[None]]
) -> None:
    desk = await begin("desk")
    rows = {row.id: row async for row in manager.get_statistics()}
    assert set(rows) == {busy[0].id, desk.id}
    row = rows[busy[0].id]
    assert (row.realm, row.environment_type, row.persistence, row.user) == ("acme", "stateless", "sqlite", "anonymous")
    assert (row.creation, row.last_access, row.expired, row.in_use) == (clock.now(), clock.now(), False, True)
    assert (row.max_inactive_time, row.max_life_time) == (15 * MINUTE, 24 * HOUR)
    assert (rows[desk.id].environment_type, rows[desk.id].in_use) == ("stateful", False)


async def test_clean_up_sweeps_what_is_past_its_limits_and_says_when_it_has_finished(
    manager: SessionManager, engine: Engine, begin: Begin, clock: ManualClock
) -> None:
    session = await begin()
    clock.advance(15 * MINUTE)
    assert await manager.clean_up(actor="olga") is True
    tombstone = await engine.rules.sessions.why(engine.realm("acme"), session.id)
    assert tombstone is not None
    assert tombstone.end.reason == "idle"
    assert await manager.sessions_count() == 0


async def test_clean_up_that_nobody_waits_for_goes_on_by_itself(
    manager: SessionManager, begin: Begin, clock: ManualClock
) -> None:
    for _ in range(60):
        await begin()
    clock.advance(15 * MINUTE)
    assert await manager.clean_up(wait=False, actor="olga") is False
    assert await manager.clean_up(timeout=0, actor="olga") is False
    # This one joins the first.
    assert await manager.clean_up(actor="olga") is True
    assert await manager.sessions_count() == 0


async def test_every_act_is_audited_with_who_did_it(
    manager: SessionManager, engine: Engine, begin: Begin, busy: tuple[Session, asyncio.Task[None]]
) -> None:
    session = await begin()
    await manager.drop_session(session.id, actor="olga")
    await manager.drop_stateless_sessions("acme", actor="olga")
    await manager.abort_session(busy[0].id, actor="olga")
    await manager.clean_up(actor="olga")
    events = [event for event in await engine.rules.audit.recent(20) if event.actor == "olga"]
    told = " ".join(event.detail for event in events)
    assert {event.kind for event in events} == {"SESSION_END", "ADMIN"}
    for act in ("dropped", "dropStatelessSessions", "abortSession", "cleanUp"):
        assert act in told
