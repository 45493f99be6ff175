"""Makes keys in eight threads, each with a database connection and an event loop of its own; prints them as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sojourn.data.keys import Keys
from sojourn.data.port import Backend
from sojourn.data.postgres.backend import PostgresBackend
from sojourn.data.sqlite.backend import SqliteBackend
from sojourn.data.terms import Author, NoTerms
from sojourn.model.scope import NO_SCOPE

THREADS = 8

#: Of the engine that has made the database.
SECRET = bytes(range(32))


async def made(place: str, count: int) -> list[int]:
    backend = await opened(place)
    keys, author, terms = Keys(backend), Author(user_key=-1, user_name="child"), NoTerms()
    found: list[int] = []
    for number in range(count):
        quantity = 7 if number % 5 == 0 else 1
        first = await keys.create(author, NO_SCOPE, terms, quantity, now=1_000)
        found += range(first, first + quantity)
    await backend.close()
    return found


async def opened(place: str) -> Backend:
    """The database at a path or a URL."""
    if place.startswith("postgresql:"):
        return await PostgresBackend.open("main", place, secret=SECRET)
    return await SqliteBackend.open("main", Path(place))


def main() -> None:
    place, count = sys.argv[1], int(sys.argv[2])
    with ThreadPoolExecutor(THREADS) as pool:
        runs = [pool.submit(asyncio.run, made(place, count)) for _ in range(THREADS)]
        sys.stdout.write(json.dumps([key for run in runs for key in run.result()]))


if __name__ == "__main__":
    main()
