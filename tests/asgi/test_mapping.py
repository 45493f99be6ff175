"""The session of a request as a mapping: saved with the answer, in one act, never over another request's change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sojourn.asgi import RequestSession, SessionConflict, SessionMiddleware, SessionNotLoaded
from sojourn.bootstrap import Engine
from sojourn.config.project import load_project
from sojourn.core.clock import ManualClock
from sojourn.core.errors import ResponseAlreadySent
from sojourn.http.wire import Receive, Scope, Send
from sojourn.stores.base import Lifecycle, SessionLimit
from tests.contrib.conftest import cheap
from tests.http.conftest import PASSWORD
from tests.http.wire_client import Answer, Client, Pair, cookie_of

pytestmark = pytest.mark.anyio

OURS = ("sec-fetch-site", "same-origin")
Work = Callable[[RequestSession], Awaitable[Any]]


def behind(engine: Engine, work: Work, *, status: int = 200, preload: bool = False) -> Client:
    """A client of an application that answers what ``work`` returns."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["state"]["session"] is scope["session"]
        value = await work(scope["session"])
        await send({"type": "http.response.start", "status": status, "headers": [(b"x-app", b"1")]})
        await send({"type": "http.response.body", "body": json.dumps(value).encode()})

    return Client(SessionMiddleware(app, engine=engine, realm="web", preload=preload))


def doing(act: Callable[[RequestSession], Any], *, load: bool = True) -> Work:
    """Load the session, then use it as a mapping."""

    async def work(session: RequestSession) -> Any:
        if load:
            await session.load()
        return act(session)

    return work


async def begun(engine: Engine, **values: Any) -> Pair:
    return cookie_of(await behind(engine, doing(lambda session: session.update(values))).post("/", OURS))


async def stored(engine: Engine, cookie: Pair) -> Any:
    return (await behind(engine, lambda session: session.fields.all()).get("/", cookie)).json()


async def live(engine: Engine) -> int:
    return len(await engine.rules.sessions.list(engine.realm("web")))


async def test_what_was_set_is_saved_before_the_answer_begins_and_found_by_the_next_request(engine: Engine) -> None:
    def use(session: RequestSession) -> None:
        session["cart"] = ["A1"]
        session["n"] = 1

    answer = await behind(engine, doing(use, load=False)).post("/", OURS)
    assert answer.header("x-app") == "1"

    def read(session: RequestSession) -> Any:
        return [session["cart"], session.get("x", 7), "n" in session, sorted(session), len(session), dict(session)]

    again = await behind(engine, doing(read)).get("/", cookie_of(answer))
    assert again.json() == [["A1"], 7, True, ["cart", "n"], 2, {"cart": ["A1"], "n": 1}]


async def test_everything_that_changed_is_written_in_one_act(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = await begun(engine, cart=["A1"], n=1, old=1, same=1)
    writes = []
    change = type(engine.rules.store).change

    async def noted(*arguments: Any, **options: Any) -> Any:
        writes.append(sorted((op.kind, op.name) for op in arguments[4]))
        return await change(*arguments, **options)

    monkeypatch.setattr(type(engine.rules.store), "change", noted)

    def use(session: RequestSession) -> None:
        session["cart"].append("B2")
        session["n"] += 1
        session["new"] = session.pop("old") + session["same"]

    await behind(engine, doing(use)).post("/", OURS, cookie)
    assert writes == [[("append", "cart"), ("put", "new"), ("put_if", "n"), ("put_if", "old")]]
    assert await stored(engine, cookie) == {"cart": ["A1", "B2"], "n": 2, "new": 2, "same": 1}


async def test_reading_items_that_were_not_loaded_says_what_to_do(engine: Engine) -> None:
    for act in (
        lambda session: session["n"],
        lambda session: session.get("n"),
        lambda session: "n" in session,
        list,
        bool,
        lambda session: session.pop("n", None),
    ):

        async def work(session: RequestSession, act: Any = act) -> None:
            with pytest.raises(SessionNotLoaded, match=r"session\.load"):
                act(session)

        assert (await behind(engine, work).get("/")).status == 200
    assert (await behind(engine, doing(lambda session: session["n"], load=False)).get("/")).status == 500


async def test_preload_makes_items_readable_at_once_and_costs_a_visitor_without_cookie_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = await begun(engine, n=1)
    loads = 0
    load = type(engine.rules.store).load

    async def counted(*arguments: Any) -> Any:
        nonlocal loads
        loads += 1
        return await load(*arguments)

    monkeypatch.setattr(type(engine.rules.store), "load", counted)
    client = behind(engine, doing(lambda session: session.get("n", 0), load=False), preload=True)
    assert (await client.get("/", cookie)).json() == 1
    assert loads == 1
    answer = await client.get("/")
    assert (answer.json(), answer.cookies, answer.header("cache-control"), loads) == (0, [], "no-store", 1)
    idle = await behind(engine, doing(lambda _session: None, load=False), preload=True).get("/")
    assert idle.header("cache-control") == ""
    assert await live(engine) == 1


async def test_two_requests_that_change_different_items_both_win(engine: Engine) -> None:
    cookie = await begun(engine, a=0, b=0, log=[])
    met = asyncio.Barrier(8)

    def adding(number: int) -> Work:
        async def work(session: RequestSession) -> None:
            await session.load()
            session[f"f{number}"] = number
            session["log"].append(number)
            await met.wait()

        return work

    answers = await asyncio.gather(*(behind(engine, adding(n)).post("/", OURS, cookie) for n in range(8)))
    assert {answer.status for answer in answers} == {200}
    fields = await stored(engine, cookie)
    assert sorted(fields.pop("log")) == list(range(8))
    assert fields == {"a": 0, "b": 0} | {f"f{n}": n for n in range(8)}


async def race(engine: Engine, cookie: Pair, work: Callable[[RequestSession], Any]) -> list[Answer]:
    """Two requests that both read before either of them writes."""
    met = asyncio.Barrier(2)

    async def meeting(session: RequestSession) -> Any:
        await session.load()
        value = work(session)
        await met.wait()
        return value

    answers = [behind(engine, meeting).post("/", OURS, cookie) for _ in range(2)]
    return sorted(await asyncio.gather(*answers), key=lambda answer: answer.status)


async def test_of_two_requests_that_change_what_they_read_the_slower_is_answered_409(engine: Engine) -> None:
    cookie = await begun(engine, n=1)

    def count(session: RequestSession) -> Any:
        session["n"] += 1
        return "counted"

    won, lost = await race(engine, cookie, count)
    assert (won.status, won.json()) == (200, "counted")
    assert (lost.status, lost.json()["code"], lost.header("x-app")) == (409, "session.conflict", "")
    assert lost.header("cache-control") == "no-store"
    assert await stored(engine, cookie) == {"n": 2}


async def test_an_item_set_without_being_read_never_conflicts(engine: Engine) -> None:
    cookie = await begun(engine, theme="light")
    answers = await race(engine, cookie, lambda session: session.update(theme="dark"))
    assert [answer.status for answer in answers] == [200, 200]


async def test_the_application_can_save_and_meet_the_conflict_itself(engine: Engine) -> None:
    cookie = await begun(engine, n=1)

    async def slow(session: RequestSession) -> Any:
        await session.load()
        session["n"] += 1
        await behind(engine, lambda other: other.fields.put(n=10)).post("/", OURS, cookie)
        try:
            await session.save()
        except SessionConflict as error:
            await session.reload()
            session["n"] += 1
            return [error.name, error.expected, error.found]

    answer = await behind(engine, slow).post("/", OURS, cookie)
    assert answer.json() == ["n", 1, 2]
    assert await stored(engine, cookie) == {"n": 11}


async def test_after_a_refusal_nothing_of_the_applications_answer_goes_out(engine: Engine) -> None:
    cookie = await begun(engine, n=1)
    ran: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        session = await scope["session"].load()
        session["n"] += 1
        await behind(engine, lambda other: other.fields.put(n=10)).post("/", OURS, cookie)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"dropped", "more_body": True})
        await send({"type": "http.response.body", "body": b"dropped"})
        ran.append("to its end")

    answer = await Client(SessionMiddleware(app, engine=engine, realm="web")).post("/", OURS, cookie)
    assert (answer.status, answer.json()["code"], ran) == (409, "session.conflict", ["to its end"])


async def test_an_answer_of_500_and_more_saves_nothing(engine: Engine) -> None:
    cookie = await begun(engine, n=1)
    change = doing(lambda session: session.update(n=2))
    assert (await behind(engine, change, status=503).post("/", OURS, cookie)).status == 503
    assert await stored(engine, cookie) == {"n": 1}
    assert (await behind(engine, change, status=404).post("/", OURS, cookie)).status == 404
    assert await stored(engine, cookie) == {"n": 2}


async def test_a_change_after_the_answer_began_is_refused_and_never_lost_in_silence(engine: Engine) -> None:
    cookie = await begun(engine, n=1, cart=["A"])
    done: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        session = await scope["session"].load()
        cart = session["cart"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for act in (
            lambda: session.update(n=2),
            lambda: session.pop("n"),
            session.clear,
            lambda: session.setdefault("x"),
        ):
            with pytest.raises(ResponseAlreadySent):
                act()
            done.append("refused")
        cart.append("B")
        await send({"type": "http.response.body", "body": b""})

    with pytest.raises(ResponseAlreadySent):
        await Client(SessionMiddleware(app, engine=engine, realm="web")).post("/", OURS, cookie)
    assert done == ["refused"] * 4
    assert await stored(engine, cookie) == {"n": 1, "cart": ["A"]}


async def test_a_dead_session_is_never_replaced_by_what_is_set(engine: Engine) -> None:
    cookie = await begun(engine, n=1)
    await behind(engine, lambda session: session.end()).post("/", OURS, cookie)
    answer = await behind(engine, doing(lambda session: session.update(n=2))).post("/", OURS, cookie)
    assert (answer.status, answer.json()["code"], answer.cookies) == (401, "session.ended", [])
    assert await live(engine) == 0


async def test_clear_ends_the_session_so_that_a_copy_of_its_cookie_opens_nothing(engine: Engine) -> None:
    cookie = await begun(engine, n=1)
    answer = await behind(engine, doing(lambda session: session.clear(), load=False)).post("/", OURS, cookie)
    assert "Max-Age=0" in answer.cookies[0]
    assert await live(engine) == 0
    again = await behind(engine, lambda session: session.fields.get("n")).get("/", cookie)
    assert again.json() is None


async def test_what_is_set_after_clear_begins_a_new_session(engine: Engine) -> None:
    before = await begun(engine, n=1, old=1)

    def login(session: RequestSession) -> Any:
        session.clear()
        session["user"] = 7
        return dict(session)

    answer = await behind(engine, doing(login)).post("/", OURS, before)
    assert answer.json() == {"user": 7}
    after = cookie_of(answer)
    assert after[1][:60] != before[1][:60]
    assert await stored(engine, after) == {"user": 7}
    # The same with a cookie that is dead already: who clears has said that the old one may go.
    once_more = await behind(engine, doing(login)).post("/", OURS, before)
    assert await stored(engine, cookie_of(once_more)) == {"user": 7}
    assert await live(engine) == 2


async def test_rotate_saves_first_keeps_all_and_what_follows_goes_on_under_the_new_secret(engine: Engine) -> None:
    before = await begun(engine, cart=["A"], n=1)

    async def rotate(session: RequestSession) -> Any:
        await session.load()
        cart = session["cart"]
        session["n"] += 1
        await session.rotate()
        session["n"] += 1
        cart.append("B")
        return session["cart"]

    answer = await behind(engine, rotate).post("/", OURS, before)
    assert answer.json() == ["A", "B"]
    assert await stored(engine, cookie_of(answer)) == {"cart": ["A", "B"], "n": 3}
    late = await behind(engine, doing(lambda session: session.update(n=9))).post("/", OURS, before)
    assert (late.status, late.json()["code"]) == (401, "session.replaced")


async def test_rotate_tells_the_engine_whom_the_application_has_logged_in(engine: Engine) -> None:
    before = await begun(engine, n=1)

    async def login(session: RequestSession) -> Any:
        await session.rotate(user="42")

    after = cookie_of(await behind(engine, login).post("/", OURS, before))
    (session,) = await engine.rules.sessions.list(engine.realm("web"), "x:@app:42")
    assert session.identity.subject == "42"

    async def logout(session: RequestSession) -> Any:
        await session.rotate(user="")
        return session["n"]

    assert (await behind(engine, logout).post("/", OURS, after)).json() == 1
    assert await engine.rules.sessions.list(engine.realm("web"), "x:@app:42") == []
    assert await live(engine) == 1


async def test_login_saves_first_and_shows_the_items_of_who_is_logged_in(engine: Engine) -> None:
    async def login(session: RequestSession) -> Any:
        await session.load()
        session["cart"] = ["A"]
        assert await session.login("ana", PASSWORD)
        return [session.user_name, session["cart"]]

    answer = await behind(engine, login).post("/", OURS)
    assert answer.json() == ["ana", ["A"]]

    async def as_ben(session: RequestSession) -> Any:
        await session.load()
        assert session["cart"] == ["A"]
        assert await session.login("ben", PASSWORD)
        return [session.user_name, dict(session)]

    other = await behind(engine, as_ben).post("/", OURS, cookie_of(answer))
    assert other.json() == ["ben", {}]


async def test_a_login_over_the_limit_may_end_another_session_of_the_account(folder: Path, clock: ManualClock) -> None:
    (folder / "realms" / "web" / "realm.json").write_text('{"sessionTrackingEnabled": true, "maxSessionsPerUser": 1}')
    async with Engine.open(load_project(folder, {}), clock=clock, hasher=cheap()) as engine:

        async def login(session: RequestSession) -> Any:
            try:
                return await session.login("ana", PASSWORD)
            except SessionLimit as full:
                return await session.login("ana", PASSWORD, end_session=full.live[0].id)

        for _ in range(2):
            assert (await behind(engine, login).post("/", OURS)).json() is True
        assert await live(engine) == 1


async def test_a_realm_that_tracks_clients_knows_the_device_again(folder: Path, clock: ManualClock) -> None:
    (folder / "realms" / "web" / "realm.json").write_text(
        '{"sessionTrackingEnabled": true, "clientTrackingEnabled": true}'
    )
    async with Engine.open(load_project(folder, {}), clock=clock, hasher=cheap()) as engine:
        visit = await behind(engine, doing(lambda _session: None, load=False)).get("/", OURS)
        (cookie,) = visit.cookies
        assert cookie.startswith("sojourn_cid.web=")
        assert visit.header("cache-control") == "no-store"
        client = ("cookie", cookie.partition(";")[0])
        answer = await behind(engine, doing(lambda session: session.update(n=1))).post("/", OURS, client)
        assert [text.partition("=")[0] for text in answer.cookies] == ["sojourn_sid.web"]
        (session,) = await engine.rules.sessions.list(engine.realm("web"))
        assert session.device.client != ""
        assert session.device.client not in cookie
        twice = ("cookie", f"{client[1]}; {client[1]}")
        assert (await behind(engine, doing(lambda _session: None, load=False)).get("/", OURS, twice)).cookies == []
        other = Client(behind(engine, doing(lambda _session: None, load=False))._app, host="elsewhere.example")
        assert (await other.get("/", OURS)).cookies == []


async def test_after_end_nothing_of_the_mapping_is_left_to_save(engine: Engine) -> None:
    cookie = await begun(engine, n=1)

    async def end(session: RequestSession) -> Any:
        await session.load()
        session["n"] = 2
        await session.end()
        return dict(session)

    answer = await behind(engine, end).post("/", OURS, cookie)
    assert (answer.status, answer.json(), await live(engine)) == (200, {}, 0)


async def test_items_and_fields_are_the_same_thing(engine: Engine) -> None:
    cookie = await begun(engine, n=1, log=[])

    async def work(session: RequestSession) -> Any:
        await session.load()
        assert session["n"] == 1
        await session.fields.increment("n")
        assert session["n"] == 2
        session["n"] += 1
        await session.fields.append("log", "x")
        with pytest.raises(SessionNotLoaded):
            len(session)
        await session.load()
        return session["log"]

    assert (await behind(engine, work).post("/", OURS, cookie)).json() == ["x"]
    assert await stored(engine, cookie) == {"n": 3, "log": ["x"]}


async def test_a_get_of_another_site_can_set_nothing(engine: Engine) -> None:
    cookie = await begun(engine, n=1)
    cross = ("sec-fetch-site", "cross-site")
    change = behind(engine, doing(lambda session: session.update(n=2)))
    assert (await change.get("/", cookie, cross)).json()["code"] == "request.cross_site"
    assert (await behind(engine, doing(lambda session: session["n"])).get("/", cookie, cross)).json() == 1


async def test_a_store_that_is_gone_is_503_in_place_of_the_answer(engine: Engine) -> None:
    cookie = await begun(engine, n=1)
    change = behind(engine, doing(lambda session: session.update(n=2), load=False))
    assert isinstance(engine.rules.store, Lifecycle)
    await engine.rules.store.close()
    answer = await change.post("/", OURS, cookie)
    assert (answer.status, answer.json()["code"], answer.cookies) == (503, "store.unavailable", [])


async def test_nothing_of_the_items_is_in_the_text_of_the_session(engine: Engine) -> None:
    cookie = await begun(engine, n="secret")
    text = (await behind(engine, doing(repr)).get("/", cookie)).json()
    assert text.startswith("<RequestSession ")
    assert "secret" not in text
    assert cookie[1].partition("=")[2].partition(".")[2] not in text


@pytest.mark.parametrize("clears", [False, True])
async def test_an_end_by_the_loser_of_a_race_is_refused_because_the_session_lives_on(
    engine: Engine, *, clears: bool
) -> None:
    async def rotate(session: RequestSession) -> None:
        await session.rotate()

    async def end(session: RequestSession) -> None:
        session.clear() if clears else await session.end()

    old = await begun(engine, a=1)
    new = cookie_of(await behind(engine, rotate).post("/", OURS, old))
    refused = await behind(engine, end).post("/", OURS, old)
    assert (refused.status, refused.json()["code"], refused.cookies) == (401, "session.replaced", [])
    assert await live(engine) == 1
    assert (await behind(engine, end).post("/", OURS, new)).status == 200
    assert await live(engine) == 0
