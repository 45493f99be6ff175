"""What a page of another site makes a browser ask for changes nothing, whatever the script does."""

from __future__ import annotations

import re

import pytest

import sojourn.scripting.api  # noqa: F401 - declares the classes
from sojourn.scripting.declare import CLASSES
from tests.scripting.web.conftest import FOREIGN, PASSWORD, Site
from tests.scripting.web.test_script_sessions import kept

pytestmark = pytest.mark.anyio

TOKEN = "const t = new (require('@nginstack/engine/lib/security/AuthToken'))('a', 'x');"
ACTS = {
    "authorize": f"{TOKEN} session.authorizeToken(t); 'done'",
    "authorize for": f"{TOKEN} security.authorizeToken(t, 'ana'); 'done'",
    "revoke": "session.revokeAuthTokenByKey(1)",
    "drop": "engine.sessionManager.dropSession(session.id); 'done'",
    "abort": "engine.sessionManager.abortSession(session.id); 'done'",
    "change": f"security.changePassword(session.userKey, '{PASSWORD}', 'another otter at dawn'); 'done'",
    "end": "session.setTimeout(0); 'done'",
    "idle": "session.setTimeout(5); 'done'",
    "file": "require('@nginstack/engine/lib/vfs/VirtualFileSystem').getInstance().forceDirectories('/till/x')",
}
#: What is refused deeper, by the session's record itself.
BY_RECORD = {"setTimeout", "setPassword"}
WRITING = re.compile(
    r"(create|delete|set|grant|revoke|change|authorize|update|drop|abort|cleanUp|rename|move|force)[A-Z]?"
)


@pytest.mark.parametrize("realm", ["web", "till"])
async def test_a_read_only_session_writes_nothing_through_any_host_function(site: Site, realm: str) -> None:
    login = site.route(f"session.login('ana', '{PASSWORD}')", realm=realm)
    cookie = kept(await site.post(login))
    for act, code in ACTS.items():
        path = site.route(code, realm=realm)
        answer = await site.client.get(path, FOREIGN, cookie)
        assert (answer.status, answer.json()["code"]) == (403, "request.cross_site"), act
    assert (await site.get(site.route("session.userName", realm=realm), cookie)).body == b"ana"


async def test_a_runner_with_the_user_of_a_read_only_session_writes_nothing_either(site: Site) -> None:
    cookie = kept(await site.post(site.route(f"session.login('ana', '{PASSWORD}')", realm="web")))
    for act in ("authorize", "authorize for", "change"):
        inner = site.script(ACTS[act])
        path = site.route(f"try {{ executeScript('{inner}') }} catch (e) {{ e.code + e.message }}", realm="web")
        answer = await site.client.get(path, FOREIGN, cookie)
        assert (answer.status, b"another site" in answer.body or b"cross" in answer.body.lower()) == (200, True), answer


def test_each_host_function_that_changes_something_says_so() -> None:
    silent = [
        f"{spec.name}.{member.name}"
        for spec in CLASSES.values()
        if spec.name in {"Session", "Security", "SessionManager", "VirtualFileSystem"}
        for member in spec.members
        if member.kind == "method" and WRITING.match(member.name) and not member.writes
    ]
    assert {name.partition(".")[2] for name in silent} <= BY_RECORD, silent
