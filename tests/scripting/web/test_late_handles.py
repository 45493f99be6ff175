"""Who acts when other requests of the session are answered meanwhile, and what is kept when nobody can be told any more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from sojourn.http.wire import Event, Receive, Scope, Send
from tests.http.wire_client import Answer, Client
from tests.scripting.web.conftest import OURS, PASSWORD, Site
from tests.scripting.web.test_script_sessions import LOGIN, kept

pytestmark = pytest.mark.anyio


async def slowly(site: Site, path: str, cookie: tuple[str, str], act: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer to a request whose body arrives after ``act``, which begins when the body is asked for."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def late() -> Event:
            assert (await act()).status == 200
            return await receive()

        await site.app(scope, late, send)

    return await Client(app).request("POST", path, OURS, cookie, ("content-type", "text/plain"), body="x")


@pytest.mark.parametrize("realm", ["web", "till"])
@pytest.mark.parametrize("other", ["session.login('ben', '" + PASSWORD + "')", "session.logout(); 1"])
async def test_who_waits_for_a_body_does_not_act_as_who_the_session_was_before(
    site: Site, realm: str, other: str
) -> None:
    cookie = kept(await site.post(site.route(LOGIN, realm=realm) + "?user=ana"))
    change, who = site.route(other, realm=realm), site.route("session.userName", realm=realm)
    answer = await slowly(site, who, cookie, lambda: site.post(change, cookie))
    assert (answer.status, answer.json()["code"]) == (409, "session.stale"), answer


async def test_no_script_begins_for_a_session_that_ended_while_its_body_arrived(site: Site) -> None:
    first = await site.post(site.route(LOGIN, realm="till") + "?user=ana")
    end, who = site.route("session.setTimeout(0); 1", realm="till"), site.route("session.userName", realm="till")
    before = len(site.engine.scripts.environments)
    answer = await slowly(site, who, kept(first), lambda: site.post(end, kept(first)))
    assert (answer.status, answer.json()["code"]) == (401, "session.ended"), answer
    assert len(site.engine.scripts.environments) <= before


async def test_no_session_begins_whose_handle_nobody_can_be_given_any_more(site: Site) -> None:
    path = site.route("response.write('x'); response.send(); session.fields.put({a: 1})", realm="web")
    realm = site.engine.realm("web")
    counted = [row async for row in site.engine.session_manager.every([realm])]
    assert (await site.post(path)).status == 200
    assert len([row async for row in site.engine.session_manager.every([realm])]) == len(counted)
