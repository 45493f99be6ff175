"""Three sessions change records at random, one tag is undone: what is back and what is listed is told by a truth of its own.

The truth is a list of writes for each record. A change is taken out of it when nothing that is left after it has touched
the same value, and for a whole record when nothing that is left after it has touched the record at all.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, select

from sojourn.bootstrap import Engine
from sojourn.core import json
from sojourn.data import schema, undo_walk
from sojourn.data.database import Database
from sojourn.data.port import Backend
from sojourn.data.selecting import Selection
from sojourn.data.terms import Deleted, Modified, TableChanges
from sojourn.scripting.run import Kept
from tests.data.conftest import Enter

pytestmark = pytest.mark.anyio

KEYS = range(1, 7)
COLUMNS = ("name", "price", "stock")
State = dict[int, dict[str, Any]]


class Write:
    """A change of the log, with the values of it that are still in effect."""

    def __init__(self, row: Any) -> None:
        self.number: int = row.number
        self.kind: str = row.kind
        self.key: int = json.decode(row.record)
        self.tag: str = row.tag
        image = json.decode(row.before if row.kind == "DELETE" else row.after)
        self.values: dict[str, Any] = {name: value for name, value in image.items() if name in COLUMNS}


def truth(writes: list[Write], tag: str) -> set[int]:
    """Take out of ``writes`` what can be; the numbers of the changes that cannot, all of them or some of their values."""
    left = set[int]()
    for place in range(len(writes) - 1, -1, -1):
        mine = writes[place]
        if mine.tag != tag:
            continue
        later = [one for one in writes[place + 1 :] if one.values or one.kind != "UPDATE"]
        later = [one for one in later if one.key == mine.key and one.kind != "gone"]
        if mine.kind != "UPDATE":
            if later:
                left.add(mine.number)
            else:
                mine.kind = "gone"
            continue
        for column in list(mine.values):
            if any(one.kind != "UPDATE" or column in one.values for one in later):
                left.add(mine.number)
            else:
                del mine.values[column]
    return left


def played(start: State, writes: Sequence[Write]) -> State:
    """The rows after what is left of the writes."""
    rows = {key: dict(row) for key, row in start.items()}
    for one in writes:
        if one.kind == "INSERT":
            rows[one.key] = dict(one.values)
        elif one.kind == "UPDATE" and one.values:
            rows[one.key].update(one.values)
        elif one.kind == "DELETE":
            del rows[one.key]
    return rows


async def state(backend: Backend) -> State:
    table = (await backend.tables())["product"]
    found = await backend.read(lambda connection: backend.rows.images(connection, table, list(KEYS)))
    return {int(key): {name: row[name] for name in COLUMNS} for key, row in found.items()}


async def writes_since(backend: Backend, number: int) -> list[Write]:
    change = schema.change
    query = select(change).where(change.c.number > number).order_by(change.c.number)

    def read(connection: Connection) -> list[Write]:
        return [Write(row) for row in connection.execute(query)]

    return await backend.read(read)


async def change(database: Database, rows: State, chance: random.Random) -> None:
    """One ``applyUpdates`` of a few records, and the same in ``rows``."""
    inserted, modified, deleted = list[dict[str, Any]](), list[Modified](), list[Deleted]()
    for key in chance.sample(KEYS, chance.randint(1, 3)):
        if key not in rows:
            rows[key] = {"name": chance.choice("abc"), "price": chance.randrange(4), "stock": chance.randrange(4)}
            inserted.append({"iKey": key, **rows[key]})
        elif chance.random() < 0.2:
            del rows[key]
            deleted.append(Deleted(key, {}))
        else:
            values = {name: chance.randrange(4) for name in chance.sample(COLUMNS[1:], chance.randint(1, 2))}
            rows[key].update(values)
            modified.append(Modified(key, {}, dict(values)))
    await database.apply_updates([TableChanges(table="product", inserted=inserted, modified=modified, deleted=deleted)])


async def play(engine: Engine, enter: Enter, seed: int, window: int = 0) -> None:
    chance = random.Random(seed)
    backend = await engine.databases.named("main")
    sessions = [
        engine.database(await enter(user), terms=Kept(tracking_id=f"{user}-{window}-{seed}"))
        for user in ("anna", "ben", "carla")
    ]
    begins = await state(backend)
    rows = {key: dict(row) for key, row in begins.items()}
    logged = await backend.read(lambda c: c.execute(select(schema.change.c.number)).scalars().all())
    for _ in range(chance.randint(4, 14)):
        await change(chance.choice(sessions), rows, chance)
    before = await state(backend)
    assert before == rows
    writes = await writes_since(backend, max(logged, default=0))
    tag = sessions[0].tracking_id
    conflicting = truth(writes, tag)
    undo = await sessions[0].undo()
    done = await undo.undo(Selection(tag=tag), "skip")
    assert await state(backend) == played(begins, writes)
    assert {one.number for one in done.report.conflicts} == conflicting
    if done.version:
        back = await undo.undo(Selection(tag=done.tag))
        assert back.report.conflicts == []
    assert await state(backend) == before


@pytest.mark.parametrize("window", [3, 2_000])
async def test_what_nobody_else_changed_is_back_and_every_other_conflict_is_listed(
    engine: Engine, enter: Enter, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo_walk, "WINDOW", window)
    for seed in range(8):
        await empty(engine)
        await play(engine, enter, seed + window, window)


@pytest.mark.soak
async def test_many_random_histories(engine: Engine, enter: Enter) -> None:
    for seed in range(1_000):
        await empty(engine)
        await play(engine, enter, seed)


async def empty(engine: Engine) -> None:
    """Forget the last play, outside of the log; the next one begins with two rows of which the log knows nothing."""
    backend = await engine.databases.named("main")
    table = (await backend.tables())["product"]

    def work(connection: Connection) -> None:
        there = backend.rows.images(connection, table, list(KEYS))
        backend.rows.delete(connection, table, list(there))
        backend.rows.insert(connection, table, [{"iKey": key, "name": "x", "price": 0, "stock": 0} for key in (1, 2)])

    await backend.write(work)
