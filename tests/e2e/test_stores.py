"""Two processes of the real engine on each session store: killed, cut off, paused, raced, and counted from outside."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.e2e.conftest import PASSWORD, login
from tests.e2e.pair import Line, Pair, Tally, refused, start
from tests.e2e.process import Answer, EngineProcess

WRITERS = 8
on_a_server = pytest.mark.parametrize("pair", ["postgresql", "valkey"], indirect=True)


def test_a_login_at_one_process_is_a_session_at_the_other_until_its_logout(pair: Pair) -> None:
    one, other = pair.engines
    ana = login(pair.shop, one)
    assert ana.add("A1", 2).status == 200
    there = ana._replace(engine=other)
    assert there.view().json()["cart"] == {"sku": "A1", "qty": 2}
    assert there.logout().status == 200
    for client in (ana, there):
        assert client.view().status == client.add("B2").status == 401
        assert client.view().json()["reason"] == "logout"


def writing(pair: Pair, act: Callable[[], object]) -> tuple[list[Tally], list[str]]:
    """Clients of both processes write and log out while ``act`` happens; what they were told, and who is out."""
    tallies = [Tally(token) for token in pair.enter(WRITERS)]
    leaving, gone, stop = pair.enter(40), [], Event()

    def leave() -> None:
        with pair.lines() as lines:
            while leaving and not stop.is_set():
                token = leaving.pop()
                gone.extend([token] if any(left(pair, line, token) for line in lines) else [])
                time.sleep(0.01)

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        tasks = [pool.submit(tally.write, pair, number % 2, stop) for number, tally in enumerate(tallies)]
        tasks.append(pool.submit(leave))
        try:
            time.sleep(0.4)
            act()
        finally:
            stop.set()
        for task in tasks:
            task.result()
    return tallies, gone


def left(pair: Pair, line: Line, token: str) -> bool:
    """Whether the logout was acknowledged."""
    try:
        return pair.call(line, "logout", token).status == 200
    except ConnectionError:
        return False


def check(pair: Pair, tallies: list[Tally], gone: list[str]) -> None:
    """All that was acknowledged is there, once; who logged out is out."""
    assert sum(tally.acknowledged for tally in tallies) > 50
    for tally in tallies:
        assert tally.holds(pair), vars(tally)
    assert gone
    for token in gone:
        for engine in pair.engines:
            answer = pair.call(engine, "look", token)
            assert (answer.status, answer.json().get("reason")) == (401, "logout")


def test_kill_9_of_one_process_loses_and_doubles_nothing_and_the_other_serves_on(pair: Pair) -> None:
    victim, other = pair.engines

    def act() -> None:
        victim.kill()
        time.sleep(0.3)

    tallies, gone = writing(pair, act)
    assert other.running
    assert [tally.refused for tally in tallies] == [0] * WRITERS, "the other process refused something"
    assert sum(tally.unknown for tally in tallies) <= WRITERS
    victim.start()
    check(pair, tallies, gone)


@on_a_server
def test_kill_9_of_the_store_loses_nothing_and_nobody_gets_a_fresh_session_meanwhile(pair: Pair) -> None:
    assert pair.server is not None
    server = pair.server
    cookie, (token,) = cookie_of(pair), pair.enter()
    processes = [engine.pid for engine in pair.engines]

    def act() -> None:
        server.kill()
        pair.wait_until(ready=False)
        for engine in pair.engines:
            for request in requests(pair, cookie, token):
                refused(engine, request)
        start(server)
        pair.wait_until(ready=True)

    tallies, gone = writing(pair, act)
    assert sum(tally.refused for tally in tallies) > 0
    check(pair, tallies, gone)
    assert [engine.pid for engine in pair.engines if engine.running] == processes, "an engine was started again"
    for engine in pair.engines:
        assert session_of(engine, cookie).status == 200


def cookie_of(pair: Pair) -> str:
    """A browser that is logged in."""
    answer = pair.engines[0].post("/realms/acme/login", {"userName": "ana", "password": PASSWORD}, SAME_ORIGIN)
    assert answer.status == 200, answer
    return answer.headers["set-cookie"].partition(";")[0]


SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


def session_of(engine: EngineProcess, cookie: str) -> Answer:
    return engine.get("/realms/acme/session", {"cookie": cookie})


def ready(engine: EngineProcess) -> Answer:
    return engine.get("/health/ready")


def requests(pair: Pair, cookie: str, token: str) -> list[Callable[[EngineProcess], Answer]]:
    """What clients ask for: with a cookie, with a token, and without anything."""
    credentials = {"userName": "ana", "password": PASSWORD}
    return [
        lambda engine: session_of(engine, cookie),
        lambda engine: pair.call(engine, "look", token),
        lambda engine: pair.call(engine, "count", token),
        lambda engine: engine.post("/realms/acme/login", credentials, SAME_ORIGIN),
        lambda engine: engine.post("/realms/acme/login", credentials, SAME_ORIGIN | {"cookie": cookie}),
        lambda engine: engine.post("/realms/acme/logout", {}, SAME_ORIGIN | {"cookie": cookie}),
        lambda engine: engine.post("/pipeline/acme/v1/enter", {"sub": "x"}, pair.shop.headers()),
    ]


@on_a_server
def test_a_paused_store_is_503_in_time_and_serves_when_it_goes_on(pair: Pair) -> None:
    assert pair.server is not None
    cookie, (token,) = cookie_of(pair), pair.enter()
    pair.server.pause()
    try:
        with ThreadPoolExecutor(16) as pool:
            asked = [pool.submit(refused, engine, ready) for engine in pair.engines]
            asked += [
                pool.submit(refused, engine, act) for engine in pair.engines for act in requests(pair, cookie, token)
            ]
            for each in asked:
                each.result()
    finally:
        pair.server.resume()
    pair.wait_until(ready=True)
    for engine in pair.engines:
        assert session_of(engine, cookie).status == 200
        assert pair.call(engine, "count", token).status == 200
