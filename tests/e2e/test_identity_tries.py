"""Wrong passwords through two processes: throttled together, all counted, and the genuine user still gets in."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.house import PASSWORD, House, coming_from, cookies
from tests.e2e.pair import Line
from tests.patience import HANGS

#: Tries of one name that are free; after them one is admitted a second at most.
FREE = 10

_COUNTED = """
import asyncio, sys
from sojourn.bootstrap import Engine

async def main(folder, block):
    async with Engine.open(folder, recover=False) as engine:
        throttling = engine.rules.throttling
        await throttling._know_keys()
        counter = throttling._counter("login", "address", "main", block)
        tried = await engine.rules.store.count_try(counter, (0,), engine.rules.clock.now(), forget=86_400_000)
        print(tried.tries - 1)

asyncio.run(main(*sys.argv[1:]))
"""


def guess(house: House, line: int, name: str, addresses: list[str]) -> list[int]:
    """Wrong passwords one after the other at one process."""
    open_line = Line(house.engines[line % 2])
    found = []
    try:
        for address in addresses:
            headers = {**coming_from(address), "sec-fetch-site": "same-origin"}
            body = {"userName": name, "password": "a wrong password"}
            answer = open_line.request("POST", "/realms/web/login", body, headers)
            assert answer.status in {401, 429, 503}, answer
            found.append(answer.status)
    finally:
        open_line.close()
    return found


@pytest.mark.parametrize(
    ("name", "many"), [("guessed", 200), pytest.param("guessed-long", 1_000, marks=pytest.mark.soak)]
)
def test_1000_wrong_passwords_are_throttled_and_the_genuine_user_gets_in_where_he_is_known(
    house: House, name: str, many: int
) -> None:
    known = {"cookie": "; ".join(part for part in cookies(house.login(name)).split("; ") if "_dev." in part)}
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        parts = [
            pool.submit(guess, house, part, name, [f"10.{part}.{n}.1" for n in range(many // 4)]) for part in range(4)
        ]
        answers = [status for part in parts for status in part.result(timeout=HANGS)]
    assert len(answers) == many
    looked_at = sum(status != 429 for status in answers)
    assert FREE - 1 <= looked_at <= FREE + 1 + time.monotonic() - began
    forged = {"cookie": known["cookie"][:-1] + ("A" if known["cookie"][-1] != "A" else "B")}
    begin_a_pause(house, name)
    for shown in (coming_from("198.51.100.7"), forged):
        assert [house.login(name, at=at, headers=shown).status for at in (0, 1)] == [429, 429]
    assert [house.login(name, at=at, headers=known).status for at in (0, 1)] == [200, 200]


def begin_a_pause(house: House, name: str) -> None:
    """Guess until one is looked at: the pause after that has just begun, and is longer than those before.

    Where none of so many is, the pause of five minutes is on already.
    """
    for number in range(250):
        if guess(house, 0, name, [f"10.9.{number}.1"]) == [401]:
            return
        time.sleep(0.1)


def test_500_parallel_tries_count_500_over_two_processes(house: House) -> None:
    with ThreadPoolExecutor(50) as pool:
        lines = [pool.submit(guess, house, line, "nobody-there", ["203.0.113.5"] * 10) for line in range(50)]
        answers = [status for line in lines for status in line.result(timeout=HANGS)]
    assert len(answers) == 500
    # Of one that found no room for its hash nothing was tried, so it is given back.
    assert house.counted(_COUNTED, "203.0.113.0/24") == 500 - answers.count(503)
    assert answers.count(503) < FREE
    assert PASSWORD not in "".join(engine.log.read_text() for engine in house.engines)
