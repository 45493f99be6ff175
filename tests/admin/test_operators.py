"""Operators: their own realm, cookie and token, under the same rules as every session."""

from __future__ import annotations

from pathlib import Path

import pytest

from sojourn.admin.application import admin_application
from sojourn.bootstrap import Engine
from sojourn.config.project import load_project
from sojourn.core.clock import HOUR, MINUTE, ManualClock
from sojourn.engine.ceilings import CeilingReached
from sojourn.http.application import Application
from sojourn.identity.password import Cost, PasswordHasher
from tests.admin.conftest import Hire
from tests.http.conftest import PASSWORD
from tests.http.wire_client import Answer, Client, Pair, cookie_of

pytestmark = pytest.mark.anyio

ME = "/api/v1/me"


async def login(admin: Client, name: str, password: str = PASSWORD, *headers: Pair) -> Answer:
    return await admin.post("/api/v1/login", *headers, value={"userName": name, "password": password})


async def test_an_operator_sees_who_he_is_and_what_he_may_where(admin: Client, hire: Hire) -> None:
    token = await hire("engine.viewSessions", "engine.manageSessions@acme", name="olga")
    me = (await admin.get(ME, token)).json()
    assert me["name"] == "olga"
    assert me["everywhere"] == ["engine.viewSessions"]
    scopes = {place["realm"]: place["scopes"] for place in me["realms"]}
    assert scopes["acme"] == ["engine.manageSessions", "engine.viewSessions"]
    assert scopes["web"] == ["engine.viewSessions"]


async def test_the_cookie_is_of_the_admin_origin_and_opens_the_same_session(admin: Client, hire: Hire) -> None:
    await hire("engine.viewSessions", name="olga")
    answer = await login(admin, "olga")
    (cookie,) = answer.cookies
    assert cookie.startswith("sojourn_admin=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert (await admin.get(ME, cookie_of(answer))).json()["name"] == "olga"


async def test_one_request_shows_one_authority(admin: Client, hire: Hire) -> None:
    token = await hire("engine.viewSessions", name="olga")
    cookie = cookie_of(await login(admin, "olga"))
    for both in ((token, cookie), (token, token)):
        refused = await admin.get(ME, *both)
        assert (refused.status, refused.json()["code"]) == (400, "request.ambiguous_credentials")
    twice = ("cookie", f"{cookie[1]}; {cookie[1]}")
    assert (await admin.get(ME, twice)).status == 401
    assert (await admin.get(ME, ("authorization", "Basic b2xnYTp4"))).status == 401


@pytest.mark.parametrize("scope", [None, "cart.read", "engine", "xengine.viewSessions"])
async def test_who_is_no_operator_gets_the_answer_of_a_wrong_password(
    admin: Client, engine: Engine, scope: str | None
) -> None:
    if scope:
        await engine.rules.grants.grant("ana", scope)
    right, wrong, unknown = (
        await login(admin, "ana"),
        await login(admin, "ana", "wrong"),
        await login(admin, "nobody"),
    )
    shown = [(a.status, a.json()["code"], a.json()["message"], a.cookies) for a in (right, wrong, unknown)]
    assert shown == [(401, "login.refused", "Invalid credentials", [])] * 3
    assert [event.kind for event in await engine.rules.audit.recent(6)].count("LOGIN_FAIL") == 3


async def test_a_scope_in_one_realm_whatever_its_directory_makes_an_operator(
    admin: Client, engine: Engine, hire: Hire
) -> None:
    token = await hire("engine.viewSessions@web")
    assert [place["realm"] for place in (await admin.get(ME, token)).json()["realms"]] == ["web"]


async def test_the_session_ends_after_15_idle_minutes_and_after_12_hours(
    admin: Client, hire: Hire, clock: ManualClock
) -> None:
    token = await hire("engine.viewSessions")
    clock.advance(14 * MINUTE)
    assert (await admin.get(ME, token)).status == 200
    clock.advance(15 * MINUTE)
    ended = await admin.get(ME, token)
    assert (ended.status, ended.json()["reason"]) == (401, "idle")
    token = await hire("engine.viewSessions")
    for _ in range(12 * 6 - 1):
        clock.advance(10 * MINUTE)
        assert (await admin.get(ME, token)).status == 200
    clock.advance(12 * HOUR - (12 * 6 - 1) * 10 * MINUTE)
    assert (await admin.get(ME, token)).status == 401


async def test_logout_kills_the_cookie_and_the_token(admin: Client, hire: Hire) -> None:
    await hire("engine.viewSessions", name="olga")
    answer = await login(admin, "olga")
    cookie, token = cookie_of(answer), ("authorization", f"Bearer {answer.json()['token']}")
    out = await admin.post("/api/v1/logout", cookie, ("sec-fetch-site", "same-origin"))
    assert out.status == 200
    assert out.cookies[0].startswith("sojourn_admin=; ")
    assert "Max-Age=0" in out.cookies[0]
    assert out.header("clear-site-data") == '"cache"'
    for handle in (cookie, token):
        ended = await admin.get(ME, handle)
        assert (ended.status, ended.json()["reason"]) == (401, "logout")


async def test_a_login_with_a_cookie_rotates_it(admin: Client, hire: Hire) -> None:
    await hire("engine.viewSessions", name="olga")
    before = cookie_of(await login(admin, "olga"))
    after = cookie_of(await login(admin, "olga", PASSWORD, before))
    assert before != after
    assert (await admin.get(ME, before)).json()["code"] == "session.replaced"
    assert (await admin.get(ME, after)).status == 200


async def test_disabling_the_account_and_taking_its_scopes_hold_at_the_next_request(
    admin: Client, engine: Engine, hire: Hire
) -> None:
    token = await hire("engine.viewSessions", name="olga")
    await engine.rules.grants.revoke("olga", "engine.viewSessions")
    assert (await admin.get("/api/v1/sessions", token)).json()["code"] == "auth.insufficient_scope"
    account = await engine.rules.users.find("main", "olga")
    assert account is not None
    await engine.rules.users.set_state(account.key, "disabled")
    ended = await admin.get(ME, token)
    assert (ended.status, ended.json()["reason"]) == (401, "user-disabled")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((("sec-fetch-site", "cross-site"),), 403),
        ((("sec-fetch-site", "same-site"),), 403),
        ((("origin", "http://127.0.0.1:8420"),), 403),
        ((("content-type", "text/plain"),), 403),
        ((), 403),
        ((("sec-fetch-site", "same-origin"),), 200),
        ((("origin", "http://127.0.0.1:8421"),), 200),
    ],
)
async def test_with_the_cookie_only_our_own_pages_act(
    admin: Client, hire: Hire, headers: tuple[Pair, ...], status: int
) -> None:
    await hire("engine.manageSessions", name="olga")
    cookie = cookie_of(await login(admin, "olga"))
    assert (await admin.request("POST", "/api/v1/clean-up", cookie, *headers)).status == status
    assert (await admin.get("/api/v1/sessions", cookie, *headers)).status == 200


async def test_a_look_at_values_is_an_act_that_no_other_site_can_make(admin: Client, hire: Hire) -> None:
    await hire("engine.viewFields", name="olga")
    cookie = cookie_of(await login(admin, "olga"))
    answer = await admin.get(f"/api/v1/sessions/{'a' * 43}/fields", cookie, ("sec-fetch-site", "cross-site"))
    assert (answer.status, answer.json()["code"]) == (403, "request.cross_site")


async def test_login_takes_json_only_and_from_our_own_pages_only(admin: Client) -> None:
    form = ("content-type", "application/x-www-form-urlencoded")
    own = ("sec-fetch-site", "same-origin")
    assert (await admin.request("POST", "/api/v1/login", form, own, body="userName=a&password=b")).status == 415
    assert (await login(admin, "ana", PASSWORD, ("sec-fetch-site", "same-site"))).status == 403


async def test_no_answer_allows_another_origin_to_read_it(admin: Client, hire: Hire) -> None:
    token = await hire("engine.viewSessions")
    answers = [
        await admin.get(ME, token, ("origin", "http://evil.example")),
        await admin.request("OPTIONS", ME, ("origin", "http://evil.example"), ("access-control-request-method", "GET")),
    ]
    assert [answer.status for answer in answers] == [200, 405]
    assert not [name for answer in answers for name, _ in answer.headers if name.startswith(b"access-control")]


async def test_off_loopback_no_cookie_goes_over_plain_http(engine: Engine, app: Application, hire: Hire) -> None:
    await hire("engine.viewSessions", name="olga")
    far = Client(
        admin_application(engine.rules, app, engine.changes), host="127.0.0.1:8421", server=("192.0.2.1", 8421)
    )
    answer = await login(far, "olga")
    assert (answer.status, answer.json()["code"], answer.cookies) == (500, "request.insecure_cookie", [])


async def test_the_application_listener_knows_nothing_of_operators(
    engine: Engine, app: Application, admin: Client, hire: Hire
) -> None:
    client, token = Client(app), await hire("engine.manageSessions", name="olga")
    cookie = cookie_of(await login(admin, "olga"))
    for path in ("/api/v1/sessions", "/api/v1/me", "/api/openapi.json", "/console", "/metrics"):
        assert (await client.get(path, token)).status == 404
    assert (await client.post("/api/v1/login", value={"userName": "olga", "password": PASSWORD})).status == 404
    name = engine.rules.realms.operators.name
    for realm in (name, name.replace("~", "%7E"), engine.rules.realms.operators.id):
        assert (await client.post(f"/realms/{realm}/login", value={"userName": "a", "password": "b"})).status == 404
        assert (await client.get(f"/realms/{realm}/.well-known/jwks.json")).status == 404
    for realm in ("acme", "web"):
        assert (await client.get(f"/realms/{realm}/session", token)).status == 401
        assert (await client.get(f"/realms/{realm}/session", cookie)).status == 401


async def test_the_realm_of_operators_is_none_of_the_project(engine: Engine, admin: Client, hire: Hire) -> None:
    token = await hire("engine.manageSessions", name="olga")
    realms = engine.rules.realms
    assert realms.operators.name not in {realm.name for realm in realms.all()}
    assert realms.get(realms.operators.name) is None
    assert realms.by_id(realms.operators.id) is None
    assert (await admin.get("/api/v1/sessions", token)).json()["sessions"] == []
    mine = (await admin.get(ME, token)).json()["sessionId"]
    assert (await admin.get(f"/api/v1/sessions/{mine}", token)).status == 404
    assert await engine.session_manager.sessions_count() == 0


async def test_a_token_of_a_realm_opens_nothing_here(admin: Client, app: Application) -> None:
    answer = await Client(app).post("/realms/acme/login", value={"userName": "ana", "password": PASSWORD})
    token = ("authorization", f"Bearer {answer.json()['token']}")
    assert (await admin.get(ME, token)).status == 401


async def test_ending_all_sessions_of_an_account_ends_the_operator_too(admin: Client, hire: Hire) -> None:
    victim, boss = await hire("engine.viewSessions", name="olga"), await hire("engine.manageSessions", name="boss")
    ended = await admin.post("/api/v1/users/end-sessions", boss, value={"user": "olga"})
    assert ended.json() == {"sessionsEnded": 1}
    assert (await admin.get(ME, victim)).json()["reason"] == "dropped"


async def test_an_operator_can_come_in_when_there_is_no_room_for_anybody_else(folder: Path, clock: ManualClock) -> None:
    with (folder / "sojourn.toml").open("a") as settings:
        settings.write("[sessions]\nmaxStateless = 1\n")
    hasher = PasswordHasher(Cost(memory=8, passes=1), workers=1)
    async with Engine.open(load_project(folder, {}), clock=clock, hasher=hasher) as engine:
        assert await engine.login("acme", "ana", PASSWORD) is not None
        with pytest.raises(CeilingReached):
            await engine.login("acme", "ben", PASSWORD)
        await engine.rules.grants.grant("ben", "engine.manageSessions")
        app = admin_application(engine.rules, engine.application(), engine.changes)
        admin = Client(app, host="127.0.0.1:8421", server=("127.0.0.1", 8421))
        assert (await login(admin, "ben")).status == 200


async def test_from_a_known_device_an_operator_gets_in_while_others_guess(admin: Client, engine: Engine) -> None:
    await engine.rules.users.add("main", "olga", PASSWORD)
    await engine.rules.grants.grant("olga", "engine.viewSessions")
    good = {"userName": "olga", "password": PASSWORD}
    first = await admin.post("/api/v1/login", value=good)
    (device,) = [cookie.partition(";")[0] for cookie in first.all("set-cookie") if "admin_dev" in cookie]
    for _ in range(15):
        await admin.post("/api/v1/login", value=good | {"password": "wrong"})
    assert (await admin.post("/api/v1/login", value=good)).status == 429
    assert (await admin.post("/api/v1/login", ("cookie", device), value=good)).status == 200
