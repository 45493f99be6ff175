"""One execution: what it sees, what it answers, where it stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from sojourn.core import json
from sojourn.core.clock import HOUR, ManualClock
from sojourn.core.errors import BadRequest, InvalidJson, SessionEnded, StaleSession
from sojourn.model.session import Device
from sojourn.model.user import account_identity
from sojourn.pipelines import trial
from sojourn.pipelines.errors import ExecutionOver
from sojourn.pipelines.execution import MAX_STEPS, Execution, Frame
from sojourn.pipelines.flow import run_flow
from sojourn.pipelines.local import LocalSession
from sojourn.pipelines.request import PipelineRequest, input_message
from tests.pipelines.example_powers import ExamplePowers
from tests.pipelines.flows import (
    block,
    delete_global,
    final,
    get,
    get_global,
    make,
    plan,
    put,
    put_global,
    run,
    step,
    throw,
)
from tests.pipelines.gate import Gate, locked

pytestmark = pytest.mark.anyio


# --- the first message ---------------------------------------------------------------------------------------


def test_the_first_message_has_what_the_request_has_and_no_more() -> None:
    request = PipelineRequest(
        method="POST",
        path="/pipeline/acme/v1/orders/7",
        path_params={"id": "7"},
        query={"x": "1", "id": "not this"},
        headers={"accept": "*/*"},
        content_type="application/json; charset=utf-8",
        body=b'{"price": 10.10}',
        address="127.0.0.1",
        execution_key="key",
    )
    message = input_message(request, parse_json=True)
    assert json.encode(message.pop("body")) == b'{"price":10.10}'
    assert message == {
        "form": {},
        "headers": {"accept": "*/*"},
        "queryAndPath": {"x": "1", "id": "7"},
        "method": "POST",
        "contentType": "application/json; charset=utf-8",
        "path": "/pipeline/acme/v1/orders/7",
    }


@pytest.mark.parametrize(
    ("content_type", "body", "parsed"),
    [
        ("application/json", b"", None),
        ("application/json", b"[1]", [1]),
        ("application/merge-patch+json", b"[1]", [1]),
        ("APPLICATION/JSON;q=1", b"[1]", [1]),
        ("text/plain", b"[1]", "[1]"),
        ("", b"\xff", "\ufffd"),
    ],
)
def test_the_content_type_decides_what_the_body_is(content_type: str, body: bytes, parsed: object) -> None:
    request = PipelineRequest("POST", "/", content_type=content_type, body=body)
    assert input_message(request, parse_json=True)["body"] == parsed


def test_an_http_trigger_gets_the_body_as_text() -> None:
    request = PipelineRequest("POST", "/", content_type="application/json", body=b"[1]")
    assert input_message(request, parse_json=False)["body"] == "[1]"


@pytest.mark.parametrize("body", [b"{", b'{"a":1,"a":2}', b"\xff", b"NaN"])
def test_a_json_body_that_does_not_parse_is_refused_before_the_flow(body: bytes) -> None:
    with pytest.raises(InvalidJson):
        input_message(PipelineRequest("POST", "/", content_type="application/json", body=body), parse_json=True)


def test_a_form_is_an_object_of_texts() -> None:
    kind = "application/x-www-form-urlencoded"
    message = input_message(PipelineRequest("POST", "/", content_type=kind, body=b"a=1&b=&c=%C3%A9"), parse_json=True)
    assert message["form"] == {"a": "1", "b": "", "c": "é"}
    many = b"&".join(b"a=1" for _ in range(1_001))
    with pytest.raises(BadRequest, match="at most 1000 fields"):
        input_message(PipelineRequest("POST", "/", content_type=kind, body=many), parse_json=True)


async def test_expressions_see_globals_and_metadata(gate: Gate) -> None:
    seen = make(
        {
            "shop": "{{ global.shop }}",
            "pipeline": "{{ metadata.pipeline }}",
            "execution": "{{ metadata.execution }}",
            "environment": "{{ metadata.runtime.environment }}",
        }
    )
    gate.deploy(plan(seen, version="3.7", timeout=1_234))
    assert (await gate.call("p", major=3)).json == {
        "shop": "Corner",
        "pipeline": {"name": "p", "description": "", "realm": "acme", "versionMajor": 3, "versionMinor": 7},
        "execution": {
            "key": "the-key",
            "timeout": 1_234,
            "startTimestamp": 1_800_000_000_000,
            "redelivery": False,
        },
        "environment": "prod",
    }


# --- the reply -----------------------------------------------------------------------------------------------


async def test_the_last_message_is_the_reply(gate: Gate) -> None:
    gate.deploy(plan(make('{"n": {{ message.body.n }} }')))
    answer = await gate.call("p", raw=b'{"n": 0.12345678901234567890}')
    assert (answer.status, answer.headers) == (200, {"content-type": "application/json"})
    assert answer.body == b'{"n":0.12345678901234567890}'


async def test_response_headers_are_evaluated_against_the_last_message(gate: Gate) -> None:
    headers = {"X-Fixed": "a,b", "X-Sku": "{{ message.sku }}", "X-Broken": "{{ SUM(message.sku, 1) }}"}
    gate.deploy(plan(make({"sku": "A1\r\nSet-Cookie: x=1 ☃"}), responseHeaders=headers))
    answer = await gate.call("p")
    assert answer.headers == {
        "content-type": "application/json",
        "X-Fixed": "a,b",
        "X-Sku": "A1??Set-Cookie: x=1 ?",
    }


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"error": "sold out", "code": 409}, 409),
        ({"error": "no code"}, 500),
        ({"code": 409}, 500),
        ({"error": "odd", "code": 200}, 500),
        ({"error": "odd", "code": True}, 500),
        ("text", 500),
    ],
)
async def test_an_error_message_of_the_author_chooses_its_status(gate: Gate, error: object, status: int) -> None:
    custom = step("throw-error", params={"customErrorEnabled": True, "customError": "{{ message.body }}"})
    gate.deploy(plan(custom))
    answer = await gate.call("p", raw=json.encode(error))
    assert (answer.status, answer.json) == (status, error)


async def test_an_expression_that_fails_for_a_message_is_the_callers_error(gate: Gate) -> None:
    gate.deploy(
        plan(
            step(
                "json-generator", name="sum", params={"json": {"n": "{{ SUM(message.body, 1) }}"}, "failOnError": True}
            )
        )
    )
    answer = await gate.call("p", "one")
    assert answer.status == 422
    assert answer.json["error"].startswith("step 'sum': parameter 'json.n': line 1, column 4: SUM:")


async def test_a_failing_expression_is_logged_with_file_and_line(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    gate.deploy(plan(step("json-generator", name="sum", params={"json": {"n": "{{ SUM(message.body, 1) }}"}})))
    with caplog.at_level(logging.WARNING, logger="sojourn.pipelines.flow"):
        assert (await gate.call("p", "one")).json["success"] is False
    assert "pipelines/p.yaml:1: step 'sum': parameter 'json.n'" in caplog.text


# --- an http trigger -----------------------------------------------------------------------------------------


async def test_the_envelope_of_an_http_trigger_is_the_reply(gate: Gate) -> None:
    gate.deploy(plan(make({"code": "201", "body": "<a/>", "Content-Type": "text/xml"}), type="http"))
    answer = await gate.call("p")
    assert (answer.status, answer.headers, answer.body) == (201, {"content-type": "text/xml"}, b"<a/>")


async def test_an_envelope_may_leave_out_what_is_usual(gate: Gate) -> None:
    gate.deploy(plan(make({"body": {"a": 1}}), type="http"))
    answer = await gate.call("p")
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "application/json", b'{"a":1}')


@pytest.mark.parametrize(
    "envelope",
    [
        "text",
        {"code": 99},
        {"code": "x"},
        {"code": 600},
        {"Content-Type": "a\r\nb"},
        {"Content-Type": 1},
        {"Content-Type": "text/html"},
    ],
)
async def test_what_is_no_envelope_is_an_error_of_the_flow(gate: Gate, envelope: object) -> None:
    gate.deploy(
        plan(
            make({"made": envelope}),
            make("{{ message.made }}"),
            type="http",
            responseContentTypes=["text/xml", "application/json"],
        )
    )
    assert (await gate.call("p")).status == 500


# --- errors and subflows -------------------------------------------------------------------------------------


async def test_what_on_exception_throws_climbs() -> None:
    done = await run(
        {}, block([block([throw("inner")], [throw("second", 418)])], [make({"got": "{{ message.code }}"})])
    )
    assert done.message == {"got": 418}


async def test_an_error_without_rescue_ends_the_flow() -> None:
    done = await run({}, block([throw("no", 402)]), make({"never": 1}))
    assert isinstance(done.message, dict)
    assert (done.message["error"], done.message["code"]) == ("no", 402)
    assert [made.step for made in done.steps] == []


async def test_a_trace_shows_every_step_with_its_depth() -> None:
    done = await run({"a": 1}, block([make({"b": 2})]), make({"c": 3}))
    assert [(made.step, made.depth, made.message) for made in done.steps] == [
        ("json-generator", 1, {"b": 2}),
        ("block-execution", 0, {"b": 2}),
        ("json-generator", 0, {"c": 3}),
    ]


async def test_choice_takes_the_first_that_holds_and_evaluates_no_later_one() -> None:
    branches = [
        {"condition": "{{ EQUALTO(message.a, 1) }}", "flow": [make({"took": 0})]},
        {"condition": "{{ SUM('x', 1) }}", "flow": [make({"took": 1})]},
    ]
    assert await final({"a": 1}, step("choice", when=branches, otherwise=[])) == {"took": 0}
    done = await run({"a": 2}, step("choice", when=branches, otherwise=[]))
    assert isinstance(done.message, dict)
    assert done.message["code"] == 422


async def test_a_choice_shares_the_scoped_session_of_its_flow() -> None:
    branch = step("choice", when=[{"condition": True, "flow": [put("k", scoped=True)]}], otherwise=[])
    assert await final({"k": 1}, branch, make({}), get("k", scoped=True)) == {"k": 1}


async def test_scoped_values_of_two_invocations_are_apart() -> None:
    assert await final({"k": 1}, block([put("k", scoped=True)]), block([make({}), get("k", scoped=True)])) == {}


async def test_on_exception_shares_the_scoped_session_of_its_invocation() -> None:
    assert await final({"k": 1}, block([put("k", scoped=True), throw()], [make({}), get("k", scoped=True)])) == {"k": 1}


# --- LOCAL and GLOBAL values ---------------------------------------------------------------------------------


async def test_null_is_stored_as_null() -> None:
    assert await final({"a": None}, put("a"), make({}), get("a")) == {"a": None}


async def test_put_of_an_absent_property_leaves_the_stored_value() -> None:
    assert await final({"a": 1}, put("a"), make({}), put("a"), get("a")) == {"a": 1}


async def test_a_message_that_is_no_object_stores_nothing() -> None:
    assert await final([1], put("a"), make({}), get("a")) == {}


async def test_get_into_a_message_that_is_no_object_is_an_error_only_with_a_value() -> None:
    assert await final([1], get("a")) == [1]
    done = await run({"a": 1}, put("a"), make([1]), get("a"))
    assert isinstance(done.message, dict)
    assert (done.message["error"], done.message["code"]) == ("message is not an object", 500)


async def test_a_local_value_has_at_most_a_million_bytes_and_nothing_is_written_beyond() -> None:
    fits, large = "x" * 999_998, "x" * 999_999
    assert await final({"a": fits}, put("a"), make({}), get("a")) == {"a": fits}
    refused = block([put("b", "a")], [make({}), get("a", "b")])
    assert await final({"a": large, "b": 1}, refused) == {}
    done = await run({"a": large}, put("a"))
    assert isinstance(done.message, dict)
    assert (done.message["error"], done.message["code"]) == ("session limit exceeded", 413)


async def test_a_local_session_has_at_most_five_million_bytes_and_64_fields() -> None:
    names = [f"n{number}" for number in range(6)]
    done = await run(dict.fromkeys(names, "x" * 900000), put(*names))
    assert isinstance(done.message, dict)
    assert done.message["code"] == 413
    names = [f"n{number}" for number in range(65)]
    message = dict.fromkeys(names, 1)
    assert await final(message, put(*names[:64]), make({}), get(*names)) == dict.fromkeys(names[:64], 1)
    done = await run(message, put(*names))
    assert isinstance(done.message, dict)
    assert done.message["code"] == 413


async def test_a_global_session_has_limits_and_nothing_is_written_beyond(gate: Gate, token: str) -> None:
    gate.deploy(plan(make({"a": 1, "b": "{{ message.body }}"}), put_global("a", "b"), tokenJwt=True))
    answer = await gate.call("p", "x" * 262_144, token=token)
    assert answer.status == 413
    assert answer.json == {"timestamp": "2027-01-15T08:00:00.000Z", "error": "session limit exceeded", "code": 413}
    assert await gate.fields(token) == {}


async def test_global_values_keep_their_digits(gate: Gate, token: str) -> None:
    gate.deploy(
        plan(make({"k": "{{ message.body }}"}), put_global("k"), name="a", tokenJwt=True),
        plan(make({}), get_global("k"), name="b", tokenJwt=True),
    )
    text = b'[12345678901234567,0.12345678901234567890,10.10,{"a":null}]'
    await gate.call("a", raw=text, token=token)
    assert (await gate.call("b", token=token)).body == b'{"k":' + text + b"}"


async def test_each_get_reads_anew(gate: Gate, token: str) -> None:
    gate.deploy(
        plan(
            make({"k": 1}),
            put_global("k"),
            make({}),
            get_global("k"),
            delete_global("k"),
            make({"then": "{{ message.k }}"}),
            get_global("k"),
            tokenJwt=True,
        )
    )
    assert (await gate.call("p", token=token)).json == {"then": 1}


async def test_parallel_puts_of_different_fields_are_all_there(gate: Gate, token: str) -> None:
    gate.deploy(*(plan(make({f"f{n}": n}), put_global(f"f{n}"), name=f"p{n}", tokenJwt=True) for n in range(64)))
    await asyncio.gather(*(gate.call(f"p{n}", token=token) for n in range(64)))
    assert await gate.fields(token) == {f"f{n}": n for n in range(64)}


async def test_without_a_token_there_is_no_session_to_fall_back_to(gate: Gate) -> None:
    gate.deploy(plan(get_global("k"), tokenJwt=True))
    answer = await gate.call("p")
    assert (answer.status, answer.json["error"]) == (401, "global session requires an authenticated token")


# --- ends and timeouts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [put_global("a"), get_global("a"), delete_global("a"), put_global("absent")])
async def test_no_step_acts_for_a_session_that_ended(gate: Gate, token: str, act: dict[str, object]) -> None:
    gate.deploy(plan(make({"a": 1}), act, tokenJwt=True))
    access = await gate.access(token)
    await gate.rules.sessions.end(access, "logout")
    with pytest.raises(SessionEnded):
        await gate.call("p", access=access)


async def test_no_step_writes_under_an_old_epoch(gate: Gate, token: str) -> None:
    gate.deploy(plan(make({"a": 1}), put_global("a"), tokenJwt=True))
    access = await gate.access(token)
    assert access.account is not None
    identity = account_identity(access.account, gate.rules.clock.now())
    await gate.rules.sessions.rotate(access, identity, Device(), keep=None)
    with pytest.raises(StaleSession):
        await gate.call("p", access=access)


async def test_a_flow_may_catch_the_end_of_its_session(gate: Gate, token: str) -> None:
    gate.deploy(
        plan(
            make({"a": 1}),
            block([put_global("a")], [make({"why": "{{ message.error }}", "code": "{{ message.code }}"})]),
            tokenJwt=True,
        )
    )
    access = await gate.access(token)
    await gate.rules.sessions.end(access, "logout")
    assert (await gate.call("p", access=access)).json == {"why": "Session ended", "code": 401}


async def test_touch_false_does_not_extend_the_idle_time(gate: Gate, token: str, clock: ManualClock) -> None:
    act = (make({"a": 1}), put_global("a"))
    gate.deploy(plan(*act, name="silent", tokenJwt=True, touch=False), plan(*act, name="seen", tokenJwt=True))
    clock.advance(HOUR // 2)
    access = await gate.access(token)
    await gate.call("silent", access=access)
    assert (await gate.access(token)).session.last == access.session.last
    await gate.call("seen", access=access)
    assert (await gate.access(token)).session.last == clock.now()


async def test_a_timeout_with_status_504_is_json(gate: Gate, token: str, folder: Path) -> None:
    gate.deploy(plan(make({"a": 1}), put_global("a"), tokenJwt=True, timeout=60, timeoutStatus=504))
    with locked(folder):
        answer = await gate.call("p", token=token)
    assert answer.status == 504
    assert answer.json == {
        "message": "the pipeline took too long",
        "code": "pipeline.timeout",
        "executionKey": "the-key",
    }


async def test_a_flow_that_never_waits_has_its_time_too(gate: Gate) -> None:
    words = {f"k{number}": "{{ UPPERCASE(message.body) }}" for number in range(40)}
    gate.deploy(plan(make(words), timeout=1))
    answer = await gate.call("p", "x" * 500_000)
    assert (answer.status, answer.body) == (500, b"")


def limited(time: list[float], clock: Callable[[], float] | None = None) -> Execution:
    return Execution(
        key="key",
        pipeline="p",
        powers=ExamplePowers({}),
        clock=ManualClock(),
        time=clock or (lambda: time[0]),
        timeout=1_000,
        globals_={},
        metadata={},
    )


def test_nothing_acts_once_the_time_is_up() -> None:
    time = [5.0]
    execution = limited(time)
    time[0] = 5.999
    execution.check()
    execution.enter_step()
    time[0] = 6.0
    with pytest.raises(ExecutionOver):
        execution.check()
    with pytest.raises(ExecutionOver):
        execution.enter_step()


async def test_a_step_whose_parameters_took_too_long_has_no_effect() -> None:
    instants = iter([0.0, 0.5, 1.0])
    execution, local = limited([0.0], lambda: next(instants)), LocalSession()
    with pytest.raises(ExecutionOver):
        await run_flow(plan(put("a")).flow, Frame(execution, local), {"a": 1})
    assert local.get(["a"]) == {}


def test_an_execution_takes_a_bounded_number_of_steps() -> None:
    execution = limited([0.0])
    for _ in range(MAX_STEPS):
        execution.enter_step()
    with pytest.raises(ExecutionOver):
        execution.enter_step()


async def test_a_timeout_is_not_caught_by_the_flow() -> None:
    time = [0.0]
    execution = limited(time)
    time[0] = 1.0
    with pytest.raises(ExecutionOver):
        await run_flow(plan(block([make({})], [make({})])).flow, Frame(execution, LocalSession()), {})


async def test_a_test_run_that_takes_too_much_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sojourn.pipelines.execution.MAX_STEPS", 1)
    done = await run({}, make({"a": 1}), make({"b": 1}))
    assert isinstance(done.error, trial.TooLong)
    assert [made.message for made in done.steps] == [{"a": 1}]


# --- the log -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("one\ntwo\r\x1b[31m", "one two  [31m"),
        ('{"password":"p\\"w","a":1}', '{"password":"***","a":1}'),
        ('{"Token": 17, "a":1}', '{"Token": "***", "a":1}'),
        ("Authorization: Bearer abc.def-123", "Authorization: ***"),
        ("got eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln there", "got *** there"),
        ("key sjk_abcDEF123-_", "key ***"),
        (f"handle {'a' * 43}.{'b' * 43}", "handle ***"),
        ("x" * 10_001, "x" * 10_000 + "…"),
    ],
)
async def test_a_log_line_is_one_line_without_credentials(
    message: str, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="sojourn.pipelines.flow"):
        await final({"text": message}, step("log", params={"level": "INFO", "message": "{{ message.text }}"}))
    assert [record.getMessage() for record in caplog.records] == [line]
    assert caplog.records[0].__dict__["pipeline"] == "p"
