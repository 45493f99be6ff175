"""Executions of one stateful session take turns; aborts and ends break off what runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.json import Json
from sojourn.engine.activity import Activity, ExecutionAborted
from sojourn.http.application import Application
from sojourn.model.session import Device
from sojourn.pipelines.component import Outcome, Params, View
from sojourn.pipelines.deployment import Deployment
from sojourn.pipelines.execution import Frame
from sojourn.pipelines.model import Plan
from sojourn.pipelines.runner import Runner
from sojourn.scripting.service import Scripts
from tests.http.conftest import GOOD, bearer
from tests.http.wire_client import Answer, Client, Pair
from tests.patience import HANGS
from tests.pipelines.flows import generate, make, plan, step

pytestmark = pytest.mark.anyio


@pytest.fixture
def pipelines() -> None:
    """They are made here."""


class Door:
    """A step that waits until it is let go, as an effect."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.inside = 0
        self.most_inside = 0
        self.passed = 0

    async def apply(self, frame: Frame, message: Json) -> Json:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            await self.opened.wait()
            self.passed += 1
        finally:
            self.inside -= 1
        return message


def through(door: Door, compiled: Plan) -> Plan:
    """``compiled`` whose last step waits at ``door``."""
    *before, last = compiled.flow

    def run(p: Params, message: Json, view: View) -> Outcome:
        return Outcome(message, (door,))

    return compiled._replace(flow=(*before, last._replace(component=last.component._replace(run=run))))


class Desk:
    """An application with pipelines that wait at a door, in a stateful and in a stateless realm."""

    def __init__(self, engine: Engine, **limits: Any) -> None:
        self.rules = replace(engine.rules, activity=Activity(engine.rules.clock, **limits))
        self.rules.ends.listen(self.rules.activity.abort)
        self.door = Door()
        note = step("log", params={"message": "x"})
        plans = [
            through(self.door, plan(note, name="wait", tokenJwt=True)),
            through(self.door, plan(note, name="wait", tokenJwt=True)._replace(realm="till")),
            plan(make({"ok": True}), name="quick", tokenJwt=True)._replace(realm="till"),
            plan(step("jwt", params={"operation": "REVOKE"}), name="leave", tokenJwt=True)._replace(realm="till"),
            through(
                self.door,
                plan(make({"sub": "p"}), generate(), note, name="make", tokenJwt=True)._replace(realm="till"),
            ),
        ]
        self.client = Client(
            Application(self.rules, Deployment(plans), Runner(self.rules), scripts=Scripts(self.rules, {}))
        )

    def call(self, name: str, token: Pair, realm: str = "till") -> asyncio.Task[Answer]:
        return asyncio.create_task(self.client.post(f"/pipeline/{realm}/v1/{name}", token))

    async def at_the_door(self, count: int = 1) -> None:
        async with asyncio.timeout(HANGS):
            while self.door.inside < count:
                await asyncio.sleep(0.001)

    async def waiting(self, count: int) -> None:
        """Until so many wait for their turn."""
        async with asyncio.timeout(HANGS):
            while sum(len(line.waiting) for line in self.rules.activity._lines._of.values()) < count:
                await asyncio.sleep(0.001)


@pytest.fixture
async def desk(engine: Engine) -> AsyncIterator[Desk]:
    made = Desk(engine)
    yield made
    made.door.opened.set()


async def test_requests_of_one_stateful_session_run_one_after_the_other(desk: Desk) -> None:
    token = await bearer(desk.client, "ana", "till")
    calls = [desk.call("wait", token) for _ in range(4)]
    await desk.at_the_door()
    await desk.waiting(3)
    (running,) = desk.rules.activity.in_use()
    assert running.what == "pipeline wait"
    desk.door.opened.set()
    assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 4
    assert (desk.door.most_inside, desk.door.passed) == (1, 4)


async def test_a_stateless_realm_serialises_nothing(desk: Desk) -> None:
    token = await bearer(desk.client, "ana", "acme")
    calls = [desk.call("wait", token, "acme") for _ in range(3)]
    await desk.at_the_door(3)
    assert len(desk.rules.activity.in_use()) == 3
    desk.door.opened.set()
    assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 3


async def test_what_only_reads_never_waits_and_other_sessions_do_not_either(desk: Desk) -> None:
    token, other = await bearer(desk.client, "ana", "till"), await bearer(desk.client, "ben", "till")
    held = desk.call("wait", token)
    await desk.at_the_door()
    assert (await asyncio.wait_for(desk.client.get("/realms/till/session", token), HANGS)).status == 200
    assert (await asyncio.wait_for(desk.client.get("/realms/till/sessions", token), HANGS)).status == 200
    assert (await asyncio.wait_for(desk.call("quick", other), HANGS)).status == 200
    desk.door.opened.set()
    assert (await held).status == 200


async def test_the_ninth_that_would_wait_is_503_at_once(desk: Desk) -> None:
    token = await bearer(desk.client, "ana", "till")
    held = desk.call("wait", token)
    await desk.at_the_door()
    waiting = [desk.call("quick", token) for _ in range(8)]
    await desk.waiting(8)
    answer = await asyncio.wait_for(desk.call("quick", token), HANGS)
    assert (answer.status, answer.json()["code"], answer.header("retry-after")) == (503, "session.queue_full", "1")
    desk.door.opened.set()
    assert {answer.status for answer in await asyncio.gather(held, *waiting)} == {200}


async def test_who_waits_too_long_is_503(engine: Engine) -> None:
    desk = Desk(engine, patience=0.02)
    token = await bearer(desk.client, "ana", "till")
    held = desk.call("wait", token)
    await desk.at_the_door()
    answer = await desk.call("quick", token)
    assert (answer.status, answer.json()["code"], answer.header("retry-after")) == (503, "session.wait_timeout", "1")
    desk.door.opened.set()
    assert (await held).status == 200
    assert (await desk.call("quick", token)).status == 200


async def test_a_login_takes_its_turn_and_goes_on_with_the_same_session(desk: Desk) -> None:
    first = await desk.client.post("/realms/till/login", value=GOOD)
    held = desk.call("wait", ("authorization", f"Bearer {first.json()['token']}"))
    await desk.at_the_door()
    cookie = next(cookie for cookie in first.cookies if "sojourn_sid" in cookie).partition(";")[0]
    login = asyncio.create_task(desk.client.post("/realms/till/login", ("cookie", cookie), value=GOOD))
    await desk.waiting(1)
    desk.door.opened.set()
    assert (await held).status == 200
    assert (await login).json()["sessionId"] == first.json()["sessionId"]


async def test_an_abort_answers_503_and_the_next_one_runs(desk: Desk) -> None:
    token = await bearer(desk.client, "ana", "till")
    held, waiting = desk.call("wait", token), desk.call("quick", token)
    await desk.at_the_door()
    await desk.waiting(1)
    (running,) = desk.rules.activity.in_use()
    assert desk.rules.activity.abort(running.sid) == 1
    answer = await held
    assert (answer.status, answer.json()["code"], answer.header("retry-after")) == (503, "session.aborted", "1")
    assert (await waiting).status == 200
    assert desk.door.passed == 0


async def test_an_aborted_execution_leaves_no_session_of_its_own(desk: Desk, engine: Engine) -> None:
    token = await bearer(desk.client, "ana", "till")
    held = desk.call("make", token)
    await desk.at_the_door()
    assert len(await engine.rules.sessions.list(engine.realm("till"))) == 2
    desk.rules.activity.abort(desk.rules.activity.in_use()[0].sid)
    assert (await held).status == 503
    assert len(await engine.rules.sessions.list(engine.realm("till"))) == 1


async def test_an_end_breaks_off_what_runs_and_refuses_who_waits_with_its_reason(desk: Desk, engine: Engine) -> None:
    login = await desk.client.post("/realms/till/login", value=GOOD)
    token = ("authorization", f"Bearer {login.json()['token']}")
    held, waiting = desk.call("wait", token), desk.call("quick", token)
    await desk.at_the_door()
    await desk.waiting(1)
    sid = login.json()["sessionId"]
    await engine.rules.sessions.end_by_id(engine.realm("till"), sid, "dropped", actor="op", rule="enough")
    for answer in await asyncio.gather(held, waiting):
        assert (answer.status, answer.json()["code"], answer.json()["reason"]) == (401, "session.ended", "dropped")
    assert desk.door.passed == 0


async def test_a_logout_waits_for_nobody(desk: Desk) -> None:
    login = await desk.client.post("/realms/till/login", value=GOOD)
    token = ("authorization", f"Bearer {login.json()['token']}")
    held = desk.call("wait", token)
    await desk.at_the_door()
    assert (await asyncio.wait_for(desk.client.post("/realms/till/logout", token), HANGS)).status == 200
    assert (await held).json()["reason"] == "logout"


async def test_a_pipeline_that_ends_its_own_session_still_answers(desk: Desk) -> None:
    token = await bearer(desk.client, "ana", "till")
    answer = await desk.call("leave", token)
    assert (answer.status, answer.json()) == (200, {"status": "revoked"})
    assert (await desk.call("quick", token)).status == 401


async def test_the_engine_itself_breaks_off_what_runs_for_an_ended_session(engine: Engine) -> None:
    entered, device = asyncio.Event(), Device()
    begun = await engine.rules.logins.login(engine.realm("till"), GOOD["userName"], GOOD["password"], device)
    assert begun is not None

    async def execution() -> None:
        async with engine.rules.activity.run(begun.session, chain="c", exclusive=True, what="test"):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(execution())
    await entered.wait()
    await engine.rules.sessions.end_by_id(engine.realm("till"), begun.session.id, "dropped", actor="op")
    with pytest.raises(ExecutionAborted):
        await asyncio.wait_for(task, HANGS)
