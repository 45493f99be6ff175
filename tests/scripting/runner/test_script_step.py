"""The pipeline component ``script``: message in, message out, as the session of the request's token."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.errors import SessionEnded, StaleSession
from sojourn.engine.access import Access
from sojourn.model.session import Device
from sojourn.pipelines.request import PipelineRequest
from sojourn.pipelines.runner import Runner
from tests.pipelines import flows
from tests.pipelines.flows import Step, plan, problems_of
from tests.scripting.runner.conftest import PASSWORD, Caller

pytestmark = pytest.mark.anyio


class Pipelines:
    """Pipelines of one step or more around a script that a test writes."""

    def __init__(self, engine: Engine, project: Path) -> None:
        self._engine = engine
        self._scripts = project / "scripts"
        self._runner = Runner(engine.rules, engine.scripts)

    async def __call__(
        self, code: str, body: Any = None, *, access: Access | None = None, realm: str = "shop", **params: Any
    ) -> tuple[int, Any]:
        """Status and body of a pipeline whose one step runs the code with ``body`` as the message."""
        (self._scripts / "step.js").write_text(code)
        return await self.run([script("ufs:/step.js", **params)], body, access=access, realm=realm)

    async def run(
        self, steps: list[Step], body: Any = None, *, access: Access | None = None, realm: str = "shop", **trigger: Any
    ) -> tuple[int, Any]:
        take = flows.step("json-generator", params={"json": "{{ message.body }}"})
        request = PipelineRequest(
            method="POST",
            path="/pipeline/shop/v1/p",
            content_type="application/json",
            body=json.dumps(body).encode(),
            execution_key="the-key",
        )
        built = plan(take, *steps, **trigger)
        reply = await self._runner.run(built, request, self._engine.realm(realm), access, None, Device())
        return reply.status, json.loads(reply.body) if reply.body else None


def script(uri: str, **params: Any) -> Step:
    return flows.step("script", params={"script": uri, **params})


@pytest.fixture
def pipelines(engine: Engine, runner_project: Path) -> Pipelines:
    return Pipelines(engine, runner_project)


async def test_the_last_value_is_the_next_message(pipelines: Pipelines) -> None:
    code = "({ total: message.items.reduce((sum, one) => sum + one.qty * one.price, 0), seen: typeof request })"
    assert await pipelines(code, {"items": [{"qty": 2, "price": 5}, {"qty": 1, "price": 0.5}]}) == (
        200,
        {"total": 10.5, "seen": "object"},
    )
    assert await pipelines("message.a = 1; undefined", {"a": 0}) == (200, {"a": 0})
    assert await pipelines("Promise.resolve([1, null, undefined])", {}) == (200, [1, None, None])
    assert await pipelines("({ at: new Date(0), gone: undefined })") == (200, {"at": "1970-01-01T00:00:00.000Z"})


async def test_parameters_are_global_variables(pipelines: Pipelines) -> None:
    params: dict[str, Any] = {"parameters": {"percent": "{{ message.percent }}", "text": "{{ message.percent }} %"}}
    assert await pipelines("[percent * 2, text]", {"percent": 10}, **params) == (200, [20, "10 %"])


async def test_numbers_are_the_same_or_an_error(pipelines: Pipelines) -> None:
    assert await pipelines("message", {"a": 0.1, "b": 9007199254740991}) == (
        200,
        {"a": 0.1, "b": 9007199254740991},
    )
    assert await pipelines("message.n + 1n", {"n": 2**60}) == (200, 2**60 + 1)
    steps = [flows.step("json-generator", params={"json": '{"n": 0.12345678901234567890}'}), script("ufs:/object.js")]
    status, body = await pipelines.run(steps)
    assert (status, "no number" in body["error"]) == (500, True)


@pytest.mark.parametrize("code", ["NaN", "({ a: [1 / 0] })", "new Uint8Array(2)", "[function () {}]", "Symbol('x')"])
async def test_what_is_no_json_is_an_error(pipelines: Pipelines, code: str) -> None:
    status, body = await pipelines(code)
    assert (status, body["error"].startswith("step 'script': ufs:/step.js")) == (500, True), body


async def test_what_a_script_throws_ends_the_flow_or_is_the_message(pipelines: Pipelines) -> None:
    status, body = await pipelines("throw new TypeError('no')")
    assert (status, body["error"]) == (500, "step 'script': ufs:/step.js: TypeError: no")
    status, body = await pipelines("throw Object.assign(new Error('gone'), { status: 410 })")
    assert (status, body["code"]) == (410, 410)
    status, body = await pipelines("throw new TypeError('no')", {"a": 1}, failOnError=False)
    assert (status, body["success"], body["code"]) == (200, False, 500)
    status, body = await pipelines.run([script("ufs:/nowhere.js")])
    assert (status, "there is no script" in body["error"]) == (500, True)


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("throw new HttpError('gone for good', 'buy another', 'row 7', 410)", 410, "HttpError: gone for good"),
        ("throw HttpError.NotFound('no such cart')", 404, "NotFound: no such cart"),
        ("throw new HttpError.Unauthorized(new Error('who?'))", 401, "Unauthorized: who?"),
        ("throw new HttpError('ours')", 500, "HttpError: ours"),
        ("Promise.reject(new HttpError.ServiceUnavailable('later'))", 503, "ServiceUnavailable: later"),
        ("throw Object.assign(new Error('no HttpError'), { code: 404 })", 500, "Error: no HttpError"),
        ("throw Object.assign(new HttpError('odd'), { code: 200 })", 500, "HttpError: odd"),
        ("throw Object.assign(new HttpError('odd'), { code: true, status: 409 })", 409, "HttpError: odd"),
    ],
)
async def test_an_http_error_of_a_script_is_the_status_of_the_reply(
    pipelines: Pipelines, code: str, status: int, said: str
) -> None:
    answered, body = await pipelines(code)
    assert (answered, body["code"]) == (status, status), body
    assert set(body) == {"timestamp", "error", "code"}
    assert body["error"] == f"step 'script': ufs:/step.js: {said}"
    answered, body = await pipelines(code, failOnError=False)
    assert (answered, body["success"], body["code"]) == (200, False, status)


async def test_it_acts_as_the_session_of_the_request_or_as_nobody(pipelines: Pipelines, anna: Caller) -> None:
    code = "[session.id, session.userName, session.hasRequest()]"
    assert await pipelines(code) == (200, ["", "anonymous", False])
    assert await pipelines(code, access=anna.session.access) == (200, [anna.session.id, "anna", False])


async def test_a_login_in_a_script_is_that_of_the_later_steps(pipelines: Pipelines, nobody: Caller) -> None:
    steps = [script("ufs:/in.js"), script("ufs:/who.js")]
    (pipelines._scripts / "in.js").write_text(f"session.login('ben', '{PASSWORD}'); undefined")
    status, body = await pipelines.run(steps, access=nobody.session.access)
    assert (status, body.split()[0]) == (200, "ben")


async def test_a_stateful_session_keeps_its_globals_and_its_turn(pipelines: Pipelines, engine: Engine) -> None:
    session = await engine.login("desk", "anna", PASSWORD)
    assert session is not None
    code = "globalThis.seen = (globalThis.seen || 0) + 1; seen"
    assert [await pipelines(code, access=session.access, realm="desk") for _ in range(2)] == [(200, 1), (200, 2)]
    assert await pipelines(code) == (200, 1)
    assert not engine.rules.activity.in_use()


async def test_a_script_has_no_more_time_than_its_pipeline(pipelines: Pipelines) -> None:
    began = time.monotonic()
    (pipelines._scripts / "endless.js").write_text("new Promise(() => setTimeout(() => 1, 60000))")
    status, _ = await pipelines.run([script("ufs:/endless.js")], timeout=500)
    assert status in {500, 504}
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"script": "price.js"}, "ufs:/folder/name.js"),
        ({"script": "ufs:/../secret.js"}, ".."),
        ({"script": "ufs:/a.js", "parameters": {"message": 1}}, "message"),
        ({"script": "ufs:/a.js", "parameters": {"a b": 1}}, "a b"),
        ({"parameters": {}}, "script"),
        ({"script": "ufs:/a.js", "parameters": 5}, "parameters"),
    ],
)
def test_what_cannot_be_meant_is_a_problem_of_the_file(params: dict[str, Any], said: str) -> None:
    _, problems = problems_of(flows.step("script", params=params))
    assert any(said in problem.message for problem in problems if problem.severity == "error"), problems


async def test_a_test_run_runs_no_script() -> None:
    trace = await flows.run({}, script("ufs:/a.js"))
    assert trace.error is not None
    assert trace.error.code == "pipeline.not_in_test_run"


async def test_no_step_runs_a_script_for_a_session_that_is_not_what_it_was_when_the_request_came(
    pipelines: Pipelines, engine: Engine
) -> None:
    session = await engine.login("desk", "anna", PASSWORD)
    assert session is not None
    before, environments = session.access, len(engine.scripts.environments)
    await session.logout()
    with pytest.raises(StaleSession):
        await pipelines("session.userName", access=before, realm="desk", failOnError=False)
    await session.end()
    with pytest.raises(SessionEnded):
        await pipelines("session.userName", access=session.access, realm="desk")
    assert len(engine.scripts.environments) <= environments
