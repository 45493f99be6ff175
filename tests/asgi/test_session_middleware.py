"""``SessionMiddleware`` around a small application, on a real engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sojourn.asgi import NotTracking, RequestSession, SessionMiddleware
from sojourn.bootstrap import Engine
from sojourn.core.clock import MINUTE, ManualClock
from sojourn.core.errors import SojournError
from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.http.wire import AsgiApp, Receive, Scope, Send
from sojourn.stores.base import Lifecycle
from tests.http.conftest import PASSWORD
from tests.http.wire_client import Client, Pair, cookie_of

pytestmark = pytest.mark.anyio

OURS = ("sec-fetch-site", "same-origin")
Work = Callable[[RequestSession], Awaitable[Any]]


def behind(engine: Engine, work: Work, realm: str = "web") -> Client:
    """A client of an application that answers what ``work`` returns."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        value = await work(scope["session"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"public")]})
        await send({"type": "http.response.body", "body": json.dumps(value).encode()})

    return Client(SessionMiddleware(app, engine=engine, realm=realm))


async def begun(engine: Engine, **values: Any) -> Pair:
    return cookie_of(await behind(engine, lambda session: session.fields.put(**(values or {"n": 1}))).post("/", OURS))


async def test_a_visit_begins_no_record_and_sets_no_cookie(engine: Engine) -> None:
    async def look(session: RequestSession) -> Any:
        assert session.is_new
        return [await session.fields.get("n", 7), await session.fields.all(), session.user_name, session.id]

    answer = await behind(engine, look).get("/")
    assert answer.json() == [7, {}, "anonymous", ""]
    assert answer.cookies == []
    assert await engine.rules.sessions.list(engine.realm("web")) == []


async def test_the_first_write_begins_a_session_and_the_next_request_finds_it(engine: Engine) -> None:
    first = await behind(engine, lambda session: session.fields.put(cart={"sku": "A1"}, n=1)).post("/", OURS)
    assert first.cookies[0].startswith("sojourn_sid.web=")
    assert first.header("cache-control") == "no-store"
    second = await behind(engine, lambda session: session.fields.all()).get("/", cookie_of(first))
    assert second.json() == {"cart": {"sku": "A1"}, "n": 1}
    assert second.cookies == []
    assert second.header("cache-control") == "no-store"


async def test_a_request_reads_what_it_wrote(engine: Engine) -> None:
    async def work(session: RequestSession) -> Any:
        fields = session.fields
        await fields.put(a=1, b=[1], c={"x": 1}, d=1)
        assert await fields.increment("a", 2) == 3
        await fields.append("b", 2)
        await fields.merge("c", {"y": 2})
        await fields.delete("d")
        version = (await fields.get_with_version("a")).version
        await fields.put_if("a", 9, version=version)
        return await fields.all()

    want = {"a": 9, "b": [1, 2], "c": {"x": 1, "y": 2}}
    fresh = await behind(engine, work).post("/", OURS)
    assert fresh.json() == want
    assert (await behind(engine, work).post("/", OURS, cookie_of(fresh))).json() == want


async def test_parallel_increments_are_exact_and_parallel_puts_lose_nothing(engine: Engine) -> None:
    cookie = await begun(engine, n=0)
    counting = behind(engine, lambda session: session.fields.increment("n"))
    putting = [behind(engine, _putting(f"f{i}", i)) for i in range(8)]
    await asyncio.gather(*(client.post("/", OURS, cookie) for client in [*([counting] * 16), *putting]))
    fields = (await behind(engine, lambda session: session.fields.all()).get("/", cookie)).json()
    assert fields == {"n": 16} | {f"f{i}": i for i in range(8)}


def _putting(name: str, value: int) -> Work:
    return lambda session: session.fields.put_all({name: value})


async def test_a_session_is_loaded_once_and_only_when_it_is_used(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = await begun(engine)
    loads = 0
    load = type(engine.rules.store).load

    async def counted(*arguments: Any) -> Any:
        nonlocal loads
        loads += 1
        return await load(*arguments)

    monkeypatch.setattr(type(engine.rules.store), "load", counted)

    async def unused(_session: RequestSession) -> Any:
        return None

    async def used(session: RequestSession) -> Any:
        await session.fields.put(n=await session.fields.get("n") + 1)
        return [await session.fields.get("n"), session.id != ""]

    await behind(engine, unused).get("/", cookie)
    assert loads == 0
    assert (await behind(engine, used).post("/", OURS, cookie)).json() == [2, True]
    assert loads == 1


async def test_login_gives_the_session_its_user_a_new_secret_and_keeps_its_fields(engine: Engine) -> None:
    await engine.rules.grants.grant("ana", "cart.read")
    ana = await engine.rules.users.find("main", "ana")
    assert ana is not None
    before = await begun(engine, cart=["A1"])

    async def login(session: RequestSession) -> Any:
        assert not await session.login("ana", "wrong")
        assert await session.login("ana", PASSWORD)
        return [session.user_name, session.user_key, sorted(session.scope), await session.fields.get("cart")]

    answer = await behind(engine, login).post("/", OURS, before)
    assert answer.json() == ["ana", ana.key, ["cart.read"], ["A1"]]
    assert cookie_of(answer) != before
    who = behind(engine, _who)
    assert (await who.get("/", cookie_of(answer))).json() == ["ana", False, ""]
    assert (await who.get("/", before)).json() == ["anonymous", True, "session.replaced"]


async def _who(session: RequestSession) -> Any:
    await session.load()
    return [session.user_name, session.is_new, session.lost]


async def test_rotate_gives_a_new_secret_and_keeps_everything(engine: Engine) -> None:
    before = await begun(engine, n=5)

    async def rotate(session: RequestSession) -> Any:
        await session.rotate()
        return await session.fields.increment("n")

    answer = await behind(engine, rotate).post("/", OURS, before)
    assert answer.json() == 6
    assert cookie_of(answer)[1].partition(".web=")[2][:43] == before[1].partition(".web=")[2][:43]
    assert cookie_of(answer) != before


async def test_end_is_final_and_expires_the_cookie(engine: Engine) -> None:
    cookie = await begun(engine)
    answer = await behind(engine, lambda session: session.end()).post("/", OURS, cookie)
    assert "Max-Age=0" in answer.cookies[0]
    assert answer.header("clear-site-data") == '"cache"'
    write = behind(engine, lambda session: session.fields.put(n=2))
    after = await write.post("/", OURS, cookie)
    assert (after.status, after.json()["code"], after.json()["reason"]) == (401, "session.ended", "logout")
    assert after.cookies == []


async def test_a_refusal_after_login_still_carries_the_new_cookie(engine: Engine) -> None:
    before = await begun(engine, n=1)

    async def login_and_fail(session: RequestSession) -> Any:
        await session.login("ana", PASSWORD)
        await session.fields.put_if("n", 2, version=99)

    answer = await behind(engine, login_and_fail).post("/", OURS, before)
    assert answer.status == 409
    again = await behind(engine, lambda session: session.fields.get("n")).get("/", cookie_of(answer))
    assert again.json() == 1


async def test_another_site_cannot_make_a_dead_cookie_expire(engine: Engine) -> None:
    cookie = await begun(engine, n=1)

    async def end(session: RequestSession) -> Any:
        await session.end()

    assert len((await behind(engine, end).post("/", OURS, cookie)).cookies) == 1
    elsewhere = ("sec-fetch-site", "cross-site")
    assert (await behind(engine, end).get("/", elsewhere, cookie)).cookies == []
    assert len((await behind(engine, end).get("/", OURS, cookie)).cookies) == 1


async def test_a_slow_request_cannot_bring_an_ended_session_back(engine: Engine) -> None:
    cookie = await begun(engine)

    async def slow(session: RequestSession) -> Any:
        value = await session.fields.get("n")
        await behind(engine, lambda other: other.end()).post("/", OURS, cookie)
        await session.fields.put(n=value + 1)

    answer = await behind(engine, slow).post("/", OURS, cookie)
    assert (answer.status, answer.json()["code"]) == (401, "session.ended")
    assert await engine.rules.sessions.list(engine.realm("web")) == []


@pytest.mark.parametrize("value", ["x", f"{'a' * 43}.{'b' * 43}"])
async def test_an_unknown_secret_reads_as_anonymous_and_is_never_adopted(engine: Engine, value: str) -> None:
    dead = ("cookie", f"sojourn_sid.web={value}")
    look = await behind(engine, _who).get("/", dead)
    assert (look.json(), look.cookies) == (["anonymous", True, "session.unknown"], [])
    write = await behind(engine, lambda session: session.fields.put(n=1)).post("/", OURS, dead)
    assert (write.status, write.cookies) == (401, [])


async def test_an_unsafe_request_of_another_site_never_reaches_the_application(engine: Engine) -> None:
    cookie = await begun(engine)
    reached = []

    async def work(_session: RequestSession) -> Any:
        reached.append(1)

    client = behind(engine, work)
    for headers in ([("sec-fetch-site", "cross-site")], [("origin", "https://evil.example")], []):
        answer = await client.post("/", cookie, *headers)
        assert (answer.status, answer.json()["code"]) == (403, "request.cross_site")
    assert reached == []


async def test_a_get_of_another_site_reads_but_writes_nothing(engine: Engine) -> None:
    cookie = await begun(engine, n=1)
    cross = ("sec-fetch-site", "cross-site")
    assert (await behind(engine, lambda session: session.fields.get("n")).get("/", cookie, cross)).json() == 1
    for work in (
        lambda session: session.fields.put(n=2),
        lambda session: session.rotate(),
        lambda session: session.end(),
        lambda session: session.login("ana", PASSWORD),
    ):
        answer = await behind(engine, work).get("/", cookie, cross)
        assert (answer.status, answer.json()["code"], answer.cookies) == (403, "request.cross_site", [])
    begin = await behind(engine, lambda session: session.fields.put(n=2)).get("/", cross)
    assert (begin.status, begin.cookies) == (403, [])
    assert (await behind(engine, lambda session: session.fields.get("n")).get("/", cookie)).json() == 1


async def test_a_session_lives_by_its_requests_and_dies_idle(engine: Engine, clock: ManualClock) -> None:
    cookie = await begun(engine)
    read = behind(engine, _who)
    for _ in range(3):
        clock.advance(10 * MINUTE)
        assert (await read.get("/", cookie)).json() == ["anonymous", False, ""]
    clock.advance(15 * MINUTE)
    assert (await read.get("/", cookie)).json() == ["anonymous", True, "session.ended"]


async def test_no_session_begins_where_its_cookie_cannot_be_secure(engine: Engine) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await scope["session"].fields.put(n=1)

    far = Client(SessionMiddleware(app, engine=engine, realm="web"), server=("192.0.2.1", 8420), peer="203.0.113.7")
    answer = await far.post("/", OURS)
    assert (answer.status, answer.json()["code"]) == (500, "request.insecure_cookie")
    assert await engine.rules.sessions.list(engine.realm("web")) == []


async def test_after_the_answer_began_no_session_can_begin(engine: Engine) -> None:
    caught = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for act in (scope["session"].fields.put(n=1), scope["session"].login("ana", PASSWORD)):
            try:
                await act
            except SojournError as error:
                caught.append(error.code)
        await send({"type": "http.response.body", "body": b""})

    await Client(SessionMiddleware(app, engine=engine, realm="web")).post("/", OURS)
    assert caught == ["response.already_sent"] * 2
    assert await engine.rules.sessions.list(engine.realm("web")) == []


async def test_a_store_that_cannot_be_read_is_503_and_never_an_empty_session(engine: Engine) -> None:
    cookie = await begun(engine)
    assert isinstance(engine.rules.store, Lifecycle)
    await engine.rules.store.close()
    answer = await behind(engine, lambda session: session.fields.all()).get("/", cookie)
    assert (answer.status, answer.header("retry-after"), answer.cookies) == (503, "1", [])


async def test_two_cookies_of_our_name_are_no_session(engine: Engine) -> None:
    cookie = await begun(engine)
    twice = ("cookie", f"{cookie[1]}; {cookie[1]}")
    answer = await behind(engine, _who).get("/", twice)
    assert answer.json() == ["anonymous", True, ""]
    assert engine.rules.audit.refusals()["cookie.ambiguous"] == 1


def test_the_realm_must_be_there_and_follow_its_sessions_by_cookie(made_project: Path) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError

    async def main() -> None:
        async with Engine.open(made_project) as engine:
            with pytest.raises(NotTracking):
                SessionMiddleware(app, engine=engine, realm="acme")
            with pytest.raises(RealmUnknown):
                SessionMiddleware(app, engine=engine, realm="gone")

    asyncio.run(main())


async def _has_none(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("no lifespan here")


async def _says_nothing(scope: Scope, receive: Receive, send: Send) -> None:
    return


async def _has_its_own(scope: Scope, receive: Receive, send: Send) -> None:
    for _ in range(2):
        event = await receive()
        await send({"type": f"{event['type']}.complete"})


@pytest.mark.parametrize("lifespan", [_has_none, _says_nothing, _has_its_own])
async def test_a_project_folder_is_opened_with_the_lifespan(folder: Path, lifespan: AsgiApp) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(scope, receive, send)
            return
        count = await scope["session"].fields.increment("n")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(count).encode()})

    middleware = SessionMiddleware(app, engine=folder, realm="web")
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    outgoing: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.create_task(middleware({"type": "lifespan"}, incoming.get, outgoing.put))
    await incoming.put({"type": "lifespan.startup"})
    assert await outgoing.get() == {"type": "lifespan.startup.complete"}
    answer = await Client(middleware).post("/", OURS)
    assert (answer.status, answer.body) == (200, b"1")
    await incoming.put({"type": "lifespan.shutdown"})
    assert await outgoing.get() == {"type": "lifespan.shutdown.complete"}
    await life
    with pytest.raises(RuntimeError):
        await Client(middleware).get("/")


async def test_other_connections_pass_by(engine: Engine) -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["type"], "session" in scope))

    async def nothing() -> Any:
        return {}

    async def send(event: Any) -> None:
        raise AssertionError

    await SessionMiddleware(app, engine=engine, realm="web")({"type": "websocket"}, nothing, send)
    assert seen == [("websocket", False)]
