"""The gateway: the order of its checks, its replies, and what authors get to see."""

from __future__ import annotations

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import MINUTE, ManualClock
from tests.http.conftest import GOOD, bearer
from tests.http.wire_client import Client, NoAnswer, Pair, cookie_of

pytestmark = pytest.mark.anyio

NO_ROUTE = {"message": "no Route matched with those values"}
JSON = ("content-type", "application/json")


@pytest.mark.parametrize(
    "path",
    [
        "/pipeline/",
        "/pipeline/acme",
        "/pipeline/acme/v1",
        "/pipeline/acme/v1/",
        "/pipeline/acme/v1/nothing",
        "/pipeline/acme/v2/echo",
        "/pipeline/acme/v01/echo",
        "/pipeline/acme/v-1/echo",
        "/pipeline/acme/v99999999999999999999/echo",
        "/pipeline/acme/x1/echo",
        "/pipeline/nobody/v1/echo",
        "/pipeline/acme/v1/echo/",
        "/pipeline/acme/v1//echo",
        "/pipeline/acme/v1/orders/a%2Fb",
        "/pipeline/acme/v1/%00",
        "/pipeline/acme/v1/../v1/echo",
    ],
)
async def test_an_unknown_path_is_the_404_of_the_gateway(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status, answer.json()) == (404, NO_ROUTE)


@pytest.mark.parametrize("method", ["DELETE", "PUT", "OPTIONS", "HEAD", "get", "TRACE", "X"])
async def test_a_method_that_the_trigger_does_not_take_is_the_same_404(client: Client, method: str) -> None:
    answer = await client.request(method, "/pipeline/acme/v1/echo")
    assert answer.status == 404


async def test_the_reply_of_a_flow(client: Client) -> None:
    answer = await client.request("POST", "/pipeline/acme/v1/echo", JSON, body='{"n":0.10}')
    assert answer.status == 200
    assert b'"n":0.10' in answer.body
    assert answer.header("content-type").startswith("application/json")
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("referrer-policy") == "same-origin"
    assert "frame-ancestors 'none'" in answer.header("content-security-policy")


async def test_an_answer_that_sets_a_cookie_is_kept_by_no_cache(client: Client) -> None:
    plain = await client.request("POST", "/pipeline/acme/v1/echo", JSON, body="{}")
    assert (plain.cookies, plain.header("cache-control")) == ([], "")
    stateful = await client.request("POST", "/pipeline/kiosk/v1/echo", JSON, body="{}")
    assert [cookie.partition("=")[0] for cookie in stateful.cookies] == ["serverId"]
    assert stateful.header("cache-control") == "no-store"


async def test_a_malformed_body_is_a_clean_400(client: Client) -> None:
    for body in ("{", "[" * 900, '{"a":1,"a":2}', b"\xff"):
        answer = await client.request("POST", "/pipeline/acme/v1/echo", JSON, body=body)
        assert (answer.status, answer.json()["code"]) == (400, "request.invalid_json")


async def test_the_replies_to_missing_and_bad_credentials(
    client: Client, key: Pair, token: Pair, engine: Engine
) -> None:
    path = "/pipeline/acme/v1/keyed"
    bad_key = ("apikey", "sjk_wrong")
    replies = [
        ([], 401, {"message": "No API key found in request"}),
        ([token], 401, {"message": "No API key found in request"}),
        ([bad_key, token], 401, {"message": "Invalid authentication credentials"}),
        ([key], 401, {"message": "Unauthorized"}),
        ([key, ("authorization", "Basic eDp5")], 401, {"message": "Unauthorized"}),
        ([key, ("authorization", "Bearer nonsense")], 401, {"message": "Bad token; invalid JSON"}),
        ([key, ("authorization", "Bearer ")], 401, {"message": "Bad token; invalid JSON"}),
    ]
    for headers, status, body in replies:
        answer = await client.get(path, *headers)
        assert (answer.status, answer.json()) == (status, body)
        assert answer.header("www-authenticate").endswith('realm="acme"')
        assert answer.header("cache-control") == "no-store"
    poor = await client.get(path, key, token)
    assert (poor.status, poor.json()["message"]) == (403, "insufficient scope")
    await engine.rules.grants.grant("ana", "cart.read")
    assert (await client.get(path, key, token)).json() == {"ok": True}


async def test_a_401_of_a_flow_carries_the_challenge_too(client: Client) -> None:
    answer = await client.post("/pipeline/acme/v1/login", value=GOOD | {"password": "wrong"})
    assert (answer.status, answer.json()["error"]) == (401, "Invalid credentials")
    assert answer.header("www-authenticate") == 'Bearer realm="acme"'


async def test_a_key_for_other_pipelines_cannot_consume_this_one(client: Client, engine: Engine, token: Pair) -> None:
    made = await engine.rules.api_keys.add("narrow", engine.realm("acme"), ["other"])
    answer = await client.get("/pipeline/acme/v1/keyed", ("apikey", made.text), token)
    assert (answer.status, answer.json()) == (403, {"message": "You cannot consume this service"})


async def test_a_revoked_key_is_refused_at_the_next_request(client: Client, engine: Engine, key: Pair) -> None:
    assert (await client.get("/pipeline/acme/v1/keyed", key)).json() == {"message": "Unauthorized"}
    await engine.rules.api_keys.revoke(engine.realm("acme"), "web")
    answer = await client.get("/pipeline/acme/v1/keyed", key)
    assert answer.json() == {"message": "Invalid authentication credentials"}


async def test_a_key_of_another_realm_is_unknown(client: Client, key: Pair) -> None:
    answer = await client.get("/pipeline/keys/v1/echo", key)
    assert answer.json() == {"message": "Invalid authentication credentials"}


async def test_an_ended_session_is_told_with_its_reason(client: Client, token: Pair) -> None:
    await client.post("/realms/acme/logout", token)
    answer = await client.get("/pipeline/acme/v1/claims", token)
    assert answer.status == 401
    body = answer.json()
    assert body.pop("executionKey")
    assert body == {"message": "Session ended", "code": "session.ended", "reason": "logout"}


async def test_a_cookie_never_meets_token_jwt(client: Client) -> None:
    login = await client.post("/realms/web/login", value=GOOD)
    cookie = cookie_of(login)
    answer = await client.get("/pipeline/web/v1/echo", cookie)
    assert (answer.status, answer.json()) == (401, {"message": "Unauthorized"})
    own = ("authorization", f"Bearer {login.json()['token']}")
    assert (await client.get("/pipeline/web/v1/echo", cookie, own)).status == 200
    ben = await bearer(client, "ben", "web")
    assert (await client.get("/pipeline/web/v1/echo", cookie, ben)).json()["code"] == "request.ambiguous_credentials"


async def test_two_authorizations_are_400(client: Client, token: Pair) -> None:
    for path in ("/pipeline/acme/v1/claims", "/pipeline/acme/v1/echo"):
        answer = await client.get(path, token, token)
        assert (answer.status, answer.json()["code"]) == (400, "request.ambiguous_credentials")


async def test_a_trigger_admits_only_its_principals(client: Client, key: Pair, token: Pair) -> None:
    answer = await client.get("/pipeline/acme/v1/partners-only", token)
    assert (answer.status, answer.json()) == (403, {"message": "You cannot consume this service"})
    made = await client.post("/pipeline/acme/v1/partner", key, value={"sub": "p-1"})
    partner = ("authorization", made.header("authorization"))
    assert (await client.get("/pipeline/acme/v1/partners-only", partner)).json() == {"ok": True}


async def test_credentials_are_gone_before_an_author_sees_the_request(client: Client, key: Pair) -> None:
    answer = await client.get(
        "/pipeline/acme/v1/echo?a=1&apikey=q&ngin_sid=s",
        key,
        ("cookie", "theme=dark; sojourn_sid.acme=x; __Host-sojourn_sid.web=y; sojourn_cid.acme=z; serverId=1"),
        ("x-session-id", "x"),
        ("accept", "a"),
        ("accept", "b"),
    )
    seen = answer.json()
    assert seen["queryAndPath"] == {"a": "1"}
    assert seen["headers"] == {"host": "127.0.0.1:8420", "cookie": "theme=dark", "accept": "a, b"}


async def test_a_consumed_token_is_gone_and_another_authorization_stays(client: Client) -> None:
    own = await bearer(client, "ana", "web")
    seen = (await client.get("/pipeline/web/v1/echo", own)).json()["headers"]
    assert "authorization" not in seen
    basic = ("authorization", "Basic eDp5")
    assert (await client.get("/pipeline/acme/v1/echo", basic)).json()["headers"]["authorization"] == "Basic eDp5"


async def test_the_session_parameter_leaves_the_form_and_is_a_second_credential_beside_a_token(client: Client) -> None:
    form = ("content-type", "application/x-www-form-urlencoded")
    seen = (await client.request("POST", "/pipeline/kiosk/v1/echo", form, body="a=1&ngin_sid=x")).json()
    assert seen["form"] == {"a": "1"}
    own = await bearer(client, "ana", "kiosk")
    two = await client.request("POST", "/pipeline/kiosk/v1/echo-token", form, own, body="a=1&ngin_sid=x")
    assert two.json()["code"] == "request.ambiguous_credentials"
    assert (await client.request("POST", "/pipeline/kiosk/v1/echo-token", form, own, body="a=1")).status == 200


async def test_an_api_key_in_the_query_counts_only_where_the_realm_says_so(client: Client, engine: Engine) -> None:
    made = await engine.rules.api_keys.add("q", engine.realm("keys"))
    seen = await client.get(f"/pipeline/keys/v1/echo?apikey={made.text}&x=1")
    assert (seen.status, seen.json()["queryAndPath"]) == (200, {"x": "1"})
    both = await client.get(f"/pipeline/keys/v1/echo?apikey={made.text}", ("apikey", made.text))
    assert both.json()["code"] == "request.ambiguous_credentials"
    other = await engine.rules.api_keys.add("q", engine.realm("acme"))
    assert (await client.get(f"/pipeline/acme/v1/keyed?apikey={other.text}")).json() == {
        "message": "No API key found in request"
    }


async def test_a_body_over_the_limit_is_413_announced_or_streamed(client: Client) -> None:
    too_large = {"message": "Request size limit exceeded"}
    announced = await client.request("POST", "/pipeline/acme/v1/echo", JSON, body=b"1" * 1001)
    streamed = await client.request("POST", "/pipeline/acme/v1/echo", JSON, chunks=[b"1" * 600, b"1" * 401, b""])
    lying = await client.request(
        "POST", "/pipeline/acme/v1/echo", JSON, ("content-length", "5"), chunks=[b"1" * 600, b"1" * 401]
    )
    for answer in (announced, streamed, lying):
        assert answer.status == 413
        assert answer.json()["message"] == too_large["message"]
    fits = await client.request("POST", "/pipeline/acme/v1/echo", JSON, chunks=[b"1" * 600, b"1" * 400])
    assert fits.status == 200


async def test_size_comes_before_the_api_key(client: Client, key: Pair) -> None:
    answer = await client.request("POST", "/pipeline/acme/v1/partner", ("content-length", "9999999"), body=b"x")
    assert answer.status == 413


@pytest.mark.parametrize("length", ["-1", "x", "", "1e3", "9" * 40])
async def test_a_content_length_that_is_no_number_is_400(client: Client, length: str) -> None:
    answer = await client.request("POST", "/pipeline/acme/v1/echo", ("content-length", length), body=b"x")
    assert answer.status == 400


async def test_a_client_that_leaves_gets_no_answer_and_leaves_no_trace(client: Client) -> None:
    with pytest.raises(NoAnswer):
        await client.request("POST", "/pipeline/acme/v1/echo", JSON, chunks=[b"{"], leaves=True)


async def test_the_content_type_is_checked_after_the_handle(client: Client) -> None:
    answer = await client.request("POST", "/pipeline/acme/v1/page", JSON, body="{}")
    assert (answer.status, answer.json()["code"]) == (415, "request.content_type")
    assert (
        await client.request("POST", "/pipeline/acme/v1/page", ("content-type", "text/plain"), body="x")
    ).status == 201


async def test_an_active_answer_is_sandboxed_and_an_author_cannot_lift_our_headers(client: Client) -> None:
    answer = await client.get("/pipeline/acme/v1/page")
    assert answer.status == 201
    assert answer.body == b"<b>x</b>"
    assert "sandbox" in answer.all("content-security-policy")
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("x-note") == "fine"
    assert answer.cookies == []


async def test_a_token_keeps_its_session_alive(client: Client, token: Pair, clock: ManualClock) -> None:
    for _ in range(5):
        clock.advance(10 * MINUTE)
        assert (await client.get("/pipeline/acme/v1/claims", token)).status == 200
    clock.advance(15 * MINUTE)
    assert (await client.get("/pipeline/acme/v1/claims", token)).status == 401


async def test_refusals_are_audited_within_bounds_and_name_no_secret(client: Client, engine: Engine) -> None:
    for _ in range(30):
        await client.get("/pipeline/acme/v1/keyed", ("apikey", "sjk_secret"))
    written = [event for event in await engine.rules.audit.recent(100) if event.kind == "REFUSAL"]
    assert len(written) == 10
    assert engine.rules.audit.refusals()["apikey.unknown"] == 30
    assert not any("sjk_secret" in event.detail for event in written)


async def test_a_realm_with_hosts_answers_only_there(client: Client, engine: Engine) -> None:
    assert (await client.get("/realms/hosted/.well-known/jwks.json")).status == 421
    assert (await client.get("/realms/acme/.well-known/jwks.json", ("host", "hosted.example"))).status == 200
    assert (await client.get("/realms/hosted/.well-known/jwks.json", ("host", "hosted.example"))).status == 200


async def test_time_out_of_a_token_is_the_gateways(client: Client, token: Pair, clock: ManualClock) -> None:
    for _ in range(7):
        clock.advance(10 * MINUTE)
        answer = await client.get("/pipeline/acme/v1/claims", token)
    assert (answer.status, answer.json()) == (401, {"exp": "token expired"})
