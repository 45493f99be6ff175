"""Whose environment it is: logins, logouts, and what a script can make of another identity."""

from __future__ import annotations

import pytest

from sojourn.core.errors import StaleSession
from sojourn.engine.live import Session
from sojourn.scripting.errors import EnvironmentLost, ScriptFailed, ScriptOutOfMemory
from sojourn.scripting.order import Trace
from sojourn.scripting.run import MOST_HANDLES, TooManyHandles
from tests.scripting.environments.conftest import PASSWORD, House
from tests.scripting.environments.test_stateful_environments import until

pytestmark = pytest.mark.anyio

LOGIN = "session.login({user!r}, {password!r})"


def login(user: str) -> str:
    return LOGIN.format(user=user, password=PASSWORD)


async def test_a_first_login_keeps_the_environment(house: House) -> None:
    session = await house.session("desk")
    await house.run(session, "var cart = ['shoe']")
    assert await house.run(session, login("ana")) is True
    done = await house.execute(session, "[cart[0], session.userName]")
    assert (done.value, done.renewed) == (["shoe", "ana"], "")


async def test_a_login_as_another_account_ends_the_environment_after_the_script_and_the_next_request_is_told(
    house: House,
) -> None:
    session = await house.session("desk", "ana")
    await house.run(session, "var secret = 'anas'")
    assert await house.run(session, f"{login('ben')} && secret") == "anas"
    done = await house.execute(session, "[typeof secret, session.userName]")
    assert (done.value, done.renewed) == (["undefined", "ben"], "login")


async def test_a_login_as_another_and_back_again_within_one_script_ends_it_too(house: House) -> None:
    session = await house.session("desk", "ana")
    await house.run(session, f"var secret = 'anas'; {login('ben')}; globalThis.of = 'ben'; {login('ana')}")
    done = await house.execute(session, "[typeof secret, typeof of, session.userName]")
    assert (done.value, done.renewed) == (["undefined", "undefined", "ana"], "login")


async def test_a_logout_keeps_the_globals_until_somebody_else_logs_in(house: House) -> None:
    session = await house.session("desk", "ana")
    await house.run(session, "var secret = 'anas'; session.logout()")
    assert await house.run(session, "[secret, session.userName]") == ["anas", "anonymous"]
    assert await house.run(session, f"{login('ana')} && secret") == "anas"
    await house.run(session, "session.logout()")
    assert await house.run(session, f"{login('ben')} && secret") == "anas"
    assert await house.run(session, "typeof secret") == "undefined"


async def test_a_login_outside_of_scripts_counts_alike(house: House) -> None:
    session = await house.session("desk", "ana")
    await house.run(session, "var secret = 'anas'")
    await session.logout()
    assert await session.login("ben", PASSWORD)
    done = await house.execute(session, "typeof secret")
    assert (done.value, done.renewed) == ("undefined", "login")


async def test_a_failed_login_changes_nothing(house: House) -> None:
    session = await house.session("desk", "ana")
    assert await house.run(session, "var kept = 1; session.login('ben', 'wrong')") is False
    assert (await house.execute(session, "[kept, session.userName]")).value == [1, "ana"]


async def test_a_host_handle_of_an_older_epoch_is_stale_and_what_it_held_is_given_back_once(house: House) -> None:
    session = await house.session("desk", "ana")
    released: list[int] = []

    async def release() -> None:
        released.append(1)

    first = await house.execute(session, "1")
    number = first.run.keep(object(), release)
    same = await house.execute(session, "1")
    assert same.run.held(number) is not None
    await house.run(session, "session.logout()")
    with pytest.raises(StaleSession):
        same.run.held(number)
    await house.run(session, "1")
    await house.run(session, "1")
    assert released == [1]


async def test_what_an_environment_holds_is_given_back_when_it_goes(house: House) -> None:
    session = await house.session("desk")
    released: list[str] = []

    async def release() -> None:
        released.append("gone")

    done = await house.execute(session, "1")
    done.run.keep(object(), release)
    await session.end()
    await house.scripts.close()
    assert released == ["gone"]


async def test_a_script_cannot_hold_objects_of_the_host_without_end(house: House) -> None:
    session = await house.session("desk")
    done = await house.execute(session, "1")
    for _ in range(MOST_HANDLES):
        done.run.keep(object())
    with pytest.raises(TooManyHandles):
        done.run.keep(object())


async def test_21_48_in_a_stateless_realm_a_login_is_over_with_the_execution(house: House) -> None:
    session = await house.session("shared")
    passing = await transient(house, "shared")
    assert await house.run(passing, f"{login('ana')} && session.userName") == "ana"
    assert await house.run(session, "session.userName") == "anonymous"
    assert await house.run(await transient(house, "shared"), "session.userName") == "anonymous"


async def test_the_trace_of_an_execution_names_calls_and_log_and_no_arguments(house: House) -> None:
    trace, session = Trace(), await house.session("pool")
    await house.run(session, "session.userName; session.login('ana', 'wrong'); 1", trace=trace)
    assert [one.function for one in trace.calls] == ["Session.userName", "Session.login"]
    assert trace.count == 2
    assert "wrong" not in repr(trace)
    with pytest.raises(ScriptFailed):
        await house.run(session, "session.limitKeyCreation(-1)", trace=trace)
    assert trace.calls[-1].error == "script.bad_argument"


async def transient(house: House, realm: str) -> Session:
    """A session without a record, of nobody."""
    place = house.rules.realms.get(f"{realm}-{house.lent.name}")
    assert place is not None
    access = await house.rules.sessions.standalone.begin(place, maker=None, what="test")
    return Session(house.rules, access)


async def test_a_runner_that_a_script_holds_is_stale_after_a_login(house: House) -> None:
    session = await house.session("desk", "ana")
    held = (
        "var ScriptRunner = require('@nginstack/engine/lib/script/ScriptRunner');"
        "var runner = new ScriptRunner('ufs:/hello.js', {realm: session.realm});"
    )
    stale = "(() => { try { return runner.run() } catch (e) { return [e.name, e.code] } })()"
    assert await house.run(session, f"{held} runner.run()") == f"hello {session.realm.name}"
    assert await house.run(session, f"{held} {login('ana')} && {stale}") == [
        "StaleSession",
        "session.stale",
    ]
    assert await house.run(session, stale) == ["StaleSession", "session.stale"]
    await until(lambda: house.live.get("running", 0) == 0)


async def test_the_memory_of_an_environment_is_that_of_its_realm(house: House) -> None:
    tight, wide = await house.session("tight"), await house.session("desk")
    eat = "var held = []; for (let n = 0; n < 24; n++) held.push(new Array(131072).fill(n + 0.5)); held.length"
    assert await house.run(wide, eat) == 24
    with pytest.raises((ScriptOutOfMemory, EnvironmentLost)):
        await house.run(tight, "var held = []; for (;;) held.push(new Array(131072).fill(held.length + 0.5))")
    done = await house.execute(tight, "typeof held")
    assert done.value == "undefined"
    assert done.renewed
    assert await house.run(wide, "held.length") == 24
