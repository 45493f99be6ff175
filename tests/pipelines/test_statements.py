"""The numbered statements of the pipeline reference, section 11, that are built; what needs a wire is also in tests/http."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from sojourn.config.problems import ConfigError
from sojourn.core.clock import HOUR, MINUTE, ManualClock
from sojourn.core.errors import SessionEnded, TokenRefused
from sojourn.pipelines import trial
from sojourn.pipelines.deployment import Deployment
from sojourn.pipelines.errors import NotInTestRun
from tests.pipelines.flows import (
    block,
    delete,
    delete_global,
    final,
    generate,
    get,
    get_global,
    make,
    plan,
    problems_of,
    put,
    put_global,
    run,
    session,
    step,
    throw,
)
from tests.pipelines.gate import Gate, locked

pytestmark = pytest.mark.anyio


async def test_s01_put_stores_the_named_field_and_passes_the_message_on() -> None:
    message = {"a": 1, "b": 2}
    done = await run(message, put("a"), make({}), get("a", "b"))
    assert done.steps[0].message == message
    assert done.message == {"a": 1}


async def test_s02_get_adds_the_stored_field() -> None:
    assert await final({"a": 1}, put("a"), make({"x": 9}), get("a")) == {"x": 9, "a": 1}


async def test_s03_get_of_an_absent_field_adds_nothing() -> None:
    assert await final({"x": 1}, get("a")) == {"x": 1}


async def test_s04_delete_removes_and_passes_the_message_on() -> None:
    done = await run({"a": 1, "x": 2}, put("a"), delete("a"), make({"y": 3}), get("a"))
    assert done.steps[1].message == {"a": 1, "x": 2}
    assert done.message == {"y": 3}


async def test_s05_the_last_put_wins() -> None:
    assert await final({"a": 1}, put("a"), make({"a": 2}), put("a"), make({}), get("a")) == {"a": 2}


async def test_s06_a_stored_object_is_a_copy() -> None:
    message = {"o": {"n": [1]}}
    changed = make({"o": {"n": "{{ PUSH(message.o.n, 2) }}"}})
    done = await run(message, put("o"), changed, put("other"), get("o"))
    assert done.steps[1].message == {"o": {"n": [1, 2]}}
    assert done.message == {"o": {"n": [1]}}


async def test_s07_get_replaces_a_property_of_the_same_name_alone() -> None:
    replied = make({"status": 200, "headers": {"h": "1"}, "body": "from outside"})
    done = await final({"body": {"mine": True}}, put("body"), replied, get("body"))
    assert done == {"status": 200, "headers": {"h": "1"}, "body": {"mine": True}}


async def test_s08_fields_as_text_are_trimmed_names() -> None:
    stored = step("session-management", params={"operation": "PUT", "fields": "body, data , id"})
    message = {"body": 1, "data": 2, "id": 3, "other": 4}
    assert await final(message, stored, make({}), get("body", "data", "id", "other")) == {"body": 1, "data": 2, "id": 3}


async def test_s09_names_are_literal_not_paths(caplog: pytest.LogCaptureFixture) -> None:
    dotted = session("PUT", "user.name")
    found, problems = problems_of(dotted)
    assert found is None
    assert "field 'user.name': names are literal properties of the message, no paths" in str(problems[0])
    # What the linter refuses could still be run: nothing is stored, and the log says so.
    stored = put("user_name")
    with caplog.at_level(logging.WARNING, logger="sojourn.pipelines.flow"):
        assert await final({"user": {"name": "x"}}, stored, make({}), get("user_name")) == {}
    assert "the message has no property 'user_name'" in caplog.text


async def test_s10_executions_at_once_see_their_own_values(gate: Gate, token: str) -> None:
    shaped = make({"k": "{{ message.body }}", "x": 1})
    gate.deploy(plan(shaped, put("k"), put_global("x"), make({}), get("k"), tokenJwt=True))
    answers = await asyncio.gather(*(gate.call("p", number, token=token) for number in range(8)))
    assert [answer.json for answer in answers] == [{"k": number} for number in range(8)]


async def test_s11_the_next_execution_starts_empty() -> None:
    assert await final({"k": 1}, put("k"), get("k")) == {"k": 1}
    assert await final({}, get("k")) == {}


async def test_s14_on_exception_sees_what_on_process_stored() -> None:
    done = await final({"k": 1}, block([put("k"), throw()], [make({}), get("k")]))
    assert done == {"k": 1}


async def test_s18_a_scoped_value_stays_in_its_subflow() -> None:
    inner = block([put("k", scoped=True)])
    assert await final({"k": 1}, inner, make({}), get("k", scoped=True)) == {}
    assert await final({"k": 1}, inner, make({}), get("k")) == {}
    assert await final({"k": 1}, block([put("k", scoped=True), make({}), get("k", scoped=True)])) == {"k": 1}


async def test_s19_a_scoped_put_leaves_the_unscoped_value() -> None:
    inner = block([make({"k": 2}), put("k", scoped=True)])
    assert await final({"k": 1}, put("k"), inner, make({}), get("k")) == {"k": 1}


def test_s21_local_fields_that_are_never_stored_or_never_read_are_warnings() -> None:
    def warnings(*steps: dict[str, object]) -> list[str]:
        found, problems = problems_of(*steps, tokenJwt=True)
        assert found is not None
        return [problem.message for problem in problems if problem.severity == "warning"]

    (s1,) = warnings(get("a"))
    assert "LOCAL field 'a' is read, but no step before stores it (S1)" in s1
    (s2,) = warnings(put("a"))
    assert "LOCAL field 'a' is stored, but never read or deleted (S2)" in s2
    assert warnings(get_global("a"), put_global("b")) == []
    assert warnings(put("a"), delete("a")) == []
    assert warnings(block([put("a")], [get("a")])) == []
    assert warnings(block([put("a")]), get("a")) == []
    assert len(warnings(block([put("a", scoped=True)]), get("a", scoped=True))) == 2
    first = {"condition": True, "flow": [put("a")]}
    assert len(warnings(step("choice", when=[first], otherwise=[get("a")]))) == 1
    assert warnings(step("choice", when=[first], otherwise=[]), get("a")) == []


async def test_s22_a_session_is_seen_by_its_own_token_alone(gate: Gate, token: str, other: str) -> None:
    gate.deploy(
        plan(make({"k": 1}), put_global("k"), name="a", tokenJwt=True),
        plan(make({}), get_global("k"), name="b", tokenJwt=True),
    )
    await gate.call("a", token=token)
    assert (await gate.call("b", token=other)).json == {}
    assert (await gate.call("b", token=token)).json == {"k": 1}


async def test_s23_other_pipelines_of_the_realm_see_the_session(gate: Gate, token: str) -> None:
    gate.deploy(
        plan(make({"k": 1}), put_global("k"), name="a", tokenJwt=True),
        plan(make({}), get_global("k"), name="b", version="2.0", tokenJwt=True),
    )
    await gate.call("a", token=token)
    assert (await gate.call("b", token=token, major=2)).json == {"k": 1}


@pytest.mark.parametrize("trigger", [{}, {"apiKey": True}, {"type": "event"}, {"type": "scheduler"}])
def test_s24_a_global_step_without_a_token_is_refused_at_deploy(trigger: dict[str, Any]) -> None:
    found, problems = problems_of(block([put_global("k")]), **trigger)
    assert found is None
    errors = [problem.message for problem in problems if problem.severity == "error"]
    assert errors == ["step 'session-management': a GLOBAL session needs a REST or HTTP trigger with tokenJwt: true"]


async def test_s25_a_global_step_fails_in_a_test_run() -> None:
    done = await trial.test_run(plan(get_global("k"), tokenJwt=True), {})
    assert isinstance(done.message, dict)
    assert "no authenticated session" in str(done.message["error"])
    assert done.message["code"] == 401


async def test_s26_an_expired_token_is_refused(gate: Gate, token: str, clock: ManualClock) -> None:
    clock.advance(HOUR + MINUTE)
    with pytest.raises(TokenRefused) as refused:
        await gate.access(token)
    assert refused.value.reason == "expired"


async def test_s27_an_altered_token_is_refused(gate: Gate, token: str) -> None:
    head, claims, signature = token.split(".")
    altered = f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    with pytest.raises(TokenRefused) as refused:
        await gate.access(altered)
    assert refused.value.reason == "signature"
    with pytest.raises(TokenRefused):
        await gate.access(f"eyJhbGciOiJub25lIn0.{claims}.")


def test_s28_key_and_token_are_two_demands_of_the_trigger() -> None:
    both = plan(make({}), apiKey=True, tokenJwt=True).trigger
    neither = plan(make({})).trigger
    assert (both.api_key, both.token_jwt) == (True, True)
    assert (neither.api_key, neither.token_jwt) == (False, False)


async def test_s29_a_deleted_field_is_gone_for_the_other_pipeline(gate: Gate, token: str) -> None:
    gate.deploy(
        plan(make({"k": 1, "l": 2}), put_global("k", "l"), name="put", tokenJwt=True),
        plan(delete_global("k"), name="a", tokenJwt=True),
        plan(make({}), get_global("k", "l"), name="b", tokenJwt=True),
    )
    await gate.call("put", token=token)
    await gate.call("a", token=token)
    assert (await gate.call("b", token=token)).json == {"l": 2}


async def test_s30_a_token_of_another_realm_is_refused(gate: Gate, token: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        await gate.access(token, "beta")
    assert refused.value.reason == "issuer"


async def test_s31_local_and_global_values_do_not_mix(gate: Gate, token: str) -> None:
    flow = [make({"k": "local"}), put("k"), make({"k": "global"}), put_global("k")]
    gate.deploy(
        plan(*flow, make({}), get("k"), name="a", tokenJwt=True),
        plan(*flow, make({}), get_global("k"), name="b", tokenJwt=True),
    )
    assert (await gate.call("a", token=token)).json == {"k": "local"}
    assert (await gate.call("b", token=token)).json == {"k": "global"}


async def test_s32_generate_answers_with_a_token_of_the_subject(gate: Gate) -> None:
    key = (await gate.rules.api_keys.add("web", gate.engine.realm("acme"))).api_key
    gate.deploy(plan(make({"sub": "1"}), generate(scopes="A,B"), grants=["A", "B"]))
    answer = await gate.call("p", api_key=key)
    assert answer.json == {"status": "logged"}
    assert answer.headers["Access-Control-Expose-Headers"] == "Authorization"
    claims = (await gate.access(answer.token)).claims or {}
    said = {name: claims[name] for name in ("sub", "scopes", "consumer_name", "realm")}
    assert said == {"sub": "1", "scopes": ["A", "B"], "consumer_name": "web", "realm": "acme"}


async def test_s33_the_expiration_counts_from_the_issue(gate: Gate) -> None:
    gate.deploy(plan(make({"sub": "1"}), generate(expiresIn="60000")))
    claims = (await gate.access((await gate.call("p")).token)).claims or {}
    assert (claims["exp"], claims["iat"]) == (1_800_000_060, 1_800_000_000)
    found, problems = problems_of(make({"sub": "1"}), generate(expiresIn=31_536_000_001))
    assert found is None
    assert "expiresIn is 1000 to 31536000000 ms" in problems[0].message


async def test_s34_a_test_run_makes_no_token() -> None:
    done = await run({"sub": "1"}, generate(failOnError=False), make({"not": "reached"}))
    assert isinstance(done.error, NotInTestRun)
    assert len(done.steps) == 0


async def test_s35_decode_gives_the_claims(gate: Gate, token: str) -> None:
    gate.deploy(plan(step("jwt", params={"operation": "decode"}), tokenJwt=True))
    assert (await gate.call("p", token=token)).json == {"body": {"dataToken": (await gate.access(token)).claims}}


def test_s36_the_size_limit_is_in_bytes() -> None:
    assert plan(make({})).trigger.max_request_size == 5_000_000
    assert plan(make({}), maxRequestSize="2KB").trigger.max_request_size == 2_000


async def test_s37_after_the_timeout_the_reply_is_empty_and_nothing_is_written(
    gate: Gate, token: str, folder: Path
) -> None:
    first, second = make({"a": 1, "b": 2}), put_global("a")
    gate.deploy(plan(first, second, put_global("b"), tokenJwt=True, timeout=60))
    with locked(folder):
        answer = await gate.call("p", token=token)
    assert (answer.status, answer.body) == (500, b"")
    # A later write waits for whatever was under way.
    gate.deploy(plan(make({"c": 3}), put_global("c"), name="later", tokenJwt=True))
    assert (await gate.call("later", token=token)).status == 200
    assert "b" not in await gate.fields(token)


async def test_s39_a_failed_assert_is_the_status_of_the_reply(gate: Gate) -> None:
    params = {"condition": "{{ EQUALTO(1, 2) }}", "errorCode": 403, "errorMessage": "not here"}
    gate.deploy(plan(step("assert", params=params)))
    answer = await gate.call("p")
    assert answer.status == 403
    assert answer.json == {"timestamp": "2027-01-15T08:00:00.000Z", "error": "not here", "code": 403}


async def test_s40_route_parameters_and_query_are_one_object(gate: Gate) -> None:
    gate.deploy(plan(make({"seen": "{{ message.queryAndPath }}"}), routes=["/orders/:id"]))
    answer = await gate.call("orders/7", query={"x": "1"})
    assert answer.json == {"seen": {"id": "7", "x": "1"}}


def test_s40_a_route_that_starts_with_a_parameter_is_refused() -> None:
    found, problems = problems_of(make({}), routes=["/:id"])
    assert found is None
    assert "route '/:id' starts with a parameter" in problems[0].message


def test_s40_a_route_that_two_pipelines_declare_is_refused() -> None:
    one = plan(make({}), name="one", routes=["/orders/:id"])
    two = plan(make({}), name="two", routes=["/orders/:number"])
    with pytest.raises(ConfigError, match="declared twice") as refused:
        Deployment([one, two])
    assert "pipelines/two.yaml:1" in str(refused.value)
    assert "pipelines/one.yaml" in str(refused.value)


async def test_a_session_that_ended_is_no_error_of_the_flow(gate: Gate, token: str) -> None:
    gate.deploy(plan(step("jwt", params={"operation": "REVOKE"}), get_global("k"), tokenJwt=True))
    with pytest.raises(SessionEnded) as ended:
        await gate.call("p", token=token)
    assert ended.value.reason == "logout"
