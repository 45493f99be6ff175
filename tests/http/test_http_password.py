"""Changing the own password over HTTP, throttled logins over HTTP, and the device cookie."""

from __future__ import annotations

import asyncio

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import MINUTE, ManualClock
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.stores.limited import Throttle
from tests.http.conftest import GOOD, PASSWORD
from tests.http.wire_client import Client, cookie_of

pytestmark = pytest.mark.anyio

NEW = "eight loud otters at dusk"
CHANGE = {"oldPassword": PASSWORD, "newPassword": NEW}
BAD = GOOD | {"password": "wrong"}


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


async def test_the_answer_of_a_change_carries_the_new_handle_and_the_tokens_that_stay(
    client: Client, engine: Engine
) -> None:
    login = await client.post("/realms/web/login", value=GOOD)
    other = await client.post("/realms/web/login", value=GOOD)
    answer = await client.post("/realms/web/password", cookie_of(login), value=CHANGE)
    assert answer.status == 200
    assert set(answer.json()) == {"token", "sessionId", "expiresAt", "tokens"}
    assert answer.json()["sessionId"] == login.json()["sessionId"]
    assert answer.json()["tokens"] == []
    assert (await client.get("/realms/web/session", cookie_of(answer))).status == 200
    bearer = ("authorization", f"Bearer {answer.json()['token']}")
    assert (await client.get("/realms/web/session", bearer)).status == 200
    old = await client.get("/realms/web/session", cookie_of(login))
    assert (old.status, old.json()["code"]) == (401, "session.replaced")
    ended = await client.get("/realms/web/session", cookie_of(other))
    assert (ended.status, ended.json()["reason"]) == (401, "password-changed")
    assert (await client.post("/realms/web/login", value=GOOD)).status == 401
    assert (await client.post("/realms/web/login", value=GOOD | {"password": NEW})).status == 200


async def test_a_bearer_changes_it_too_and_gets_a_new_token(client: Client) -> None:
    login = await client.post("/realms/acme/login", value=GOOD)
    bearer = ("authorization", f"Bearer {login.json()['token']}")
    answer = await client.post("/realms/acme/password", bearer, value=CHANGE)
    assert answer.status == 200
    assert (await client.get("/realms/acme/session", bearer)).status == 401
    fresh = ("authorization", f"Bearer {answer.json()['token']}")
    assert (await client.get("/realms/acme/session", fresh)).json()["user"]["name"] == "ana"


async def test_a_stateful_realm_without_cookies_gets_the_handle_in_its_header(client: Client) -> None:
    login = await client.post("/realms/desk/login", value=GOOD)
    handle = ("x-session-id", login.header("x-session-id"))
    answer = await client.post("/realms/desk/password", handle, value=CHANGE)
    assert (await client.get("/realms/desk/session", handle)).status == 401
    fresh = ("x-session-id", answer.header("x-session-id"))
    assert (await client.get("/realms/desk/session", fresh)).status == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (CHANGE | {"oldPassword": "wrong"}, 403, "password.wrong"),
        (CHANGE | {"newPassword": "short"}, 400, "user.weak_password"),
        (CHANGE | {"newPassword": PASSWORD}, 400, "user.weak_password"),
        ({"oldPassword": PASSWORD}, 400, "request.malformed"),
        ({"oldPassword": PASSWORD, "newPassword": 7}, 400, "request.malformed"),
        ([], 400, "request.malformed"),
    ],
)
async def test_what_is_refused_changes_nothing(client: Client, body: object, status: int, code: str) -> None:
    login = await client.post("/realms/web/login", value=GOOD)
    answer = await client.post("/realms/web/password", cookie_of(login), value=body)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert answer.cookies == []
    assert (await client.get("/realms/web/session", cookie_of(login))).status == 200
    assert (await client.post("/realms/web/login", value=GOOD)).status == 200


async def test_nobody_another_site_and_an_old_login_change_nothing(client: Client, clock: ManualClock) -> None:
    assert (await client.post("/realms/web/password", value=CHANGE)).status == 401
    login = await client.post("/realms/web/login", value=GOOD)
    foreign = await client.post("/realms/web/password", cookie_of(login), ("sec-fetch-site", "same-site"), value=CHANGE)
    assert (foreign.status, foreign.json()["code"]) == (403, "request.cross_site")
    form = await client.request(
        "POST",
        "/realms/web/password",
        cookie_of(login),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "text/plain"),
        body='{"oldPassword":"x","newPassword":"y"}',
    )
    assert form.status == 415
    clock.advance(10 * MINUTE + 1)
    stale = await client.post("/realms/web/password", cookie_of(login), value=CHANGE)
    assert (stale.status, stale.json()["code"]) == (401, "auth.fresh_login")
    assert (await client.post("/realms/web/login", value=GOOD)).status == 200


async def test_500_parallel_tries_are_all_counted_and_nearly_none_is_hashed(client: Client, engine: Engine) -> None:
    hashed = 0
    records = engine.rules.passwords._records
    verify = records._hasher.verify

    async def counting(stored: str | None, password: str, *, known: bool = False) -> bool:
        nonlocal hashed
        hashed += 1
        return await verify(stored, password, known=known)

    records._hasher.verify = counting  # type: ignore[method-assign]  # to see how many got so far
    answers = await asyncio.gather(*(client.post("/realms/web/login", value=BAD) for _ in range(500)))
    assert {answer.status for answer in answers} == {401, 429}
    assert hashed == sum(answer.status == 401 for answer in answers) == 10
    blocked = next(answer for answer in answers if answer.status == 429)
    assert blocked.header("retry-after") == "1"
    assert blocked.json() | {"executionKey": ""} == {
        "message": "Too many tries; wait and try again.",
        "code": "auth.too_many_tries",
        "executionKey": "",
    }


async def test_two_engines_on_one_project_count_500_together(
    client: Client, engine: Engine, clock: ManualClock
) -> None:
    async with Engine.open(engine.project, clock=clock, hasher=PasswordHasher(Cost(8, 1), workers=1)) as second:
        other = Client(second.application())
        tries = [one.post("/realms/web/login", value=BAD) for _ in range(250) for one in (client, other)]
        answers = await asyncio.gather(*tries)
        assert sum(answer.status == 401 for answer in answers) == 10
        assert sum(answer.status == 429 for answer in answers) == 490
        throttling, store = second.rules.throttling, second.rules.store
        assert isinstance(store, Throttle)
        counter = throttling._counter("login", "address", "main", "127.0.0.0/24")
        assert (await store.count_try(counter, (0,), clock.now(), forget=MINUTE)).tries == 501


async def test_status_headers_and_body_are_the_same_for_a_name_that_nobody_has(client: Client) -> None:
    seen = []
    for name in ("ana", "nobody"):
        answers = [await client.post("/realms/web/login", value=BAD | {"userName": name}) for _ in range(12)]
        seen.append([(a.status, a.json() | {"executionKey": ""}, sorted(a.headers)) for a in answers])
    assert seen[0] == seen[1]
    assert [status for status, *_ in seen[0]] == [401] * 10 + [429] * 2


async def test_from_a_known_device_its_user_gets_in_while_others_guess(client: Client) -> None:
    known = (await client.post("/realms/web/login", value=GOOD)).device_cookie
    assert known[1].startswith("sojourn_dev.web=")
    for _ in range(20):
        await client.post("/realms/web/login", value=BAD)
    assert (await client.post("/realms/web/login", value=GOOD)).status == 429
    assert (await client.post("/realms/web/login", known, value=GOOD)).status == 200
    name, _, value = known[1].partition("=")
    for forged in (
        f"{name}={value[:-1]}A",
        f"{name}={value[:43]}",
        f"{name}={value}; {name}={value}",
        "sojourn_dev.web=",
    ):
        answer = await client.post("/realms/web/login", ("cookie", forged), value=GOOD | {"userName": "ana"})
        assert answer.status == 429 or forged.endswith("A")
    # It is good for the account that was logged in there, and opens nothing.
    assert (await client.get("/realms/web/session", known)).status == 401


async def test_the_device_cookie_is_kept_from_scripts_and_is_secure_on_https(engine: Engine, client: Client) -> None:
    answer = await client.post("/realms/web/login", value=GOOD)
    (plain,) = [cookie for cookie in answer.all("set-cookie") if "sojourn_dev" in cookie]
    assert plain.endswith("; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax")
    secure = await Client(engine.application(), scheme="https").post("/realms/web/login", value=GOOD)
    (prefixed,) = [cookie for cookie in secure.all("set-cookie") if "sojourn_dev" in cookie]
    assert prefixed.startswith("__Host-sojourn_dev.web=")
    assert prefixed.endswith("; Secure")
    wrong = await client.post("/realms/web/login", value=BAD)
    assert wrong.all("set-cookie") == []
    embedded = await client.post("/realms/embedded/login", value=GOOD)
    assert embedded.all("set-cookie") == []


async def test_where_clients_are_tracked_the_device_is_the_client(client: Client) -> None:
    login = await client.post("/realms/known/login", value=GOOD)
    pairs = {cookie.partition("=")[0]: cookie.partition(";")[0] for cookie in login.all("set-cookie")}
    device, tracked = pairs["sojourn_dev.known"], pairs["sojourn_cid.known"]
    who = await client.get("/realms/known/session", ("cookie", pairs["sojourn_sid.known"]))
    assert who.json()["clientId"] == device.partition("=")[2].partition(".")[0]
    for _ in range(20):
        await client.post("/realms/known/login", value=BAD)
    assert (await client.post("/realms/known/login", ("cookie", device), value=GOOD)).status == 429
    both = await client.post("/realms/known/login", ("cookie", f"{device}; {tracked}"), value=GOOD)
    assert both.status == 200
