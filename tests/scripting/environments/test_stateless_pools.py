"""Stateless realms: environments of a pool, what is fresh in each execution, and how long they live."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from sojourn.core.clock import MINUTE
from sojourn.core.errors import StaleSession
from sojourn.scripting.errors import EnvironmentsExhausted, ScriptFailed, ScriptTimeout
from tests.scripting.environments.conftest import Build, House
from tests.scripting.environments.test_stateful_environments import gone, until

pytestmark = pytest.mark.anyio

#: What a script leaves behind, in every place that it can reach.
LEAVE = """
globalThis.left = 'secret'; var left2 = 1; let left3 = 1; const left4 = 1; class Left5 {}
Object.prototype.left6 = 1; Array.prototype.map = () => 'patched'; JSON.stringify = () => 'patched';
for (const name of ['login', 'userName']) try { Object.defineProperty(session, name, {value: 1}) } catch (e) {}
for (const host of [session, Object.getPrototypeOf(session)]) try { host.left7 = 1 } catch (e) {}
Math.random = () => 4;
session.trackingId = 'mine';
'left'
"""
LOOK = """
[typeof left, typeof left2, typeof left3, typeof left4, typeof Left5, ({}).left6, [1].map((n) => n + 1)[0],
  JSON.stringify([1]), session.left7, typeof session.login, session.userName, Math.random() < 1, session.trackingId]
"""
FRESH = ["undefined"] * 5 + [None, 2, "[1]", None, "function", "anonymous", True, ""]


def as_json(values: object) -> list[object]:
    """``undefined`` told as None."""
    assert isinstance(values, list)
    return [one if one or one in (0, "", False) else None for one in values]


async def test_a_script_is_run_by_its_reference(house: House) -> None:
    session = await house.session("pool")
    done = await house.execute(session, "ufs:/hello.js")
    assert done.value == f"hello pool-{house.lent.name}"
    assert done.run.scripts == ("ufs:/hello.js",)
    assert done.renewed == ""


async def test_21_31_with_clean_up_the_next_user_finds_nothing_in_the_same_process(house: House) -> None:
    first, second = await house.session("pool", "ana"), await house.session("pool")
    assert await house.run(first, LEAVE) == "left"
    (environment,) = house.scripts.environments
    pid = environment.worker.pid
    assert as_json(await house.run(second, LOOK)) == FRESH
    (environment,) = house.scripts.environments
    assert environment.worker.pid == pid


async def test_21_31_without_clean_up_globals_stay_and_everything_of_the_session_is_its_own(house: House) -> None:
    first, second = await house.session("shared", "ana"), await house.session("shared")
    own = "[session.userName, session.trackingId, session.createKeyLicense, session.startupScriptsExecuted]"
    await house.run(
        first, "session.trackingId = 'anas'; session.limitKeyCreation(3); session.setTimeout(5); var left = 1"
    )
    done = await house.execute(second, f"[left, ...{own}]")
    assert done.value == [1, "anonymous", "", 0, False]
    assert done.run.kept.key_limit is None
    assert second.idle != first.idle
    assert house.lent.opened == 1


async def test_a_host_object_that_was_left_behind_belongs_to_nobody(house: House) -> None:
    session = await house.session("shared")
    await house.run(session, "var held = 1")
    (environment,) = house.scripts.environments
    first = await house.execute(session, "1")
    number = first.run.keep(object())
    environment.kept = first.run.kept
    await house.settled()
    second = await house.execute(session, "1")
    assert second.run.keep(object()) != number
    with pytest.raises(StaleSession):
        second.run.held(number)


async def test_one_after_the_other_shares_one_process_and_all_at_once_have_one_each(house: House) -> None:
    session = await house.session("pool")
    for number in range(5):
        assert await house.run(session, f"globalThis.n = (globalThis.n ?? 0) + {number}") == number
    assert house.lent.opened == 1
    code = "const end = Date.now() + 100; while (Date.now() < end); globalThis.n = (globalThis.n ?? 0) + 1"
    assert await asyncio.gather(*(house.run(session, code) for _ in range(3))) == [1, 1, 1]
    assert house.lent.opened <= 3
    await house.settled()


async def test_an_environment_is_never_that_of_another_realm(house: House) -> None:
    here, there = await house.session("pool"), await house.session("other")
    await house.run(here, "1")
    (mine,) = house.scripts.environments
    await house.run(there, "1")
    assert {one.realm.name for one in house.scripts.environments} == {here.realm.name, there.realm.name}
    assert mine.realm.name == here.realm.name
    assert house.lent.opened == 2


async def test_21_29_an_environment_that_is_too_old_is_not_used_again(house: House) -> None:
    session = await house.session("pool")
    for _ in range(12):
        await house.run(session, "1")
        house.clock.advance(MINUTE - 1)
    assert house.lent.opened == 2
    assert house.scripts.environments.discarded == {"lifetime": 1}


async def test_an_environment_that_was_idle_for_too_long_goes_without_being_asked_for(house: House) -> None:
    session = await house.session("pool")
    await house.run(session, "1")
    house.clock.advance(MINUTE - 1)
    await house.scripts.tidy()
    assert house.live == {"idle": 1}
    house.clock.advance(1)
    await house.scripts.tidy()
    assert house.live == {}
    assert house.scripts.environments.discarded == {"idle": 1}


async def test_21_29_without_limits_age_alone_ends_nothing(house: House) -> None:
    session = await house.session("desk")
    await house.run(session, "var kept = 1")
    environment = next(iter(house.scripts.environments))
    environment.born = environment.used = 0
    await house.scripts.tidy()
    assert await house.run(session, "kept") == 1


async def test_a_stateful_environment_that_passed_a_limit_is_renewed_and_its_client_told(house: House) -> None:
    session = await house.session("bureau")
    for advance, reason in ((MINUTE, "idle"), (MINUTE - 1, "")):
        await house.run(session, "var kept = 1")
        house.clock.advance(advance)
        assert (await house.execute(session, "1")).renewed == reason
    told = []
    for _ in range(12):
        told.append((await house.execute(session, "1")).renewed)
        house.clock.advance(MINUTE - 1)
    assert told.count("lifetime") == 1


@pytest.mark.parametrize("realm", ["quick", "quickdesk"])
async def test_after_a_timeout_an_environment_is_not_used_again(house: House, realm: str) -> None:
    session = await house.session(realm)
    await house.run(session, "globalThis.kept = 1")
    pid = next(iter(house.scripts.environments)).worker.pid
    with pytest.raises(ScriptTimeout):
        await house.run(session, "globalThis.kept = 2; for (;;) {}")
    done = await house.execute(session, "typeof kept")
    assert done.value == "undefined"
    assert done.renewed == ("timeout" if realm == "quickdesk" else "")
    assert pid not in [one.worker.pid for one in house.scripts.environments]
    assert house.scripts.environments.discarded == {"timeout": 1}


async def test_after_an_error_of_its_own_an_environment_is_used_again(house: House) -> None:
    for realm in ("pool", "desk"):
        session = await house.session(realm)
        with pytest.raises(ScriptFailed):
            await house.run(session, "var kept = 1; throw new Error('mine')")
        assert await house.run(session, "typeof kept") == ("number" if realm == "desk" else "undefined")
    assert house.lent.opened == 2


async def test_jobs_that_are_left_behind_do_nothing_in_the_next_execution(house: House) -> None:
    session = await house.session("pool", "ana")
    await house.run(session, "setTimeout(() => { globalThis.late = 1 }, 50); Promise.resolve().then(() => {}); 1")
    other = await house.session("pool")
    code = "new Promise((done) => setTimeout(() => done([typeof late, session.userName]), 100))"
    assert await house.run(other, code) == ["undefined", "anonymous"]


async def test_a_pooled_process_that_died_is_replaced_without_a_word(house: House) -> None:
    session = await house.session("pool")
    await house.run(session, "1")
    (environment,) = house.scripts.environments
    os.kill(environment.worker.pid, signal.SIGKILL)
    await gone(environment.worker)
    assert (await house.execute(session, "2")).value == 2
    assert house.scripts.environments.discarded == {"crashed": 1}


async def test_an_error_in_clean_up_ends_the_environment(house: House) -> None:
    session = await house.session("pool")
    await house.run(session, "1")
    (environment,) = house.scripts.environments
    await until(lambda: environment.ready)
    running = asyncio.create_task(house.run(session, "for (;;) session.userKey"))
    await until(lambda: environment.busy)
    os.kill(environment.worker.pid, signal.SIGKILL)
    await asyncio.gather(running, return_exceptions=True)
    assert not await environment.reset()
    assert environment.doomed


async def test_workers_are_kept_ready_and_handed_out_without_a_wait(build: Build) -> None:
    house = build(warm_ije=2, warm_v8=1)
    wanted = 2 if house.lent.name == "ije" else 1
    await house.run(await house.session("pool"), "1")
    await house.scripts.workers.filled()
    assert house.live["ready"] == wanted
    opened = house.lent.opened
    assert await house.run(await house.session("other"), "typeof left") == "undefined"
    await house.scripts.workers.filled()
    assert house.lent.opened == opened + 1
    assert house.live["ready"] == wanted


async def test_nothing_is_started_before_the_first_script(build: Build) -> None:
    house = build(warm_ije=2, warm_v8=1)
    await house.session("desk", "ana")
    assert house.lent.opened == 0
    assert house.live == {}


async def test_after_the_end_nothing_is_executed_and_nothing_runs_any_more(build: Build) -> None:
    house = build(warm_ije=1, warm_v8=1)
    session, desk = await house.session("pool"), await house.session("desk")
    await house.run(desk, "1")
    running = asyncio.create_task(house.run(session, "for (;;) session.userKey"))
    await until(lambda: house.live.get("running") == 1)
    await house.scripts.close()
    (ended,) = await asyncio.gather(running, return_exceptions=True)
    assert getattr(ended, "status", 0) == 503
    assert house.live == {}
    with pytest.raises(Exception, match="shutting down"):
        await house.run(session, "1")


async def test_v8_has_a_ceiling_of_its_own(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sojourn.scripting.service.PATIENCE", 0.2)
    house = build(max_environments=10, max_environments_v8=1)
    first, second = [await house.session("desk", "ana") for _ in range(2)]
    await house.run(first, "1")
    if house.lent.name == "ije":
        assert await house.run(second, "2") == 2
    else:
        with pytest.raises(EnvironmentsExhausted):
            await house.run(second, "2")


async def test_a_burst_is_served_by_few_processes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sojourn.scripting.pools._ENOUGH", {"ije": 2, "v8": 2})
    monkeypatch.setattr("sojourn.scripting.pools._STANDSTILL", 600)
    session = await house.session("pool")
    assert await asyncio.gather(*(house.run(session, f"{number}") for number in range(12))) == list(range(12))
    assert house.lent.opened == 2


async def test_those_that_stand_still_hold_nobody_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sojourn.scripting.pools._ENOUGH", {"ije": 1, "v8": 1})
    monkeypatch.setattr("sojourn.scripting.pools._STANDSTILL", 0.01)
    session = await house.session("pool")
    still = [asyncio.create_task(house.run(session, "new Promise(() => setTimeout(() => {}, 60_000))")) for _ in "ab"]
    await until(lambda: house.live.get("running") == 2)
    assert await house.run(session, "1") == 1
    for task in still:
        task.cancel()
    await asyncio.gather(*still, return_exceptions=True)


async def test_who_waits_and_is_cancelled_leaves_his_turn_to_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sojourn.scripting.pools._ENOUGH", {"ije": 1, "v8": 1})
    monkeypatch.setattr("sojourn.scripting.pools._STANDSTILL", 600)
    session = await house.session("pool")
    code = "const end = Date.now() + 50; while (Date.now() < end); 1"
    first, second, third = (asyncio.create_task(house.run(session, code)) for _ in range(3))
    await until(lambda: house.live.get("running") == 1)
    second.cancel()
    assert [await first, await third] == [1, 1]
    assert house.lent.opened == 1
