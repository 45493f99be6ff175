"""Revocation [RFC 7009] and introspection [RFC 7662] over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import HOUR, ManualClock
from sojourn.engine.security.actors import HOST
from sojourn.model.token import AuthToken
from tests.http.conftest import GOOD, bearer
from tests.http.wire_client import Answer, Client, Pair

pytestmark = pytest.mark.anyio

FORM = ("content-type", "application/x-www-form-urlencoded")


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


@pytest.fixture(autouse=True)
async def scopes(engine: Engine) -> None:
    for scope in ("cart.read", "cart.write"):
        await engine.rules.grants.grant("ana", scope)


@pytest.fixture
async def fresh_key(engine: Engine) -> Pair:
    """An API key of the realm ``fresh``."""
    return ("apikey", (await engine.rules.api_keys.add("server", engine.realm("fresh"))).text)


async def ask(client: Client, what: str, token: str, *headers: Pair, realm: str = "fresh") -> Answer:
    answer = await client.request(
        "POST", f"/realms/{realm}/{what}", FORM, *headers, body=urlencode({"token": token, "token_type_hint": "x"})
    )
    assert answer.header("cache-control") == "no-store"
    assert not any("_sid" in cookie for cookie in answer.cookies)
    return answer


async def active(client: Client, token: str, key: Pair, realm: str = "fresh") -> dict[str, Any]:
    answer = await ask(client, "introspect", token, key, realm=realm)
    assert answer.status == 200, answer
    body: dict[str, Any] = answer.json()
    return body


async def login(client: Client, realm: str = "fresh") -> dict[str, str]:
    body: dict[str, str] = (await client.post(f"/realms/{realm}/login", value=GOOD)).json()
    return body


async def auth_token(engine: Engine, realm: str = "fresh", *scopes: str) -> str:
    account = await engine.rules.users.find("main", "ana")
    assert account is not None
    place = engine.realm(realm)
    done = await engine.rules.auth_tokens.authorize(HOST, account, AuthToken(list(scopes)), place.id)
    return done.text


async def test_a_jwt_is_told_as_it_holds_now(client: Client, engine: Engine, fresh_key: Pair) -> None:
    body = await login(client)
    told = await active(client, body["token"], fresh_key)
    assert (told["active"], told["token_type"], told["scope"]) == (True, "at+jwt", "cart.read cart.write")
    assert (told["username"], told["sub"], told["sid"]) == ("ana", "ana", body["sessionId"])
    assert told["iss"].endswith("/realms/fresh")
    assert told["exp"] > told["iat"]
    await engine.rules.grants.revoke("ana", "cart.write")
    assert (await active(client, body["token"], fresh_key))["scope"] == "cart.read"


async def test_every_kind_of_token_is_told_and_revoked(client: Client, engine: Engine, fresh_key: Pair) -> None:
    body = await login(client)
    narrow = await auth_token(engine, "fresh", "cart.read")
    for token, kind in (
        (body["token"], "at+jwt"),
        (body["refreshToken"], "refresh_token"),
        (narrow, "auth_token"),
    ):
        assert (await active(client, token, fresh_key))["token_type"] == kind
    assert (await active(client, narrow, fresh_key))["scope"] == "cart.read"
    assert (await ask(client, "revoke", narrow)).status == 200
    assert await active(client, narrow, fresh_key) == {"active": False}


async def test_a_session_token_goes_alone(client: Client, engine: Engine) -> None:
    place = engine.realm("till")
    key = ("apikey", (await engine.rules.api_keys.add("server", place)).text)
    header = await bearer(client, "ana", "till")
    claims = await engine.rules.tokens.verify(place, header[1].removeprefix("Bearer "))
    access = await engine.rules.sessions.open_token(place, claims)
    text = await engine.rules.sessions.transients.session_tokens.issue(access, "cart.read")
    told = await active(client, text, key, "till")
    assert (told["token_type"], told["scope"]) == ("session_token", "cart.read")
    assert (await ask(client, "revoke", text, realm="till")).status == 200
    assert await active(client, text, key, "till") == {"active": False}
    assert (await client.get("/realms/till/session", header)).status == 200
    child = await engine.rules.sessions.transients.session_tokens.issue(access, "cart.read")
    assert (await ask(client, "revoke", header[1].removeprefix("Bearer "), realm="till")).status == 200
    assert await active(client, child, key, "till") == {"active": False}


async def test_a_revoked_jwt_is_dead_and_its_session_lives(client: Client, fresh_key: Pair) -> None:
    body = await login(client)
    assert (await ask(client, "revoke", body["token"])).json() == {}
    assert await active(client, body["token"], fresh_key) == {"active": False}
    shown = await client.get("/realms/fresh/session", ("authorization", f"Bearer {body['token']}"))
    assert (shown.status, shown.json()["reason"]) == (401, "unlisted")
    again = await client.post("/realms/fresh/refresh", value={"refreshToken": body["refreshToken"]})
    assert (again.status, again.json()["sessionId"]) == (200, body["sessionId"])


async def test_a_revoked_refresh_token_takes_the_whole_login_with_it(client: Client, fresh_key: Pair) -> None:
    body = await login(client)
    assert (await ask(client, "revoke", body["refreshToken"])).status == 200
    for name in ("token", "refreshToken"):
        assert await active(client, body[name], fresh_key) == {"active": False}
    shown = await client.get("/realms/fresh/session", ("authorization", f"Bearer {body['token']}"))
    assert (shown.status, shown.json()["reason"]) == (401, "token-revoked")


async def test_what_does_not_hold_is_inactive_and_nothing_else(
    client: Client, engine: Engine, fresh_key: Pair, clock: ManualClock
) -> None:
    ended, foreign, late = await login(client), await login(client, "tracked"), await login(client)
    await client.post("/realms/fresh/logout", ("authorization", f"Bearer {ended['token']}"))
    used = await login(client)
    await client.post("/realms/fresh/refresh", value={"refreshToken": used["refreshToken"]})
    clock.advance(5 * 60_000)
    tokens = [
        *(ended["token"], ended["refreshToken"], foreign["token"], foreign["refreshToken"], used["refreshToken"]),
        *(
            "x",
            "a.b.c",
            "sjr_x",
            "sjt_x",
            "sjs_x",
            "é",
            "\0",
            "sjk_" + "A" * 49,
            late["token"][:-1],
            ended["sessionId"],
        ),
        await auth_token(engine, "acme", "cart.read"),
        fresh_key[1],
    ]
    for token in tokens:
        answer = await ask(client, "introspect", token, fresh_key)
        assert (answer.status, answer.body) == (200, b'{"active":false}')
    clock.advance(HOUR + 60_000)
    assert await active(client, late["token"], fresh_key) == {"active": False}


async def test_who_may_introspect(client: Client, engine: Engine, fresh_key: Pair, key: Pair) -> None:
    body = await login(client)
    holder = ("authorization", f"Bearer {body['token']}")
    cookie_session = await client.post("/realms/tracked/login", value=GOOD)
    cookie = ("cookie", cookie_session.cookies[0].partition(";")[0])
    expected = [
        ((), 401),
        ((cookie,), 401),
        ((("apikey", "sjk_nonsense"),), 401),
        ((key,), 401),
        ((("authorization", "Bearer nonsense"),), 401),
        ((("authorization", "Basic YTpi"),), 401),
        ((holder,), 403),
        ((holder, fresh_key), 400),
        ((holder, holder), 400),
    ]
    for headers, status in expected:
        answer = await ask(client, "introspect", body["token"], *headers)
        assert (headers, answer.status) == (headers, status)
        assert b"cart" not in answer.body
    tracked = await ask(client, "introspect", body["token"], cookie, realm="tracked")
    assert tracked.status == 401
    await engine.rules.grants.grant("ana", "security.introspectTokens")
    assert (await ask(client, "introspect", body["token"], holder)).json()["active"]


async def test_who_revokes_shows_the_token_and_no_bad_credential_beside_it(client: Client, fresh_key: Pair) -> None:
    body = await login(client)
    for header in (("apikey", "sjk_nonsense"), ("authorization", "Bearer nonsense"), ("authorization", "Basic YTpi")):
        assert (await ask(client, "revoke", body["token"], header)).status == 401
    assert (await active(client, body["token"], fresh_key))["active"]
    assert (await ask(client, "revoke", body["token"], fresh_key)).status == 200
    assert await active(client, body["token"], fresh_key) == {"active": False}


@pytest.mark.parametrize("what", ["revoke", "introspect"])
async def test_only_a_form_with_one_token_is_read(client: Client, fresh_key: Pair, what: str) -> None:
    path = f"/realms/fresh/{what}"
    for body in ("", "token=", "token=a&token=b", "tokens=a", "&".join(["token=a"] * 2_000)):
        assert (await client.request("POST", path, FORM, fresh_key, body=body)).status == 400
    assert (await client.request("POST", f"{path}?token=a", FORM, fresh_key)).status == 400
    assert (await client.post(path, fresh_key, value={"token": "a"})).status == 415
    assert (await client.request("POST", path, fresh_key, body="token=a")).status == 415
    assert (await client.request("POST", path, FORM, fresh_key, body="token=" + "x" * 20_000)).status == 413
    assert (await client.request("GET", path, fresh_key)).status == 405


async def test_revoking_what_is_unknown_is_told_alike_until_it_is_too_often(client: Client) -> None:
    answers = [await ask(client, "revoke", f"sjr_{number}") for number in range(40)]
    assert (answers[0].status, answers[0].json()) == (200, {})
    assert {answer.status for answer in answers} == {200, 429}
    assert answers[-1].header("retry-after")
    body = await login(client)
    assert (await ask(client, "revoke", body["token"])).status == 200
    shown = await client.get("/realms/fresh/session", ("authorization", f"Bearer {body['token']}"))
    assert shown.status == 401
