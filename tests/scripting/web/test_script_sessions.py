"""Who a script acts as, and how the client keeps its session."""

from __future__ import annotations

import base64
import secrets

import pytest

from tests.http.wire_client import Answer, Pair
from tests.scripting.web.conftest import FOREIGN, OURS, PASSWORD, Site

pytestmark = pytest.mark.anyio

WHO = "({user: session.userName, key: session.userKey, scope: session.scope, id: session.id})"
LOGIN = f"session.login(request.params.user, '{PASSWORD}')"
COUNT = "globalThis.n = (globalThis.n || 0) + 1"


def basic(realm: str, name: str = "ana", password: str = PASSWORD) -> Pair:
    pair = base64.b64encode(f"{realm}-{name}:{password}".encode()).decode()
    return ("authorization", f"Basic {pair}")


def session_cookies(answer: Answer) -> list[str]:
    return [cookie for cookie in answer.cookies if "sojourn_sid." in cookie]


def kept(answer: Answer) -> Pair:
    """The session cookie as a browser sends it back."""
    (text,) = session_cookies(answer)
    return ("cookie", text.partition(";")[0])


# --- stateful realms ---


async def test_21_33_a_session_that_is_created_comes_with_its_cookie_where_the_realm_tracks(site: Site) -> None:
    path = site.route(COUNT, realm="till")
    first = await site.get(path)
    assert first.body == b"1"
    (cookie,) = session_cookies(first)
    assert cookie.startswith("sojourn_sid.till=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")
    assert first.header("cache-control") == "no-store"
    again = await site.get(path, kept(first))
    assert again.body == b"2"
    assert session_cookies(again) == []
    assert again.header("x-session-id") == ""


async def test_21_33_without_tracking_the_header_or_the_parameter_selects_the_session(site: Site) -> None:
    path = site.route(COUNT, realm="desk")
    first = await site.get(path)
    assert (first.body, session_cookies(first)) == (b"1", [])
    handle = first.header("x-session-id")
    assert (await site.get(path, ("x-session-id", handle))).body == b"2"
    form: list[Pair] = [("content-type", "application/x-www-form-urlencoded"), OURS]
    assert (await site.client.request("POST", path, *form, body=f"a=1&ngin_sid={handle}")).body == b"3"
    twice = await site.client.request("POST", path, *form, body=f"ngin_sid={handle}&ngin_sid={handle}")
    assert (twice.status, twice.json()["code"]) == (400, "request.ambiguous_credentials")
    both = await site.client.request("POST", path, *form, ("x-session-id", handle), body=f"ngin_sid={handle}")
    assert both.status == 400
    assert (await site.get(f"{path}?ngin_sid={handle}")).body == b"1"  # this realm takes none from a URL
    kiosk = site.route(COUNT, realm="kiosk")
    handle = (await site.get(kiosk)).header("x-session-id")
    shown = await site.get(f"{kiosk}?ngin_sid={handle}")
    assert (shown.body, shown.header("referrer-policy")) == (b"2", "no-referrer")


async def test_the_handle_is_the_scripts_once_where_it_takes_it(site: Site) -> None:
    path = site.route("[response.sessionHandle, response.sessionHandle]", realm="desk")
    first = await site.get(path)
    handle, again = first.json()
    assert (again, first.header("x-session-id")) == ("", "")
    assert (await site.get(path, ("x-session-id", handle))).json() == ["", ""]
    tracked = site.route("response.sessionHandle", realm="till")
    assert (await site.get(tracked)).body == b""


async def test_21_30_another_session_never_sees_a_global_of_the_first(site: Site) -> None:
    path = site.route(COUNT, realm="till")
    one, two = await site.get(path), await site.get(path)
    assert (one.body, two.body) == (b"1", b"1")
    assert (await site.get(path, kept(one))).body == b"2"
    assert (await site.get(path, kept(two))).body == b"2"


async def test_21_32_the_session_of_another_realm_opens_nothing_here(site: Site) -> None:
    desk, kiosk = site.route(COUNT, realm="desk"), site.route(COUNT, realm="kiosk")
    handle = (await site.get(desk)).header("x-session-id")
    other = await site.get(kiosk, ("x-session-id", handle))
    assert (other.body, other.header("x-sojourn-session"), other.header("x-session-id")) == (
        b"1",
        "session.unknown",
        "",
    )
    cookie = kept(await site.get(site.route(COUNT, realm="till")))
    renamed = ("cookie", cookie[1].replace("sojourn_sid.till", "sojourn_sid.known"))
    there = await site.get(site.route(WHO, realm="known"), renamed)
    assert there.json()["id"] == ""
    assert "Max-Age=0" in session_cookies(there)[0]


async def test_21_28_a_session_that_was_idle_for_too_long_is_gone_with_its_globals(site: Site) -> None:
    path = site.route(COUNT, realm="till")
    first = await site.get(path)
    site.clock.advance(site.engine.realm("till").session_idle)
    late = await site.get(path, kept(first))
    assert (late.body, late.header("x-sojourn-session")) == (b"1", "session.ended")
    # It is never replaced in silence: the browser forgets it, and then begins another.
    (gone,) = session_cookies(late)
    assert "Max-Age=0" in gone
    assert (await site.get(path)).body == b"1"


async def test_21_27_set_timeout_0_ends_the_session_after_the_script(site: Site) -> None:
    path = site.route("if (request.params.end) session.setTimeout(0); session.id", realm="till")
    first = await site.get(path)
    last = await site.get(f"{path}?end=1", kept(first))
    assert last.body == first.body
    assert "Max-Age=0" in session_cookies(last)[0]
    after = await site.get(path, kept(first))
    assert (after.body, after.header("x-sojourn-session")) == (b"", "session.ended")
    other = site.route("session.setTimeout(5); session.id", realm="till")
    begun = await site.get(other)
    for _ in range(2):
        site.clock.advance(4 * 60_000)
        assert (await site.get(path, kept(begun))).body == begun.body
    site.clock.advance(5 * 60_000)
    assert (await site.get(path, kept(begun))).body != begun.body


async def test_a_login_in_a_script_gives_a_new_cookie_and_kills_the_old_one(site: Site) -> None:
    login, who = site.route(LOGIN, realm="till"), site.route(WHO, realm="till")
    first = await site.get(who)
    answer = await site.post(f"{login}?user=ana", kept(first))
    assert (answer.status, answer.body) == (200, b"true")
    now = await site.get(who, kept(answer))
    assert now.json()["user"] == "ana"
    assert now.json()["id"] == first.json()["id"]
    old = await site.get(who, kept(first))
    assert (old.status, old.json()["code"]) == (401, "session.replaced")


async def test_the_new_cookie_comes_with_a_failure_too(site: Site) -> None:
    login, who = site.route(f"{LOGIN}; throw new Error('late')", realm="till"), site.route(WHO, realm="till")
    first = await site.get(who)
    failed = await site.post(f"{login}?user=ana", kept(first))
    assert failed.status == 500
    assert (await site.get(who, kept(failed))).json()["user"] == "ana"


async def test_logout_in_a_script_leaves_the_session_to_nobody(site: Site) -> None:
    begun, who = await site.login("till"), site.route(WHO, realm="till")
    out = await site.post(site.route("session.logout(); session.userName", realm="till"), kept(begun))
    assert out.body == b"anonymous"
    assert (await site.get(who, kept(out))).json()["key"] == -1


async def test_logout_by_a_jwt_ends_its_session(site: Site) -> None:
    begun = (await site.login("api")).json()
    token = ("authorization", f"Bearer {begun['token']}")
    out = await site.post(site.route("session.logout(); session.userName", requiresAuth=True), token)
    assert (out.status, out.body, session_cookies(out)) == (200, b"anonymous", [])
    assert (await site.get(site.route(WHO, requiresAuth=True), token)).status == 401
    ended = await site.engine.rules.sessions.why(site.engine.realm("api"), begun["sessionId"])
    assert ended is not None
    assert ended.end.reason == "logout"


async def test_a_login_by_a_jwt_whose_script_then_loses_its_environment_leaves_no_session_behind(site: Site) -> None:
    begun = (await site.login("api")).json()
    token = ("authorization", f"Bearer {begun['token']}")
    code = f"session.login('ben', '{PASSWORD}'); for (;;) new Array(4294967295).join('x')"
    lost = await site.post(site.route(code, requiresAuth=True), token)
    assert lost.status in {500, 503}
    ended = await site.engine.rules.sessions.why(site.engine.realm("api"), begun["sessionId"])
    assert ended is not None


async def test_what_fails_after_the_answer_was_stopped_is_written_into_the_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    code = "try { response.write('done'); response.stop() } catch {} throw new Error('too late')"
    answer = await site.get(site.route(code))
    assert (answer.status, answer.body) == (200, b"done")
    assert "too late" in caplog.text
    caplog.clear()
    assert (await site.get(site.route("response.write('done'); response.stop()"))).body == b"done"
    assert "Stopped" not in caplog.text


# --- who shows nothing ---


async def test_a_visit_of_a_stateless_realm_begins_no_session_but_a_write_does(site: Site) -> None:
    look = site.route("[session.id, session.fields.get('cart', null), session.hasRequest()]", realm="web")
    first = await site.get(look)
    assert first.json() == ["", None, True]
    assert session_cookies(first) == []
    put = site.route("session.fields.put({cart: 1}); session.id", realm="web")
    begun = await site.post(put)
    assert begun.body
    seen = await site.get(look, kept(begun))
    assert seen.json() == [begun.body.decode(), 1, True]


async def test_a_login_of_a_visitor_begins_a_session_where_the_realm_tracks(site: Site) -> None:
    login, who = site.route(LOGIN, realm="web"), site.route(WHO, realm="web")
    # A name that nobody has tried: the second wrong login of one would have to wait.
    wrong = await site.post(f"{login}?user=nobody-{secrets.token_hex(4)}")
    assert (wrong.body, session_cookies(wrong)) == (b"false", [])
    right = await site.post(f"{login}?user=ana")
    assert right.body == b"true"
    assert (await site.get(who, kept(right))).json()["user"] == "ana"
    assert (await site.get(who)).json()["user"] == "anonymous"


async def test_a_login_where_nothing_is_kept_is_for_this_execution(site: Site) -> None:
    path = site.route(f"const before = session.userKey; {LOGIN}; [before, session.userName, session.id]")
    answer = await site.post(f"{path}?user=ana")
    assert answer.json() == [-1, "ana", ""]
    assert session_cookies(answer) == []
    assert (await site.get(site.route(WHO))).json()["key"] == -1


async def test_a_dead_session_is_never_answered_with_another_but_a_login_begins_one(site: Site) -> None:
    login, who = site.route(LOGIN, realm="till"), site.route(WHO, realm="till")
    dead = ("cookie", f"sojourn_sid.till={'a' * 43}.{'b' * 43}")
    lost = await site.get(who, dead)
    assert (lost.json()["id"], lost.header("x-sojourn-session")) == ("", "session.unknown")
    assert ["Max-Age=0" in cookie for cookie in session_cookies(lost)] == [True]
    entered = await site.post(f"{login}?user=ana", dead)
    assert (await site.get(who, kept(entered))).json()["user"] == "ana"
    needed = await site.get(site.route(WHO, realm="till", requiresAuth=True), dead)
    assert (needed.status, needed.json()["code"]) == (401, "session.unknown")


# --- other sites ---


async def test_another_sites_page_begins_no_session_and_changes_nothing(site: Site) -> None:
    who = site.route(WHO, realm="till")
    linked = await site.client.get(who, FOREIGN)
    assert (linked.status, session_cookies(linked), linked.json()["id"]) == (200, [], "")
    begun = await site.get(who)
    change = site.route("session.fields.put({a: 1})", realm="till")
    assert (await site.client.post(change, FOREIGN, kept(begun))).json()["code"] == "request.cross_site"
    assert (await site.client.get(change, FOREIGN, kept(begun))).json()["code"] == "request.cross_site"
    assert (await site.client.post(change, FOREIGN)).status in (401, 403)
    login = site.route(LOGIN, realm="till")
    refused = await site.client.post(f"{login}?user=ana", FOREIGN)
    assert (refused.status, refused.json()["code"], session_cookies(refused)) == (403, "request.cross_site", [])


async def test_who_comes_without_a_browser_gets_a_session_too(site: Site) -> None:
    path = site.route(COUNT, realm="till")
    first = await site.client.get(path)
    assert (await site.client.get(path, kept(first))).body == b"2"


# --- Authorization ---


async def test_21_48_a_bearer_token_is_the_identity_during_the_call_and_nobody_afterwards(site: Site) -> None:
    who, anybody = site.route(WHO, requiresAuth=True), site.route(WHO)
    token = await site.bearer("api")
    seen = await site.get(who, token)
    assert (seen.json()["user"], seen.header("cache-control")) == ("ana", "no-store")
    assert (await site.get(anybody)).json()["key"] == -1
    assert (await site.get(anybody, token)).json()["key"] == -1
    none = await site.get(who)
    assert (none.status, none.header("www-authenticate")) == (401, 'Bearer realm="api"')
    bad = await site.get(who, ("authorization", "Bearer no.such.token"))
    assert bad.status == 401


async def test_basic_credentials_are_the_identity_of_one_call(site: Site) -> None:
    who = site.route(WHO, requiresAuth=True)
    assert (await site.get(who, basic("api"))).json()["user"] == "ana"
    assert (await site.get(who, basic("api", password="wrong"))).status == 401
    stateful = site.route(f"{COUNT}; [session.userName, n]", realm="till", requiresAuth=True)
    for _ in range(2):
        answer = await site.get(stateful, basic("till"))
        assert (answer.json(), session_cookies(answer)) == (["ana", 1], [])


async def test_tokens_that_a_script_hands_out_open_routes(site: Site) -> None:
    begun = await site.login("till")
    make = """
      const AuthToken = require('@nginstack/engine/lib/security/AuthToken');
      [session.authorizeToken(new AuthToken('a')), session.newSessionToken('a b')]
    """
    made = await site.post(site.route(make, realm="till"), kept(begun))
    auth, own = made.json()
    who = site.route(WHO, realm="till", requiresAuth=True)
    for token, scope in ((auth, "a"), (own, "a b")):
        seen = await site.get(who, ("authorization", f"Bearer {token}"))
        assert (seen.json()["user"], seen.json()["scope"]) == ("ana", scope)
        assert session_cookies(seen) == []


async def test_a_token_for_one_script_opens_only_the_route_of_that_script(site: Site) -> None:
    mine, other = site.script(WHO, "mine.js"), site.script(WHO, "other.js")
    begun = await site.login("till")
    make = f"""
      const AuthToken = require('@nginstack/engine/lib/security/AuthToken');
      session.authorizeToken(new AuthToken('{mine}'))
    """
    token = (await site.post(site.route(make, realm="till"), kept(begun))).body.decode()
    bearer = ("authorization", f"Bearer {token}")
    opened = site.path_to(mine, realm="till", requiresAuth=True)
    assert (await site.get(opened, bearer)).json()["user"] == "ana"
    refused = await site.get(site.path_to(other, realm="till", requiresAuth=True), bearer)
    assert (refused.status, refused.json()["reason"]) == (401, "script-not-allowed")
    with_more = site.path_to(mine, realm="till", requiresAuth=True, before=[other])
    assert (await site.get(with_more, bearer)).status == 401


async def test_two_authorities_are_one_too_many(site: Site) -> None:
    who = site.route(WHO, realm="desk", requiresAuth=True)
    token, handle = await site.bearer("desk"), (await site.get(site.route(COUNT, realm="desk"))).header("x-session-id")
    both = await site.get(who, token, ("x-session-id", handle))
    assert (both.status, both.json()["code"]) == (400, "request.ambiguous_credentials")


async def test_a_logged_in_cookie_meets_requires_auth_and_an_anonymous_one_does_not(site: Site) -> None:
    who = site.route(WHO, realm="till", requiresAuth=True)
    assert (await site.get(who, kept(await site.login("till")))).json()["user"] == "ana"
    visitor = await site.get(site.route(WHO, realm="till"))
    assert (await site.get(who, kept(visitor))).status == 401


@pytest.mark.parametrize(
    ("scope", "user", "status"),
    [
        ("a b +c !d", "ana", 200),  # a, b, c
        ("a b +c !d", "ben", 403),  # a, d
        ("a +d !c", "ana", 403),
        ("d", "ben", 200),
        ("!d", "ben", 403),
        ("!d", "ana", 200),
        ("x", "ana", 403),
        (["a", "+c"], "ana", 200),
    ],
)
async def test_21_47_scope_words_admit_and_refuse(site: Site, scope: str | list[str], user: str, status: int) -> None:
    path = site.route("1", requiresAuth=True, scope=scope)
    answer = await site.get(path, await site.bearer("api", user))
    assert answer.status == status
    if status == 403:
        assert answer.json()["code"] == "auth.insufficient_scope"


async def test_21_47_a_narrower_token_does_not_pass_where_its_user_would_not(site: Site) -> None:
    begun = await site.login("till", "ben")
    token = (await site.post(site.route("session.newSessionToken('a')", realm="till"), kept(begun))).body.decode()
    path = site.route("1", realm="till", requiresAuth=True, scope="a !d")
    assert (await site.get(path, ("authorization", f"Bearer {token}"))).status == 403


async def test_scope_without_a_login_is_401(site: Site) -> None:
    assert (await site.get(site.route("1", realm="till", scope="a"))).status == 401


async def test_21_25_has_request_is_true_in_a_request(site: Site) -> None:
    path = site.route("[session.hasRequest(), (response.send(), session.hasRequest())]; response.stop")
    assert (await site.get(path)).status == 204
    assert (await site.get(site.route("session.hasRequest()"))).body == b"true"


# --- what scripts never see ---


async def test_credentials_are_not_in_the_request(site: Site) -> None:
    show = "({headers: request.headers, params: request.params, cookies: request.cookieCount, message: request.httpMessage})"
    begun = await site.login("till")
    cookie = ("cookie", f"{kept(begun)[1]}; mine=1; serverId=x; sojourn_cid.till=y")
    seen = (await site.get(site.route(show, realm="till"), cookie, ("apikey", "k"))).json()
    assert (seen["headers"]["cookie"], seen["cookies"]) == ("mine=1", 1)
    assert "apikey" not in seen["headers"]
    token = await site.bearer("api")
    used = (await site.get(site.route(show, requiresAuth=True), token)).json()
    assert "authorization" not in used["headers"]
    left = (await site.get(site.route(show), ("authorization", "Custom x"))).json()
    assert left["headers"]["authorization"] == "Custom x"
    kiosk = site.route(show, realm="kiosk")
    handle = (await site.get(kiosk)).header("x-session-id")
    url = (await site.get(f"{kiosk}?a=1&ngin_sid={handle}&apikey=k")).json()
    assert url["params"] == {"a": "1"}
    for secret in (handle, kept(begun)[1].partition("=")[2], token[1].removeprefix("Bearer ")):
        assert secret not in str([seen, used, url])


async def test_the_device_is_known_where_the_realm_tracks_clients(site: Site) -> None:
    path = site.route("session.clientId", realm="known")
    first = await site.get(path)
    client = next(cookie for cookie in first.cookies if cookie.startswith("sojourn_cid.known="))
    assert first.body
    again = await site.get(path, ("cookie", client.partition(";")[0]))
    assert again.body == first.body
    assert (await site.get(site.route("session.clientId", realm="till"))).body == b""
