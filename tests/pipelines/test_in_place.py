"""INCREMENT, APPEND, MERGE, ``ifVersion``: on the real engine, with many writers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sojourn.pipelines import trial
from sojourn.pipelines.errors import NoSession
from tests.pipelines.flows import (
    Step,
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
)
from tests.pipelines.gate import Gate

pytestmark = pytest.mark.anyio


def act(operation: str, *fields: str, kind: str = "GLOBAL", **more: Any) -> Step:
    params = {"operation": operation, "sessionType": kind, "fields": list(fields), **more}
    return step("session-management", params=params)


async def test_parallel_increments_sum_up_exactly(gate: Gate, token: str) -> None:
    gate.deploy(plan(make({"by": 1}), act("INCREMENT", "n", by="{{ message.by }}"), tokenJwt=True))
    answers = await asyncio.gather(*(gate.call("p", token=token) for _ in range(20)))
    assert sorted(answer.json["n"] for answer in answers) == list(range(1, 21))
    assert (await gate.fields(token))["n"] == 20


async def test_an_increment_keeps_every_digit(gate: Gate, token: str) -> None:
    gate.deploy(
        plan(
            act("INCREMENT", "n", by="{{ message.body.by }}"),
            act("INCREMENT", "n", by="{{ message.body.by }}"),
            tokenJwt=True,
        )
    )
    answer = await gate.call("p", raw=b'{"by": 0.1234567890123456}', token=token)
    assert b'"n":0.2469135780246912' in answer.body


async def test_several_fields_are_one_atomic_change(gate: Gate, token: str) -> None:
    gate.deploy(plan(make({"text": "x"}), put_global("text"), act("INCREMENT", "n", "text"), tokenJwt=True))
    answer = await gate.call("p", token=token)
    assert answer.status == 400
    assert await gate.fields(token) == {"text": "x"}


async def test_appended_items_are_all_there(gate: Gate, token: str) -> None:
    gate.deploy(plan(act("APPEND", "log", item={"n": "{{ message.body.n }}"}), tokenJwt=True))
    await asyncio.gather(*(gate.call("p", {"n": n}, token=token) for n in range(10)))
    log = (await gate.fields(token))["log"]
    assert isinstance(log, list)
    assert sorted(item["n"] for item in log) == list(range(10))


async def test_an_item_may_be_null(gate: Gate, token: str) -> None:
    gate.deploy(
        plan(act("APPEND", "log", item=None), act("APPEND", "log", item="{{ message.nothing }}"), tokenJwt=True)
    )
    await gate.call("p", token=token)
    assert (await gate.fields(token))["log"] == [None, None]


async def test_merged_members_of_two_writers_both_stay(gate: Gate, token: str) -> None:
    gate.deploy(plan(act("MERGE", "cart", patch="{{ message.body }}"), tokenJwt=True))
    await asyncio.gather(*(gate.call("p", {f"k{n}": n}, token=token) for n in range(5)))
    await gate.call("p", {"k0": None, "k1": {"deep": 1}}, token=token)
    assert (await gate.fields(token))["cart"] == {"k1": {"deep": 1}, "k2": 2, "k3": 3, "k4": 4}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (act("INCREMENT", "n", by="{{ message.body.x }}"), "by is not a plain decimal number"),
        (act("MERGE", "n", patch="{{ message.body.x }}"), "patch is not an object"),
        (act("PUT", "body", ifVersion="{{ message.body.x }}"), "ifVersion is not a whole number"),
        (act("PUT", "body", ifVersion="{{ message.none }}"), "ifVersion is a version"),
        (act("PUT", "body", ifVersion={"body": "{{ message.none }}"}), "ifVersion is a version"),
        (act("DELETE", "body", ifVersion="{{ message.form }}"), "ifVersion has no version of 'body'"),
    ],
)
async def test_an_operand_that_does_not_fit_is_told_and_nothing_is_written(
    gate: Gate, token: str, bad: Step, message: str
) -> None:
    gate.deploy(plan(bad, tokenJwt=True))
    answer = await gate.call("p", {"x": "text"}, token=token)
    assert (answer.status, answer.json["code"]) == (422, 422)
    assert message in answer.json["error"]
    assert await gate.fields(token) == {}


async def test_a_number_with_an_exponent_is_no_plain_decimal(gate: Gate, token: str) -> None:
    gate.deploy(plan(act("INCREMENT", "n", by="{{ message.body }}"), tokenJwt=True))
    for by in (b"1e3", b"true", b'"1"', b"null"):
        assert (await gate.call("p", raw=by, token=token)).status == 422, by


# --- versions ---


async def test_of_two_writers_that_read_the_same_one_gets_a_conflict(gate: Gate, token: str) -> None:
    read = plan(make({}), act("GET", "cart", versions="seen"), name="read", tokenJwt=True)
    write = plan(
        make({"cart": "{{ message.body.cart }}", "seen": "{{ message.body.seen }}"}),
        act("PUT", "cart", ifVersion="{{ message.seen.cart }}", versions="seen"),
        name="write",
        tokenJwt=True,
    )
    gate.deploy(read, write)
    seen = (await gate.call("read", token=token)).json
    assert seen == {"seen": {"cart": 0}}
    answers = await asyncio.gather(*(gate.call("write", {"cart": n, **seen}, token=token) for n in range(5)))
    won = [answer for answer in answers if answer.status == 200]
    lost = [answer for answer in answers if answer.status == 409]
    assert (len(won), len(lost)) == (1, 4)
    for answer in lost:
        body = answer.json
        assert body.pop("timestamp")
        found = won[0].json["seen"]["cart"]
        assert body == {"error": "field conflict", "code": 409, "name": "cart", "expected": 0, "found": found}
    again = await gate.call("write", {"cart": "next", "seen": won[0].json["seen"]}, token=token)
    assert again.json["seen"]["cart"] > won[0].json["seen"]["cart"]
    assert (await gate.call("read", token=token)).json == again.json


async def test_several_fields_under_versions_are_written_together_or_not_at_all(gate: Gate, token: str) -> None:
    gate.deploy(
        plan(make({"a": 1, "b": 1}), act("PUT", "a", "b", versions="seen"), name="begin", tokenJwt=True),
        plan(
            make({"a": 2, "b": 2, "seen": "{{ message.body }}"}),
            act("PUT", "a", "b", ifVersion="{{ message.seen }}"),
            name="both",
            tokenJwt=True,
        ),
    )
    seen = (await gate.call("begin", token=token)).json["seen"]
    refused = await gate.call("both", seen | {"b": 99}, token=token)
    told = (refused.status, refused.json["name"], refused.json["expected"], refused.json["found"])
    assert told == (409, "b", 99, seen["b"])
    assert await gate.fields(token) == {"a": 1, "b": 1}
    assert (await gate.call("both", seen, token=token)).status == 200
    assert await gate.fields(token) == {"a": 2, "b": 2}


async def test_a_delete_under_a_version_and_the_version_after_it(gate: Gate, token: str) -> None:
    gate.deploy(
        plan(
            make({"a": 1}),
            act("PUT", "a", versions="v"),
            act("DELETE", "a", ifVersion="{{ message.v }}", versions="v"),
            act("DELETE", "a", versions="w"),
            tokenJwt=True,
        )
    )
    assert (await gate.call("p", token=token)).json == {"a": 1, "v": {"a": 0}, "w": {"a": 0}}
    assert await gate.fields(token) == {}


async def test_a_conflict_is_caught_like_any_error_of_the_flow(gate: Gate, token: str) -> None:
    gate.deploy(
        plan(
            make({"a": 1}), block([act("PUT", "a", ifVersion=7)], [make({"told": "{{ message.code }}"})]), tokenJwt=True
        )
    )
    assert (await gate.call("p", token=token)).json == {"told": 409}


async def test_without_an_object_for_a_message_nothing_is_written(gate: Gate, token: str) -> None:
    gate.deploy(plan(make([1]), act("INCREMENT", "n"), tokenJwt=True))
    answer = await gate.call("p", token=token)
    assert (answer.status, answer.json["error"]) == (500, "message is not an object")
    assert await gate.fields(token) == {}


# --- LOCAL ---


async def test_local_values_are_changed_in_place_too() -> None:
    flow = [
        act("INCREMENT", "n", kind="LOCAL", by=2),
        act("APPEND", "log", kind="LOCAL", item="{{ message.n }}"),
        act("MERGE", "o", kind="LOCAL", patch={"a": 1}),
        get("n", "log", "o"),
    ]
    assert await final({"x": 1}, *flow) == {"x": 1, "n": 2, "log": [2], "o": {"a": 1}}


async def test_a_local_change_that_is_refused_leaves_everything_as_it_is() -> None:
    grow = act("APPEND", "a", "b", kind="LOCAL", item='"x"')
    done = await run({"a": [], "b": "text"}, put("a", "b"), block([grow], [get("a", "b")]))
    assert isinstance(done.message, dict)
    assert (done.message["a"], done.message["b"]) == ([], "text")
    large = act("APPEND", "a", kind="LOCAL", item=["x" * 600_000])
    twice = await run({}, block([large, large], [get("a")]))
    assert isinstance(twice.message, dict)
    assert twice.message["code"] == 413
    assert len(twice.message["a"]) == 1
    names = [f"n{number}" for number in range(65)]
    many = await run({}, block([act("INCREMENT", *names, kind="LOCAL")], [get(*names)]))
    assert isinstance(many.message, dict)
    assert set(many.message) == {"timestamp", "error", "code"}


async def test_a_test_run_has_no_global_session_to_change() -> None:
    for one in (act("INCREMENT", "n"), act("PUT", "a", ifVersion=0), delete_global("a"), get_global("a")):
        done = await trial.test_run(plan(one, tokenJwt=True), {"a": 1})
        assert isinstance(done.error, NoSession)
