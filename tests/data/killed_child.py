"""Changes records without end, a few at a time, and says which version was acknowledged; to be killed.

``python killed_child.py FILE|URL SECRET SEED``; the secret, in hexadecimal digits, is for PostgreSQL.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from sojourn.data.apply import Application, wanted
from sojourn.data.port import Backend
from sojourn.data.selecting import Selection
from sojourn.data.sqlite.backend import SqliteBackend
from sojourn.data.terms import Author, Deleted, Modified, TableChanges
from sojourn.data.undo import Asker, Undo

KEYS = range(1, 31)


class Silent:
    """An audit log that nobody reads."""

    async def record(self, *_args: object, **_facts: object) -> None:
        """Write nothing."""

    async def refused(self, *_args: object, **_facts: object) -> None:
        """Write nothing."""


class Now:
    """A clock that stands still."""

    def now(self) -> int:
        """Always the same."""
        return 1_800_000_000_000


async def opened(place: str, secret: bytes) -> Backend:
    """The database in a file, or on PostgreSQL."""
    if not place.startswith("postgresql:"):
        return await SqliteBackend.open("main", Path(place))
    from sojourn.data.postgres.backend import PostgresBackend

    return await PostgresBackend.open("main", place, secret=secret)


async def main(place: str, secret: bytes, seed: int) -> None:
    """Go on for ever."""
    backend = await opened(place, secret)
    chance = random.Random(seed)
    while True:
        tag = f"T{chance.randrange(3)}"
        if chance.random() < 0.2:
            version = await _undo(backend, tag)
        else:
            version = await _change(backend, tag, chance)
        sys.stdout.write(f"{version}\n")
        sys.stdout.flush()


async def _undo(backend: Backend, tag: str) -> int:
    who = Asker(author=Author(user_key=1, user_name="u"), host=True)
    undo = Undo(backend, Silent(), Now(), who)  # type: ignore[arg-type] # no engine here
    return (await undo.undo(Selection(tag=tag, everyone=True), "skip")).version


async def _change(backend: Backend, tag: str, chance: random.Random) -> int:
    tables = await backend.tables()
    picked = chance.sample(KEYS, 8)
    author = Author(user_key=1, user_name="u", session="s", tag=tag)

    def work(connection: Connection) -> int:
        there = backend.rows.images(connection, tables["product"], picked)
        inserted: list[dict[str, Any]] = []
        modified, deleted = list[Modified](), list[Deleted]()
        for key in picked:
            if key not in there:
                inserted.append({"iKey": key, "name": f"n{chance.randrange(9)}", "stock": chance.randrange(9)})
            elif chance.random() < 0.3:
                deleted.append(Deleted(key, {}))
            else:
                modified.append(Modified(key, {}, {"stock": chance.randrange(1_000)}))
        changes = TableChanges(table="product", inserted=inserted, modified=modified, deleted=deleted)
        return Application(backend.rows, author, 1, frozenset(), log=True).run(
            connection, [wanted(backend.rows, tables, changes)]
        )

    return await backend.write(work)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], bytes.fromhex(sys.argv[2]), int(sys.argv[3])))
