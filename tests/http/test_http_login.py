"""``POST /realms/{realm}/login``."""

from __future__ import annotations

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import ManualClock
from sojourn.http.application import Application
from tests.http.conftest import GOOD, PASSWORD
from tests.http.wire_client import Client, cookie_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


JSON = ("content-type", "application/json")


async def test_a_login_gives_a_token_and_the_public_id(client: Client) -> None:
    answer = await client.post("/realms/acme/login", value=GOOD)
    assert answer.status == 200
    assert set(answer.json()) == {"token", "sessionId", "expiresAt"}
    assert answer.cookies == []
    assert answer.header("x-session-id") == ""
    assert answer.header("cache-control") == "no-store"
    who = await client.get("/realms/acme/session", ("authorization", f"Bearer {answer.json()['token']}"))
    assert who.json()["id"] == answer.json()["sessionId"]
    assert who.json()["user"]["name"] == "ana"


async def test_the_token_expires_with_its_lifetime_or_with_the_session(client: Client, clock: ManualClock) -> None:
    answer = await client.post("/realms/acme/login", value=GOOD)
    assert answer.json()["expiresAt"] == "2027-01-15T09:00:00.000Z"
    assert clock.now() == 1_800_000_000_000


async def test_a_tracking_realm_sets_its_cookie(client: Client) -> None:
    answer = await client.post("/realms/web/login", value=GOOD)
    (cookie,) = answer.cookies
    name, _, rest = cookie.partition("=")
    assert name == "sojourn_sid.web"
    assert rest.endswith("; Path=/; HttpOnly; SameSite=Lax")
    assert rest.startswith(answer.json()["sessionId"] + ".")


async def test_on_https_the_cookie_is_secure_and_has_the_host_prefix(engine: Engine) -> None:
    app = engine.application()
    secure = Client(app, scheme="https")
    answer = await secure.post("/realms/web/login", value=GOOD)
    (cookie,) = answer.cookies
    assert cookie.startswith("__Host-sojourn_sid.web=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert answer.header("strict-transport-security") == "max-age=31536000"


async def test_only_the_name_that_fits_the_scheme_is_read(client: Client, app: Application) -> None:
    _, value = cookie_of(await client.post("/realms/web/login", value=GOOD))
    wrong = ("cookie", f"__Host-{value}")
    assert (await client.get("/realms/web/session", wrong)).status == 401
    assert (await Client(app, scheme="https").get("/realms/web/session", wrong)).status == 200


async def test_a_stateful_realm_without_cookies_answers_the_handle_in_a_header(client: Client) -> None:
    answer = await client.post("/realms/desk/login", value=GOOD)
    handle = answer.header("x-session-id")
    assert handle.startswith(answer.json()["sessionId"] + ".")
    assert [cookie.partition("=")[0] for cookie in answer.cookies] == ["serverId"]
    assert (await client.get("/realms/desk/session", ("x-session-id", handle))).json()["user"]["name"] == "ana"


async def test_a_realm_of_cross_site_clients_sets_and_reads_no_cookie(client: Client) -> None:
    answer = await client.post("/realms/embedded/login", value=GOOD)
    assert answer.status == 200
    assert answer.cookies == []


@pytest.mark.parametrize(
    "bad",
    [
        {"userName": "ana", "password": "wrong"},
        {"userName": "nobody", "password": PASSWORD},
        {"userName": "", "password": ""},
        {"userName": "ana", "password": "x" * 5000},
        {"userName": "a\u0000\n", "password": PASSWORD},
    ],
)
async def test_every_bad_credential_has_one_answer(client: Client, bad: dict[str, str]) -> None:
    answer = await client.post("/realms/web/login", value=bad)
    assert answer.status == 401
    assert answer.json() | {"executionKey": ""} == {
        "message": "Invalid credentials",
        "code": "login.refused",
        "executionKey": "",
    }
    assert answer.cookies == []
    assert answer.header("www-authenticate") == 'Bearer realm="web"'


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{", 400),
        ("[]", 400),
        ("null", 400),
        ('{"userName":"ana"}', 400),
        ('{"userName":1,"password":"x"}', 400),
        ('{"userName":"ana","userName":"ben","password":"x"}', 400),
        ('{"userName":"ana","password":"\\ud800"}', 400),
        (b"\xff\xfe", 400),
        ("[" * 5000, 400),
    ],
)
async def test_a_malformed_login_is_a_clean_400(client: Client, body: str | bytes, status: int) -> None:
    answer = await client.request("POST", "/realms/acme/login", JSON, body=body)
    assert answer.status == status
    assert set(answer.json()) == {"message", "code", "executionKey"}


@pytest.mark.parametrize("kind", ["text/json", "application/x-www-form-urlencoded", "text/plain", None])
async def test_a_login_takes_json_only(client: Client, kind: str | None) -> None:
    headers = [("sec-fetch-site", "same-origin")] + ([("content-type", kind)] if kind else [])
    answer = await client.request("POST", "/realms/acme/login", *headers, body='{"userName":"ana","password":"x"}')
    assert answer.status == 415


async def test_a_login_from_another_site_is_refused_without_a_cookie_too(client: Client) -> None:
    for headers in (
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("origin", "https://evil.example")],
        [("origin", "null")],
    ):
        answer = await client.post("/realms/acme/login", *headers, value=GOOD)
        assert answer.status == 403
        assert answer.json()["code"] == "request.cross_site"
    form = await client.request("POST", "/realms/acme/login", ("content-type", "text/plain"), body='{"userName":"ana"}')
    assert form.status == 403


async def test_a_login_that_is_too_large_is_not_read(client: Client) -> None:
    answer = await client.request("POST", "/realms/acme/login", JSON, body=b" " * 65_537)
    assert answer.status == 413


async def test_a_login_rotates_the_session_of_its_cookie(client: Client) -> None:
    first = await client.post("/realms/web/login", value=GOOD)
    second = await client.post("/realms/web/login", cookie_of(first), value=GOOD)
    assert second.json()["sessionId"] == first.json()["sessionId"]
    assert cookie_of(second) != cookie_of(first)
    old = await client.get("/realms/web/session", cookie_of(first))
    assert (old.status, old.json()["code"]) == (401, "session.replaced")
    assert old.cookies == []
    stale = await client.get("/realms/web/session", ("authorization", f"Bearer {first.json()['token']}"))
    assert stale.status == 401


async def test_a_login_as_another_user_ends_the_session_of_the_cookie(client: Client) -> None:
    ana = await client.post("/realms/web/login", value=GOOD)
    ben = await client.post("/realms/web/login", cookie_of(ana), value=GOOD | {"userName": "ben"})
    assert ben.json()["sessionId"] != ana.json()["sessionId"]
    old = await client.get("/realms/web/session", cookie_of(ana))
    assert (old.status, old.json()["reason"]) == (401, "replaced-by-login")


async def test_a_dead_secret_is_no_obstacle_to_a_login_and_is_never_adopted(client: Client) -> None:
    dead = f"sojourn_sid.web={'a' * 43}.{'b' * 43}"
    answer = await client.post("/realms/web/login", ("cookie", dead), value=GOOD)
    assert answer.status == 200
    assert answer.json()["sessionId"] != "a" * 43


async def test_two_cookies_of_our_name_are_no_session_and_an_audit_event(client: Client, engine: Engine) -> None:
    first = await client.post("/realms/web/login", value=GOOD)
    _, value = cookie_of(first)
    twice = ("cookie", f"{value}; {value}")
    answer = await client.get("/realms/web/session", twice)
    assert (answer.status, answer.cookies) == (401, [])
    again = await client.post("/realms/web/login", twice, value=GOOD)
    assert again.json()["sessionId"] != first.json()["sessionId"]
    details = [event.detail for event in await engine.rules.audit.recent()]
    assert any("cookie.ambiguous" in detail for detail in details)


async def test_two_realms_on_one_host_keep_both_cookies(client: Client) -> None:
    web = await client.post("/realms/web/login", value=GOOD)
    shop = await client.post("/realms/shop/login", value=GOOD | {"userName": "ben"})
    both = ("cookie", f"{cookie_of(web)[1]}; {cookie_of(shop)[1]}")
    assert (await client.get("/realms/web/session", both)).json()["user"]["name"] == "ana"
    assert (await client.get("/realms/shop/session", both)).json()["user"]["name"] == "ben"


async def test_a_session_of_another_realm_is_unknown_here(client: Client) -> None:
    web = await client.post("/realms/web/login", value=GOOD)
    value = cookie_of(web)[1].partition("=")[2]
    answer = await client.get("/realms/shop/session", ("cookie", f"sojourn_sid.shop={value}"))
    assert (answer.status, answer.json()["code"]) == (401, "session.unknown")


async def test_off_loopback_without_https_no_cookie_is_set_and_nobody_is_logged_in(engine: Engine) -> None:
    app = engine.application()
    far = Client(app, server=("192.0.2.1", 8420), peer="203.0.113.7", host="127.0.0.1:8420")
    answer = await far.post("/realms/web/login", value=GOOD)
    assert answer.status == 500
    assert "insecure_cookie" in answer.json()["code"]
    assert answer.cookies == []
    assert await engine.rules.sessions.list(engine.realm("web")) == []


async def test_logins_are_audited_without_the_password(client: Client, engine: Engine) -> None:
    await client.post("/realms/acme/login", value=GOOD)
    await client.post("/realms/acme/login", value={"userName": "ana\nLOGIN ok", "password": "hunter2hunter2"})
    events = await engine.rules.audit.recent()
    kinds = [event.kind for event in events]
    assert "LOGIN" in kinds
    assert "LOGIN_FAIL" in kinds
    assert not any("hunter2" in event.detail or "\n" in event.detail for event in events)
