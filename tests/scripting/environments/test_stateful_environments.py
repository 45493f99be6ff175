"""Stateful realms: one environment for each session, kept between requests, and what becomes of it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import pytest

from sojourn.core.clock import MINUTE
from sojourn.core.errors import SessionEnded, StaleSession
from sojourn.engine.activity import ExecutionAborted, SessionBusy, SessionQueueFull, TurnTimeout
from sojourn.engine.manager import SessionManager
from sojourn.scripting.errors import EnvironmentLost, ScriptFailed
from sojourn.scripting.runtime import Worker
from tests.patience import HANGS, elapsing
from tests.scripting.environments.conftest import PASSWORD, Build, House

pytestmark = pytest.mark.anyio


async def test_21_30_a_session_sees_its_globals_again_and_no_other_session_does(house: House) -> None:
    mine, other = await house.session("desk"), await house.session("desk")
    await house.run(mine, "var count = 1; let secret = 'mine'")
    assert await house.run(mine, "count += 1; [count, secret]") == [2, "mine"]
    assert await house.run(other, "[typeof count, typeof secret]") == ["undefined", "undefined"]
    assert await house.run(mine, "count") == 2
    assert house.live == {"idle": 2}


async def test_executions_of_one_session_take_turns(house: House) -> None:
    session = await house.session("desk")
    await house.run(session, "var log = []")
    code = "log.push('in'); session.userName; session.id; log.push('out'); log.length"
    lengths = await asyncio.gather(*(house.run(session, code) for _ in range(6)))
    assert set(lengths) == {2, 4, 6, 8, 10, 12}
    assert await house.run(session, "log.join()") == ",".join(["in,out"] * 6)


async def test_a_second_execution_of_the_same_chain_is_refused_and_not_left_waiting(house: House) -> None:
    session = await house.session("desk")
    async with house.rules.activity.run(session.access.session, chain="c", exclusive=True, what="test"):
        with pytest.raises(SessionBusy):
            await house.run(session, "1", execution_key="c")
        assert await house.run(session, "1", execution_key="c", holds_turn=True) == 1


async def test_a_wait_of_no_time_is_refused_at_once_and_a_longer_one_when_it_is_over(house: House) -> None:
    session = await house.session("desk")
    async with house.rules.activity.run(session.access.session, chain="other", exclusive=True, what="test"):
        with pytest.raises(SessionBusy):
            await house.run(session, "1", wait=0)
        with pytest.raises(TurnTimeout):
            await house.run(session, "1", wait=20)
    assert await house.run(session, "1", wait=0) == 1


async def test_the_ninth_that_waits_is_refused(house: House) -> None:
    session = await house.session("desk")
    async with house.rules.activity.run(session.access.session, chain="other", exclusive=True, what="test"):
        waiting = [asyncio.create_task(house.run(session, "1")) for _ in range(8)]
        await asyncio.sleep(0)
        with pytest.raises(SessionQueueFull):
            await house.run(session, "1")
    assert await asyncio.gather(*waiting) == [1] * 8


async def test_who_waited_while_the_session_changed_its_identity_is_refused(house: House) -> None:
    first = await house.session("desk")
    second = await house.session("desk")
    second.access = first.access
    async with house.rules.activity.run(first.access.session, chain="other", exclusive=True, what="test"):
        waiting = asyncio.create_task(house.run(second, "1"))
        await asyncio.sleep(0)
        assert await first.login("ana", PASSWORD)
    with pytest.raises(StaleSession):
        await waiting


async def test_a_process_that_was_killed_between_two_requests_refuses_one_and_then_there_is_a_fresh_one(
    house: House,
) -> None:
    session = await house.session("desk")
    await house.run(session, "var kept = 1")
    (environment,) = house.scripts.environments
    os.kill(environment.worker.pid, signal.SIGKILL)
    await gone(environment.worker)
    with pytest.raises(EnvironmentLost) as lost:
        await house.run(session, "kept")
    assert lost.value.reason == "crashed"
    assert lost.value.status == 503
    done = await house.execute(session, "typeof kept")
    assert (done.value, done.renewed) == ("undefined", "crashed")
    assert (await house.execute(session, "typeof kept")).renewed == ""


async def test_a_process_that_is_tidied_away_after_its_death_is_told_too(house: House) -> None:
    session = await house.session("desk")
    await house.run(session, "1")
    (environment,) = house.scripts.environments
    os.kill(environment.worker.pid, signal.SIGKILL)
    await gone(environment.worker)
    await house.scripts.tidy()
    assert house.live == {}
    with pytest.raises(EnvironmentLost):
        await house.run(session, "1")
    assert (await house.execute(session, "1")).renewed == "crashed"


async def test_a_process_that_dies_at_work_costs_that_request_and_no_other_session(house: House) -> None:
    session, other = await house.session("desk"), await house.session("desk")
    await house.run(other, "var kept = 'yes'")
    await house.run(session, "var kept = 'no'")
    (mine,) = (one for one in house.scripts.environments if one.sid == session.id)
    running = asyncio.create_task(house.run(session, "for (;;) session.userKey"))
    await until(lambda: mine.busy)
    os.kill(mine.worker.pid, signal.SIGKILL)
    with pytest.raises(EnvironmentLost) as lost:
        await running
    assert lost.value.status == 503
    assert await house.run(other, "kept") == "yes"
    done = await house.execute(session, "typeof kept")
    assert done.value == "undefined"
    assert done.renewed == lost.value.reason


async def test_the_end_of_a_session_ends_its_environment_and_breaks_off_what_runs_in_it(house: House) -> None:
    idle, busy = await house.session("desk"), await house.session("desk")
    await house.run(idle, "1")
    running = asyncio.create_task(house.run(busy, "for (;;) session.userKey"))
    await until(lambda: house.live.get("running") == 1)
    manager = SessionManager(house.rules)
    for session in (idle, busy):
        await manager.drop_session(session.id, actor="host")
    with pytest.raises(SessionEnded) as ended:
        await asyncio.wait_for(running, HANGS)
    assert ended.value.reason == "dropped"
    await until(lambda: house.live == {})


async def test_an_abort_breaks_off_what_runs_on_the_spot_and_the_session_goes_on_in_a_fresh_environment(
    house: House,
) -> None:
    session = await house.session("desk")
    await house.run(session, "var kept = 1")
    running = asyncio.create_task(house.run(session, "for (;;) {}"))
    await until(lambda: house.live.get("running") == 1)
    async with elapsing() as elapsed:
        assert await SessionManager(house.rules).abort_session(session.id, actor="host") == 1
        with pytest.raises(ExecutionAborted):
            await running
    assert elapsed.seconds < 10, "as a call to it to stop, and a kill where it does not"
    done = await house.execute(session, "typeof kept")
    assert (done.value, done.renewed) == ("undefined", "aborted")


async def test_21_27_a_script_may_end_its_session_after_itself(house: House) -> None:
    session = await house.session("desk")
    assert await house.run(session, "session.setTimeout(0); session.userKey") == -1
    with pytest.raises(SessionEnded) as ended:
        await session.check()
    assert ended.value.reason == "idle"
    await until(lambda: house.live == {})


async def test_21_27_also_when_the_script_fails(house: House) -> None:
    session = await house.session("desk")
    with pytest.raises(ScriptFailed):
        await house.run(session, "session.setTimeout(0); throw new Error('late')")
    with pytest.raises(SessionEnded):
        await session.check()


async def test_21_50_a_new_run_of_the_engine_has_new_environments_for_the_same_session(
    house: House, build: Build
) -> None:
    session = await house.session("desk")
    await house.run(session, "var kept = 1")
    await house.scripts.close()
    again = build()
    assert await again.run(session, "typeof kept") == "undefined"


async def test_an_idle_environment_ends_with_the_session_that_nobody_swept_yet(house: House) -> None:
    session = await house.session("bureau")
    await house.run(session, "1")
    (environment,) = house.scripts.environments
    environment.used = house.clock.now() + 100 * MINUTE  # so that the limits of the environment say nothing
    house.clock.advance(15 * MINUTE)
    await house.scripts.tidy()
    assert house.live == {}
    assert house.scripts.counts.environments.discarded["ended"] == 1


async def test_the_runtime_of_a_session_stays_when_its_environment_is_renewed(house: House) -> None:
    session = await house.session("desk")
    assert await house.run(session, "session.runtime") == house.lent.name


async def test_a_transient_session_has_no_environment_of_its_own(house: House) -> None:
    session = await house.session("desk", "ana")
    token = await session.new_session_token((session.scope and " ".join(session.scope)) or "")
    assert token
    access = await house.rules.bearers.open(session.realm, token)
    passing = type(session)(house.rules, access)
    await house.run(session, "var kept = 'mine'")
    assert await house.run(passing, "globalThis.left = 1; typeof kept") == "undefined"
    assert await house.run(passing, "typeof left") == "undefined"
    assert await house.run(session, "kept") == "mine"


async def gone(worker: Worker) -> None:
    """Wait until the death of a worker is known."""
    await until(lambda: not worker.alive)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANGS):
        while not holds():
            await asyncio.sleep(0.005)
