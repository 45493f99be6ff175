"""Another process on the same store; a script that the tests start.

``put ADDRESS SID PREFIX COUNT``        puts COUNT fields, all at once
``increment ADDRESS SID FIELD COUNT``   increments, all at once
``serve ADDRESS PREFIX``                writes until it is killed; each acknowledgement is a line on standard output
"""

import asyncio
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
        case "serve", prefix:
            await serve(store, prefix)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
