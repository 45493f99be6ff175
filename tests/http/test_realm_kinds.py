"""Each kind of realm takes exactly its own handles, keeps its sessions to itself, and records nobody who only visits."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from sojourn.bootstrap import Engine
from tests.http.conftest import GOOD
from tests.http.wire_client import Answer, Client, Pair

pytestmark = pytest.mark.anyio

FORM = ("content-type", "application/x-www-form-urlencoded")
OURS = ("sec-fetch-site", "same-origin")

#: Realm -> the handles that open a session in it; every other one is nothing there.
TAKES = {
    "acme": {"jwt"},
    "web": {"jwt", "cookie"},
    "till": {"jwt", "cookie"},
    "desk": {"jwt", "header"},
    "kiosk": {"jwt", "header", "query"},
    "embedded": {"jwt"},
    "portal": {"jwt"},
}
KINDS = ("jwt", "cookie", "header", "query", "form")


ENDPOINTS = (("GET", "session"), ("GET", "sessions"), ("POST", "logout"), ("POST", "sessions/{sid}/end"))


class Shown(NamedTuple):
    """A request that shows one handle."""

    headers: list[Pair]
    query: str = ""
    body: str = ""


class Held(NamedTuple):
    """What a login gave."""

    sid: str
    token: str
    handle: str


async def log_in(client: Client, engine: Engine, realm: str) -> Held:
    """A session of the realm with every kind of handle, also those that the realm does not give away."""
    answer = await client.post(f"/realms/{realm}/login", value=GOOD)
    place = engine.realm(realm)
    (stored,) = [one for one in await engine.rules.sessions.list(place) if one.id == answer.json()["sessionId"]]
    for cookie in answer.cookies:
        if "sojourn_sid" in cookie:
            return Held(stored.id, answer.json()["token"], cookie.partition(";")[0].partition("=")[2])
    header = answer.header("x-session-id")
    if header:
        return Held(stored.id, answer.json()["token"], header)
    # No other handle of it was ever given out: a fresh one is made as its own.
    claims = await engine.rules.tokens.verify(place, answer.json()["token"])
    access = await engine.rules.sessions.open_token(place, claims)
    begun = await engine.rules.sessions.rotate(access, access.session.identity, access.session.device, keep=None)
    issued = await engine.rules.tokens.issue(
        place, begun.session, scope=None, expires_at=engine.rules.clock.now() + 60_000
    )
    return Held(stored.id, issued.token, str(begun.handle))


def show(kind: str, held: Held, realm: str) -> Shown:
    match kind:
        case "jwt":
            return Shown([("authorization", f"Bearer {held.token}")])
        case "cookie":
            return Shown([("cookie", f"sojourn_sid.{realm}={held.handle}")])
        case "header":
            return Shown([("x-session-id", held.handle)])
        case "query":
            return Shown([], query=f"?ngin_sid={held.handle}")
        case _:
            return Shown([FORM], body=f"ngin_sid={held.handle}")


async def who(client: Client, realm: str, shown: Shown) -> Answer:
    method = "POST" if shown.body else "GET"
    path = f"/realms/{realm}/session{shown.query}"
    if method == "POST":
        return await client.request(
            "POST", f"/realms/{realm}/logout{shown.query}", *shown.headers, OURS, body=shown.body
        )
    return await client.get(path, *shown.headers)


@pytest.mark.parametrize("realm", TAKES)
async def test_a_realm_takes_its_own_handles_and_no_others(client: Client, engine: Engine, realm: str) -> None:
    held = await log_in(client, engine, realm)
    for kind in KINDS:
        answer = await who(client, realm, show(kind, held, realm))
        if kind in TAKES[realm]:
            assert (answer.status, answer.json()["id"]) == (200, held.sid), kind
        else:
            assert answer.status in {401, 415}, (kind, answer)
        assert not any("sojourn_sid" in cookie for cookie in answer.cookies)


@pytest.mark.parametrize("realm", ["web", "kiosk"])
async def test_a_handle_of_another_realm_is_unknown_at_every_endpoint(
    client: Client, engine: Engine, realm: str
) -> None:
    held = await log_in(client, engine, realm)
    for other in TAKES.keys() - {realm}:
        for kind in KINDS:
            shown = show(kind, held, other)
            for method, path in ENDPOINTS:
                where = f"/realms/{other}/{path.format(sid=held.sid)}{shown.query}"
                body = shown.body if method == "POST" else ""
                answer = await client.request(method, where, *shown.headers, OURS, body=body)
                assert answer.status in {401, 415}, (other, path, answer)
                assert answer.json()["code"] != "session.ended"
                assert not any("sojourn_sid" in cookie for cookie in answer.cookies)
    assert (await engine.rules.sessions.show(engine.realm(realm), held.sid)) is not None


async def test_a_login_never_goes_on_with_a_session_of_another_realm(client: Client, engine: Engine) -> None:
    for realm, kind, other in (("web", "cookie", "till"), ("desk", "header", "kiosk")):
        held = await log_in(client, engine, realm)
        login = await client.post(f"/realms/{other}/login", *show(kind, held, other).headers, value=GOOD)
        assert login.json()["sessionId"] != held.sid
        assert (await engine.rules.sessions.show(engine.realm(realm), held.sid)) is not None


@pytest.mark.parametrize(("realm", "method", "path"), [("web", "GET", "echo"), ("kiosk", "POST", "echo-token")])
async def test_a_pipeline_takes_the_token_of_its_realm_and_nothing_else(
    client: Client, engine: Engine, realm: str, method: str, path: str
) -> None:
    own, foreign = await log_in(client, engine, realm), await log_in(client, engine, "desk")
    for kind in KINDS:
        for held in (own, foreign):
            shown = show(kind, held, realm)
            body = shown.body if method == "POST" else ""
            where = f"/pipeline/{realm}/v1/{path}{shown.query}"
            answer = await client.request(method, where, *shown.headers, body=body)
            taken = kind == "jwt" and held is own
            assert answer.status == (200 if taken else 401), (kind, answer)


async def dead_handles(client: Client, engine: Engine, realm: str) -> list[Held]:
    """One that is unknown, one that ended, one that was replaced."""
    unknown = Held("a" * 43, "x", f"{'a' * 43}.{'b' * 43}")
    ended = await log_in(client, engine, realm)
    await engine.rules.sessions.end_by_id(engine.realm(realm), ended.sid, "dropped", actor="op")
    replaced = await log_in(client, engine, realm)
    kind = "cookie" if "cookie" in TAKES[realm] else "header"
    await client.post(f"/realms/{realm}/login", *show(kind, replaced, realm).headers, value=GOOD)
    return [unknown, ended, replaced]


@pytest.mark.parametrize("realm", ["web", "till", "desk", "kiosk"])
async def test_a_dead_secret_is_never_answered_with_a_session(client: Client, engine: Engine, realm: str) -> None:
    kind = "cookie" if "cookie" in TAKES[realm] else "header"
    for held in await dead_handles(client, engine, realm):
        headers = show(kind, held, realm).headers
        before = await engine.rules.sessions.list(engine.realm(realm))
        for method, path in (
            ("GET", f"/realms/{realm}/session"),
            ("GET", f"/realms/{realm}/sessions"),
            ("POST", f"/realms/{realm}/logout"),
            ("POST", f"/realms/{realm}/sessions/{held.sid}/end"),
        ):
            answer = await client.request(method, path, *headers, OURS)
            assert answer.status == 401, (path, answer)
            assert not any("sojourn_sid" in cookie for cookie in answer.cookies)
            assert answer.header("x-session-id") == ""
        assert await engine.rules.sessions.list(engine.realm(realm)) == before


VISITS = [
    ("GET", "/realms/{realm}/session"),
    ("HEAD", "/realms/{realm}/session"),
    ("GET", "/realms/{realm}/sessions"),
    ("GET", "/realms/{realm}/.well-known/jwks.json"),
    ("POST", "/realms/{realm}/logout"),
    ("POST", "/realms/{realm}/login"),
    ("POST", f"/realms/{{realm}}/sessions/{'a' * 43}/end"),
    ("GET", "/realms/{realm}/nothing"),
]


async def test_a_visit_begins_no_record(client: Client, engine: Engine) -> None:
    for realm in (*TAKES, "known"):
        for method, path in VISITS:
            await client.request(method, path.format(realm=realm), OURS)
        assert (await client.post(f"/realms/{realm}/login", value=GOOD | {"password": "wrong"})).status == 401
        assert await engine.rules.sessions.list(engine.realm(realm)) == []


async def test_a_pipeline_begins_no_record_unless_it_makes_a_session(client: Client, engine: Engine, key: Pair) -> None:
    plain = [
        ("GET", "/pipeline/acme/v1/echo"),
        ("POST", "/pipeline/acme/v1/echo"),
        ("GET", "/pipeline/acme/v1/page"),
        ("GET", "/pipeline/acme/v1/refuse"),
        ("GET", "/pipeline/acme/v1/keyed"),
        ("GET", "/pipeline/acme/v1/claims"),
        ("POST", "/pipeline/acme/v1/put"),
        ("POST", "/pipeline/acme/v1/login"),
        ("GET", "/pipeline/acme/v1/orders/7"),
    ]
    for method, path in plain:
        await client.request(method, path)
        await client.request(method, path, key)
    assert await engine.rules.sessions.list(engine.realm("acme")) == []
    await client.request("POST", "/pipeline/kiosk/v1/echo", FORM, body="a=1&ngin_sid=x")
    assert await engine.rules.sessions.list(engine.realm("kiosk")) == []
    assert (await client.post("/pipeline/acme/v1/partner", key, value={"sub": "p-1"})).status == 200
    assert len(await engine.rules.sessions.list(engine.realm("acme"))) == 1
