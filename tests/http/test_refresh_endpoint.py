"""``POST /realms/{realm}/refresh`` and what the login hands out for it."""

from __future__ import annotations

import asyncio

import pytest

from sojourn.core.clock import SECOND, ManualClock
from tests.http.conftest import GOOD, PASSWORD
from tests.http.wire_client import Client, Pair, cookie_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


async def login(client: Client, realm: str) -> tuple[str, str, tuple[Pair, ...]]:
    """A refresh token, the access token beside it, and the cookies that came with them."""
    answer = await client.post(f"/realms/{realm}/login", value=GOOD)
    assert answer.status == 200, answer
    body = answer.json()
    cookies = "; ".join(text.partition(";")[0] for text in answer.cookies)
    return body["refreshToken"], body["token"], ((("cookie", cookies),) if cookies else ())


async def refresh(client: Client, realm: str, token: object, *headers: Pair) -> tuple[int, dict[str, object]]:
    answer = await client.post(f"/realms/{realm}/refresh", *headers, value={"refreshToken": token})
    assert answer.header("cache-control") == "no-store"
    return answer.status, answer.json()


async def test_the_login_hands_one_out_only_where_the_realm_offers_refresh(client: Client) -> None:
    assert "refreshToken" not in (await client.post("/realms/acme/login", value=GOOD)).json()
    body = (await client.post("/realms/fresh/login", value=GOOD)).json()
    assert set(body) == {"token", "sessionId", "expiresAt", "refreshToken", "refreshExpiresAt"}


async def test_a_refresh_gives_what_the_login_gave(client: Client) -> None:
    token, access, _ = await login(client, "fresh")
    status, body = await refresh(client, "fresh", token)
    assert status == 200
    assert set(body) == {"token", "sessionId", "expiresAt", "refreshToken", "refreshExpiresAt"}
    shown = await client.get("/realms/fresh/session", ("authorization", f"Bearer {body['token']}"))
    before = await client.get("/realms/fresh/session", ("authorization", f"Bearer {access}"))
    assert (shown.status, before.status) == (200, 200)
    assert shown.json()["id"] == body["sessionId"] == before.json()["id"]


async def test_a_cookie_of_the_session_makes_it_the_same_client(client: Client) -> None:
    token, _, cookies = await login(client, "tracked")
    _, first = await refresh(client, "tracked", token, *cookies)
    status, again = await refresh(client, "tracked", token, *cookies)
    assert (status, again["refreshToken"]) == (200, first["refreshToken"])
    status, body = await refresh(client, "tracked", token)
    assert (status, body["reason"]) == (401, "refresh-reused")
    status, body = await refresh(client, "tracked", first["refreshToken"], *cookies)
    assert (status, body["reason"]) == (401, "refresh-reused")


async def test_a_cookie_of_another_session_does_not(client: Client) -> None:
    token, _, cookies = await login(client, "tracked")
    _, _, others = await login(client, "tracked")
    await refresh(client, "tracked", token, *cookies)
    status, body = await refresh(client, "tracked", token, *others)
    assert (status, body["reason"]) == (401, "refresh-reused")


async def test_a_known_device_is_the_same_client(client: Client, clock: ManualClock) -> None:
    first = await client.get("/realms/device/session")
    device = cookie_of(first)
    answer = await client.post("/realms/device/login", device, value=GOOD)
    token = answer.json()["refreshToken"]
    _, body = await refresh(client, "device", token, device)
    clock.advance(30 * SECOND)
    status, again = await refresh(client, "device", token, device)
    assert (status, again["refreshToken"]) == (200, body["refreshToken"])
    other = cookie_of(await client.get("/realms/device/session"))
    assert (await refresh(client, "device", token, other))[0] == 401


async def test_twenty_at_once_lead_to_one_family(client: Client) -> None:
    token, _, cookies = await login(client, "tracked")
    found = await asyncio.gather(*(refresh(client, "tracked", token, *cookies) for _ in range(20)))
    assert {status for status, _ in found} == {200}
    (successor,) = {str(body["refreshToken"]) for _, body in found}
    assert (await refresh(client, "tracked", successor, *cookies))[0] == 200


async def test_a_cookie_alone_refreshes_nothing(client: Client) -> None:
    _, _, cookies = await login(client, "tracked")
    values: list[object] = [{}, [], "x", {"refreshToken": 5}, {"refreshToken": None}]
    for value in values:
        answer = await client.post("/realms/tracked/refresh", *cookies, value=value)
        assert (answer.status, answer.json()["code"]) == (400, "request.malformed")
    empty = await client.request("POST", "/realms/tracked/refresh", ("origin", "http://127.0.0.1:8420"), *cookies)
    assert empty.status == 400


async def test_no_other_token_refreshes_and_a_refresh_token_opens_nothing(client: Client) -> None:
    token, access, _ = await login(client, "fresh")
    for other in (access, "sjr_" + "A" * 49, "", "é" * 10):
        status, body = await refresh(client, "fresh", other)
        assert (status, body["code"], body["reason"]) == (401, "token.refused", "form")
    answer = await client.get("/realms/fresh/session", ("authorization", f"Bearer {token}"))
    assert (answer.status, answer.json()["code"]) == (401, "token.refused")
    assert (await refresh(client, "fresh", token))[0] == 200


async def test_an_authorization_beside_it_is_refused_and_uses_nothing_up(client: Client) -> None:
    token, access, _ = await login(client, "fresh")
    assert (await refresh(client, "fresh", token, ("authorization", f"Bearer {access}")))[0] == 401
    assert (await refresh(client, "fresh", token))[0] == 200


async def test_only_json_of_our_own_pages_is_read(client: Client) -> None:
    token, _, cookies = await login(client, "tracked")
    foreign = (("sec-fetch-site", "cross-site"), *cookies)
    answer = await client.post("/realms/tracked/refresh", *foreign, value={"refreshToken": token})
    assert (answer.status, answer.json()["code"]) == (403, "request.cross_site")
    form = ("content-type", "application/x-www-form-urlencoded")
    answer = await client.request(
        "POST", "/realms/tracked/refresh", form, ("origin", "http://127.0.0.1:8420"), body="a"
    )
    assert answer.status == 415
    answer = await client.request("GET", "/realms/tracked/refresh")
    assert (answer.status, answer.header("allow")) == (405, "POST")


async def test_after_a_logout_it_says_why(client: Client) -> None:
    token, access, _ = await login(client, "fresh")
    assert (await client.post("/realms/fresh/logout", ("authorization", f"Bearer {access}"))).status == 200
    status, body = await refresh(client, "fresh", token)
    assert (status, body["code"], body["reason"]) == (401, "session.ended", "logout")


async def test_a_change_of_the_password_hands_out_a_new_one_and_the_old_one_is_dead(client: Client) -> None:
    token, access, _ = await login(client, "fresh")
    change = {"oldPassword": PASSWORD, "newPassword": "eight loud otters at dusk"}
    answer = await client.post("/realms/fresh/password", ("authorization", f"Bearer {access}"), value=change)
    body = answer.json()
    assert set(body) == {"token", "sessionId", "expiresAt", "refreshToken", "refreshExpiresAt", "tokens"}
    status, refused = await refresh(client, "fresh", token)
    assert (status, refused["code"]) == (401, "token.refused")
    status, again = await refresh(client, "fresh", body["refreshToken"])
    assert (status, again["sessionId"]) == (200, body["sessionId"])
    bearer = ("authorization", f"Bearer {again['token']}")
    assert (await client.get("/realms/fresh/session", bearer)).status == 200
