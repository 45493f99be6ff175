"""``sojourn.contrib.flask`` under real Flask applications, through Flask's test client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, flash, get_flashed_messages, request, session
from flask.testing import FlaskClient
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import TestResponse

from sojourn import AuthToken
from sojourn.bootstrap import Engine
from sojourn.contrib.flask import SessionConflict, SojournSession, SojournSessions
from sojourn.contrib.portal import Portal
from sojourn.core.clock import MINUTE, ManualClock
from sojourn.core.errors import SojournError
from sojourn.http.middleware import NotTracking
from sojourn.model.session import Session
from sojourn.stores.base import Lifecycle
from tests.contrib.conftest import PASSWORD

OURS = {"Sec-Fetch-Site": "same-origin"}
COOKIE = "sojourn_sid.main"


def ours() -> SojournSession:
    assert isinstance(session, SojournSession)
    return session


class Site:
    """An application whose one view does what a test says."""

    def __init__(self, portal: Portal, realm: str = "main") -> None:
        self.sessions = SojournSessions(portal, realm=realm)
        self.app = Flask("site")
        self.app.secret_key = "unused"
        self.sessions.init_app(self.app)
        self.work: Callable[[], Any] = lambda: None
        self.app.add_url_rule("/", view_func=self._view, methods=["GET", "POST"])

    def _view(self) -> Any:
        value = self.work()
        return value if isinstance(value, tuple) else {"value": value}

    def browser(self) -> FlaskClient:
        return self.app.test_client()

    def do(self, browser: FlaskClient, work: Callable[[], Any], **headers: str) -> Any:
        """POST in which ``work`` runs; its value, or the answer when it is no 200."""
        self.work = work
        answer = browser.post("/", headers=headers or OURS)
        return answer.get_json()["value"] if answer.status_code == 200 else answer

    def get(self, browser: FlaskClient, work: Callable[[], Any], **headers: str) -> TestResponse:
        self.work = work
        return browser.get("/", headers=headers)


@pytest.fixture
def site(portal: Portal) -> Site:
    return Site(portal)


@pytest.fixture
def browser(site: Site) -> Iterator[FlaskClient]:
    with site.browser() as opened:
        yield opened


def handle_of(browser: FlaskClient) -> str:
    cookie = browser.get_cookie(COOKIE)
    return cookie.value if cookie else ""


def copy_of(site: Site, browser: FlaskClient) -> FlaskClient:
    other = site.browser()
    other.set_cookie(COOKIE, handle_of(browser))
    return other


def records(portal: Portal) -> list[Session]:
    async def listed(engine: Engine) -> list[Session]:
        return list(await engine.rules.sessions.list(engine.realm("main")))

    return portal.call(listed)


def setting(**values: Any) -> Callable[[], None]:
    return lambda: session.update(values)


def items() -> dict[str, Any]:
    return dict(session)


def test_a_visit_begins_no_session_sets_no_cookie_and_loads_nothing(
    site: Site, browser: FlaskClient, portal: Portal
) -> None:
    answer = site.get(browser, lambda: 1)
    assert (answer.headers.get("Set-Cookie"), answer.headers.get("Cache-Control")) == (None, None)
    read = site.get(browser, lambda: [session.get("n", 7), "n" in session, ours().new, ours().id])
    assert read.get_json()["value"] == [7, False, True, ""]
    assert (read.headers.get("Set-Cookie"), read.headers["Cache-Control"], read.headers["Vary"]) == (
        None,
        "no-store",
        "Cookie",
    )
    assert records(portal) == []


def test_what_a_request_sets_the_next_one_finds_under_a_cookie_of_ours(site: Site, browser: FlaskClient) -> None:
    site.work = setting(cart=["A"], n=1)
    answer = browser.post("/", headers=OURS)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")
    read = site.get(browser, lambda: [items(), ours().new, len(session), bool(ours().id)])
    assert read.get_json()["value"] == [{"cart": ["A"], "n": 1}, False, 2, True]
    assert "Set-Cookie" not in read.headers


def test_on_https_the_cookie_has_the_host_prefix_and_is_secure(site: Site) -> None:
    site.work = setting(n=1)
    answer = site.browser().post("/", base_url="https://localhost", headers=OURS)
    assert answer.headers["Set-Cookie"].startswith(f"__Host-{COOKIE}=")
    assert answer.headers["Set-Cookie"].endswith("; Secure")


def test_a_change_inside_a_value_is_noticed_without_being_told(site: Site, browser: FlaskClient) -> None:
    site.do(browser, setting(user={"names": ["a"]}))

    def change() -> list[bool]:
        before = session.modified
        session["user"]["names"].append("b")
        return [before, session.modified]

    assert site.do(browser, change) == [False, True]
    assert site.do(browser, items) == {"user": {"names": ["a", "b"]}}


def test_the_values_of_flask_sessions_come_back_as_they_were(site: Site, browser: FlaskClient) -> None:
    values = {"at": datetime(2026, 1, 2, tzinfo=UTC), "key": UUID(int=7), "pair": (1, "ž"), "raw": b"\0\xff", "n": 10.5}
    seen: list[dict[str, Any]] = []
    site.do(browser, setting(**values))
    site.do(browser, lambda: seen.append(items()))
    assert seen == [values]
    assert site.do(browser, setting(bad=object())).status_code == 500
    assert len(site.do(browser, lambda: list(session))) == len(values)


def test_flashed_messages_arrive_once(site: Site, browser: FlaskClient) -> None:
    def say() -> None:
        flash("one")
        flash("two")

    site.do(browser, say)
    assert site.do(browser, lambda: list(get_flashed_messages())) == ["one", "two"]
    assert site.do(browser, lambda: list(get_flashed_messages())) == []


def test_an_answer_of_500_saves_nothing(site: Site, browser: FlaskClient) -> None:
    site.do(browser, setting(n=1))
    answer = site.do(browser, lambda: (session.update(n=2), ("later", 503))[1])
    assert answer.status_code == 503
    assert site.do(browser, items) == {"n": 1}


def test_two_requests_that_change_different_items_both_win(site: Site, browser: FlaskClient) -> None:
    site.do(browser, setting(log=[]))
    met = threading.Barrier(8)

    def add() -> None:
        number = int(request.headers["X-Number"])
        session["log"].append(number)
        met.wait(20)
        session[f"f{number}"] = number

    site.work = add
    statuses: list[int] = []

    def run(other: FlaskClient, number: int) -> None:
        statuses.append(other.post("/", headers={**OURS, "X-Number": str(number)}).status_code)

    threads = [threading.Thread(target=run, args=(copy_of(site, browser), number)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
    found = site.do(browser, items)
    assert sorted(found.pop("log")) == list(range(8))
    assert found == {f"f{number}": number for number in range(8)}


def _count() -> None:
    session["n"] += 1


def test_a_conflict_is_answered_409_in_place_of_the_answer_and_never_silence(site: Site, browser: FlaskClient) -> None:
    site.do(browser, setting(n=1))
    other = copy_of(site, browser)

    def slow() -> Any:
        _count()
        site.do(other, _count)
        return ("done", 200, {"X-App": "1", "Set-Cookie": "a=b"})

    answer = site.do(browser, slow)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "session.conflict")
    assert ("X-App" in answer.headers, "Set-Cookie" in answer.headers) == (False, False)
    assert site.do(browser, items) == {"n": 2}


def test_the_view_can_save_and_meet_the_conflict_itself(site: Site, browser: FlaskClient) -> None:
    site.do(browser, setting(n=1))
    other = copy_of(site, browser)

    def slow() -> Any:
        _count()
        work = site.work
        site.do(other, _count)
        site.work = work
        try:
            ours().save()
        except SessionConflict as error:
            ours().reload()
            _count()
            return [error.name, error.expected, error.found]

    assert site.do(browser, slow) == ["n", 1, 2]
    assert site.do(browser, lambda: ours().increment("n", 10)) == 13


def test_regenerate_gives_a_new_secret_keeps_the_items_and_names_the_user(
    site: Site, browser: FlaskClient, portal: Portal
) -> None:
    site.do(browser, setting(cart=["A"]))
    before = copy_of(site, browser)

    def login() -> None:
        session["cart"].append("B")
        site.sessions.regenerate(session, user="42")
        session["cart"].append("C")

    site.do(browser, login)
    assert handle_of(browser) != handle_of(before)
    assert site.do(browser, items) == {"cart": ["A", "B", "C"]}
    assert [found.identity.principal for found in records(portal)] == ["x:@app:42"]
    late = site.do(before, setting(n=1))
    assert (late.status_code, late.get_json()["code"]) == (401, "session.replaced")
    assert site.get(before, lambda: [items(), ours().lost]).get_json()["value"] == [{}, "session.replaced"]


def test_an_account_of_the_realm_can_log_in(site: Site, browser: FlaskClient, portal: Portal) -> None:
    assert site.do(browser, lambda: ours().login("ana", "wrong")) is False
    assert site.do(browser, lambda: ours().login("ana", PASSWORD)) is True
    assert [found.identity.user_name for found in records(portal)] == ["ana"]


def test_a_browser_that_the_account_knows_gets_in_while_others_guess(site: Site, browser: FlaskClient) -> None:
    assert site.do(browser, lambda: ours().login("ana", PASSWORD)) is True
    known = browser.get_cookie("sojourn_dev.main")
    assert known is not None
    guesser = site.browser()
    answers = [site.do(guesser, lambda: ours().login("ana", "wrong")) for _ in range(12)]
    assert answers[0] is False
    assert answers[-1].status_code == 429
    assert site.do(guesser, lambda: ours().login("ana", PASSWORD)).status_code == 429
    assert site.do(browser, lambda: ours().login("ana", PASSWORD)) is True


def test_what_a_user_changes_and_hands_on_is_as_behind_the_middleware(site: Site, browser: FlaskClient) -> None:
    assert site.do(browser, lambda: ours().user_name) == "anonymous"
    assert site.do(browser, lambda: ours().login("ana", PASSWORD)) is True
    before, token = copy_of(site, browser), AuthToken([], description="nightly")
    text = site.do(browser, lambda: ours().authorize_token(token))
    job = site.browser()

    def by_token() -> Any:
        ours().login_by_auth_token(text)
        return [ours().user_name, sorted(ours().scope), ours().actor, ours().identity_provider_key]

    assert site.do(job, by_token) == ["ana", [], "", None]
    token.description = "weekly"
    site.do(browser, lambda: ours().update_auth_token(token))
    site.do(browser, lambda: ours().revoke_auth_token_by_key(token.key or 0))
    assert site.get(job, lambda: ours().lost).get_json()["value"] == "session.ended"
    site.do(browser, lambda: ours().set_password("nine loud herons at noon", PASSWORD))
    assert site.get(browser, lambda: ours().user_name).get_json()["value"] == "ana"
    assert site.get(before, lambda: ours().lost).get_json()["value"] == "session.replaced"
    assert site.do(browser, lambda: ours().new_session_token("")).status_code >= 400
    site.do(browser, lambda: ours().logout())
    assert site.get(browser, lambda: [ours().user_name, ours().lost]).get_json()["value"] == ["anonymous", ""]


def test_clear_ends_the_session_so_that_a_copy_of_its_cookie_opens_nothing(
    site: Site, browser: FlaskClient, portal: Portal
) -> None:
    site.do(browser, setting(n=1))
    copy = copy_of(site, browser)
    site.do(browser, session_clear)
    assert (handle_of(browser), records(portal)) == ("", [])
    assert site.get(copy, lambda: [items(), ours().lost]).get_json()["value"] == [{}, "session.ended"]
    answer = site.do(copy, setting(n=2))
    assert (answer.status_code, answer.get_json()["reason"], records(portal)) == (401, "logout", [])


def session_clear() -> None:
    session.clear()


def test_clear_and_set_is_a_login_with_a_new_session_also_after_the_old_one_died(
    site: Site, browser: FlaskClient, portal: Portal
) -> None:
    site.do(browser, setting(n=1))
    before = copy_of(site, browser)

    def login() -> None:
        session.clear()
        session["user_id"] = 7

    site.do(browser, login)
    assert handle_of(browser)[:43] != handle_of(before)[:43]
    assert site.do(browser, items) == {"user_id": 7}
    site.do(before, login)
    assert site.do(before, items) == {"user_id": 7}
    assert len(records(portal)) == 2


def test_end_is_at_once(site: Site, browser: FlaskClient, portal: Portal) -> None:
    site.do(browser, setting(n=1))

    def end() -> Any:
        session["n"] = 2
        ours().end()
        return [items(), len(records(portal))]

    assert site.do(browser, end) == [{}, 0]
    assert handle_of(browser) == ""


def test_a_permanent_session_keeps_its_cookie_at_most_as_long_as_the_session_can_live(
    site: Site, browser: FlaskClient, clock: ManualClock
) -> None:
    site.app.permanent_session_lifetime = timedelta(minutes=5)

    def permanent() -> None:
        session.permanent = True
        session["n"] = 1

    site.work = permanent
    assert browser.post("/", headers=OURS).headers["Set-Cookie"].endswith("; Max-Age=300")
    refreshed = site.get(browser, items)
    assert refreshed.headers["Set-Cookie"].partition(";")[0] == f"{COOKIE}={handle_of(browser)}"
    assert refreshed.headers["Set-Cookie"].endswith("; Max-Age=300")
    site.app.permanent_session_lifetime = timedelta(days=31)
    clock.advance(20 * MINUTE)
    assert site.get(browser, items).headers["Set-Cookie"].endswith(f"; Max-Age={8 * 3600 - 1200}")
    site.app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    assert "Set-Cookie" not in site.get(browser, items).headers


def test_a_session_past_its_idle_limit_is_dead(site: Site, browser: FlaskClient, clock: ManualClock) -> None:
    site.do(browser, setting(n=1))
    clock.advance(30 * MINUTE)
    assert site.get(browser, lambda: [items(), ours().lost]).get_json()["value"] == [{}, "session.ended"]


def test_an_unsafe_request_of_another_site_never_reaches_the_view(site: Site, browser: FlaskClient) -> None:
    site.do(browser, setting(n=1))
    reached: list[int] = []
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"X": "1"}):
        answer = site.do(browser, lambda: reached.append(1), **headers)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "request.cross_site")
    assert reached == []


def test_a_get_of_another_site_reads_but_sets_nothing(site: Site, browser: FlaskClient) -> None:
    site.do(browser, setting(n=1))
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert site.get(browser, items, **cross).get_json()["value"] == {"n": 1}
    assert site.get(browser, setting(n=2), **cross).get_json()["code"] == "request.cross_site"
    assert site.do(browser, items) == {"n": 1}


def test_forwarding_headers_of_a_proxy_that_is_not_listed_are_refused_with_proxyfix_too(
    site: Site, browser: FlaskClient
) -> None:
    site.app.wsgi_app = ProxyFix(site.app.wsgi_app)  # type: ignore[method-assign]
    answer = site.do(browser, setting(n=1), **OURS, **{"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"})
    assert answer.get_json()["code"] == "request.untrusted_proxy"


def test_what_changes_after_the_answer_began_is_refused(site: Site, browser: FlaskClient) -> None:
    from flask import Response, stream_with_context

    def stream() -> Any:
        session["n"] = 1

        def body() -> Iterator[str]:
            try:
                session["n"] = 2
            except SojournError as error:
                yield error.code

        return Response(stream_with_context(body())), 200

    site.work = stream
    assert browser.post("/", headers=OURS).get_data(as_text=True) == "response.already_sent"
    assert site.do(browser, items) == {"n": 1}


def test_a_store_that_is_gone_is_503_and_never_an_empty_session(
    site: Site, browser: FlaskClient, portal: Portal
) -> None:
    site.do(browser, setting(n=1))

    async def close(engine: Engine) -> None:
        assert isinstance(engine.rules.store, Lifecycle)
        await engine.rules.store.close()

    portal.call(close)
    for work in (items, setting(n=2)):
        answer = site.do(browser, work)
        assert (answer.status_code, answer.get_json()["code"]) == (503, "store.unavailable")
    assert handle_of(browser) != ""


def test_the_sessions_of_one_user_share_their_items_where_the_realm_says_so(portal: Portal) -> None:
    site = Site(portal, "common")
    one, two = site.browser(), site.browser()

    def login(**values: Any) -> Callable[[], Any]:
        def work() -> Any:
            session.update(values)
            site.sessions.regenerate(session, user="7")
            session.setdefault("log", []).append("in")
            return items()

        return work

    assert site.do(one, login(cart=["A"])) == {"cart": ["A"], "log": ["in"]}
    assert site.do(two, login(n=1)) == {"cart": ["A"], "n": 1, "log": ["in", "in"]}
    site.do(one, lambda: session["log"].append("out"))
    assert site.do(two, items)["log"] == ["in", "in", "out"]


def test_a_realm_without_cookies_is_refused(portal: Portal) -> None:
    site = Site(portal, "plain")
    answer = site.get(site.browser(), items)
    assert (answer.status_code, answer.get_json()["code"]) == (500, NotTracking.code)


def test_the_text_of_a_session_holds_none_of_its_items(site: Site, browser: FlaskClient) -> None:
    site.do(browser, setting(n="secret"))
    text = site.do(browser, lambda: (session.get("n"), repr(ours()))[1])
    assert "secret" not in text
    assert handle_of(browser).partition(".")[2] not in text
