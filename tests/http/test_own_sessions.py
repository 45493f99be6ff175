"""``/realms/{realm}/sessions``, and the limit of sessions at the login endpoint."""

from __future__ import annotations

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import MINUTE, ManualClock
from sojourn.http import own_sessions
from sojourn.model.session import Device, Identity
from sojourn.model.user import external_identity
from tests.http.conftest import GOOD, bearer
from tests.http.wire_client import Client, Pair, cookie_of

pytestmark = pytest.mark.anyio

OURS = ("sec-fetch-site", "same-origin")


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


async def narrow(engine: Engine, realm: str, header: Pair) -> Pair:
    """A token of the same session with less than its scope."""
    place, rules = engine.realm(realm), engine.rules
    claims = await rules.tokens.verify(place, header[1].removeprefix("Bearer "))
    access = await rules.sessions.open_token(place, claims)
    issued = await rules.tokens.renew(access, expires_at=rules.clock.now() + 60_000, scope=())
    return ("authorization", f"Bearer {issued.token}")


async def test_users_see_their_own_live_sessions_and_which_one_is_this(client: Client, clock: ManualClock) -> None:
    phone = cookie_of(await client.post("/realms/web/login", ("user-agent", "phone"), value=GOOD))
    clock.advance(MINUTE)
    laptop = await client.post("/realms/web/login", ("user-agent", "laptop"), value=GOOD)
    await client.post("/realms/web/login", value=GOOD | {"userName": "ben"})
    gone = cookie_of(await client.post("/realms/web/login", value=GOOD))
    await client.post("/realms/web/logout", gone, OURS)
    answer = await client.get("/realms/web/sessions", phone)
    assert (answer.status, answer.header("cache-control"), answer.json()["next"]) == (200, "no-store", None)
    first, second = answer.json()["sessions"]
    assert second == {
        "id": laptop.json()["sessionId"],
        "current": False,
        "createdAt": "2027-01-15T08:01:00.000Z",
        "lastAccess": "2027-01-15T08:01:00.000Z",
        "address": "127.0.0.1",
        "agent": "laptop",
        "clientId": None,
    }
    assert (first["current"], first["agent"]) == (True, "phone")


async def test_a_long_list_comes_in_pages(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_sessions, "_PAGE", 2)
    made = [await client.post("/realms/acme/login", value=GOOD) for _ in range(3)]
    token = ("authorization", f"Bearer {made[0].json()['token']}")
    first = (await client.get("/realms/acme/sessions", token)).json()
    rest = (await client.get(f"/realms/acme/sessions?after={first['next']}", token)).json()
    seen = [one["id"] for one in first["sessions"] + rest["sessions"]]
    assert sorted(seen) == sorted(one.json()["sessionId"] for one in made)
    assert rest["next"] is None
    for bad in ("x", "1", f"1.{'a' * 42}", f"-1.{'a' * 43}", f"{'9' * 40}.{'a' * 43}"):
        assert (await client.get(f"/realms/acme/sessions?after={bad}", token)).status == 400, bad


async def test_one_session_ends_another_of_the_same_user(client: Client, engine: Engine) -> None:
    phone = cookie_of(await client.post("/realms/web/login", value=GOOD))
    laptop = await client.post("/realms/web/login", value=GOOD)
    sid = laptop.json()["sessionId"]
    answer = await client.post(f"/realms/web/sessions/{sid}/end", phone, OURS)
    assert (answer.status, answer.json()["sessionId"], answer.json()["reason"]) == (200, sid, "logout")
    assert answer.cookies == []
    assert answer.header("clear-site-data") == ""
    after = await client.get("/realms/web/session", cookie_of(laptop))
    assert (after.status, after.json()["reason"]) == (401, "logout")
    assert "by" not in after.json()
    own = ("authorization", f"Bearer {laptop.json()['token']}")
    assert (await client.get("/realms/web/session", own)).status == 401
    assert (await client.get("/realms/web/session", phone)).status == 200


async def test_ending_the_current_one_is_a_logout(client: Client) -> None:
    login = await client.post("/realms/web/login", value=GOOD)
    sid = login.json()["sessionId"]
    answer = await client.post(f"/realms/web/sessions/{sid}/end", cookie_of(login), OURS)
    assert answer.status == 200
    assert answer.header("clear-site-data") == '"cache"'
    (expired,) = answer.cookies
    assert expired.startswith("sojourn_sid.web=; ")


async def test_what_is_unknown_dead_or_somebody_elses_is_one_404(client: Client, engine: Engine) -> None:
    phone = cookie_of(await client.post("/realms/web/login", value=GOOD))
    ben = (await client.post("/realms/web/login", value=GOOD | {"userName": "ben"})).json()["sessionId"]
    elsewhere = (await client.post("/realms/shop/login", value=GOOD)).json()["sessionId"]
    dead = await client.post("/realms/web/login", value=GOOD)
    await client.post("/realms/web/logout", cookie_of(dead), OURS)
    anonymous = await engine.rules.sessions.begin(
        engine.realm("web"), external_identity("s", "ana", (), "", 0), Device()
    )
    answers = []
    for sid in (ben, elsewhere, dead.json()["sessionId"], anonymous.session.id, "a" * 43, "x", "%2e%2e"):
        answer = await client.post(f"/realms/web/sessions/{sid}/end", phone, OURS)
        answers.append((answer.status, answer.json() | {"executionKey": ""}, answer.cookies))
    assert answers[0][0] == 404
    assert all(answer == answers[0] for answer in answers)
    assert len(await engine.rules.sessions.list(engine.realm("web"))) == 3


async def test_external_principals_have_lists_of_their_own(client: Client, engine: Engine) -> None:
    rules, realm = engine.rules, engine.realm("acme")
    tokens = []
    for subject in ("p-1", "p-1", "p-2"):
        begun = await rules.sessions.begin(realm, external_identity("shop", subject, (), "", 0), Device())
        issued = await rules.tokens.issue(realm, begun.session, scope=None, expires_at=rules.clock.now() + 60_000)
        tokens.append((begun.session.id, ("authorization", f"Bearer {issued.token}")))
    listed = (await client.get("/realms/acme/sessions", tokens[0][1])).json()["sessions"]
    assert {one["id"] for one in listed} == {tokens[0][0], tokens[1][0]}
    assert (await client.post(f"/realms/acme/sessions/{tokens[2][0]}/end", tokens[0][1])).status == 404


async def test_visitors_without_a_name_are_strangers_to_each_other(client: Client, engine: Engine) -> None:
    realm, device = engine.realm("web"), Device(address="127.0.0.1")
    one, two = [await engine.rules.sessions.begin(realm, Identity(), device) for _ in range(2)]
    cookie = ("cookie", f"sojourn_sid.web={one.handle}")
    (listed,) = (await client.get("/realms/web/sessions", cookie)).json()["sessions"]
    assert listed["id"] == one.session.id
    assert (await client.get(f"/realms/web/sessions?after=1.{one.session.id}", cookie)).json()["sessions"] == []
    assert (await client.post(f"/realms/web/sessions/{two.session.id}/end", cookie, OURS)).status == 404
    assert (await client.post(f"/realms/web/sessions/{one.session.id}/end", cookie, OURS)).status == 200
    assert await engine.rules.sessions.show(realm, two.session.id) is not None


async def test_a_delegated_handle_sees_no_list_and_ends_its_own_session_only(client: Client, engine: Engine) -> None:
    await engine.rules.grants.grant("ana", "cart.read")
    full, other = [await client.post("/realms/acme/login", value=GOOD) for _ in range(2)]
    token = await narrow(engine, "acme", ("authorization", f"Bearer {full.json()['token']}"))
    for method, path in (("GET", "sessions"), ("POST", f"sessions/{other.json()['sessionId']}/end")):
        answer = await client.request(method, f"/realms/acme/{path}", token)
        assert (answer.status, answer.json()["code"]) == (403, "auth.delegated_handle")
    assert (await client.post(f"/realms/acme/sessions/{full.json()['sessionId']}/end", token)).status == 200


async def test_another_site_can_end_nothing(client: Client, engine: Engine, token: Pair) -> None:
    login = await client.post("/realms/web/login", value=GOOD)
    path = f"/realms/web/sessions/{login.json()['sessionId']}/end"
    for headers in (
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("origin", "https://evil.example")],
        [("content-type", "application/x-www-form-urlencoded")],
        [],
    ):
        assert (await client.post(path, cookie_of(login), *headers)).status == 403
    assert (
        await client.request("POST", path, cookie_of(login), OURS, ("content-type", "text/plain"), body="x")
    ).status == 415
    assert (await client.get("/realms/web/session", cookie_of(login))).status == 200


async def test_the_paths_take_their_own_methods(client: Client, token: Pair) -> None:
    wrong = await client.post("/realms/acme/sessions", token)
    assert (wrong.status, wrong.header("allow")) == (405, "GET, HEAD")
    wrong = await client.get(f"/realms/acme/sessions/{'a' * 43}/end", token)
    assert (wrong.status, wrong.header("allow")) == (405, "POST")
    for path in ("sessions/", "sessions//end", "sessions/x/end/", "sessions/a/b/end"):
        assert (await client.post(f"/realms/acme/{path}", token)).status == 404


async def test_nobody_without_a_handle_sees_or_ends_anything(client: Client) -> None:
    for method, path in (("GET", "sessions"), ("POST", f"sessions/{'a' * 43}/end")):
        answer = await client.request(method, f"/realms/web/{path}", OURS)
        assert (answer.status, answer.json()["code"]) == (401, "auth.required")


# --- the limit of sessions at the login ---


async def test_at_the_limit_a_login_shows_the_own_sessions_and_may_end_one_of_them(client: Client) -> None:
    first = await client.post("/realms/two/login", ("user-agent", "phone"), value=GOOD)
    second = await client.post("/realms/two/login", value=GOOD)
    full = await client.post("/realms/two/login", value=GOOD)
    assert (full.status, full.json()["code"], full.cookies) == (409, "session.limit", [])
    assert set(full.json()) == {"message", "code", "executionKey", "sessions"}
    assert {one["id"] for one in full.json()["sessions"]} == {one.json()["sessionId"] for one in (first, second)}
    assert full.json()["sessions"][0].keys() >= {"id", "createdAt", "lastAccess", "address", "agent"}
    third = await client.post("/realms/two/login", value=GOOD | {"endSession": first.json()["sessionId"]})
    assert third.status == 200
    assert (await client.get("/realms/two/session", cookie_of(first))).status == 401
    for login in (second, third):
        assert (await client.get("/realms/two/session", cookie_of(login))).status == 200


async def test_a_wrong_password_sees_no_list_and_ends_nothing(client: Client) -> None:
    first, _ = [await client.post("/realms/two/login", value=GOOD) for _ in range(2)]
    wrong = GOOD | {"password": "wrong", "endSession": first.json()["sessionId"]}
    answer = await client.post("/realms/two/login", value=wrong)
    assert (answer.status, "sessions" in answer.json()) == (401, False)
    assert (await client.get("/realms/two/session", cookie_of(first))).status == 200


async def test_a_login_ends_nobody_elses_session(client: Client) -> None:
    ben = await client.post("/realms/two/login", value=GOOD | {"userName": "ben"})
    for _ in range(2):
        await client.post("/realms/two/login", value=GOOD)
    answer = await client.post("/realms/two/login", value=GOOD | {"endSession": ben.json()["sessionId"]})
    assert answer.status == 409
    assert (await client.get("/realms/two/session", cookie_of(ben))).status == 200


@pytest.mark.parametrize("bad", [1, None, "x", ["a" * 43]])
async def test_an_end_session_that_is_no_id_is_a_clean_400(client: Client, bad: object) -> None:
    assert (await client.post("/realms/two/login", value=GOOD | {"endSession": bad})).status == 400


async def test_a_token_that_came_from_a_login_lists_too(client: Client) -> None:
    own = await bearer(client, "ana")
    (one,) = (await client.get("/realms/acme/sessions", own)).json()["sessions"]
    assert one["current"] is True
