"""Another process on the same store; a script that the tests start.

``put ADDRESS SID PREFIX COUNT``        puts COUNT fields, all at once
``increment ADDRESS SID FIELD COUNT``   increments, all at once
``take ADDRESS NAME TIMES``             takes value i TIMES[i] times, all at once; a line for each that it got first
``try ADDRESS NAME COUNT DELAYS``       tries COUNT times at once; lines ``NUMBER ADMITTED``. TIMES and DELAYS are JSON
``codes ADDRESS PREFIX``                puts values and takes them until it is killed; each acknowledgement is a line
``serve ADDRESS PREFIX``                writes until it is killed; each acknowledgement is a line on standard output
"""

import asyncio
import json
import os
import sys
from typing import Any

from sojourn.bootstrap import open_store
from sojourn.core.errors import SessionEnded
from sojourn.model.field import Op, append, increment, put
from sojourn.model.session import End, Session

T = 1_800_000_000_000
REALM = "realm-here"
TASKS = 8


async def put_many(store: Any, sid: str, prefix: str, count: int) -> None:
    await asyncio.gather(*(_unless_ended(store, sid, put(f"{prefix}{i}", f"{i}")) for i in range(count)))


async def increment_many(store: Any, sid: str, field: str, count: int) -> None:
    await asyncio.gather(*(_unless_ended(store, sid, increment(field)) for _ in range(count)))


async def _unless_ended(store: Any, sid: str, op: Op) -> None:
    try:
        await store.change(REALM, sid, 1, [op], T)
    except SessionEnded:
        _say("ended", sid, 0)


async def take_many(store: Any, name: str, times: list[int]) -> None:
    _wait_for_the_others()
    takes = ((i, turn) for i, most in enumerate(times) for turn in range(most))
    taken = await asyncio.gather(*(store.take(f"{name}{i}", T, remember=500 * (i % 2)) for i, _ in takes))
    for one in taken:
        if one is not None and one.first:
            _say("first", one.text, one.at)


async def try_many(store: Any, name: str, count: int, delays: list[int]) -> None:
    _wait_for_the_others()
    tried = await asyncio.gather(*(store.count_try(name, delays, T, forget=10**6) for _ in range(count)))
    for one in tried:
        _say(str(one.tries), str(one.admitted), one.wait)


async def codes(store: Any, prefix: str) -> None:
    await asyncio.gather(*(_codes(store, f"{prefix}-{task}") for task in range(TASKS)))


async def _codes(store: Any, name: str) -> None:
    for number in range(100_000):
        code = f"{name}-{number}"
        await store.put(code, code, T + 10**6, T)
        _say("put", code, 0)
        if number % 3:
            remember = 500 * (number % 3 - 1)
            assert (await store.take(code, T, remember=remember)).first
            _say("taken", code, remember)


def _wait_for_the_others() -> None:
    """The parent says when all of its children have come so far."""
    _say("ready", "-", 0)
    os.read(0, 1)


async def serve(store: Any, prefix: str) -> None:
    await asyncio.gather(*(_write(store, f"{prefix}-{task}") for task in range(TASKS)))


async def _write(store: Any, name: str) -> None:
    await store.create(_session(name), {}, T)
    for number in range(1, 100_000):
        text = f'"{number}{"x" * (number % 3 * 900)}"'
        await store.change(REALM, name, 1, [increment("n"), append("log", str(number)), put("pad", text)], T)
        _say("changed", name, number)
        if number % 5 == 0:
            brief = f"{name}-{number}"
            await store.create(_session(brief), {"x": "1"}, T)
            await store.end(REALM, brief, End("logout", T), T)
            _say("ended", brief, 0)


def _session(sid: str) -> Session:
    return Session(id=sid, realm=REALM, secret=b"s" * 32, created=T, last=T, absolute=T + 10**9)


def _say(what: str, name: str, number: int) -> None:
    os.write(1, f"{what} {name} {number}\n".encode())


async def main(command: str, address: str, *args: str) -> None:
    store: Any = await open_store(address)
    match command, *args:
        case "put", sid, prefix, count:
            await put_many(store, sid, prefix, int(count))
        case "increment", sid, field, count:
            await increment_many(store, sid, field, int(count))
        case "take", name, times:
            await take_many(store, name, json.loads(times))
        case "try", name, count, delays:
            await try_many(store, name, int(count), json.loads(delays))
        case "codes", prefix:
            await codes(store, prefix)
        case "serve", prefix:
            await serve(store, prefix)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
