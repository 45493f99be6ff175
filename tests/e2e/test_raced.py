"""Clients race through two processes of the engine on each session store: every answer is checked against all others."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from typing import Any

import pytest

from sojourn.bootstrap import open_store
from sojourn.core.clock import SystemClock
from tests.e2e.conftest import PASSWORD
from tests.e2e.pair import MARKS, Line, Pair
from tests.e2e.process import Answer
from tests.patience import HANGS

LOGINS, MOST = 50, 5


class Race:
    """Some clients with the token of one session, each alternating between the processes; it ends with a logout."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self._pair = pair
        (self._token,) = pair.enter()
        self._seed = seed
        self._ended = threading.Event()
        self._together = threading.Barrier(len(MARKS))
        #: What was counted, at which versions values were replaced, and how many counts nobody knows of.
        self.counted: list[int] = []
        self.replaced: list[int] = []
        self.unknown = 0
        self.acts = 0
        self.faults: list[str] = []

    def run(self, acts: int) -> None:
        """At least ``acts`` acts of each client."""
        with ThreadPoolExecutor(len(MARKS)) as pool:
            for client in [pool.submit(self._client, number, acts) for number in range(len(MARKS))]:
                client.result(timeout=HANGS)
        if len(set(self.counted)) != len(self.counted):
            self.faults.append("two increments gave the same number")
        if not 0 <= max(self.counted) - len(self.counted) <= self.unknown:
            self.faults.append(f"{len(self.counted)} increments were acknowledged, and they gave {max(self.counted)}")
        if len(set(self.replaced)) != len(self.replaced):
            self.faults.append("one version was replaced twice")

    def _client(self, number: int, acts: int) -> None:
        chance, mine = random.Random(f"{self._seed}/{number}"), None
        with self._pair.lines() as lines:
            for turn in count():
                if turn == acts:
                    self._together.wait(timeout=HANGS)
                if turn == acts + 3 and number == 0:
                    self._logout(chance.choice(lines))
                after = self._ended.is_set()
                line, what = chance.choice(lines), chance.choices(["count", "mark", "swap", "look"], (4, 3, 2, 2))[0]
                answer, mine = self._act(line, what, number, mine, turn)
                self.acts += 1
                if answer.status == 401:
                    self._refused(answer, what, after=after, early=turn < acts)
                    return
                if after:
                    self.faults.append(f"{what} was {answer.status} after the logout was acknowledged")
                    return

    def _act(self, line: Line, what: str, number: int, mine: Any, turn: int) -> tuple[Answer, Any]:
        """One act; what this client has put last."""
        body: Any = None
        if what == "mark":
            body = {MARKS[number]: f"{number}.{turn}"}
        elif what == "swap":
            looked = self._call(line, "look")
            if looked.status == 401:
                return looked, mine
            body = {"x": f"{number}.{turn}", "seen": looked.json()["v"]["x"]}
        answer = self._call(line, what, body)
        if answer.status == 200:
            mine = self._done(what, body, answer, number, mine)
        elif answer.status != 401 and (what, answer.status) != ("swap", 409):
            self.faults.append(f"{what} was {answer.status}: {answer.body!r}")
        return answer, mine

    def _done(self, what: str, body: Any, answer: Answer, number: int, mine: Any) -> Any:
        if what == "mark":
            return body[MARKS[number]]
        if what == "count":
            self.counted.append(answer.json()["n"])
        elif what == "swap":
            self.replaced.append(body["seen"])
        elif answer.json().get(MARKS[number]) != mine:
            self.faults.append(f"{mine} was put, and {answer.json().get(MARKS[number])} was there")
        return mine

    def _refused(self, answer: Answer, what: str, *, after: bool, early: bool) -> None:
        if early or answer.json()["reason"] != "logout":
            self.faults.append(f"{what} was refused: {answer.body!r}")
        self.unknown += what == "count" and not after

    def _logout(self, line: Line) -> None:
        assert self._call(line, "logout").status == 200
        self._ended.set()

    def _call(self, line: Line, name: str, body: object = None) -> Answer:
        return self._pair.call(line, name, self._token, body)


def test_raced_requests_through_two_processes_give_exact_results(pair: Pair) -> None:
    race = Race(pair, 0)
    race.run(60)
    assert race.faults == []
    assert len(race.counted) > 100
    assert len(race.replaced) > 10


@pytest.mark.soak
def test_a_hundred_thousand_raced_requests_give_exact_results(pair: Pair) -> None:
    acts, until = 0, time.monotonic() + 1_800
    for seed in count():
        race = Race(pair, seed)
        race.run(250)
        assert race.faults == [], seed
        acts += race.acts
        if acts >= 100_000:
            return
        assert time.monotonic() < until, f"{acts} acts only"


@pytest.mark.parametrize("realm", ["newest", pytest.param("few", marks=pytest.mark.soak)])
def test_50_simultaneous_logins_never_show_more_than_5_sessions(pair: Pair, realm: str) -> None:
    together = threading.Barrier(LOGINS)

    def enter(number: int) -> Answer:
        while True:
            answer = pair.engines[number % 2].post(
                f"/realms/{realm}/login", {"userName": "ana", "password": PASSWORD}, {"sec-fetch-site": "same-origin"}
            )
            if answer.status != 503:  # many passwords at once
                return answer

    def enter_together(number: int) -> Answer:
        together.wait(timeout=HANGS)
        return enter(number)

    # Of so many tries of one account at once only some are looked at: one place is left to them.
    assert [enter(number).status for number in range(MOST - 1)] == [200] * (MOST - 1)
    with observed(pair, realm) as seen, ThreadPoolExecutor(LOGINS) as pool:
        answers = list(pool.map(enter_together, range(LOGINS)))
    assert len(seen) > 20
    assert max(seen) == MOST
    let_in = [answer.json()["token"] for answer in answers if answer.status == 200]
    others = {(answer.status, answer.json().get("reason")) for answer in answers if answer.status != 200}
    if realm == "few":
        assert len(let_in) == 1
    else:
        assert len(let_in) > 1, "nobody had to make room"
    # Who had to make room before it was answered is told so; so many tries at once may have to wait.
    assert others <= {(409, None), (401, "session-limit"), (429, None)}
    shown = [
        pair.engines[number % 2].get(f"/realms/{realm}/session", {"authorization": f"Bearer {token}"})
        for number, token in enumerate(let_in)
    ]
    assert sum(answer.status == 200 for answer in shown) == MOST
    assert {answer.json()["reason"] for answer in shown if answer.status != 200} <= {"session-limit"}


@contextmanager
def observed(pair: Pair, realm: str) -> Iterator[list[int]]:
    """How many sessions of ana an outsider finds alive in the store, looking all the time."""
    with closing(sqlite3.connect(pair.shop.folder / "var" / "engine.db")) as db:
        (where,) = db.execute("SELECT id FROM realm WHERE name = ?", [realm]).fetchone()
        (key,) = db.execute("SELECT key FROM account WHERE name = 'ana'").fetchone()
    seen, done, now = [0], threading.Event(), SystemClock().now

    async def look() -> None:
        store: Any = await open_store(pair.url, pair.shop.folder)
        while not done.is_set():
            seen.append(len(await store.list(where, f"a:{key}", now())))
        await store.close()

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(asyncio.run, look())
        try:
            yield seen
        finally:
            done.set()
            looking.result(timeout=HANGS)
