"""The change log on each kind of database: what it refuses, what shows, and what retention and erasure may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from sojourn.data import changelog, schema, sealing
from sojourn.data.chain import ChainKeys, Seal
from sojourn.data.changelog import Draft
from sojourn.data.errors import ConstraintFailed
from sojourn.data.port import Backend
from sojourn.data.sealing import Values, Written
from sojourn.data.verify import Verification
from tests.data.chained import ANNA, NOW
from tests.data.conftest import IN_A_FILE

pytestmark = pytest.mark.anyio

KEYS = ChainKeys(b"k" * 32)


def empty(row: Written) -> Values:
    return row.values._replace(before=None, after=None)


class Chained:
    """A log of twelve changes under three seals."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    async def fill(self) -> None:
        drafts = [Draft("INSERT", "item", f"k{place}", None, {"name": "Bolt", "price": 3}) for place in range(12)]
        await self.backend.write(lambda c: changelog.append(c, ANNA, drafts, changelog.next_version(c), NOW))
        for at in range(3):
            await self.backend.write(lambda c, at=at: self._seal(c, NOW + at))  # type: ignore[misc]  # of this turn

    async def faults(self) -> list[tuple[str, int]]:
        head = await self.backend.read(lambda c: sealing.newest(c, KEYS))
        walk = Verification(KEYS, {head.place: head.mac})
        while await self.backend.read(walk.step):
            pass
        assert walk.result is not None
        return [(found.fault, found.number) for found in walk.result.findings]

    async def attack(self, *statements: str) -> None:
        """As whoever owns the tables."""

        def work(connection: Connection) -> None:
            for trigger, table in (("change_update", "sojourn_change"), ("change_delete", "sojourn_change")):
                on = f" ON {table}" if connection.dialect.name == "postgresql" else ""
                connection.exec_driver_sql(f"DROP TRIGGER sojourn_{trigger}{on}")
            for statement in statements:
                connection.exec_driver_sql(statement)
            # The database is used again, with its triggers.
            raise _Told(self._walked(connection))

        with pytest.raises(_Told) as told:
            await self.backend.write(work)
        self.found: list[tuple[str, int]] = told.value.args[0]

    def _walked(self, connection: Connection) -> list[tuple[str, int]]:
        head = sealing.newest(connection, KEYS)
        walk = Verification(KEYS, {head.place: head.mac})
        while walk.step(connection):
            pass
        assert walk.result is not None
        return [(found.fault, found.number) for found in walk.result.findings]

    @staticmethod
    def _seal(connection: Connection, at: int) -> None:
        top = sealing.newest(connection, KEYS)
        seal = sealing.next_seal(connection, KEYS, top, at, 4)
        assert seal is not None
        assert sealing.put(connection, KEYS, top, seal)


class _Told(Exception):
    pass


@pytest.fixture
async def log(backend: Backend) -> Chained:
    made = Chained(backend)
    await made.fill()
    return made


async def test_the_log_is_append_only(log: Chained) -> None:
    statements = [
        "UPDATE sojourn_change SET at = 1",
        "UPDATE sojourn_change SET after = '{}'",
        "UPDATE sojourn_change SET salt = NULL",
        "UPDATE sojourn_change SET user_name = 'eve' WHERE number = 3",
        "DELETE FROM sojourn_change WHERE number = 1",
        "UPDATE sojourn_seal SET removed = 12",
        "DELETE FROM sojourn_seal WHERE place = 1",
    ]
    if log.backend.dialect == "postgresql":
        statements += ["TRUNCATE sojourn_change", "TRUNCATE sojourn_seal"]
    for statement in statements:
        with pytest.raises(ConstraintFailed):
            await log.backend.write(lambda c, said=statement: c.exec_driver_sql(said).rowcount)  # type: ignore[misc]  # of this turn
    assert await log.faults() == []


async def test_what_the_owner_of_the_tables_does_shows(log: Chained) -> None:
    await log.attack(
        "UPDATE sojourn_change SET at = at + 1 WHERE number = 2",
        "UPDATE sojourn_change SET after = '{}' WHERE number = 5",
        "DELETE FROM sojourn_change WHERE number IN (7, 12)",
    )
    assert sorted(log.found) == [("changed", 2), ("removed", 7), ("removed", 12), ("value", 5)]
    await log.attack()
    assert log.found == []


async def test_retention_and_erasure_may(log: Chained) -> None:
    now: Any = NOW + 10
    assert await log.backend.write(lambda c: sealing.rewrite(c, KEYS, range(1, 13), empty, now)) == 12
    assert await log.faults() == []
    assert await log.backend.write(lambda c: sealing.retire(c, KEYS, NOW + 1, now))
    while await log.backend.write(lambda c: sealing.remove(c, 8, most=3)):
        assert await log.faults() == []
    left = await log.backend.read(lambda c: c.exec_driver_sql("SELECT MIN(number) FROM sojourn_change").scalar_one())
    assert (left, await log.faults()) == (9, [])


async def test_two_sealers_at_one_instant(log: Chained) -> None:
    """Both have looked before either wrote: the place is taken."""
    top = await log.backend.read(lambda c: sealing.newest(c, KEYS))
    row = KEYS.after(top, Seal(top.place + 1, NOW, top.last, 0, b""))._asdict()
    await log.backend.write(lambda c: c.execute(insert(schema.seal).values(row)).rowcount)
    with pytest.raises(ConstraintFailed):
        await log.backend.write(lambda c: c.execute(insert(schema.seal).values(row)).rowcount)


@IN_A_FILE
async def test_erased_values_are_not_in_the_file_any_more(log: Chained, tmp_path: Path) -> None:
    await log.backend.write(lambda c: sealing.rewrite(c, KEYS, range(1, 13), empty, NOW + 10))
    # Not every build of SQLite overwrites by itself.
    asked = "PRAGMA secure_delete"
    assert await log.backend.write(lambda c: c.exec_driver_sql(asked).scalar_one()) == 1
    await log.backend.close()
    assert b"Bolt" not in (tmp_path / "app.db").read_bytes()
