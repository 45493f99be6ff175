"""The audit log over the admin API: who may see what, and pages that go on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sojourn.bootstrap import Engine
from tests.admin.conftest import Hire
from tests.http.wire_client import Answer, Client

pytestmark = pytest.mark.anyio

AUDIT = "security.viewAudit"


def lines(answer: Answer) -> list[dict[str, Any]]:
    assert answer.status == 200, answer
    return [json.loads(line) for line in answer.body.splitlines()]


@pytest.fixture
async def written(engine: Engine) -> None:
    """Events of two realms, of the engine, and of a realm that is nobody's."""
    for realm, actor in (("acme", "ann"), ("web", "ben"), ("acme", "eve"), ("", "root"), ("gone", "zoe")):
        place = engine.realm(realm).id if realm in ("acme", "web") else realm
        await engine.rules.audit.record("LOGIN", realm=place, outcome="ok", actor=actor, address="192.0.2.7")


@pytest.mark.usefixtures("written")
async def test_who_may_see_one_realm_sees_nothing_of_any_other(admin: Client, hire: Hire) -> None:
    token = await hire(f"{AUDIT}@acme")
    shown = (await admin.get("/api/v1/audit", token)).json()
    assert {event["realm"] for event in shown["events"]} == {"acme"}
    # The grant by which this operator sees it is the newest of them.
    assert [event["actor"] for event in shown["events"][1:]] == ["eve", "ann"]
    for asked in ("actor=ben", "actor=root", "actor=zoe", "text=zoe", "address=192.0.2.0/24&kind=LOGOUT"):
        page = (await admin.get(f"/api/v1/audit?{asked}", token)).json()
        assert page == {"events": [], "next": None}
    assert (await admin.get("/api/v1/audit?realm=web", token)).status == 404
    assert (await admin.get("/api/v1/audit?realm=-", token)).status == 403
    exported = lines(await admin.get("/api/v1/audit/export", token))
    assert {event["realm"] for event in exported} == {"acme"}


@pytest.mark.usefixtures("written")
async def test_who_may_see_every_realm_sees_the_engines_own_events_too(admin: Client, hire: Hire) -> None:
    token = await hire(AUDIT)
    shown = (await admin.get("/api/v1/audit?kind=LOGIN&limit=1000", token)).json()["events"]
    assert [event["actor"] for event in shown if event["address"]][-5:] == ["zoe", "root", "eve", "ben", "ann"]
    engine_own = (await admin.get("/api/v1/audit?realm=-&kind=LOGIN", token)).json()["events"]
    assert {event["actor"] for event in engine_own} == {"root", "op-2"}
    assert engine_own[-1] | {"key": 0, "at": ""} == {
        "key": 0,
        "at": "",
        "kind": "LOGIN",
        "outcome": "ok",
        "realm": None,
        "actor": "root",
        "session": None,
        "address": "192.0.2.7",
        "detail": {},
    }


@pytest.mark.usefixtures("written")
async def test_pages_go_on_where_the_last_one_ended(admin: Client, hire: Hire, engine: Engine) -> None:
    token = await hire(f"{AUDIT}@acme")
    first = (await admin.get("/api/v1/audit?limit=2&kind=LOGIN", token)).json()
    second = (await admin.get(f"/api/v1/audit?limit=2&kind=LOGIN&cursor={first['next']}", token)).json()
    assert [event["actor"] for event in (*first["events"], *second["events"])] == ["eve", "ann"]
    begun = await admin.get("/api/v1/audit/export?limit=1&kind=LOGIN", token)
    assert begun.header("content-type") == "application/jsonl"
    assert begun.header("cache-control") == "no-store"
    cursor = begun.header("sojourn-next")
    rest = await admin.get(f"/api/v1/audit/export?kind=LOGIN&cursor={cursor}", token)
    assert [event["actor"] for event in (*lines(begun), *lines(rest))] == ["ann", "eve"]
    assert rest.header("sojourn-next") == ""
    looked = [event for event in await engine.rules.audit.recent() if "exportAudit" in event.detail]
    assert len(looked) == 2
    assert {event.actor for event in looked} == {"op-2"}


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "until=2026-13-01",
        "kind=NOTHING",
        "outcome=fine",
        "address=here",
        "cursor=1",
        "limit=0",
        "realm=A",
    ],
)
async def test_what_cannot_be_asked_is_refused(admin: Client, hire: Hire, query: str) -> None:
    assert (await admin.get(f"/api/v1/audit?{query}", await hire(AUDIT))).status == 400


async def test_times_are_instants_with_or_without_a_zone(admin: Client, hire: Hire, engine: Engine) -> None:
    token = await hire(AUDIT)
    now = engine.rules.clock.now()
    await engine.rules.audit.record("UNDO", realm="", outcome="ok")
    for text, there in (
        ("2027-01-15T08:00:00Z", True),
        ("2027-01-15T08:00:00", True),
        ("2027-01-15T09:00:00%2B01:00", True),
        ("2027-01-15T08:00:00.001Z", False),
    ):
        page = (await admin.get(f"/api/v1/audit?kind=UNDO&since={text}", token)).json()
        assert (text, bool(page["events"])) == (text, there)
    assert now == 1_800_000_000_000


async def test_the_metrics_count_the_log(admin: Client, hire: Hire) -> None:
    await hire(AUDIT)
    text = (await admin.get("/metrics")).body.decode()
    assert 'sojourn_audit_events_total{kind="LOGIN"} 1.0' in text
    for name in ("sojourn_audit_failures_total", "sojourn_audit_deleted_total", "sojourn_audit_addresses_erased_total"):
        assert f"\n{name} 0.0" in text
