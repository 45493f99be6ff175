"""Paths, methods, hosts, headers and health of the application listener."""

from __future__ import annotations

import pytest

from sojourn.bootstrap import Engine
from sojourn.http.application import Application
from sojourn.http.wire import Event, Receive, Scope, Send
from tests.http.wire_client import Client, Pair

pytestmark = pytest.mark.anyio


async def test_health_says_only_up_or_not(client: Client) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = await client.get(path)
        assert (answer.status, answer.json()) == (200, {"status": "up"})


async def test_a_draining_server_is_not_ready_but_alive(client: Client, app: Application) -> None:
    app.health.draining = True
    ready = await client.get("/health/ready")
    assert (ready.status, ready.json(), ready.header("retry-after")) == (503, {"status": "down"}, "1")
    assert (await client.get("/health/live")).status == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/api/v1", "/api/openapi.json", "/console", "/metrics", "/health", "/realms", "/realms/acme", "/realms/acme/x",
     "/health/live/", "/pipeline", "/realms/acme/.well-known/", "/realms//login", "/%00", "/realms/acme/login/"],
)  # fmt: skip
async def test_anything_else_is_404_in_our_shape(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert answer.status == 404
    assert set(answer.json()) == {"message", "code", "executionKey"}
    assert answer.json()["code"] == "request.not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/health/live", "GET, HEAD"),
        ("DELETE", "/health/ready", "GET, HEAD"),
        ("GET", "/realms/acme/login", "POST"),
        ("OPTIONS", "/realms/acme/logout", "POST"),
        ("POST", "/realms/acme/session", "GET, HEAD"),
        ("PUT", "/realms/acme/.well-known/jwks.json", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_405_and_says_which_are_right(
    client: Client, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status, answer.header("allow")) == (405, allowed)
    assert answer.json()["code"] == "request.method_not_allowed"


async def test_a_head_has_the_headers_of_its_get_and_no_body(client: Client) -> None:
    answer = await client.request("HEAD", "/health/live")
    assert (answer.status, answer.body, answer.header("content-length")) == (200, b"", "15")


async def test_a_foreign_host_is_421_everywhere(client: Client) -> None:
    for path in ("/health/live", "/realms/acme/session", "/pipeline/acme/v1/echo", "/nothing"):
        answer = await client.get(path, ("host", "evil.example"))
        assert (answer.status, answer.json()["code"]) == (421, "request.misdirected")
        assert answer.header("x-content-type-options") == "nosniff"


async def test_an_unlisted_proxy_on_loopback_is_told_the_setting(client: Client) -> None:
    answer = await client.get("/health/live", ("x-forwarded-for", "203.0.113.9"))
    assert answer.status == 400
    assert "trustedProxies" in answer.json()["message"]


async def test_every_answer_carries_the_security_headers(client: Client, token: Pair) -> None:
    answers = [
        await client.get("/health/live"),
        await client.get("/nothing"),
        await client.get("/realms/acme/session", token),
        await client.get("/realms/acme/session"),
        await client.get("/pipeline/acme/v1/echo"),
        await client.get("/pipeline/acme/v1/nothing"),
        await client.get("/realms/acme/.well-known/jwks.json"),
    ]
    for answer in answers:
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("referrer-policy") == "same-origin"
        assert answer.header("content-security-policy") == "frame-ancestors 'none'; object-src 'none'; base-uri 'none'"
        assert answer.header("strict-transport-security") == ""
        assert answer.header("content-length") == str(len(answer.body))
    assert answers[2].header("cache-control") == "no-store"


async def test_a_url_that_may_hold_a_credential_is_told_to_nobody(client: Client) -> None:
    for path in ("/realms/kiosk/session?ngin_sid=x", "/pipeline/keys/v1/echo?apikey=x"):
        assert (await client.get(path)).header("referrer-policy") == "no-referrer"


async def test_the_public_keys_of_a_realm(client: Client) -> None:
    answer = await client.get("/realms/acme/.well-known/jwks.json")
    (key,) = answer.json()["keys"]
    assert (key["kty"], key["crv"], key["alg"]) == ("OKP", "Ed25519", "EdDSA")
    assert "d" not in key
    assert answer.header("cache-control") == "public, max-age=300"


async def test_mounted_below_a_path_the_paths_are_the_same(app: Application) -> None:
    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        scope = {**scope, "root_path": "/engine", "path": f"/engine{scope['path']}"}
        await app(scope, receive, send)

    assert (await Client(mounted).get("/health/live")).status == 200
    assert (await Client(mounted).get("/pipeline/acme/v1/echo")).status == 200


async def test_an_unexpected_error_tells_nothing_but_its_name(
    app: Application, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise ValueError("secret detail in /some/path")

    monkeypatch.setattr(app.health, "public", broken)
    answer = await Client(app).get("/health/ready")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert answer.json()["code"] == "engine.error"
    assert "secret detail" in caplog.text


async def test_lifespan_is_acknowledged_and_websockets_are_closed(app: Application) -> None:
    events: list[Event] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[Event] = []

    async def receive() -> Event:
        return events.pop(0)

    async def send(event: Event) -> None:
        sent.append(event)

    await app({"type": "lifespan"}, receive, send)
    assert [event["type"] for event in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    sent.clear()
    await app({"type": "websocket", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_a_new_deployment_is_answered_at_once(app: Application, engine: Engine) -> None:
    client = Client(app)
    assert (await client.get("/pipeline/acme/v1/echo")).status == 200
    app.deploy(type(engine.deployment)([]))
    assert (await client.get("/pipeline/acme/v1/echo")).status == 404


async def test_answers_are_counted_by_status(app: Application) -> None:
    client = Client(app)
    await client.get("/health/live")
    await client.get("/nothing")
    assert app.answered[200] == 1
    assert app.answered[404] == 1
