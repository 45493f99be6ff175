"""How many environments there may be, and whose go when another one is needed."""

from __future__ import annotations

import asyncio

import pytest

from sojourn.engine.live import Session
from sojourn.scripting import ceilings
from sojourn.scripting.ceilings import AnonymousEnvironments
from sojourn.scripting.errors import EnvironmentLost, EnvironmentsExhausted
from tests.scripting.environments.conftest import Build, House
from tests.scripting.environments.test_stateful_environments import until

# The ceilings are the same for both; that of v8 alone has its test among the pools.
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("runtime", ["ije"], indirect=True)]

BUSY = "for (;;) session.userKey"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for room in these tests mostly waits in vain."""
    monkeypatch.setattr(ceilings, "PATIENCE", 0.2)
    monkeypatch.setattr("sojourn.scripting.service.PATIENCE", 0.2)


async def users(house: House, number: int, realm: str = "desk") -> list[Session]:
    return [await house.session(realm, ("ana", "ben")[at % 2]) for at in range(number)]


async def test_at_the_ceiling_the_next_one_is_refused_with_503_and_those_there_are_go_on(build: Build) -> None:
    house = build(max_environments=2, max_environments_v8=2)
    first, second, third = await users(house, 3)
    for session in (first, second):
        await house.run(session, "var kept = session.id")
    with pytest.raises(EnvironmentsExhausted) as refused:
        await house.run(third, "1")
    assert refused.value.status == 503
    assert [await house.run(one, "kept") for one in (first, second)] == [first.id, second.id]
    assert house.scripts.counts.ceilings.refused == {"environment.ceiling": 1}
    await first.end()
    assert await house.run(third, "typeof kept") == "undefined"


async def test_what_holds_nothing_goes_first(build: Build) -> None:
    house = build(max_environments=2, max_environments_v8=2, anonymous_share=50)
    visitor = await house.session("desk")
    await house.run(visitor, "var kept = 1")
    await house.run((await users(house, 1, "pool"))[0], "1")
    await house.settled()
    (user,) = await users(house, 1)
    await house.run(user, "1")
    assert await house.run(visitor, "kept") == 1


async def test_then_the_idlest_of_those_whom_nobody_knows_and_they_are_told(build: Build) -> None:
    house = build(max_environments=3, max_environments_v8=3, anonymous_share=67)
    idlest, later = await house.session("desk"), await house.session("desk")
    for session in (idlest, later):
        await house.run(session, "var kept = 1")
        house.clock.advance(1)
    first, second = await users(house, 2)
    await house.run(first, "1")
    await house.run(second, "1")
    assert await house.run(later, "kept") == 1
    await second.end()
    done = await house.execute(idlest, "typeof kept")
    assert (done.value, done.renewed) == ("undefined", "room")


async def test_who_is_logged_in_is_never_refused_because_of_those_whom_nobody_knows(build: Build) -> None:
    house = build(max_environments=1, max_environments_v8=1, anonymous_share=100)
    visitor = await house.session("desk")
    running = asyncio.create_task(house.run(visitor, BUSY))
    await until(lambda: house.live.get("running") == 1)
    (user,) = await users(house, 1)
    assert await house.run(user, "session.userName") == "ana"
    with pytest.raises(EnvironmentLost) as lost:
        await running
    assert lost.value.reason == "room"


async def test_those_whom_nobody_knows_have_their_share_and_displace_only_each_other(build: Build) -> None:
    house = build(max_environments=10, max_environments_v8=10, anonymous_share=20)
    visitors = [await house.session("desk", address=f"192.0.{at}.1") for at in range(3)]
    for visitor in visitors:
        await house.run(visitor, "var kept = 1")
        house.clock.advance(1)
    assert len(house.scripts.environments) == 2
    assert (await house.execute(visitors[0], "1")).renewed == "room"
    running = [asyncio.create_task(house.run(visitor, BUSY)) for visitor in visitors[1:]]
    await until(lambda: house.live.get("running") == 2)
    with pytest.raises(AnonymousEnvironments) as refused:
        await house.run(visitors[0], "1")
    assert refused.value.status == 503
    with pytest.raises(AnonymousEnvironments):
        await house.run(await house.session("pool"), "1")
    (user,) = await users(house, 1)
    assert await house.run(user, "1") == 1
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_an_address_block_has_a_quota_of_them(build: Build) -> None:
    house = build(per_block=2)
    near = [await house.session("desk", address=f"203.0.113.{at}") for at in range(3)]
    for visitor in near:
        await house.run(visitor, "var kept = 1")
        house.clock.advance(1)
    far = await house.session("desk", address="198.51.100.1")
    await house.run(far, "1")
    assert [one.block for one in house.scripts.environments] == ["203.0.113.0/24"] * 2 + ["198.51.100.0/24"]
    here = [await house.session("desk", address="127.0.0.1") for _ in range(3)]
    for visitor in here:
        await house.run(visitor, "1")
    assert len(house.scripts.environments) == 6


async def test_a_visitor_who_logs_in_counts_as_who_he_is(build: Build) -> None:
    house = build(max_environments=4, max_environments_v8=4, anonymous_share=25)
    first, second = await house.session("desk"), await house.session("desk")
    await house.run(first, "var kept = 1; session.login('ana', 'seven quiet otters at dawn')")
    await house.run(second, "1")
    assert await house.run(first, "kept") == 1


async def test_who_waits_for_room_gets_it_when_somebody_is_done(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sojourn.scripting.service.PATIENCE", 20)
    house = build(max_environments=1, max_environments_v8=1)
    sessions = await users(house, 3, "pool")
    code = "const end = Date.now() + 30; while (Date.now() < end); session.userName"
    names = await asyncio.gather(*(house.run(session, code) for session in sessions))
    assert names == ["ana", "ben", "ana"]
    assert house.lent.opened == 1


async def test_a_script_that_causes_another_one_does_not_wait_for_room_that_it_holds_itself(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sojourn.scripting.service.PATIENCE", 600)
    house = build(max_environments=1, max_environments_v8=1)
    outer, inner = await users(house, 2, "pool")
    running = asyncio.create_task(house.run(outer, BUSY))
    await until(lambda: house.live.get("running") == 1)
    with pytest.raises(EnvironmentsExhausted):
        await house.run(inner, "1", scripts=("ufs:/outer.js",))
    with pytest.raises(EnvironmentsExhausted):
        await house.scripts.claim(inner)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_claimed_environment_keeps_its_globals_until_it_is_given_back(house: House) -> None:
    (session,) = await users(house, 1, "pool")
    held = await house.scripts.claim(session)
    await house.run(session, "var kept = 1", environment=held)
    assert await house.run(session, "kept += 1", environment=held) == 2
    assert await house.run(session, "typeof kept") == "undefined"
    await house.scripts.give_back(held)
    await house.scripts.give_back(held)
    await house.settled()
    assert house.live == {"idle": 2}
    assert await house.run(session, "typeof kept") == "undefined"


async def test_several_processes_share_the_ceiling_of_the_node(build: Build) -> None:
    house = build(max_environments=4, max_environments_v8=4, workers=4)
    first, second = await users(house, 2)
    await house.run(first, "1")
    with pytest.raises(EnvironmentsExhausted):
        await house.run(second, "1")


async def test_cancelled_while_it_waits_an_execution_leaves_no_place_taken(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sojourn.scripting.service.PATIENCE", 600)
    house = build(max_environments=1, max_environments_v8=1, anonymous_share=100)
    (user,) = await users(house, 1)
    running = asyncio.create_task(house.run(user, BUSY))
    await until(lambda: house.live.get("running") == 1)
    visitors = [await house.session("pool") for _ in range(3)]
    waiting = [asyncio.create_task(house.run(visitor, "1")) for visitor in visitors]
    await asyncio.sleep(0.05)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await house.run(visitors[0], "1") == 1
