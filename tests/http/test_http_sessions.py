"""``GET …/session`` and ``POST …/logout``."""

from __future__ import annotations

from pathlib import Path

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import MINUTE, SECOND, ManualClock
from sojourn.stores.base import Lifecycle
from tests.http.conftest import GOOD, bearer
from tests.http.wire_client import Client, Pair, cookie_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


OURS = ("sec-fetch-site", "same-origin")


async def web_cookie(client: Client) -> Pair:
    return cookie_of(await client.post("/realms/web/login", value=GOOD))


async def test_who_am_i_tells_identity_times_and_the_next_end(
    client: Client, engine: Engine, clock: ManualClock
) -> None:
    await engine.rules.grants.grant("ana", "cart.read")
    cookie = await web_cookie(client)
    clock.advance(5 * MINUTE)
    who = (await client.get("/realms/web/session", cookie)).json()
    assert who["realm"] == "web"
    ana = await engine.rules.users.find("main", "ana")
    assert ana is not None
    assert who["user"] == {"key": ana.key, "name": "ana", "kind": "account"}
    assert who["scope"] == ["cart.read"]
    assert who["created"] == who["loginAt"] == "2027-01-15T08:00:00.000Z"
    assert who["lastAccess"] == "2027-01-15T08:05:00.000Z"
    assert who["endsNext"] == {"reason": "idle", "at": "2027-01-15T08:20:00.000Z"}


async def test_a_granted_scope_and_a_taken_one_hold_at_the_next_request(client: Client, engine: Engine) -> None:
    cookie = await web_cookie(client)
    await engine.rules.grants.grant("ana", "cart.read")
    assert (await client.get("/realms/web/session", cookie)).json()["scope"] == ["cart.read"]
    await engine.rules.grants.revoke("ana", "cart.read")
    assert (await client.get("/realms/web/session", cookie)).json()["scope"] == []


async def test_requests_keep_a_session_alive_and_idleness_ends_it_with_its_reason(
    client: Client, clock: ManualClock
) -> None:
    cookie = await web_cookie(client)
    for _ in range(4):
        clock.advance(10 * MINUTE)
        assert (await client.get("/realms/web/session", cookie)).status == 200
    clock.advance(15 * MINUTE)
    answer = await client.get("/realms/web/session", cookie)
    assert (answer.status, answer.json()["code"], answer.json()["reason"]) == (401, "session.ended", "idle")
    assert answer.cookies == []
    assert answer.header("www-authenticate") == 'Bearer realm="web"'


async def test_nobody_without_a_handle(client: Client) -> None:
    answer = await client.get("/realms/web/session")
    assert (answer.status, answer.json()["code"], answer.cookies) == (401, "auth.required", [])


@pytest.mark.parametrize("value", ["", "x", "a" * 43, f"{'a' * 43}.{'b' * 43}"])
async def test_an_unknown_secret_is_refused_and_gets_no_cookie(client: Client, value: str) -> None:
    answer = await client.get("/realms/web/session", ("cookie", f"sojourn_sid.web={value}"))
    assert (answer.status, answer.json()["code"], answer.cookies) == (401, "session.unknown", [])


async def test_the_public_id_and_the_stored_hash_open_nothing(client: Client, engine: Engine) -> None:
    cookie = await web_cookie(client)
    sid = (await client.get("/realms/web/session", cookie)).json()["id"]
    for value in (sid, f"{sid}.{sid}"):
        answer = await client.get("/realms/web/session", ("cookie", f"sojourn_sid.web={value}"))
        assert answer.status == 401
        assert "reason" not in answer.json()


async def test_the_session_parameter_is_read_where_the_realm_says_so(client: Client) -> None:
    login = await client.post("/realms/kiosk/login", value=GOOD)
    handle = login.header("x-session-id")
    assert (await client.get(f"/realms/kiosk/session?ngin_sid={handle}")).status == 200
    other = (await client.post("/realms/desk/login", value=GOOD)).header("x-session-id")
    assert (await client.get(f"/realms/desk/session?ngin_sid={other}")).status == 401


async def test_two_authorities_are_400(client: Client, token: Pair) -> None:
    login = await client.post("/realms/desk/login", value=GOOD)
    sid = ("x-session-id", login.header("x-session-id"))
    own = ("authorization", f"Bearer {login.json()['token']}")
    for headers in ([sid, own], [sid, sid], [own, own]):
        answer = await client.get("/realms/desk/session", *headers)
        assert (answer.status, answer.json()["code"]) == (400, "request.ambiguous_credentials")


async def test_a_bad_credential_is_refused_and_not_skipped(client: Client) -> None:
    cookie = await web_cookie(client)
    answer = await client.get("/realms/web/session", cookie, ("authorization", "Bearer a.b.c"))
    assert (answer.status, answer.json()["code"]) == (401, "token.refused")
    assert (await client.get("/realms/web/session", cookie, ("authorization", "Basic eDp5"))).status == 401


async def test_a_cookie_beside_a_token_may_open_nobody_else(client: Client) -> None:
    cookie = await web_cookie(client)
    ana = await bearer(client, "ana", "web")
    ben = await bearer(client, "ben", "web")
    assert (await client.get("/realms/web/session", cookie, ana)).status == 200
    answer = await client.get("/realms/web/session", cookie, ben)
    assert (answer.status, answer.json()["code"]) == (400, "request.ambiguous_credentials")
    dead = ("cookie", f"sojourn_sid.web={'a' * 43}.{'b' * 43}")
    assert (await client.get("/realms/web/session", dead, ben)).status == 200


async def test_logout_ends_every_handle_of_the_session(client: Client) -> None:
    login = await client.post("/realms/web/login", value=GOOD)
    cookie, own = cookie_of(login), ("authorization", f"Bearer {login.json()['token']}")
    answer = await client.post("/realms/web/logout", cookie, OURS)
    assert answer.status == 200
    assert answer.json()["sessionId"] == login.json()["sessionId"]
    assert answer.header("clear-site-data") == '"cache"'
    (expired,) = answer.cookies
    assert expired.startswith("sojourn_sid.web=; Path=/")
    assert "Max-Age=0" in expired
    for handle in (cookie, own):
        after = await client.get("/realms/web/session", handle)
        assert (after.status, after.json()["code"], after.json()["reason"]) == (401, "session.ended", "logout")
        assert after.cookies == []


async def test_logout_by_token_leaves_the_cookie_of_another_session_alone(client: Client) -> None:
    kept, ended = [await client.post("/realms/web/login", value=GOOD) for _ in range(2)]
    token = ("authorization", f"Bearer {ended.json()['token']}")
    answer = await client.post("/realms/web/logout", cookie_of(kept), token, OURS)
    assert (answer.status, answer.json()["sessionId"]) == (200, ended.json()["sessionId"])
    assert answer.cookies == []
    assert (await client.get("/realms/web/session", cookie_of(kept))).status == 200


async def test_a_second_logout_says_why_and_touches_no_cookie(client: Client) -> None:
    cookie = await web_cookie(client)
    await client.post("/realms/web/logout", cookie, OURS)
    answer = await client.post("/realms/web/logout", cookie, OURS)
    assert (answer.status, answer.json()["reason"], answer.cookies) == (401, "logout", [])


async def test_header_handles_and_tokens_log_out_too(client: Client, token: Pair) -> None:
    handle = (await client.post("/realms/desk/login", value=GOOD)).header("x-session-id")
    assert (await client.post("/realms/desk/logout", ("x-session-id", handle))).status == 200
    assert (await client.get("/realms/desk/session", ("x-session-id", handle))).json()["reason"] == "logout"
    assert (await client.post("/realms/acme/logout", token)).status == 200
    assert (await client.get("/realms/acme/session", token)).json()["reason"] == "logout"


async def test_a_logout_from_another_site_is_refused(client: Client, token: Pair) -> None:
    cookie = await web_cookie(client)
    for headers in (
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("origin", "https://evil.example")],
        [("content-type", "application/x-www-form-urlencoded")],
        [],
    ):
        assert (await client.post("/realms/web/logout", cookie, *headers)).status == 403
    assert (await client.post("/realms/acme/logout", token, ("origin", "https://evil.example"))).status == 403
    assert (await client.get("/realms/web/session", cookie)).status == 200


async def test_a_logout_takes_json_or_nothing(client: Client) -> None:
    cookie = await web_cookie(client)
    wrong = ("content-type", "text/plain")
    assert (await client.request("POST", "/realms/web/logout", cookie, OURS, wrong, body="x")).status == 415
    assert (await client.post("/realms/web/logout", cookie, value={})).status == 200


async def test_without_its_store_a_logout_reports_nothing_as_done_and_keeps_the_cookie(
    client: Client, engine: Engine
) -> None:
    cookie = await web_cookie(client)
    assert isinstance(engine.rules.store, Lifecycle)
    await engine.rules.store.close()
    answer = await client.post("/realms/web/logout", cookie, OURS)
    assert (answer.status, answer.cookies, answer.header("retry-after")) == (503, [], "1")
    assert answer.header("clear-site-data") == ""
    assert (await client.get("/health/ready")).status == 503
    assert (await client.get("/realms/web/session", cookie)).status == 503


async def test_a_disabled_account_is_out_at_the_next_request(client: Client, engine: Engine) -> None:
    cookie = await web_cookie(client)
    ana = await engine.rules.users.find("main", "ana")
    assert ana is not None
    await engine.rules.users.set_state(ana.key, "disabled", actor="op")
    answer = await client.get("/realms/web/session", cookie)
    assert (answer.status, answer.cookies) == (401, [])
    assert (await client.post("/realms/web/login", value=GOOD)).json()["message"] == "Invalid credentials"


async def test_a_get_from_another_site_reads_but_cannot_write(client: Client) -> None:
    cookie = await web_cookie(client)
    assert (await client.get("/realms/web/session", cookie, ("sec-fetch-site", "cross-site"))).status == 200


async def test_the_handle_of_a_realm_that_is_not_there_opens_nothing(client: Client, token: Pair) -> None:
    assert (await client.get("/realms/gone/session", token)).status == 401
    assert (await client.post("/realms/gone/logout", token)).status == 401
    assert (await client.get("/realms/gone/session")).status == 404
    assert (await client.post("/realms/gone/login", value=GOOD)).status == 404


async def test_a_replaced_secret_is_recognised_for_a_minute_only(client: Client, clock: ManualClock) -> None:
    cookie = await web_cookie(client)
    await client.post("/realms/web/login", cookie, value=GOOD)
    assert (await client.get("/realms/web/session", cookie)).json()["code"] == "session.replaced"
    clock.advance(61 * SECOND)
    assert (await client.get("/realms/web/session", cookie)).json()["code"] == "session.unknown"


async def test_no_answer_names_a_file_of_the_project(client: Client, folder: Path) -> None:
    for path in ("/", "/realms/web/session", "/pipeline/acme/v1/x", "/realms/../../etc/passwd"):
        answer = await client.get(path)
        assert str(folder).encode() not in answer.body
        assert b"Traceback" not in answer.body
