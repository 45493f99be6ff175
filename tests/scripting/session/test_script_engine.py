"""``engine``, its session manager and its texts, ``createGUID`` and the log, asked of the host as the bridge asks."""

import asyncio
import os
import re
from collections.abc import Callable

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import MINUTE, ManualClock
from sojourn.core.errors import InsufficientScope, SessionEnded, Unauthorized
from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.engine.control import AlreadyEnding, Ending, NotServing
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.manager import StatefulRealm
from sojourn.scripting.api.engine import SHUTDOWN
from sojourn.scripting.api.logger import LONGEST, MOST
from sojourn.scripting.declare import BadArgument
from tests.patience import HANGS
from tests.scripting.session.conftest import PASSWORD, Desk, Open

pytestmark = pytest.mark.anyio


@pytest.fixture
async def bens(open_desk: Open) -> Desk:
    """An execution of ben, who manages sessions."""
    desk = await open_desk()
    await desk("Session.login", "ben", PASSWORD)
    return desk


async def test_guids_are_unique_and_of_one_form(desk: Desk) -> None:
    made = {await desk("Globals.createGUID") for _ in range(50)} | {await desk("Globals.createGUID", False)}
    assert len(made) == 51
    assert all(re.fullmatch(r"\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}", guid) for guid in made)
    assert re.fullmatch("[0-9A-F]{32}", await desk("Globals.createGUID", True))


# --- engine.env ---


async def test_a_change_of_a_text_is_seen_by_its_own_session_alone(desk: Desk, open_desk: Open) -> None:
    await desk("EngineEnv.write", "X", "1")
    await desk("EngineEnv.write", "colour", None)
    same, other = desk.again(), await open_desk()
    assert [await one("EngineEnv.names") for one in (same, other)] == [["X"], ["colour"]]
    assert [await one("EngineEnv.read", "colour") for one in (same, other)] == [None, "red"]
    assert [await one("EngineEnv.read", "X") for one in (same, other)] == ["1", None]


async def test_nothing_of_the_servers_process_is_among_them(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_SECRET_OF_THE_HOST", "s")
    assert await desk("EngineEnv.read", "SOJOURN_SECRET_OF_THE_HOST") is None
    assert await desk("EngineEnv.read", "PATH") is None


async def test_texts_have_bounds(desk: Desk) -> None:
    for args in (("", "x"), ("x" * 101, "x"), ("x", "x" * 8_193), ("x", 1), (1, "x"), ("x",)):
        with pytest.raises(BadArgument):
            await desk("EngineEnv.write", *args)


async def test_there_are_not_endlessly_many(desk: Desk) -> None:
    for number in range(256):
        await desk("EngineEnv.write", f"n{number}", "")
    with pytest.raises(BadArgument):
        await desk("EngineEnv.write", "one more", "")
    await desk("EngineEnv.write", "n0", "again")


async def test_what_the_machine_looks_like_takes_a_scope(annas: Desk, engine: Engine) -> None:
    for name in ("processId", "localHost", "localPort"):
        with pytest.raises(InsufficientScope):
            await annas(f"Engine.{name}")
    await engine.rules.grants.grant("anna", "security.viewTechnicalInfo")
    await annas("Session.login", "anna", PASSWORD)
    assert await annas("Engine.processId") == os.getpid()
    assert (await annas("Engine.localHost"), await annas("Engine.localPort")) == ("127.0.0.1", 8420)
    assert len(await annas("Engine.instanceId")) == 32


# --- engine.sessionManager ---

_COUNTS = ("sessionsCount", "statefulSessionsCount", "statelessSessionsCount", "standaloneSessionsCount")


async def test_the_counts_of_the_realm_add_up(bens: Desk, open_desk: Open) -> None:
    await open_desk()
    await open_desk("shop")
    counted = [await bens(f"SessionManager.{name}") for name in _COUNTS]
    assert counted == [2, 2, 0, 0]
    shop = await open_desk("shop")
    await shop("Session.login", "ben", PASSWORD)
    assert [await shop(f"SessionManager.{name}") for name in _COUNTS] == [2, 0, 2, 0]
    assert await bens("SessionManager.maxStatefulSessionsCount") == 10_000
    assert await bens("SessionManager.maxStatelessSessionsCount") == 1_000_000


async def test_who_may_not_manage_sees_and_ends_its_own_session_alone(annas: Desk, desk: Desk, open_desk: Open) -> None:
    other = await open_desk()
    nobody = await open_desk()
    for name in (*_COUNTS, "inUseSessionsCount", "getStatistics", "cleanUp"):
        with pytest.raises(InsufficientScope):
            await annas(f"SessionManager.{name}")
        with pytest.raises(Unauthorized):
            await nobody(f"SessionManager.{name}")
    for name in ("dropSession", "abortSession", "getSessionThreadId", "dropStatefulSession", "dropStatelessSession"):
        with pytest.raises(InsufficientScope):
            await annas(f"SessionManager.{name}", other.run.session.id)
    assert await annas("SessionManager.getSessionThreadId", annas.run.session.id) == 0
    await annas("SessionManager.dropStatelessSession", annas.run.session.id)
    await annas("SessionFields.all")
    await annas("SessionManager.dropStatefulSession", annas.run.session.id)
    with pytest.raises(SessionEnded) as ended:
        await annas("SessionFields.all")
    assert ended.value.reason == "dropped"


async def test_a_manager_ends_sessions_of_the_realm_and_of_no_other(bens: Desk, open_desk: Open) -> None:
    here, there = await open_desk(), await open_desk("shop")
    for other in (here, there):
        await bens("SessionManager.dropSession", other.run.session.id)
    await there("SessionFields.all")
    with pytest.raises(SessionEnded):
        await here("SessionFields.all")
    await bens("SessionManager.dropSession", "not an id at all")
    await bens("SessionManager.abortSession", there.run.session.id)
    assert await bens("SessionManager.getSessionThreadId", here.run.session.id) == 0


async def test_idle_stateless_sessions_of_the_realm_are_ended_together(bens: Desk, open_desk: Open) -> None:
    with pytest.raises(StatefulRealm):
        await bens("SessionManager.dropStatelessSessions", "acme")
    with pytest.raises(RealmUnknown):
        await bens("SessionManager.dropStatelessSessions", "shop")
    shop, idle = await open_desk("shop"), await open_desk("shop")
    await shop("Session.login", "ben", PASSWORD)
    rules, access = shop.run.rules, shop.run.session.access
    async with rules.activity.run(access.session, chain="k", exclusive=False, what="test"):
        await shop("SessionManager.dropStatelessSessions", "shop")
        assert await shop("SessionManager.getSessionThreadId", access.session.id) > 0
        assert await shop("SessionManager.inUseSessionsCount") == 1
    await shop("SessionFields.all")
    with pytest.raises(SessionEnded):
        await idle("SessionFields.all")


async def test_statistics_are_a_row_for_each_session(bens: Desk, open_desk: Open, clock: ManualClock) -> None:
    await open_desk("shop")
    rows = await bens("SessionManager.getStatistics")
    assert len(rows) == 1
    row = rows[0]
    assert (row["id"], row["user"], row["environmentType"]) == (bens.run.session.id, "ben", "stateful")
    assert (row["maxInactiveTime"], row["expired"], row["inUse"]) == (15 * MINUTE, False, False)
    clock.advance(16 * MINUTE)


async def test_cleaning_up_says_whether_it_has_finished(bens: Desk) -> None:
    assert await bens("SessionManager.cleanUp") is True
    assert await bens("SessionManager.cleanUp", False) is False


# --- the log ---


async def test_entries_are_cut_and_counted(desk: Desk) -> None:
    written: list[tuple[str, str]] = []
    desk.run.log = lambda level, text: written.append((level, text))
    await desk("Log.write", "info", "a.b", "x" * 10_000)
    assert written == [("info", "a.b: " + "x" * (LONGEST - 5) + "…")]
    for _ in range(MOST + 5):
        await desk("Log.write", "debug", "", "more")
    assert len(written) == MOST
    assert written[1] == ("debug", "more")
    assert written[-1][0] == "warning"
    with pytest.raises(BadArgument):
        await desk("Log.write", "shout", "", "x")


# --- engine.exit, engine.restart ---


def unexpected(ending: Ending) -> None:
    pytest.fail(f"nobody has asked for {ending}")


async def olgas(engine: Engine, open_desk: Open, *, realm: str | None = "acme", login: bool = True) -> Desk:
    """An execution of anna, who may end the engine in a realm, or everywhere."""
    await engine.rules.grants.grant("anna", SHUTDOWN, EVERYWHERE if realm is None else engine.realm(realm).id)
    desk = await open_desk("acme")
    if login:
        await desk("Session.login", "anna", PASSWORD)
    return desk


async def test_who_may_ends_the_engine_and_it_is_in_the_audit_log(engine: Engine, open_desk: Open) -> None:
    asked: list[Ending] = []
    engine.rules.control.serve(asked.append)
    desk = await olgas(engine, open_desk)
    await desk("Engine.exit", 7)
    await wait_for(lambda: asked == [Ending(restart=False, code=7)])
    with pytest.raises(AlreadyEnding):
        await desk("Engine.restart")
    (event,) = [one for one in await engine.rules.audit.recent() if one.kind == "ADMIN"]
    assert event.actor == "anna"
    assert '"act":"exit","code":7' in event.detail


async def test_it_begins_after_the_delay_unless_a_signal_comes_first(engine: Engine, open_desk: Open) -> None:
    asked: list[Ending] = []
    control = engine.rules.control
    control.serve(asked.append)
    desk = await olgas(engine, open_desk)
    await desk("Engine.restart", 3_600_000)
    assert control.ending == Ending(restart=True)
    assert not asked
    control.withdraw()
    assert engine.rules.control.ending is None
    with pytest.raises(AlreadyEnding):
        await desk("Engine.exit")


async def test_without_a_server_there_is_nothing_to_end(engine: Engine, open_desk: Open) -> None:
    desk = await olgas(engine, open_desk)
    for call in (("exit",), ("restart",)):
        with pytest.raises(NotServing):
            await desk(f"Engine.{call[0]}")
    assert not [one for one in await engine.rules.audit.recent() if one.kind == "ADMIN"]


@pytest.mark.parametrize("realm", [None, "shop"])
async def test_it_takes_the_scope_in_the_very_realm_of_the_script(
    engine: Engine, open_desk: Open, realm: str | None
) -> None:
    engine.rules.control.serve(unexpected)
    desk = await olgas(engine, open_desk, realm=realm)
    for name in ("exit", "restart"):
        with pytest.raises(InsufficientScope, match=re.escape(SHUTDOWN)):
            await desk(f"Engine.{name}")
    nobody = await open_desk()
    with pytest.raises(Unauthorized):
        await nobody("Engine.exit")


async def test_code_and_delay_have_bounds(engine: Engine, open_desk: Open) -> None:
    engine.rules.control.serve(unexpected)
    desk = await olgas(engine, open_desk)
    for args in ((-1,), (256,), (0, -1), (0, 3_600_001), ("0",), (0.5,)):
        with pytest.raises(BadArgument):
            await desk("Engine.exit", *args)
    assert engine.rules.control.ending is None


async def wait_for(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANGS):
        while not seen():
            await asyncio.sleep(0)
