"""Statements of the reference about requests, environments and routes, and the last keys of a route."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from sojourn.cli.projects import check
from sojourn.core.clock import DAY, HOUR
from sojourn.engine.live import Session
from sojourn.model.session import Device
from sojourn.model.token import AuthToken
from sojourn.model.user import external_identity
from sojourn.scripting.order import Order
from tests.http.wire_client import Pair
from tests.scripting.web.conftest import OURS, PASSWORD, Site

pytestmark = pytest.mark.anyio

COUNT = "globalThis.n = (globalThis.n || 0) + 1"


async def test_21_26_without_a_request_the_names_are_there_and_their_members_say_so(site: Site) -> None:
    code = """
      const names = ['path', 'headers', 'body', 'content', 'saveToStream'];
      const tried = [...names.map((name) => () => request[name]), () => request.getHeader('a'), () => response.write('x'),
        () => { response.statusCode = 200 }];
      [typeof request, typeof response, session.hasRequest(), tried.map((f) => { try { f(); return '' } catch (e) { return e.message } })]
    """
    rules, realm = site.engine.rules, site.engine.realm("api")
    nobody = Session(rules, rules.sessions.transients.open_nobody(realm, Device(), "header"))
    order = Order(session=nobody, task=site.script(code), execution_key="k", what="test", standalone=True)
    outcome: Any = (await site.engine.scripts.execute(order)).value
    request, response, has, said = outcome
    assert (request, response, has) == ("object", "object", False)
    assert set(said) == {"Request data not available: this session serves no HTTP request."}


async def test_21_29_age_ends_an_environment_only_where_the_realm_says_so(site: Site) -> None:
    aged, forever = site.route(COUNT, realm="aged"), site.route(COUNT, realm="forever")
    assert [(await site.get(aged)).body, (await site.get(forever)).body] == [b"1", b"1"]
    site.clock.advance(30 * 60_000)
    assert [(await site.get(aged)).body, (await site.get(forever)).body] == [b"2", b"2"]
    site.clock.advance(30 * 60_000)
    assert [(await site.get(aged)).body, (await site.get(forever)).body] == [b"1", b"3"]
    site.clock.advance(3 * DAY)
    assert (await site.get(forever)).body == b"4"


async def test_21_31_the_next_user_sees_nothing_where_environments_are_cleaned(site: Site) -> None:
    leave = "const seen = globalThis.left; globalThis.left = session.userName; String(seen)"
    clean = site.route(leave, requiresAuth=True)
    for name in ("ana", "ben"):
        assert (await site.get(clean, await site.bearer("api", name))).body == b"undefined"
    shared = site.route(leave, realm="forever", requiresAuth=True)
    assert (await site.get(shared, await site.bearer("forever", "ana"))).body == b"undefined"
    assert (await site.get(shared, await site.bearer("forever", "ben"))).body == b"ana"


async def test_a_token_for_a_script_opens_nothing_where_an_older_text_of_it_is_loaded(site: Site) -> None:
    uri = site.script("exports.who = () => 'old ' + session.userName")
    for realm, status in (("forever", 401), ("api", 200)):
        route = {"controller": uri, "action": "who()", "realm": realm}
        open_to_all, guarded = site.path_to(**route), site.path_to(**route, requiresAuth=True)
        site.script("exports.who = () => 'old ' + session.userName", uri.removeprefix("ufs:/"))
        assert (await site.get(open_to_all)).body == b"old anonymous"
        site.script("exports.who = () => 'new ' + session.userName", uri.removeprefix("ufs:/"))
        session = await site.engine.login(realm, "ana", PASSWORD)
        assert session is not None
        token = ("authorization", f"Bearer {await session.authorize_token(AuthToken(['a', uri]))}")
        answer = await site.get(guarded, token)
        assert (answer.status, answer.body == b"new ana") == (status, status == 200), answer


async def external(site: Site) -> Pair:
    rules, realm, now = site.engine.rules, site.engine.realm("api"), site.clock.now()
    begun = await rules.sessions.begin(realm, external_identity("partner", "u-7", ("a",), "", now), Device())
    token = (await rules.tokens.issue(realm, begun.session, scope=None, expires_at=now + HOUR)).token
    return ("authorization", f"Bearer {token}")


async def test_principals_say_who_may_come(site: Site) -> None:
    partner, ana = await external(site), await site.bearer("api")
    who = "[session.subject, session.userKey === -1]"
    accounts = site.route(who, requiresAuth=True)
    refused = await site.get(accounts, partner)
    assert (refused.status, refused.json()["code"]) == (403, "route.principal")
    both = site.route(who, requiresAuth=True, principals=["account", "external"])
    assert (await site.get(both, partner)).json() == ["u-7", True]
    assert (await site.get(both, ana)).json() == ["", False]
    partners = site.route(who, requiresAuth=True, principals=["external"])
    assert (await site.get(partners, ana)).status == 403


async def test_debug_tells_what_a_run_did_and_nothing_that_it_handled(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    path = site.route(f"session.login('ana', '{PASSWORD}'); request.params.q", debug=True)
    with caplog.at_level(logging.INFO, "sojourn.routes"):
        assert (await site.post(f"{path}?q=hidden")).body == b"hidden"
    assert f"route POST {path}: 200, 2 host calls: Session.login" in caplog.text
    assert "Request.params" in caplog.text
    assert PASSWORD not in caplog.text
    assert "hidden" not in caplog.text


async def test_a_route_that_does_not_touch_leaves_the_idle_time_as_it_is(site: Site) -> None:
    quiet, loud = site.route("1", realm="till", touch=False), site.route("1", realm="till")
    begun = await site.get(loud)
    (cookie,) = [text.partition(";")[0] for text in begun.cookies if "sojourn_sid" in text]
    idle = site.engine.realm("till").session_idle
    site.clock.advance(idle - 1_000)
    assert (await site.get(quiet, ("cookie", cookie))).header("x-sojourn-session") == ""
    site.clock.advance(1_000)
    assert (await site.get(quiet, ("cookie", cookie))).header("x-sojourn-session") == "session.ended"


async def test_requests_of_one_session_are_one_after_the_other(site: Site) -> None:
    import anyio

    path = site.route(f"{COUNT}; session.fields.get('x'); n", realm="till")
    begun = await site.get(path)
    (cookie,) = [text.partition(";")[0] for text in begun.cookies if "sojourn_sid" in text]
    seen: list[bytes] = []

    async def ask() -> None:
        seen.append((await site.get(path, ("cookie", cookie))).body)

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(ask)
    assert sorted(seen) == [b"2", b"3", b"4", b"5", b"6", b"7"]


async def test_check_says_what_is_wrong_with_routes(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    file = site.folder / "routes" / "wrong.yaml"
    file.write_text("realm: apj\nroutes:\n  - path: /x\n    script: ufs:/none.js\n")
    try:
        with pytest.raises(BaseException, match="1"):
            check(site.folder)
    finally:
        file.unlink()
    said = capsys.readouterr().out
    assert "routes/wrong.yaml:1: there is no realm 'apj', did you mean 'api'?" in said
    assert "routes/wrong.yaml:4: there is no script 'ufs:/none.js'" in said


async def test_another_sites_page_is_told_apart_from_our_own(site: Site) -> None:
    path = site.route("session.fields.put({a: 1})", realm="till")
    own: list[Pair] = [("origin", "http://127.0.0.1:8420"), ("content-type", "application/x-www-form-urlencoded")]
    begun = await site.client.request("POST", path, *own, body="a=1")
    assert begun.status == 200
    assert any("sojourn_sid" in cookie for cookie in begun.cookies)
    assert (await site.client.request("POST", path, OURS)).status == 200


async def test_the_how_to_page_works_as_it_says(site: Site) -> None:
    page = (Path(__file__).parents[3] / "docs/howto/script-routes.md").read_text()
    files = dict(re.findall(r"^`(\w+/\w+\.\w+)`:\n\n```\w+\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    assert sorted(files) == ["routes/orders.yaml", "scripts/order.js", "scripts/orders.js"]
    for name, text in files.items():
        (site.folder / name).write_text(text.replace("realm: acme", "realm: api"))
    try:
        site.redeploy()
        assert (await site.get("/orders?page=2")).json() == {"page": 2, "user": "anonymous"}
        ana, ben = await site.bearer("api", "ana"), await site.bearer("api", "ben")
        assert (await site.get("/orders/7", ana)).json() == {"id": 7, "method": "GET"}
        assert (await site.get("/orders/0", ana)).json()["message"] == "There is no such order."
        assert [(await site.get("/orders/7", *who)).status for who in ((), (ben,))] == [401, 403]
    finally:
        (site.folder / "routes/orders.yaml").unlink()
