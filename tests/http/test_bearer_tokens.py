"""AuthTokens, session tokens and passwords on requests: who acts, what is refused, what authors see."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.config.project import load_project
from sojourn.core.clock import HOUR, MINUTE, ManualClock
from sojourn.core.errors import InsufficientScope, Unauthorized
from sojourn.engine.security.actors import HOST
from sojourn.engine.tokens.bearers import Bearers
from sojourn.engine.tokens.session_tokens import NotStateful
from sojourn.http.affinity import ServerId
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model.session import Device
from tests.http.conftest import GOOD, PASSWORD, bearer
from tests.http.wire_client import Answer, Client, Pair, cookie_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def pipelines() -> Path:
    return Path(__file__).parent / "token_pipelines"


@pytest.fixture
def folder(folder: Path) -> Path:
    for name, config in {"partner": {"acceptSessionTokensOf": ["desk"]}, "slow": {"freshLogin": "off"}}.items():
        (folder / "realms" / name).mkdir()
        (folder / "realms" / name / "realm.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(autouse=True)
async def _granted(engine: Engine) -> None:
    for scope in ("cart.read", "cart.write"):
        await engine.rules.grants.grant("ana", scope)


def authorization(text: str) -> Pair:
    return ("authorization", f"Bearer {text}")


def basic(realm: str, user: str, password: str = PASSWORD) -> Pair:
    return ("authorization", "Basic " + base64.b64encode(f"{realm}-{user}:{password}".encode()).decode())


async def authorized(client: Client, scope: str = "cart.read", realm: str = "acme", **more: Any) -> dict[str, Any]:
    answer = await client.post(
        f"/realms/{realm}/tokens", await bearer(client, "ana", realm), value={"scope": scope, **more}
    )
    assert answer.status == 201, answer
    return dict(answer.json())


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json().get("code", answer.json()["message"])


# --- AuthTokens as Bearer ---------------------------------------------------------------------------------------


async def test_21_48_a_token_gives_identity_for_its_request_and_leaves_nothing(client: Client, engine: Engine) -> None:
    """§21 (48)."""
    token = await authorized(client)
    live = len(await engine.rules.sessions.list(engine.realm("acme")))
    who = (await client.get("/realms/acme/session", authorization(token["token"]))).json()
    assert who["user"] == {"key": 2, "name": "ana", "kind": "account"}
    assert (who["id"], who["transient"], who["scope"], who["delegated"]) == (None, "auth-token", ["cart.read"], True)
    assert who["endsNext"] == {"reason": "token-revoked", "at": token["expires"]}
    answer = await client.get("/pipeline/acme/v1/tokens", authorization(token["token"]))
    assert answer.status == 200
    assert "authorization" not in answer.json()["headers"]
    assert len(await engine.rules.sessions.list(engine.realm("acme"))) == live
    assert (await client.get("/realms/acme/session")).status == 401


async def test_a_pipeline_takes_the_kinds_that_it_names(client: Client) -> None:
    token, jwt = await authorized(client), await bearer(client, "ana")
    for name, header, status in (
        ("auth-only", authorization(token["token"]), 200),
        ("auth-only", jwt, 401),
        ("jwt-only", jwt, 200),
        ("jwt-only", authorization(token["token"]), 401),
        ("tokens", jwt, 200),
        ("tokens", authorization("sjs_nothing"), 401),
        ("tokens", authorization("sjt_nothing"), 401),
    ):
        answer = await client.get(f"/pipeline/acme/v1/{name}", header)
        assert answer.status == status, (name, header)
        if status == 401:
            assert answer.json() == {"message": "Unauthorized"}
            assert answer.header("www-authenticate").startswith("Bearer ")


async def test_a_pipeline_checks_the_effective_scope_of_the_token(client: Client, engine: Engine) -> None:
    token = await authorized(client)
    assert (await client.get("/pipeline/acme/v1/tokens", authorization(token["token"]))).status == 200
    narrow = await authorized(client, "cart.write")
    assert (await client.get("/pipeline/acme/v1/tokens", authorization(narrow["token"]))).status == 403
    await engine.rules.grants.revoke("ana", "cart.read")
    assert (await client.get("/pipeline/acme/v1/tokens", authorization(token["token"]))).status == 403


async def test_a_dead_token_is_refused_with_nothing_but_that(client: Client, clock: ManualClock) -> None:
    token = await authorized(client)
    other = await authorized(client, expires="2027-01-15T08:01:00Z")
    clock.advance(MINUTE)
    key = token["key"]
    assert (await client.post(f"/realms/acme/tokens/{key}/revoke", await bearer(client, "ana"))).status == 200
    for text in (token["token"], other["token"], "sjt_unknown", token["token"] + "="):
        answer = await client.get("/realms/acme/session", authorization(text))
        assert code(answer) == (401, "authtoken.refused")
        assert answer.json()["message"] == "The token was refused."
        assert "reason" not in answer.json()


async def test_an_act_of_a_session_is_refused_where_there_is_none(client: Client) -> None:
    token = authorization((await authorized(client))["token"])
    assert code(await client.post("/realms/acme/logout", token)) == (403, "session.transient")
    assert code(await client.get("/realms/acme/sessions", token)) == (403, "auth.delegated_handle")
    assert code(await client.get("/pipeline/acme/v1/renew", token)) == (403, "session.transient")


async def test_two_credentials_are_ambiguous_and_a_bad_one_is_never_skipped(client: Client) -> None:
    token = authorization((await authorized(client))["token"])
    again = await client.get("/realms/acme/session", token, token)
    assert code(again) == (400, "request.ambiguous_credentials")
    cookie = cookie_of(await client.post("/realms/web/login", value=GOOD))
    web = authorization((await authorized(client, realm="web"))["token"])
    assert (await client.get("/realms/web/session", web, cookie)).json()["transient"] == "auth-token"
    assert (await client.get("/realms/web/session", authorization("sjt_nothing"), cookie)).status == 401
    other = cookie_of(await client.post("/realms/web/login", value={"userName": "ben", "password": PASSWORD}))
    assert code(await client.get("/realms/web/session", web, other)) == (400, "request.ambiguous_credentials")


async def test_a_token_for_scripts_opens_nothing_on_a_request_and_says_so(client: Client, folder: Path) -> None:
    (folder / "scripts" / "jobs").mkdir(parents=True)
    (folder / "scripts" / "jobs" / "night.js").write_text("1")
    token = await authorized(client, "cart.read ufs:/jobs/night.js")
    for path in ("/realms/acme/session", "/pipeline/acme/v1/auth-only"):
        answer = await client.get(path, authorization(token["token"]))
        assert code(answer) == (401, "authtoken.refused")
        assert answer.json()["reason"] == "script-not-allowed"
        assert "scripts" in answer.json()["message"]
    missing = await client.post(
        "/realms/acme/tokens", await bearer(client, "ana"), value={"scope": "ufs:/jobs/else.js"}
    )
    assert code(missing) == (400, "authtoken.bad_script")


# --- own tokens over HTTP ---------------------------------------------------------------------------------------


async def test_tokens_are_listed_to_their_owner_with_their_last_use(
    client: Client, engine: Engine, clock: ManualClock
) -> None:
    first = await authorized(client, description="nightly report", data="job-7")
    await authorized(client, "", realm="web")
    (listed,) = (await client.get("/realms/acme/tokens", await bearer(client, "ana"))).json()["tokens"]
    assert first["token"] not in json.dumps(listed)
    assert (listed["key"], listed["description"], listed["data"]) == (first["key"], "nightly report", "job-7")
    assert (listed["lastUsed"], listed["uses"], listed["lastAddress"]) == (None, 0, None)
    clock.advance(MINUTE)
    await client.get("/realms/acme/session", authorization(first["token"]))
    (listed,) = (await client.get("/realms/acme/tokens", await bearer(client, "ana"))).json()["tokens"]
    assert (listed["lastUsed"], listed["uses"]) == ("2027-01-15T08:01:00.000Z", 1)
    assert (await client.get("/realms/acme/tokens", await bearer(client, "ben"))).json() == {"tokens": []}


async def test_a_token_is_changed_and_revoked_by_its_owner_only(client: Client) -> None:
    made = await authorized(client)
    path, ana, ben = f"/realms/acme/tokens/{made['key']}", await bearer(client, "ana"), await bearer(client, "ben")
    changed = await client.post(path, ana, value={"description": "else", "expires": "2027-01-16T00:00:00+01:00"})
    assert changed.json() == {"key": made["key"], "description": "else", "expires": "2027-01-15T23:00:00.000Z"}
    for answer in (
        await client.post(path, ben, value={"description": "mine"}),
        await client.post(f"{path}/revoke", ben),
        await client.post("/realms/acme/tokens/99999999/revoke", ana),
    ):
        assert code(answer) == (404, "authtoken.not_found")
    assert (await client.post(f"{path}/revoke", ana)).json() == {"key": made["key"], "revoked": True, "now": True}
    assert (await client.post(f"{path}/revoke", ana)).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {"scope": ["a", None]},
        {"scope": {"a": 1}},
        {"expires": "tomorrow"},
        {"expires": "2027-01-16T00:00:00"},
        {"expires": 5},
        {"expires": "2020-01-01T00:00:00Z"},
        {"data": 5},
        {"everywhere": "yes"},
        {"scopes": "cart.read"},
        ["cart.read"],
        {"scope": "ä"},
        {"description": "x" * 201},
    ],
)
async def test_what_is_no_token_is_400(client: Client, body: Any) -> None:
    answer = await client.post("/realms/acme/tokens", await bearer(client, "ana"), value=body)
    assert answer.status == 400, answer


async def test_an_old_login_is_asked_to_log_in_again(client: Client, clock: ManualClock) -> None:
    """RFC 9470."""
    ana, slow = await bearer(client, "ana"), await bearer(client, "ana", "slow")
    clock.advance(10 * MINUTE + 1)
    answer = await client.post("/realms/acme/tokens", ana, value={"scope": "cart.read"})
    assert code(answer) == (401, "auth.fresh_login")
    wanted = 'Bearer realm="acme", error="insufficient_user_authentication", max_age="600"'
    assert answer.header("www-authenticate") == wanted
    assert (await client.post("/realms/slow/tokens", slow, value={"scope": "cart.read"})).status == 201


async def test_a_delegated_handle_makes_a_child_over_http_too(client: Client) -> None:
    parent = await authorized(client, "cart.read cart.write")
    header = authorization(parent["token"])
    child = await client.post("/realms/acme/tokens", header, value={"scope": "cart.read"})
    assert child.status == 201
    wider = await client.post("/realms/acme/tokens", header, value={"scope": "cart.admin"})
    assert code(wider) == (403, "auth.insufficient_scope")
    other = await authorized(client)
    foreign = await client.post(f"/realms/acme/tokens/{other['key']}/revoke", header)
    assert code(foreign) == (403, "auth.delegated_handle")
    everywhere = await client.post("/realms/acme/tokens", header, value={"scope": "", "everywhere": True})
    assert everywhere.status == 403


async def test_a_cookie_of_another_site_authorizes_nothing(client: Client) -> None:
    cookie = cookie_of(await client.post("/realms/web/login", value=GOOD))
    foreign = ("sec-fetch-site", "cross-site")
    answer = await client.post("/realms/web/tokens", cookie, foreign, value={"scope": ""})
    assert code(answer) == (403, "request.cross_site")


async def test_20_parallel_uses_and_revokes_are_all_or_nothing(client: Client) -> None:
    token = await authorized(client)
    path, ana = f"/realms/acme/tokens/{token['key']}/revoke", await bearer(client, "ana")
    header = authorization(token["token"])
    uses = [client.get("/realms/acme/session", header) for _ in range(20)]
    revokes = [client.post(path, ana) for _ in range(20)]
    answers = await asyncio.gather(*uses, *revokes)
    assert {answer.status for answer in answers[:20]} <= {200, 401}
    assert sum(answer.status == 200 and answer.json()["now"] for answer in answers[20:]) == 1
    assert (await client.get("/realms/acme/session", header)).status == 401


# --- session tokens ---------------------------------------------------------------------------------------------


async def desk_session(client: Client, engine: Engine) -> Any:
    answer = await client.post("/realms/desk/login", value=GOOD)
    return await engine.session("desk", answer.header("x-session-id"))


async def test_21_15_a_stateful_session_makes_session_tokens_and_a_stateless_one_raises(
    client: Client, engine: Engine
) -> None:
    """§21 (15)."""
    session = await desk_session(client, engine)
    text = await session.new_session_token(["cart.read", "cart.write"])
    assert text.startswith("sjs_")
    who = (await client.get("/realms/desk/session", authorization(text))).json()
    assert (who["transient"], who["scope"], who["user"]["name"]) == (
        "session-token",
        ["cart.read", "cart.write"],
        "ana",
    )
    assert (await client.get("/pipeline/desk/v1/desk", authorization(text))).status == 200
    jwt = (await bearer(client, "ana"))[1].removeprefix("Bearer ")
    stateless = await engine.session("acme", jwt)
    with pytest.raises(NotStateful):
        await stateless.new_session_token("cart.read")
    with pytest.raises(InsufficientScope):
        await session.new_session_token("cart.admin")


@pytest.mark.parametrize("how", ["end", "logout", "login", "expire", "password", "disable"])
async def test_21_16_a_session_token_dies_with_its_session_and_with_each_rotation(
    client: Client, engine: Engine, clock: ManualClock, how: str
) -> None:
    """§21 (16)."""
    session = await desk_session(client, engine)
    header = authorization(await session.new_session_token("cart.read"))
    running = await engine.session("desk", header[1].removeprefix("Bearer "))
    assert (await client.get("/realms/desk/session", header)).status == 200
    if how == "expire":
        clock.advance(24 * HOUR)
    elif how == "login":
        await session.login("ana", PASSWORD)
    elif how == "password":
        await engine.rules.passwords.set(HOST, session.user_key, "eight loud otters at dusk")
    elif how == "disable":
        await engine.rules.users.set_state(session.user_key, "disabled")
    else:
        await getattr(session, how)()
    assert (await client.get("/realms/desk/session", header)).status == 401
    with pytest.raises(Unauthorized):
        await running.check()


async def test_21_50_another_run_of_the_engine_refuses_session_tokens_and_takes_auth_tokens(
    client: Client, engine: Engine, folder: Path, clock: ManualClock
) -> None:
    """§21 (50), (16)."""
    session = await desk_session(client, engine)
    mine, token = await session.new_session_token("cart.read"), await authorized(client, realm="desk")
    hasher = PasswordHasher(Cost(memory=8, passes=1), workers=1)
    async with Engine.open(load_project(folder, {}), clock=clock, hasher=hasher, recover=False) as other:
        there = Client(other.application())
        assert (await there.get("/realms/desk/session", authorization(mine))).status == 401
        assert (await there.get("/realms/desk/session", authorization(token["token"]))).status == 200
        assert (await client.get("/realms/desk/session", authorization(mine))).status == 200
        run = ServerId("one-run")
        first, second = Client(engine.application(run)), Client(other.application(run))
        shared = await session.new_session_token("cart.read")
        for process in (first, second):
            assert (await process.get("/realms/desk/session", authorization(shared))).status == 200


async def test_a_session_token_ends_itself_at_logout_and_leaves_the_session(client: Client, engine: Engine) -> None:
    session = await desk_session(client, engine)
    one, two = [authorization(await session.new_session_token("cart.read")) for _ in range(2)]
    assert (await client.post("/realms/desk/logout", one)).status == 200
    assert (await client.get("/realms/desk/session", one)).status == 401
    assert (await client.get("/realms/desk/session", two)).status == 200
    await session.check()


async def test_a_stateless_realm_takes_session_tokens_of_the_realms_it_names(client: Client, engine: Engine) -> None:
    session = await desk_session(client, engine)
    header = authorization(await session.new_session_token("cart.read"))
    who = (await client.get("/realms/partner/session", header)).json()
    assert (who["realm"], who["user"]["name"], who["scope"]) == ("partner", "ana", ["cart.read"])
    assert (await client.get("/realms/acme/session", header)).status == 401
    await session.end()
    assert (await client.get("/realms/partner/session", header)).status == 401


async def test_a_session_token_hands_on_nothing(client: Client, engine: Engine) -> None:
    session = await desk_session(client, engine)
    header = authorization(await session.new_session_token("cart.read"))
    answer = await client.post("/realms/desk/tokens", header, value={"scope": "cart.read"})
    assert code(answer) == (403, "auth.delegated_handle")
    assert code(await client.post("/realms/desk/logout", authorization("sjs_x")))[0] == 401


# --- Basic ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def hashed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names whose password was checked, and not remembered."""
    checked: list[str] = []
    authenticate = engine.rules.logins.authenticate

    async def counted(realm: Any, name: str, password: str, address: str = "") -> Any:
        checked.append(name)
        return await authenticate(realm, name, password, address)

    monkeypatch.setattr(type(engine.rules.logins), "authenticate", lambda _self, *given: counted(*given))
    return checked


async def test_a_password_on_the_request_gives_identity_and_is_not_shown_to_authors(client: Client) -> None:
    answer = await client.get("/pipeline/acme/v1/basic", basic("acme", "ana"))
    assert answer.status == 200
    assert "authorization" not in answer.json()["headers"]
    who = (await client.get("/realms/acme/session", basic("acme", "ana"))).json()
    assert (who["transient"], who["user"]["name"], who["delegated"]) == ("basic", "ana", False)


@pytest.mark.parametrize(
    "header",
    [
        basic("acme", "ana", "wrong"),
        basic("acme", "nobody"),
        basic("web", "ana"),
        ("authorization", "Basic " + base64.b64encode(b"acme-ana").decode()),
        ("authorization", "Basic " + base64.b64encode(b"acme-\xff:x").decode()),
        ("authorization", "Basic !!!"),
        ("authorization", "Bearer sjt_x"),
        ("x-nothing", "1"),
    ],
)
async def test_everything_else_is_401_and_asks_for_basic(client: Client, header: Pair) -> None:
    answer = await client.get("/pipeline/acme/v1/basic", header)
    assert answer.status == 401
    assert answer.header("www-authenticate") == 'Basic realm="acme"'


async def test_a_right_pair_is_remembered_for_a_minute_and_while_nothing_changes(
    client: Client, engine: Engine, clock: ManualClock, hashed: list[str]
) -> None:
    pair, path = basic("acme", "ana"), "/pipeline/acme/v1/basic"
    for _ in range(3):
        assert (await client.get(path, pair)).status == 200
    assert hashed == ["ana"]
    clock.advance(MINUTE)
    assert (await client.get(path, pair)).status == 200
    assert hashed == ["ana"] * 2
    await engine.rules.grants.revoke("ana", "cart.read")
    assert (await client.get(path, pair)).status == 403
    assert hashed == ["ana"] * 3
    account = await engine.rules.users.find("main", "ana")
    assert account is not None
    await engine.rules.users.set_state(account.key, "disabled")
    assert (await client.get(path, pair)).status == 401
    assert PASSWORD not in repr(vars(Bearers)) + repr(engine.rules.bearers.__dict__)


async def test_a_browser_of_another_site_cannot_use_the_password_that_it_remembers(client: Client) -> None:
    for header in (("sec-fetch-site", "cross-site"), ("origin", "https://elsewhere.example")):
        answer = await client.post("/pipeline/acme/v1/basic", basic("acme", "ana"), header, value={})
        assert code(answer) == (403, "request.cross_site")
    assert (await client.post("/pipeline/acme/v1/basic", basic("acme", "ana"), value={})).status == 200


async def test_a_password_is_taken_only_where_a_pipeline_says_so(client: Client) -> None:
    assert (await client.get("/pipeline/acme/v1/jwt-only", basic("acme", "ana"))).status == 401
    assert (await client.get("/realms/acme/tokens", basic("acme", "ana"))).status == 401


async def test_a_delegated_handle_sees_its_own_token_and_its_children_only(client: Client, engine: Engine) -> None:
    """What was handed to one application is nothing for another one."""
    mine = await authorized(client, "", data="mine")
    other = await authorized(client, "", data="of another application")
    handle = authorization(mine["token"])
    child = (await client.post("/realms/acme/tokens", handle, value={"scope": ""})).json()
    grandchild = await client.post("/realms/acme/tokens", authorization(child["token"]), value={"scope": ""})
    listed = (await client.get("/realms/acme/tokens", handle)).json()["tokens"]
    assert [one["key"] for one in listed] == [mine["key"], child["key"], grandchild.json()["key"]]
    (own,) = (await client.get("/realms/acme/tokens", authorization(other["token"]))).json()["tokens"]
    assert (own["key"], own["data"]) == (other["key"], "of another application")
    session = await engine.rules.logins.login(engine.realm("acme"), "ana", PASSWORD, Device())
    assert session is not None
    until = engine.rules.clock.now() + 60_000
    narrow = await engine.rules.tokens.issue(engine.realm("acme"), session.session, scope=(), expires_at=until)
    refused = await client.get("/realms/acme/tokens", authorization(narrow.token))
    assert (refused.status, refused.json()["code"]) == (403, "auth.delegated_handle")
