"""The admin listener."""

from __future__ import annotations

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import MINUTE, ManualClock
from sojourn.http.application import Application
from sojourn.stores.base import Lifecycle
from tests.admin.conftest import Begin
from tests.http.conftest import PASSWORD
from tests.http.wire_client import Client

pytestmark = pytest.mark.anyio


async def test_health_is_up_with_no_causes(admin: Client) -> None:
    assert (await admin.get("/health/live")).json() == {"status": "up"}
    ready = await admin.get("/health/ready")
    assert (ready.status, ready.json()) == (200, {"status": "up", "causes": {}, "project": []})


async def test_health_names_the_causes(admin: Client, app: Application, engine: Engine) -> None:
    app.health.draining = True
    assert isinstance(engine.rules.store, Lifecycle)
    await engine.rules.store.close()
    ready = await admin.get("/health/ready")
    assert (ready.status, ready.header("retry-after")) == (503, "1")
    assert set(ready.json()["causes"]) == {"server", "store"}


async def test_a_project_that_no_longer_parses_is_told_while_the_last_good_one_serves(
    admin: Client, app: Application
) -> None:
    app.health.stale = ["pipelines/a.yaml:1: nonsense"]
    ready = await admin.get("/health/ready")
    assert (ready.status, ready.json()["project"]) == (200, ["pipelines/a.yaml:1: nonsense"])


async def test_metrics_count_answers_logins_refusals_and_the_store(admin: Client, app: Application) -> None:
    client = Client(app)
    await client.post("/realms/acme/login", value={"userName": "ana", "password": PASSWORD})
    await client.post("/realms/acme/login", value={"userName": "ana", "password": "wrong"})
    metrics = await admin.get("/metrics")
    assert metrics.header("content-type").startswith("text/plain")
    lines = metrics.body.decode().splitlines()
    assert 'sojourn_http_requests_total{status="200"} 1.0' in lines
    assert 'sojourn_logins_total{outcome="ok"} 1.0' in lines
    assert 'sojourn_logins_total{outcome="refused"} 1.0' in lines
    assert 'sojourn_refusals_total{cause="login.refused"} 1.0' in lines
    assert any(line.startswith("sojourn_store_events_total") for line in lines)


async def test_a_foreign_host_or_proxy_is_refused(admin: Client) -> None:
    assert (await admin.get("/metrics", ("host", "evil.example"))).status == 421
    assert (await admin.get("/metrics", ("host", "127.0.0.1:8420"))).status == 421
    assert (await admin.get("/metrics", ("x-forwarded-for", "203.0.113.9"))).status == 400


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/api/v1", 404), ("GET", "/", 404), ("POST", "/metrics", 405)]
)
async def test_what_is_not_there_is_json_in_our_shape(admin: Client, method: str, path: str, status: int) -> None:
    answer = await admin.request(method, path)
    assert answer.status == status
    assert set(answer.json()) == {"message", "code", "executionKey"}


async def test_every_answer_carries_the_headers_of_the_admin_origin(admin: Client) -> None:
    for path in ("/health/live", "/metrics", "/nothing"):
        answer = await admin.get(path)
        assert answer.header("cross-origin-opener-policy") == "same-origin"
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("cache-control") == "no-store"
        assert "frame-ancestors 'none'" in answer.header("content-security-policy")


async def test_metrics_count_live_sessions_by_realm_and_kind_and_ends_by_reason(
    admin: Client, engine: Engine, begin: Begin, clock: ManualClock
) -> None:
    ended = (await begin()).session.id
    await begin()
    await begin("ben", "web")
    await engine.session_manager.drop_session(ended, actor="host")
    clock.advance(15 * MINUTE)
    await begin()
    await engine.rules.upkeep.sweeper.round()
    lines = (await admin.get("/metrics")).body.decode().splitlines()
    assert 'sojourn_sessions{kind="account",realm="acme"} 1.0' in lines
    assert 'sojourn_sessions{kind="account",realm="web"} 0.0' in lines
    assert 'sojourn_sessions_ended_total{reason="dropped"} 1.0' in lines
    assert "sojourn_sessions_swept_total 2.0" in lines
    assert "sojourn_sessions_in_use 0.0" in lines
    assert "sojourn_store_serving 1.0" in lines


async def test_metrics_go_on_while_the_store_cannot_be_asked(admin: Client, engine: Engine) -> None:
    assert isinstance(engine.rules.store, Lifecycle)
    await engine.rules.store.close()
    answer = await admin.get("/metrics")
    assert answer.status == 200
    assert b"sojourn_sessions{" not in answer.body
    assert b"sojourn_up 1.0" in answer.body
