"""20 parallel uses of what is good once, through two processes: one winner."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.house import CLIENT, HOME, PASSWORD, SECRET, House, bearer, coming_from, cookies
from tests.e2e.process import Answer
from tests.e2e.test_identity_ends import reset_code

NEW = "eight loud otters at dusk"
MANY = 20


def posts(path: str, body: Any, headers: Mapping[str, str] = {}) -> dict[str, Any]:
    sent = {**coming_from(HOME), "sec-fetch-site": "same-origin", **headers}
    return {"method": "POST", "path": path, "body": body, "headers": sent}


def winners(answers: list[Answer], status: int) -> list[Answer]:
    return [answer for answer in answers if answer.status == status]


def test_a_mailed_code_sets_one_password(house: House) -> None:
    code = reset_code(house, "code")
    bodies = [{"userName": "code", "code": code, "newPassword": f"{NEW} {at}"} for at in range(MANY)]
    answers = house.at_once([posts("/realms/web/password-reset/confirm", body) for body in bodies])
    (won,) = [body for body, answer in zip(bodies, answers, strict=True) if answer.status == 200]
    assert {answer.status for answer in answers} <= {200, 403, 429, 503}
    new = {"userName": "code", "password": won["newPassword"]}
    assert house.post("/realms/web/login", new).status == 200
    assert house.post("/realms/web/password-reset/confirm", won).status == 403


def test_a_refresh_token_of_a_client_without_a_name_has_one_winner_at_most_and_ends(house: House) -> None:
    """Any other use is a theft: with the session the winner's tokens are dead too."""
    login = house.login("refresh", "plain").json()
    answers = house.at_once([posts("/realms/plain/refresh", {"refreshToken": login["refreshToken"]})] * MANY)
    won = winners(answers, 200)
    assert len(won) <= 1
    assert {answer.status for answer in answers} <= {200, 401}
    for token in (login["token"], *(answer.json()["token"] for answer in won)):
        assert [answer.status for answer in house.ask(bearer(token), "plain")] == [401, 401]
    for answer in won:
        again = posts("/realms/plain/refresh", {"refreshToken": answer.json()["refreshToken"]})
        assert [one.status for one in house.at_once([again] * 2)] == [401, 401]


def test_a_refresh_token_of_one_client_has_one_successor(house: House) -> None:
    login = house.login("family")
    cookie = {"cookie": cookies(login)}
    token = login.json()["refreshToken"]
    answers = house.at_once([posts("/realms/web/refresh", {"refreshToken": token}, cookie)] * MANY)
    assert {answer.status for answer in answers} == {200}
    (successor,) = {answer.json()["refreshToken"] for answer in answers}
    assert house.post("/realms/web/refresh", {"refreshToken": successor}, cookie).status == 200


@pytest.mark.filterwarnings("ignore")  # those of the provider's own libraries, in its threads
def test_the_state_of_a_login_at_a_provider_opens_one_session(house: House) -> None:
    begun = house.engines[0].get(
        "/realms/web/oidc/corp/login?returnTo=/", coming_from(HOME) | {"sec-fetch-site": "same-origin"}
    )
    assert begun.status == 303, begun
    query = urllib.parse.urlsplit(signed_in(begun.headers["location"], "state")).query
    headers = coming_from(HOME) | {"cookie": cookies(begun), "sec-fetch-site": "cross-site"}
    callback = {"method": "GET", "path": f"/realms/web/oidc/corp/callback?{query}", "headers": headers}
    answers = house.at_once([callback] * MANY)
    (won,) = winners(answers, 303)
    assert {answer.status for answer in answers} == {303, 401}
    opened = [answer.json() for answer in house.ask({"cookie": cookies(won)})]
    assert [session["user"]["name"] for session in opened] == ["state", "state"]
    mine = house.engines[1].get("/realms/web/sessions", coming_from(HOME) | {"cookie": cookies(won)}).json()
    assert len(mine["sessions"]) == 1


@pytest.mark.filterwarnings("ignore")  # those of the provider's own libraries, in its threads
def test_an_id_token_links_once(house: House) -> None:
    token = bearer(house.login("link").json()["token"])
    body = {"idToken": id_token(house.issuer, "link")}
    answers = house.at_once([posts("/realms/web/oidc/corp/link", body, token)] * MANY)
    assert len(winners(answers, 200)) == 1, answers
    assert {answer.status for answer in answers} <= {200, 401, 409}
    headers = coming_from(HOME) | token
    linked = house.engines[1].get("/realms/web/identities", headers).json()["identities"]
    assert [one["subject"] for one in linked] == ["link"]


def signed_in(url: str, subject: str) -> str:
    """Where the provider sends the browser of ``subject`` back to."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_args: Any, **_options: Any) -> None:
            return None

    form = urllib.parse.urlencode({"sub": subject}).encode()
    try:
        urllib.request.build_opener(Stay).open(url, form)
    except urllib.error.HTTPError as sent:
        return str(sent.headers["location"])
    raise AssertionError("the provider sent the browser nowhere")


def id_token(issuer: str, subject: str) -> str:
    """What a program gets from the provider by itself."""
    back = "https://shop.example/app"
    asked = {"client_id": CLIENT, "response_type": "code", "scope": "openid", "redirect_uri": back, "state": "x"}
    sent = signed_in(f"{issuer}/oauth2/authorize?{urllib.parse.urlencode(asked)}", subject)
    (code,) = urllib.parse.parse_qs(urllib.parse.urlsplit(sent).query)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
    form |= {"client_id": CLIENT, "client_secret": SECRET}
    with urllib.request.urlopen(f"{issuer}/oauth2/token", urllib.parse.urlencode(form).encode()) as answer:
        return str(json.load(answer)["id_token"])


def test_an_auth_token_is_revoked_once(house: House) -> None:
    handles = house.handles("tried")
    path = f"/realms/web/tokens/{handles.auth_key}/revoke"
    answers = house.at_once([posts(path, {}, bearer(handles.token))] * MANY)
    assert {answer.status for answer in answers} <= {200, 404}
    events = house.run("audit", "list", "--kind", "TOKEN_REVOKE")
    mine = [event for event in events if event["detail"].get("token") == handles.auth_key]
    assert len(mine) == 1
    assert PASSWORD not in json.dumps(events)
