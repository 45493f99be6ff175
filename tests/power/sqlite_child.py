"""Writes to a SQLite store until it is killed: ``PATH PREFIX SYNCHRONOUS``; a line for each acknowledgement."""

import asyncio
import os
import sys
from pathlib import Path

from sojourn.model.field import increment, put
from sojourn.model.session import End, Session
from sojourn.stores.sqlite import SqliteStore, connection

T = 1_800_000_000_000
REALM = "realm-here"
TASKS = 8


async def write(store: SqliteStore, name: str) -> None:
    await store.create(_session(name), {}, T)
    for number in range(1, 100_000):
        text = f'"{number}{"x" * (number % 3 * 900)}"'
        await store.change(REALM, name, 1, [increment("n"), put("pad", text)], T)
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


async def main(path: str, prefix: str, synchronous: str) -> None:
    if synchronous != "FULL":
        # The store refuses anything but FULL, so the one that loses is made by hand.
        settings = [line.replace("synchronous=FULL", f"synchronous={synchronous}") for line in connection._SETTINGS]
        connection._SETTINGS = tuple(settings)  # type: ignore[assignment]  # the length of the tuple is no promise
        connection._FULL = ("OFF", "NORMAL").index(synchronous)
    store = await SqliteStore.open(Path(path))
    await asyncio.gather(*(write(store, f"{prefix}-{task}") for task in range(TASKS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
