"""Who the session acts for, as applications behind ``SessionMiddleware`` and in Flask's face of the same change it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sojourn import AuthToken
from sojourn.asgi import AuthTokenRefused, PasswordExpired, RequestSession, TooManyTries, WeakPassword
from sojourn.bootstrap import Engine
from sojourn.config.project import load_project
from sojourn.core.clock import DAY, ManualClock
from sojourn.core.errors import Unauthorized
from tests.asgi.test_session_middleware import OURS, behind
from tests.http.conftest import PASSWORD
from tests.http.wire_client import Answer, Client, Pair, cookie_of

pytestmark = pytest.mark.anyio

NEW = "nine loud herons at noon"


async def _who(session: RequestSession) -> Any:
    await session.load()
    return [session.user_name, session.lost]


async def _login(session: RequestSession) -> Any:
    return await session.login("ana", PASSWORD)


async def _logged_in(engine: Engine) -> Answer:
    return await behind(engine, _login).post("/", OURS)


async def test_from_a_browser_that_the_account_knows_its_user_gets_in_while_others_guess(engine: Engine) -> None:
    known = (await _logged_in(engine)).device_cookie
    assert known[1].startswith("sojourn_dev.web=")

    async def guess(session: RequestSession) -> Any:
        try:
            return await session.login("ana", "wrong")
        except TooManyTries:
            return "later"

    guesser = behind(engine, guess)
    tried = [(await guesser.post("/", OURS)).json() for _ in range(20)]
    assert tried[0] is False
    assert tried[-1] == "later"
    assert (await behind(engine, _login).post("/", OURS)).status == 429
    assert (await behind(engine, _login).post("/", OURS, known)).json() is True
    # What the endpoints and an application of the realm have remembered is the same.
    good = {"userName": "ana", "password": PASSWORD}
    endpoint = Client(engine.application())
    assert (await endpoint.post("/realms/web/login", known, value=good)).status == 200


async def test_a_refused_login_remembers_nothing(engine: Engine) -> None:
    answer = await behind(engine, lambda session: session.login("ana", "wrong")).post("/", OURS)
    assert answer.json() is False
    assert answer.all("set-cookie") == []


async def test_an_expired_password_is_told_to_the_application_and_replaced_with_the_login(
    engine: Engine, clock: ManualClock
) -> None:
    config = engine.project.settings.project / "realms" / "web" / "realm.json"
    config.write_text(json.dumps({"sessionTrackingEnabled": True, "passwordMaxAge": 30 * DAY}))
    await engine.deploy(load_project(engine.project.settings.project, {}), engine.deployment)
    clock.advance(31 * DAY)

    async def login(session: RequestSession) -> Any:
        with pytest.raises(PasswordExpired):
            await session.login("ana", PASSWORD)
        with pytest.raises(WeakPassword):
            await session.login("ana", PASSWORD, new_password="short")
        return [await session.login("ana", PASSWORD, new_password=NEW), session.user_name]

    unhandled = await behind(engine, _login).post("/", OURS)
    assert (unhandled.status, unhandled.json()["code"]) == (403, "password.expired")
    answer = await behind(engine, login).post("/", OURS)
    assert answer.json() == [True, "ana"]
    assert (await behind(engine, _who).get("/", cookie_of(answer))).json() == ["ana", ""]
    assert (await behind(engine, lambda session: session.login("ana", NEW)).post("/", OURS)).json() is True


async def test_set_password_gives_this_browser_a_new_cookie_and_ends_the_other_sessions(engine: Engine) -> None:
    mine, other = cookie_of(await _logged_in(engine)), cookie_of(await _logged_in(engine))

    async def change(session: RequestSession) -> Any:
        session["n"] = 1
        await session.set_password(NEW, PASSWORD)
        return [session.user_name, await session.fields.get("n")]

    answer = await behind(engine, change).post("/", OURS, mine)
    assert answer.json() == ["ana", 1]
    assert answer.device_cookie[1].startswith("sojourn_dev.web=")
    who = behind(engine, _who)
    assert (await who.get("/", cookie_of(answer))).json() == ["ana", ""]
    assert (await who.get("/", mine)).json() == ["anonymous", "session.replaced"]
    assert (await who.get("/", other)).json() == ["anonymous", "session.ended"]
    nobody = await behind(engine, lambda session: session.set_password(NEW, PASSWORD)).post("/", OURS)
    assert nobody.status == 401
    assert nobody.all("set-cookie") == []


async def test_an_auth_token_of_the_application_is_handed_on_logs_in_and_dies(engine: Engine) -> None:
    await engine.rules.grants.grant("ana", "cart.read")
    mine = cookie_of(await _logged_in(engine))

    token = AuthToken("cart.read", description="nightly")
    text = (await behind(engine, lambda session: session.authorize_token(token)).post("/", OURS, mine)).json()
    key = token.key
    assert key

    async def by_token(session: RequestSession) -> Any:
        await session.login_by_auth_token(text)
        return [session.user_name, sorted(session.scope), session.actor, session.identity_provider_key]

    answer = await behind(engine, by_token).post("/", OURS)
    assert answer.json() == ["ana", ["cart.read"], "", None]
    who = behind(engine, _who)
    assert (await who.get("/", cookie_of(answer))).json() == ["ana", ""]

    async def describe_and_revoke(session: RequestSession) -> Any:
        token.description = "weekly"
        await session.update_auth_token(token)
        (listed,) = await engine.rules.auth_tokens.list(session.user_key)
        assert (listed.record.key, listed.record.description) == (key, "weekly")
        await session.revoke_auth_token_by_key(key)

    done = await behind(engine, describe_and_revoke).post("/", OURS, mine)
    assert done.status == 200
    assert (await who.get("/", cookie_of(answer))).json() == ["anonymous", "session.ended"]
    assert (await who.get("/", mine)).json() == ["ana", ""]


async def test_a_refused_token_leaves_no_session_and_no_cookie(engine: Engine) -> None:
    async def by_token(session: RequestSession) -> Any:
        with pytest.raises(AuthTokenRefused):
            await session.login_by_auth_token("sjt_" + "A" * 43)
        return session.id

    answer = await behind(engine, by_token).post("/", OURS)
    assert answer.json() == ""
    assert answer.all("set-cookie") == []
    assert await engine.rules.sessions.list(engine.realm("web")) == []


async def test_logout_ends_the_identity_and_the_fields_and_the_session_goes_on(engine: Engine) -> None:
    mine = cookie_of(await _logged_in(engine))

    async def logout(session: RequestSession) -> Any:
        session["cart"] = ["A1"]
        await session.load()
        before = session.id
        await session.logout()
        return [session.user_name, sorted(session), session.id == before]

    answer = await behind(engine, logout).post("/", OURS, mine)
    assert answer.json() == ["anonymous", [], True]
    who = behind(engine, _who)
    assert (await who.get("/", mine)).json() == ["anonymous", "session.replaced"]
    assert (await who.get("/", cookie_of(answer))).json() == ["anonymous", ""]


async def test_what_was_read_of_one_user_is_not_seen_by_the_next(engine: Engine) -> None:
    mine = cookie_of(await _logged_in(engine))
    put = await behind(engine, lambda session: session.fields.put(cart=["of ana"])).post("/", OURS, mine)
    assert put.status == 200

    async def change_hands(session: RequestSession) -> Any:
        await session.load()
        seen = list(session["cart"])
        assert await session.login("ben", PASSWORD)
        return [seen, session.get("cart")]

    answer = await behind(engine, change_hands).post("/", OURS, mine)
    assert answer.json() == [["of ana"], None]


async def test_session_tokens_are_for_stateful_realms(engine: Engine) -> None:
    async def ask(session: RequestSession) -> Any:
        await session.login("ana", PASSWORD)
        return (await session.new_session_token([]))[:4]

    assert (await behind(engine, ask, "till").post("/", OURS)).json() == "sjs_"
    refused = await behind(engine, ask).post("/", OURS)
    assert refused.status >= 400


async def test_nobody_hands_nothing_on_and_an_ended_session_says_why(engine: Engine) -> None:
    async def hand_on(session: RequestSession) -> Any:
        await session.authorize_token(AuthToken("cart.read"))

    nobody = await behind(engine, hand_on).post("/", OURS)
    assert (nobody.status, nobody.json()["code"]) == (401, Unauthorized.code)
    mine = cookie_of(await _logged_in(engine))
    await behind(engine, lambda session: session.end()).post("/", OURS, mine)
    ended = await behind(engine, hand_on).post("/", OURS, mine)
    assert (ended.status, ended.json()["code"]) == (401, "session.ended")


@pytest.mark.parametrize("act", ["login", "token", "logout", "password"])
async def test_another_site_changes_no_identity(engine: Engine, act: str) -> None:
    mine = cookie_of(await _logged_in(engine))
    theirs: Pair = ("sec-fetch-site", "cross-site")

    async def work(session: RequestSession) -> Any:
        match act:
            case "login":
                await session.login("ben", PASSWORD)
            case "token":
                await session.login_by_auth_token("sjt_" + "A" * 43)
            case "logout":
                await session.logout()
            case _:
                await session.set_password(NEW, PASSWORD)

    refused = await behind(engine, work).get("/", theirs, mine)
    assert refused.status == 403
    assert refused.all("set-cookie") == []
    assert (await behind(engine, _who).get("/", mine)).json() == ["ana", ""]
