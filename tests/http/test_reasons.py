"""Why was I logged out: every end tells its reason to who held the session, and an operator's name to nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import signature

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import MINUTE, ManualClock
from sojourn.core.errors import Unavailable
from sojourn.core.ids import parse_handle
from sojourn.engine.access import Access
from sojourn.engine.security.actors import Actor
from sojourn.http.replies import error_reply
from tests.http.conftest import GOOD, PASSWORD
from tests.http.wire_client import Answer, Client, Pair, cookie_of

pytestmark = pytest.mark.anyio

OURS = ("sec-fetch-site", "same-origin")
BOSS = "olga.operator"


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


class World:
    """Ana's session in a realm with cookies."""

    def __init__(self, client: Client, engine: Engine, clock: ManualClock, login: Answer, key: int) -> None:
        self.client = client
        self.engine = engine
        self.rules = engine.rules
        self.clock = clock
        #: Key of the account.
        self.key = key
        self.realm = engine.realm("web")
        self.sid: str = login.json()["sessionId"]
        self.cookie: Pair = cookie_of(login)
        self.token: Pair = ("authorization", f"Bearer {login.json()['token']}")


@pytest.fixture
async def world(client: Client, engine: Engine, clock: ManualClock) -> World:
    ana = await engine.rules.users.find("main", "ana")
    assert ana is not None
    return World(client, engine, clock, await client.post("/realms/web/login", value=GOOD), ana.key)


async def logout(world: World) -> None:
    await world.client.post("/realms/web/logout", world.cookie, OURS)


async def idle(world: World) -> None:
    world.clock.advance(15 * MINUTE)


async def absolute(world: World) -> None:
    for _ in range(24 * 6 - 1):
        world.clock.advance(10 * MINUTE)
        await world.rules.sessions.touch(await _access(world))
    world.clock.advance(10 * MINUTE)


async def dropped(world: World) -> None:
    await world.rules.sessions.end_by_id(world.realm, world.sid, "dropped", actor=BOSS, rule="lost phone")


async def replaced_by_login(world: World) -> None:
    await world.client.post("/realms/web/login", world.cookie, value=GOOD | {"userName": "ben"})


async def password_changed(world: World) -> None:
    await world.rules.passwords.set(Actor(BOSS, host=True), world.key, PASSWORD + " again")


async def user_disabled(world: World) -> None:
    await world.rules.users.set_state(world.key, "disabled", actor=BOSS)


async def user_deleted(world: World) -> None:
    await world.rules.users.delete(world.key, actor=BOSS)


async def all_of_the_user(world: World) -> None:
    await world.rules.sessions.end_all(None, world.key, "ended-everywhere", actor=BOSS)


async def all_of_the_realm(world: World) -> None:
    await world.rules.sessions.end_realm(world.realm, "ended-everywhere", actor=BOSS)


async def everything(world: World) -> None:
    await world.rules.sessions.end_everything("ended-everywhere", actor=BOSS)


async def own_list(world: World) -> None:
    other = cookie_of(await world.client.post("/realms/web/login", value=GOOD))
    await world.client.post(f"/realms/web/sessions/{world.sid}/end", other, OURS)


async def _access(world: World) -> Access:
    handle = parse_handle(world.cookie[1].partition("=")[2])
    assert handle is not None
    return await world.rules.sessions.open(world.realm, handle, "cookie")


OPERATOR = {"by": "an operator"}
TABLE: list[tuple[Callable[[World], Awaitable[None]], dict[str, str]]] = [
    (logout, {"reason": "logout"}),
    (own_list, {"reason": "logout"}),
    (idle, {"reason": "idle"}),
    (absolute, {"reason": "absolute"}),
    (dropped, {"reason": "dropped", **OPERATOR, "text": "lost phone"}),
    (replaced_by_login, {"reason": "replaced-by-login"}),
    (password_changed, {"reason": "password-changed", **OPERATOR}),
    (user_disabled, {"reason": "user-disabled", **OPERATOR}),
    (user_deleted, {"reason": "user-deleted", **OPERATOR}),
    (all_of_the_user, {"reason": "ended-everywhere", **OPERATOR}),
    (all_of_the_realm, {"reason": "ended-everywhere", **OPERATOR}),
    (everything, {"reason": "ended-everywhere", **OPERATOR}),
]


@pytest.mark.parametrize(("end", "told"), TABLE, ids=[end.__name__ for end, _ in TABLE])
async def test_the_401_tells_the_reason(
    world: World, end: Callable[[World], Awaitable[None]], told: dict[str, str]
) -> None:
    await end(world)
    for _ in range(2):
        answer = await world.client.get("/realms/web/session", world.cookie)
        body = answer.json()
        assert (answer.status, answer.cookies) == (401, [])
        assert body.pop("executionKey")
        assert body == {"message": "Session ended", "code": "session.ended", **told}
        assert BOSS.encode() not in answer.body


async def test_the_token_of_the_session_is_told_the_same(world: World) -> None:
    await dropped(world)
    body = (await world.client.get("/realms/web/session", world.token)).json()
    assert (body["reason"], body["by"], body["text"]) == ("dropped", "an operator", "lost phone")


async def test_who_never_held_the_session_is_told_nothing(world: World, client: Client) -> None:
    await dropped(world)
    value = f"{world.sid}.{'b' * 43}"
    answer = await client.get("/realms/web/session", ("cookie", f"sojourn_sid.web={value}"))
    body = answer.json()
    assert (body["code"], "reason" in body, "text" in body) == ("session.unknown", False, False)


async def test_the_limit_of_sessions_is_a_reason_and_its_rule_is_not_told(world: World) -> None:
    await world.rules.sessions.end_by_id(world.realm, world.sid, "session-limit", actor="", rule="evict-oldest")
    body = (await world.client.get("/realms/web/session", world.cookie)).json()
    assert (body["reason"], "text" in body, "by" in body) == ("session-limit", False, False)


async def test_a_removed_realm_answers_nobody(world: World, engine: Engine) -> None:
    await engine.rules.realms.sync({}, world.clock.now())
    answer = await world.client.get("/realms/web/session", world.cookie)
    assert (answer.status, answer.json()["code"]) == (401, "session.unknown")


async def test_an_announced_end_is_shown_and_comes(world: World) -> None:
    drops = world.rules.drops
    assert (await world.client.get("/realms/web/session", world.cookie)).json()["dropRequest"] is None
    await drops.request(world.realm, world.sid, "the shop closes", actor_key=7, actor=BOSS)
    answer = await world.client.get("/realms/web/session", world.cookie)
    assert answer.json()["dropRequest"] == {
        "requester": "an operator",
        "reason": "the shop closes",
        "requestedAt": "2027-01-15T08:00:00.000Z",
        "dropsAt": "2027-01-15T08:03:00.000Z",
    }
    assert answer.json()["endsNext"] == {"reason": "dropped", "at": "2027-01-15T08:03:00.000Z"}
    assert BOSS.encode() not in answer.body
    world.clock.advance(3 * MINUTE)
    await drops.run_due(world.clock.now())
    body = (await world.client.get("/realms/web/session", world.cookie)).json()
    assert (body["reason"], body["by"], body["text"]) == ("dropped", "an operator", "the shop closes")


async def test_the_limits_are_told_with_the_times(world: World) -> None:
    who = (await world.client.get("/realms/web/session", world.cookie)).json()
    assert who["idleLimit"] == 15 * MINUTE
    assert who["absoluteLimit"] == "2027-01-16T08:00:00.000Z"


def test_every_503_says_when_to_come_again() -> None:
    kinds = [Unavailable]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    for kind in kinds:
        needed = [one for one in signature(kind).parameters.values() if one.default is one.empty]
        evidence = ["x" for one in needed if one.kind is one.POSITIONAL_OR_KEYWORD]
        reply = error_reply(kind(*evidence), "key")
        assert (reply.status, dict(reply.headers)[b"retry-after"]) == (503, b"1")
