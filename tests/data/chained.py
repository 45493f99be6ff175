"""A change log in a SQLite file of its own, for tests of what is done over a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, create_engine, event, insert
from sqlalchemy.pool import NullPool

from sojourn.data import changelog, guarding, sealing, verify
from sojourn.data.chain import ChainKeys
from sojourn.data.changelog import Draft
from sojourn.data.schema import metadata, version
from sojourn.data.terms import Author

T = TypeVar("T")

ANNA = Author(
    user_key=7, user_name="anna", session="s-1", realm="r-1", address="192.0.2.7", execution_key="e-1", tag="T"
)
NOW = 1_800_000_000_000


class Log:
    """One log. What an attacker does goes through :meth:`attack`, past all triggers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys = ChainKeys(b"k" * 32)
        self.now = NOW
        self._engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        with self.connected() as connection:
            metadata.create_all(connection)
            connection.execute(insert(version).values(one=1, number=0))
            guarding.guard(connection)

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection

    def do(self, work: Callable[[Connection], T]) -> T:
        with self.connected() as connection:
            return work(connection)

    def write(self, count: int = 1, author: Author = ANNA, **images: Any) -> None:
        """Add ``count`` changes of one version."""
        image: Mapping[str, Any] = images or {"name": "Bolt", "price": 3}
        drafts = [Draft("INSERT", "item", place, None, image) for place in range(1, count + 1)]
        self.now += 1
        with self.connected() as connection:
            changelog.append(connection, author, drafts, changelog.next_version(connection), self.now)

    def seal(self, most: int = sealing.BATCH) -> int:
        """Seal all that is there; how many seals that took."""
        for count in range(1_000_000):
            with self.connected() as connection:
                self.now += 1
                top = sealing.newest(connection, self.keys)
                seal = sealing.next_seal(connection, self.keys, top, self.now, most)
                if seal is None:
                    return count
                assert sealing.put(connection, self.keys, top, seal)
        raise AssertionError

    def verify(self, heads: Mapping[int, bytes] | None = None, keys: ChainKeys | None = None) -> verify.Verified:
        """Walk the chain, each step with a connection of its own; by default the engine knows the head."""
        if heads is None:
            head = self.do(lambda connection: sealing.newest(connection, self.keys))
            heads = {head.place: head.mac} if head.place else {}
        walk = verify.Verification(keys or self.keys, heads)
        while self.do(walk.step):
            pass
        assert walk.result is not None
        return walk.result

    def faults(self, heads: Mapping[int, bytes] | None = None) -> list[tuple[str, int]]:
        return [(found.fault, found.number) for found in self.verify(heads).findings]

    def attack(self, *statements: str) -> None:
        """What somebody does who owns the file."""
        connection = sqlite3.connect(self.path)
        with connection:
            for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {trigger}")
            for statement in statements:
                connection.execute(statement)
        connection.close()


def _prepare(raw: sqlite3.Connection, _record: object) -> None:
    raw.isolation_level = None
    raw.execute("PRAGMA synchronous=OFF")
