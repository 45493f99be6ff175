"""Logins through a provider over HTTP: the way there and back, linking, logouts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import ManualClock
from sojourn.core.errors import AuthTokenRefused
from sojourn.core.json import encode
from sojourn.engine.providers.external import IdentityTaken
from sojourn.engine.security.actors import HOST
from sojourn.http.application import Application
from sojourn.identity.oidc.errors import LoginNotTaken
from sojourn.model.session import Device
from tests.http.conftest import GOOD, PASSWORD
from tests.http.oidc_idp import Idp
from tests.http.wire_client import Answer, Client, Pair, cookie_of
from tests.identity.oidc_signer import CLIENT, ISSUER

pytestmark = pytest.mark.anyio

CORP = f"""issuer: {ISSUER}
clientId: {CLIENT}
realms: [web, shop, acme]
"""
SAME_ORIGIN = ("sec-fetch-site", "same-origin")
NAVIGATED = ("sec-fetch-site", "cross-site")


@pytest.fixture
def pipelines() -> Path | None:
    return None


@pytest.fixture
def corp() -> str:
    """The file of the provider."""
    return CORP


@pytest.fixture
def folder(folder: Path, corp: str) -> Path:
    (folder / "providers").mkdir()
    (folder / "providers" / "corp.yaml").write_text(corp)
    return folder


@pytest.fixture
async def idp(engine: Engine, clock: ManualClock) -> Idp:
    idp = Idp(clock)
    engine.rules.providers.guard = idp
    await engine.rules.providers.set_secret("corp", "client secret", HOST)
    return idp


async def link(engine: Engine, name: str = "ana", subject: str = "s-1") -> None:
    account = await engine.rules.users.find("main", name)
    assert account is not None
    await engine.rules.federation.external.link(account, ISSUER, subject, HOST)


@pytest.fixture
async def linked(engine: Engine, idp: Idp) -> Idp:
    """The provider, with its subject s-1 linked to ana."""
    await link(engine)
    return idp


async def start(client: Client, *headers: Pair, realm: str = "web", return_to: str = "/shop") -> Answer:
    path = f"/realms/{realm}/oidc/corp/login?returnTo={quote(return_to)}"
    return await client.get(path, *(headers or (SAME_ORIGIN,)))


async def back(client: Client, query: str, *cookies: Pair, realm: str = "web") -> Answer:
    cookie = ("cookie", "; ".join(value for _, value in cookies))
    return await client.get(f"/realms/{realm}/oidc/corp/callback?{query}", NAVIGATED, *([cookie] if cookies else []))


async def log_in(client: Client, idp: Idp, *, realm: str = "web") -> Pair:
    """The session cookie of a login all the way."""
    begun = await start(client, realm=realm)
    done = await back(client, idp.authorize(begun.header("location")), cookie_of(begun), realm=realm)
    assert done.status == 303, done
    return cookie_of(done)


async def who(client: Client, cookie: Pair, realm: str = "web") -> Any:
    answer = await client.get(f"/realms/{realm}/session", cookie, SAME_ORIGIN)
    return answer.json()


async def back_channel(client: Client, token: str, realm: str = "web") -> Answer:
    return await client.request(
        "POST",
        f"/realms/{realm}/oidc/corp/backchannel-logout",
        ("content-type", "application/x-www-form-urlencoded"),
        body=urlencode({"logout_token": token}),
    )


async def test_a_login_goes_to_the_provider_and_comes_back_to_a_path_of_ours(client: Client, linked: Idp) -> None:
    begun = await start(client)
    assert begun.status == 303
    location = urlsplit(begun.header("location"))
    asked = dict(parse_qsl(location.query))
    assert location._replace(query="").geturl() == ISSUER + "/authorize"
    assert asked["redirect_uri"] == "http://127.0.0.1:8420/realms/web/oidc/corp/callback"
    assert begun.cookies[0].startswith("sojourn_oidc.web=")
    assert begun.cookies[0].endswith("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax")
    assert begun.header("cache-control") == "no-store"
    linked.claims |= {"acr": "urn:mfa", "amr": ["pwd", "otp"]}
    done = await back(client, linked.authorize(begun.header("location")), cookie_of(begun))
    assert (done.status, done.header("location"), done.body) == (303, "/shop", b"")
    assert done.header("cache-control") == "no-store"
    me = await who(client, cookie_of(done))
    assert (me["user"]["name"], me["acr"], me["amr"]) == ("ana", "urn:mfa", ["pwd", "otp"])
    assert me["identityProviderKey"] == 1


async def test_on_https_the_cookie_of_the_way_has_the_host_prefix(app: Application, idp: Idp) -> None:
    client = Client(app, scheme="https")
    begun = await start(client)
    assert begun.cookies[0].startswith("__Host-sojourn_oidc.web=")
    assert begun.cookies[0].endswith("; SameSite=Lax; Secure")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"state": "x" * 43}, "state"),
        ({"state": ""}, "answer"),
        ({"code": "wrong"}, "code"),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": ""}, "issuer"),
        ({"code": "", "error": "access_denied"}, "denied"),
    ],
)
async def test_an_answer_that_is_not_right_is_401_without_a_session(
    client: Client, linked: Idp, answer: dict[str, str], reason: str
) -> None:
    begun = await start(client)
    done = await back(client, linked.authorize(begun.header("location"), **answer), cookie_of(begun))
    assert (done.status, done.json()["code"], done.json()["reason"]) == (401, "oidc.refused", reason)
    assert done.cookies == []


async def test_a_state_is_bound_to_the_browser_that_began(client: Client, linked: Idp) -> None:
    """Without the cookie, or with that of another browser: refused, and the right browser may still go on."""
    begun, other = await start(client), await start(client)
    assert cookie_of(begun) != cookie_of(other)
    query = linked.authorize(begun.header("location"))
    for cookies in ((), (cookie_of(other),)):
        refused = await back(client, query, *cookies)
        assert (refused.status, refused.json()["reason"]) == (401, "state")
    assert (await back(client, query, cookie_of(begun), realm="shop")).status == 401
    assert (await back(client, query, cookie_of(begun))).status == 303


async def test_two_tabs_of_one_browser_both_arrive(client: Client, linked: Idp) -> None:
    first = await start(client)
    second = await start(client, SAME_ORIGIN, cookie_of(first), return_to="/other")
    assert cookie_of(first) == cookie_of(second)
    for begun, path in ((first, "/shop"), (second, "/other")):
        done = await back(client, linked.authorize(begun.header("location")), cookie_of(begun))
        assert (done.status, done.header("location")) == (303, path)


async def test_twenty_uses_of_one_answer_have_one_winner(client: Client, linked: Idp) -> None:
    begun = await start(client)
    query = linked.authorize(begun.header("location"))
    answers = await asyncio.gather(*(back(client, query, cookie_of(begun)) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [303] + [401] * 19
    assert len(linked.exchanged) == 1


async def test_a_login_that_takes_longer_than_ten_minutes_is_refused(
    client: Client, linked: Idp, clock: ManualClock
) -> None:
    begun = await start(client)
    query = linked.authorize(begun.header("location"))
    clock.advance(600_000)
    assert (await back(client, query, cookie_of(begun))).json()["reason"] == "state"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"aud": "other"}, "audience"),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"exp": 1}, "expired"),
        ({"at_hash": "AAAA"}, "access-token"),
        ({"sub": ""}, "claims"),
    ],
)
async def test_an_id_token_that_is_not_right_logs_nobody_in(
    client: Client, linked: Idp, engine: Engine, claims: dict[str, Any], reason: str
) -> None:
    linked.claims |= claims
    begun = await start(client)
    done = await back(client, linked.authorize(begun.header("location")), cookie_of(begun))
    assert (done.status, done.json()["reason"], done.cookies) == (401, reason, [])
    assert "REMOTE_LOGIN_FAIL" in [event.kind for event in await engine.rules.audit.recent(5)]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_site_cannot_begin_a_login(client: Client, idp: Idp, site: str) -> None:
    """Security §1: every endpoint that sets a cookie obeys the cross-site rule; only the callback, by its state, does not."""
    answer = await start(client, ("sec-fetch-site", site))
    assert (answer.status, answer.json()["code"], answer.cookies) == (403, "request.cross_site", [])
    assert (await client.get("/realms/web/oidc/corp/login")).status == 403
    assert (await start(client, ("sec-fetch-site", "none"))).status == 303


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example/", "/\\evil.example", "shop", "javascript:x"])
async def test_nobody_is_sent_to_another_origin(client: Client, idp: Idp, path: str) -> None:
    answer = await start(client, return_to=path)
    assert (answer.status, answer.cookies) == (400, [])


async def test_a_realm_without_session_cookies_has_no_way_through_the_browser(client: Client, idp: Idp) -> None:
    answer = await start(client, realm="acme")
    assert (answer.status, answer.json()["code"]) == (400, "oidc.needs_cookies")


async def test_an_unknown_disabled_or_foreign_provider_lets_nobody_in(
    client: Client, linked: Idp, engine: Engine
) -> None:
    assert (await client.get("/realms/web/oidc/other/login", SAME_ORIGIN)).status == 404
    assert (await client.get("/realms/till/oidc/corp/login", SAME_ORIGIN)).status == 404
    begun = await start(client)
    await engine.rules.providers.set_enabled("corp", enabled=False, actor=HOST)
    assert (await start(client)).json()["code"] == "provider.disabled"
    done = await back(client, linked.authorize(begun.header("location")), cookie_of(begun))
    assert (done.status, done.json()["code"]) == (403, "provider.disabled")


async def test_a_provider_that_does_not_answer_is_503_and_comes_back(client: Client, linked: Idp) -> None:
    linked.down = True
    answer = await start(client)
    assert (answer.status, answer.header("retry-after")) == (503, "1")
    linked.down = False
    await log_in(client, linked)


async def test_a_login_replaces_the_session_of_somebody_else_and_keeps_that_of_nobody(
    client: Client, linked: Idp
) -> None:
    ben = cookie_of(await client.post("/realms/web/login", value={"userName": "ben", "password": PASSWORD}))
    begun = await start(client)
    done = await back(client, linked.authorize(begun.header("location")), cookie_of(begun), ben)
    assert (await who(client, cookie_of(done)))["user"]["name"] == "ana"
    gone = await who(client, ben)
    assert (gone["code"], gone["reason"]) == ("session.ended", "replaced-by-login")


async def test_nobody_gets_in_whom_nobody_linked(client: Client, idp: Idp, engine: Engine) -> None:
    """Q33 of the reference does not hold: neither a verified mail nor a name leads to an account."""
    await engine.rules.users.add("main", "cleo", None, "cleo@corp.example")
    idp.claims |= {
        "email": "cleo@corp.example",
        "email_verified": True,
        "preferred_username": "ana",
        "name": "ana",
    }
    begun = await start(client)
    done = await back(client, idp.authorize(begun.header("location")), cookie_of(begun))
    assert (done.status, done.json()["reason"]) == (401, "no-account")


async def test_a_disabled_account_is_dead_at_the_next_request_and_gets_no_login(
    client: Client, linked: Idp, engine: Engine
) -> None:
    cookie = await log_in(client, linked)
    ana = await engine.rules.users.find("main", "ana")
    assert ana is not None
    await engine.rules.users.set_state(ana.key, "disabled")
    assert (await who(client, cookie))["reason"] == "user-disabled"
    begun = await start(client)
    done = await back(client, linked.authorize(begun.header("location")), cookie_of(begun))
    assert done.json()["reason"] == "no-account"


async def test_an_account_that_is_disabled_while_its_code_is_exchanged_gets_no_session(
    client: Client, linked: Idp, engine: Engine
) -> None:
    ana = await engine.rules.users.find("main", "ana")
    assert ana is not None
    begun = await start(client)
    query = linked.authorize(begun.header("location"))
    going: list[asyncio.Task[object]] = []
    linked.before_exchange = lambda: going.append(
        asyncio.ensure_future(engine.rules.users.set_state(ana.key, "disabled"))
    )
    done = await back(client, query, cookie_of(begun))
    await asyncio.gather(*going)
    if done.status == 303:
        assert (await who(client, cookie_of(done)))["reason"] == "user-disabled"
    else:
        assert done.status == 401


# --- what a provider may say beyond (issuer, subject) ---


class TestEmailAuthority:
    @pytest.fixture
    def corp(self) -> str:
        return CORP + "emailAuthority: [corp.example]\nscopes: [openid, email]\n"

    @pytest.mark.parametrize("where", ["id-token", "user-info"])
    async def test_a_verified_mail_of_its_domain_links_once_and_for_all(
        self, client: Client, idp: Idp, engine: Engine, where: str
    ) -> None:
        await engine.rules.users.add("main", "cleo", None, "cleo@corp.example")
        place = idp.claims if where == "id-token" else idp.user_info
        place |= {"email": "Cleo@Corp.example", "email_verified": True}
        assert (await who(client, await log_in(client, idp)))["user"]["name"] == "cleo"
        place["email"] = "other@corp.example"
        assert (await who(client, await log_in(client, idp)))["user"]["name"] == "cleo"

    @pytest.mark.parametrize(
        "claims",
        [
            {"email": "cleo@corp.example"},
            {"email": "cleo@corp.example", "email_verified": "true"},
            {"email": "cleo@corp.example", "email_verified": False},
            {"email": "ana@other.example", "email_verified": True},
            {"email": "cleo@corp.example.evil.example", "email_verified": True},
            {"email": "cleo@sub.corp.example", "email_verified": True},
            {"email": "ana", "email_verified": True},
            {"email": ["cleo@corp.example"], "email_verified": True},
        ],
    )
    async def test_any_other_mail_links_nothing(
        self, client: Client, idp: Idp, engine: Engine, claims: dict[str, Any]
    ) -> None:
        await engine.rules.users.add("main", "cleo", None, "cleo@corp.example")
        idp.claims |= claims
        begun = await start(client)
        done = await back(client, idp.authorize(begun.header("location")), cookie_of(begun))
        assert (done.status, done.json()["reason"]) == (401, "no-account")

    async def test_that_one_address_is_verified_says_nothing_of_another(
        self, client: Client, idp: Idp, engine: Engine
    ) -> None:
        await engine.rules.users.add("main", "cleo", None, "cleo@corp.example")
        idp.claims["email"] = "cleo@corp.example"
        idp.user_info |= {"email": "mallory@corp.example", "email_verified": True}
        begun = await start(client)
        done = await back(client, idp.authorize(begun.header("location")), cookie_of(begun))
        assert (done.status, done.json()["reason"]) == (401, "no-account")


class TestCreateUsers:
    @pytest.fixture
    def corp(self) -> str:
        return CORP + (
            "createUsers: true\nnewUserGroups: [staff]\nnewUserScopes: [shop.read]\nuserNameClaim: preferred_username\n"
        )

    async def test_who_comes_first_gets_an_account_with_what_the_file_says(
        self, client: Client, idp: Idp, engine: Engine
    ) -> None:
        await engine.rules.users.groups.add("staff")
        await engine.rules.grants.grant("staff", "desk.use")
        idp.claims |= {"preferred_username": "dora", "email": "dora@corp.example", "email_verified": True}
        me = await who(client, await log_in(client, idp))
        assert (me["user"]["name"], me["scope"]) == ("dora", ["desk.use", "shop.read"])
        made = await engine.rules.users.find("main", "dora")
        assert made is not None
        assert made.email == ""
        assert (await who(client, await log_in(client, idp)))["user"]["key"] == made.key
        assert not await engine.rules.logins.login(engine.realm("web"), "dora", "", Device())

    async def test_a_name_that_is_taken_takes_nobodys_account(self, client: Client, idp: Idp, engine: Engine) -> None:
        await engine.rules.users.groups.add("staff")
        idp.claims["preferred_username"] = "ana"
        name = (await who(client, await log_in(client, idp)))["user"]["name"]
        assert name.startswith("corp-")

    async def test_two_first_logins_at_once_make_one_account(self, client: Client, idp: Idp, engine: Engine) -> None:
        await engine.rules.users.groups.add("staff")
        begun = [await start(client) for _ in range(4)]
        queries = [idp.authorize(one.header("location")) for one in begun]
        done = await asyncio.gather(
            *(back(client, query, cookie_of(one)) for query, one in zip(queries, begun, strict=True))
        )
        names = {(await who(client, cookie_of(one)))["user"]["name"] for one in done}
        assert len(names) == 1

    async def test_a_group_with_administrative_scopes_is_not_handed_out(
        self, client: Client, idp: Idp, engine: Engine
    ) -> None:
        await engine.rules.users.groups.add("staff")
        await engine.rules.grants.grant("staff", "security.manageUsers")
        begun = await start(client)
        done = await back(client, idp.authorize(begun.header("location")), cookie_of(begun))
        assert done.json()["reason"] == "no-account"
        assert [one.name for one in await engine.rules.users.list()] == ["ana", "ben"]


# --- linking ---


async def password_login(client: Client, name: str = "ana") -> Pair:
    return cookie_of(
        await client.post("/realms/web/login", SAME_ORIGIN, value={"userName": name, "password": PASSWORD})
    )


async def ask_link(client: Client, cookie: Pair, **body: Any) -> Answer:
    return await client.post("/realms/web/oidc/corp/link", SAME_ORIGIN, cookie, value=body or {"returnTo": "/me"})


async def test_a_logged_in_user_links_lists_and_unlinks(client: Client, idp: Idp, engine: Engine) -> None:
    session = await password_login(client)
    asked = await ask_link(client, session)
    assert asked.status == 200, asked
    done = await back(client, idp.authorize(asked.json()["redirect"]), cookie_of(asked), session)
    assert (done.status, done.header("location"), done.cookies) == (303, "/me", [])
    listed = (await client.get("/realms/web/identities", session, SAME_ORIGIN)).json()
    (identity,) = listed["identities"]
    assert (identity["provider"], identity["subject"], identity["linkedBy"]) == ("corp", "s-1", "ana")
    assert listed["providers"] == [{"name": "corp", "title": "corp", "key": 1}]
    through = await log_in(client, idp)
    assert (await who(client, through))["user"]["name"] == "ana"
    gone = await client.post(f"/realms/web/identities/{identity['key']}/unlink", SAME_ORIGIN, session)
    assert gone.json() == {"key": identity["key"], "sessionsEnded": 1}
    assert (await who(client, through))["reason"] == "dropped"
    assert (await who(client, session))["user"]["name"] == "ana"
    assert (await client.post(f"/realms/web/identities/{identity['key']}/unlink", SAME_ORIGIN, session)).status == 404
    begun = await start(client)
    assert (await back(client, idp.authorize(begun.header("location")), cookie_of(begun))).status == 401


async def test_linking_needs_a_fresh_login_of_the_account_itself(client: Client, idp: Idp, clock: ManualClock) -> None:
    session = await password_login(client)
    clock.advance(600_001)
    for answer in (
        await ask_link(client, session),
        await ask_link(client, session, idToken=idp.id_token()),
        await client.post("/realms/web/identities/1/unlink", SAME_ORIGIN, session),
    ):
        assert (answer.status, answer.json()["code"]) == (401, "auth.fresh_login")
    assert (await client.post("/realms/web/oidc/corp/link", SAME_ORIGIN, value={})).status == 401
    assert (await client.post("/realms/web/oidc/corp/link", NAVIGATED, session, value={})).status == 403


async def test_a_link_ends_in_the_session_that_asked_for_it_or_nowhere(
    client: Client, idp: Idp, engine: Engine
) -> None:
    session = await password_login(client)
    asked = await ask_link(client, session)
    ben = await password_login(client, "ben")
    done = await back(client, idp.authorize(asked.json()["redirect"]), cookie_of(asked), ben)
    assert (done.status, done.json()["reason"]) == (401, "session")
    asked = await ask_link(client, session)
    assert (await back(client, idp.authorize(asked.json()["redirect"]), cookie_of(asked))).json()["reason"] == "session"
    asked = await ask_link(client, session)
    await client.post("/realms/web/login", SAME_ORIGIN, session, value=GOOD)
    done = await back(client, idp.authorize(asked.json()["redirect"]), cookie_of(asked), session)
    assert done.json()["reason"] == "session"
    assert await engine.rules.federation.external.find("main", ISSUER, "s-1") is None


@pytest.mark.parametrize("act", ["reset", "logout"])
async def test_what_ends_the_session_while_the_code_is_exchanged_ends_the_link_too(
    client: Client, idp: Idp, engine: Engine, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """Who holds a stolen session keeps no way in by a link that was under way when the owner took the account back."""
    session = await password_login(client)
    asked = await ask_link(client, session)
    ana = await engine.rules.users.find("main", "ana")
    assert ana is not None
    exchange = idp.fetch

    async def fetch(method: str, url: str, **options: Any) -> Any:
        if url == ISSUER + "/token":
            if act == "reset":
                await engine.rules.passwords.set(HOST, ana.key, "another seven quiet otters")
            else:
                await client.post("/realms/web/logout", SAME_ORIGIN, session)
        return await exchange(method, url, **options)

    monkeypatch.setattr(idp, "fetch", fetch)
    done = await back(client, idp.authorize(asked.json()["redirect"]), cookie_of(asked), session)
    assert done.status == 401, done
    assert await engine.rules.federation.external.find("main", ISSUER, "s-1") is None


async def test_a_link_by_id_token_is_asked_again_when_it_is_written(
    client: Client, idp: Idp, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await password_login(client)
    ana = await engine.rules.users.find("main", "ana")
    assert ana is not None
    look = idp.fetch

    async def fetch(method: str, url: str, **options: Any) -> Any:
        if url == ISSUER + "/jwks":
            await engine.rules.passwords.set(HOST, ana.key, "another seven quiet otters")
        return await look(method, url, **options)

    monkeypatch.setattr(idp, "fetch", fetch)
    assert (await ask_link(client, session, idToken=idp.id_token())).status == 401
    assert await engine.rules.federation.external.find("main", ISSUER, "s-1") is None


async def test_an_identity_that_is_unlinked_while_its_login_is_under_way_opens_nothing(
    client: Client, linked: Idp, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await password_login(client)
    (identity,) = (await client.get("/realms/web/identities", session, SAME_ORIGIN)).json()["identities"]
    begun = await start(client)
    enter = engine.rules.logins.enter

    async def entered_after_the_unlinking(*arguments: Any, **options: Any) -> Any:
        gone = await client.post(f"/realms/web/identities/{identity['key']}/unlink", SAME_ORIGIN, session)
        assert gone.json()["sessionsEnded"] == 0
        return await enter(*arguments, **options)

    monkeypatch.setattr(type(engine.rules.logins), "enter", lambda _self, *a, **o: entered_after_the_unlinking(*a, **o))
    done = await back(client, linked.authorize(begun.header("location")), cookie_of(begun))
    assert (done.status, done.cookies) == (401, [])
    assert len(await engine.rules.sessions.list(engine.realm("web"))) == 1


async def test_an_identity_belongs_to_one_account(client: Client, linked: Idp) -> None:
    ben = await password_login(client, "ben")
    answer = await ask_link(client, ben, idToken=linked.id_token())
    assert (answer.status, answer.json()["code"]) == (409, "identity.taken")
    ana = await password_login(client)
    assert (await ask_link(client, ana, idToken=linked.id_token(nonce="x"))).json() == {"linked": True}


async def test_twenty_links_of_one_identity_have_one_owner(client: Client, idp: Idp, engine: Engine) -> None:
    accounts = [await engine.rules.users.add("main", f"u{number}", None) for number in range(20)]
    external = engine.rules.federation.external
    done = await asyncio.gather(
        *(external.link(account, ISSUER, "s-9", HOST) for account in accounts), return_exceptions=True
    )
    assert sum(isinstance(one, IdentityTaken) for one in done) == 19


async def test_the_last_way_in_is_not_taken_away(client: Client, idp: Idp, engine: Engine) -> None:
    await engine.rules.users.add("main", "cleo", None)
    await link(engine, "cleo")
    session = await log_in(client, idp)
    (one,) = (await client.get("/realms/web/identities", session, SAME_ORIGIN)).json()["identities"]
    answer = await client.post(f"/realms/web/identities/{one['key']}/unlink", SAME_ORIGIN, session)
    assert (answer.status, answer.json()["code"]) == (409, "identity.last")


async def test_the_identity_of_a_deleted_account_is_free_again(client: Client, linked: Idp, engine: Engine) -> None:
    ana = await engine.rules.users.find("main", "ana")
    assert ana is not None
    await engine.rules.users.delete(ana.key)
    begun = await start(client)
    assert (await back(client, linked.authorize(begun.header("location")), cookie_of(begun))).status == 401
    await link(engine, "ben")
    assert (await who(client, await log_in(client, linked)))["user"]["name"] == "ben"


# --- logouts ---


async def test_a_logout_names_the_page_where_the_session_at_the_provider_ends(client: Client, linked: Idp) -> None:
    session = await log_in(client, linked)
    answer = await client.post("/realms/web/logout", SAME_ORIGIN, session)
    page = urlsplit(answer.json()["providerLogout"])
    assert (page._replace(query="").geturl(), parse_qs(page.query)) == (ISSUER + "/end", {"client_id": [CLIENT]})
    other = await password_login(client)
    assert "providerLogout" not in (await client.post("/realms/web/logout", SAME_ORIGIN, other)).json()


async def test_a_logout_does_not_fail_because_the_provider_is_down(
    client: Client, linked: Idp, clock: ManualClock
) -> None:
    session = await log_in(client, linked)
    linked.down = True
    clock.advance(600_000)
    answer = await client.post("/realms/web/logout", SAME_ORIGIN, session)
    assert answer.status == 200
    assert "providerLogout" not in answer.json()


async def test_a_back_channel_logout_ends_exactly_the_session_that_it_names(client: Client, linked: Idp) -> None:
    first = await log_in(client, linked)
    linked.claims["sid"] = "sid-2"
    second, shop = await log_in(client, linked), await log_in(client, linked, realm="shop")
    by_password = await password_login(client)
    answer = await back_channel(client, linked.logout_token())
    assert (answer.status, answer.body, answer.header("cache-control")) == (200, b"", "no-store")
    assert (await who(client, second))["reason"] == "provider-logout"
    assert (await who(client, shop, "shop"))["reason"] == "provider-logout"
    for alive in (first, by_password):
        assert (await who(client, alive))["user"]["name"] == "ana"


async def test_a_back_channel_logout_of_a_subject_ends_all_of_its_sessions_and_no_others(
    client: Client, linked: Idp, engine: Engine
) -> None:
    mine = [await log_in(client, linked)]
    linked.claims["sid"] = "sid-2"
    mine.append(await log_in(client, linked))
    linked.claims |= {"sub": "s-2", "sid": "sid-3"}
    await link(engine, "ana", "s-2")
    other = await log_in(client, linked)
    by_password = await password_login(client)
    assert (await back_channel(client, linked.logout_token(sub="s-1", sid=None))).status == 200
    for dead in mine:
        assert (await who(client, dead))["reason"] == "provider-logout"
    for alive in (other, by_password):
        assert (await who(client, alive))["user"]["name"] == "ana"


async def test_a_session_that_went_on_with_a_password_is_not_the_providers_any_more(
    client: Client, linked: Idp
) -> None:
    through = await log_in(client, linked)
    again = cookie_of(await client.post("/realms/web/login", SAME_ORIGIN, through, value=GOOD))
    assert (await back_channel(client, linked.logout_token())).status == 200
    assert (await who(client, again))["identityProviderKey"] is None


@pytest.mark.parametrize("names", [{"sub": None}, {"sid": None}])
async def test_a_logout_that_comes_before_its_login_has_finished_ends_it(
    client: Client, linked: Idp, names: dict[str, None]
) -> None:
    begun = await start(client)
    query = linked.authorize(begun.header("location"))
    assert (await back_channel(client, linked.logout_token(**names))).status == 200
    done = await back(client, query, cookie_of(begun))
    assert (done.status, done.json()["reason"], done.cookies) == (401, "logged-out", [])


async def test_a_logout_between_the_exchange_and_the_session_ends_it(
    client: Client, linked: Idp, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check before has passed; the one in the transaction that binds the session finds it."""
    begun = await start(client)
    enter = engine.rules.logins.enter

    async def entered_after_a_logout(*arguments: Any, **options: Any) -> Any:
        done = await enter(*arguments, **options)
        assert (await back_channel(client, linked.logout_token(sid=None))).status == 200
        return done

    monkeypatch.setattr(type(engine.rules.logins), "enter", lambda _self, *a, **o: entered_after_a_logout(*a, **o))
    done = await back(client, linked.authorize(begun.header("location")), cookie_of(begun))
    assert (done.status, done.json()["reason"], done.cookies) == (401, "logged-out", [])
    assert await engine.rules.sessions.list(engine.realm("web")) == []


async def test_a_login_after_a_logout_is_a_new_one(client: Client, linked: Idp, clock: ManualClock) -> None:
    assert (await back_channel(client, linked.logout_token(sid=None))).status == 200
    clock.advance(1_000)
    await log_in(client, linked)


async def test_a_marked_session_is_dead_although_the_engine_died_before_it_told_the_store(
    client: Client, linked: Idp, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await log_in(client, linked)

    async def died(*_arguments: Any, **_options: Any) -> int:
        raise asyncio.CancelledError

    monkeypatch.setattr(type(engine.rules.federation.sessions), "_end_all", died)
    with pytest.raises(asyncio.CancelledError):
        await back_channel(client, linked.logout_token())
    assert (await who(client, session))["reason"] == "provider-logout"


async def test_a_logout_token_counts_once(client: Client, linked: Idp) -> None:
    token = linked.logout_token()
    assert (await back_channel(client, token)).status == 200
    again = await back_channel(client, token)
    assert (again.status, again.json()["code"]) == (400, "oidc.logout_refused")
    many = await asyncio.gather(*(back_channel(client, linked.logout_token(jti="one")) for _ in range(20)))
    assert sorted(answer.status for answer in many) == [200] + [400] * 19


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        ("logout_token=a&logout_token=b", "application/x-www-form-urlencoded", 400),
        ("", "application/x-www-form-urlencoded", 400),
        ("logout_token=abc", "application/x-www-form-urlencoded", 400),
        ("logout_token=%FF", "application/x-www-form-urlencoded", 400),
        ("\xff=", "application/x-www-form-urlencoded", 400),
        ('{"logout_token":"x"}', "application/json", 415),
    ],
)
async def test_what_is_no_logout_is_refused(client: Client, idp: Idp, body: str, media: str, status: int) -> None:
    path = "/realms/web/oidc/corp/backchannel-logout"
    answer = await client.request("POST", path, ("content-type", media), body=body.encode("latin-1"))
    assert answer.status == status


async def test_an_id_token_is_no_logout_token(client: Client, linked: Idp) -> None:
    session = await log_in(client, linked)
    assert (await back_channel(client, linked.id_token())).status == 400
    assert (await who(client, session))["user"]["name"] == "ana"


# --- ID tokens by themselves ---


async def test_21_52_an_id_token_logs_a_session_in_and_names_its_provider(engine: Engine, linked: Idp) -> None:
    """§21 (52): an unregistered provider raises; of a registered one identityProviderKey is the key."""
    session = await engine.login("acme", "ben", PASSWORD)
    assert session is not None
    assert session.access.session.identity.provider == 0
    with pytest.raises(AuthTokenRefused) as refused:
        await session.login_by_auth_token(linked.id_token(iss="https://other.example"))
    assert refused.value.reason == "provider-unknown"
    assert session.user_name == "ben"
    await session.login_by_auth_token(linked.id_token())
    provider = await engine.rules.providers.get("corp")
    assert (session.user_name, session.identity_provider_key) == ("ana", provider.key)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"aud": "other"}, "unknown"),
        ({"iat": 1_800_000_000 - 331, "exp": 1_900_000_000}, "expired"),
        ({"exp": 1_800_000_000 - 31}, "expired"),
        ({"sub": "nobody"}, "user-unusable"),
    ],
)
async def test_an_id_token_that_is_not_right_leaves_the_session_as_it_was(
    engine: Engine, linked: Idp, changed: dict[str, Any], reason: str
) -> None:
    session = await engine.login("acme", "ben", PASSWORD)
    assert session is not None
    with pytest.raises(AuthTokenRefused) as refused:
        await session.login_by_auth_token(linked.id_token(**changed))
    assert (refused.value.reason, session.user_name) == (reason, "ben")


async def test_twenty_uses_of_one_id_token_have_one_winner(engine: Engine, linked: Idp) -> None:
    token, logins = linked.id_token(), engine.rules.federation.logins
    tries = (logins.vouch(engine.realm("acme"), token) for _ in range(20))
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, Exception) for one in done) == 19


async def test_an_id_token_of_before_a_logout_is_refused_after_it(
    client: Client, engine: Engine, linked: Idp, clock: ManualClock
) -> None:
    """Also one that was never shown before, and whichever way the logout named it."""
    before = linked.id_token(sid=None)
    clock.advance(2_000)
    assert (await back_channel(client, linked.logout_token(sid=None))).status == 200
    logins, acme = engine.rules.federation.logins, engine.realm("acme")
    with pytest.raises(LoginNotTaken, match="logged-out"):
        await logins.vouch(acme, before)
    clock.advance(2_000)
    assert (await logins.vouch(acme, linked.id_token())).account.name == "ana"
    assert (await back_channel(client, linked.logout_token(jti="second"))).status == 200
    with pytest.raises(LoginNotTaken, match="logged-out"):
        await logins.vouch(acme, linked.id_token(jti="x"))


async def test_a_locked_account_gets_no_login_and_keeps_its_sessions(
    client: Client, engine: Engine, linked: Idp
) -> None:
    session = await log_in(client, linked)
    ana = await engine.rules.users.find("main", "ana")
    assert ana is not None
    await engine.rules.users.set_state(ana.key, "locked")
    with pytest.raises(LoginNotTaken, match="no-account"):
        await engine.rules.federation.logins.vouch(engine.realm("acme"), linked.id_token())
    assert (await who(client, session))["user"]["name"] == "ana"


async def test_no_secret_of_the_way_is_in_the_store_in_the_clear(
    client: Client, idp: Idp, engine: Engine, folder: Path
) -> None:
    begun = await start(client)
    asked = dict(parse_qsl(urlsplit(begun.header("location")).query))
    stored = b"".join(path.read_bytes() for path in (folder / "var").iterdir())
    for secret in (asked["state"], asked["nonce"], cookie_of(begun)[1].partition("=")[2]):
        assert secret.encode() not in stored
    assert encode(asked["state"]) not in stored
