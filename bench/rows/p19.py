"""P19: undo of 10,000 changes by trackingId, beside plain UPDATEs of the same rows; and what the change log costs."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, column, table, update

from bench.harness import Figure
from bench.row import TIMES, Bench, Goal, Outcome, Row
from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.config.scaffold import write_project
from sojourn.data.database import Database
from sojourn.data.selecting import Selection
from sojourn.data.terms import ALTER_SCHEMA, Modified, TableChanges
from sojourn.scripting.run import Kept

ROWS = 10_000
TURNS = 7
_PASSWORD = "four plain words of ours"
_TABLE = table("part", column("iKey"), column("price"), column("stock"))
_PLAIN = (
    update(_TABLE)
    .where(_TABLE.c.iKey == bindparam("key"))
    .values(price=bindparam("new_price"), stock=bindparam("new_stock"))
)


def run(bench: Bench) -> Outcome:
    """Turn by turn in one process: plain statements, changes without log, the same with log, their undo."""
    found = asyncio.run(_measure(bench.folder() / "shop"))
    over = {name: [a / b for a, b in zip(found["undo"], found[name], strict=True)] for name in ("plain", "unlogged")}
    logging = [a / b for a, b in zip(found["logged"], found["unlogged"], strict=True)]
    spent = ", ".join(f"{name} {1e6 * statistics.median(times) / ROWS:.0f} µs" for name, times in found.items())
    notes = (
        f"CPU of a row: {spent}",
        f"undo against the same changes by `apply_updates` without log: {statistics.median(over['unlogged']):.1f}{TIMES}",
        "plain: one UPDATE statement a row through SQLAlchemy, all of them in one transaction on the same file (SQLite)",
    )
    return Outcome(figures={"undo": Figure.of(over["plain"]), "log": Figure.of(logging)}, notes=notes)


async def _measure(folder: Path) -> dict[str, list[float]]:
    write_project(folder)
    project = load_project(folder, os.environ)
    await install(project.settings)
    found: dict[str, list[float]] = {"plain": [], "unlogged": [], "logged": [], "undo": []}
    async with Engine.open(project, recover=False) as engine:
        database = await _filled(engine)
        backend = await engine.databases.named("main")
        undo = await database.undo()
        for turn in range(TURNS + 1):
            tag = f"turn {turn}"
            times = {
                "plain": await _timed(lambda: backend.write(_plainly(turn * 10))),  # noqa: B023 - done within the turn
                "unlogged": await _timed(lambda: _change(database, turn * 10 + 1, log=False)),  # noqa: B023
                "logged": await _timed(lambda: _change(database, turn * 10 + 2, tag=tag)),  # noqa: B023
                "undo": await _timed(lambda: undo.undo(Selection(tag=tag))),  # noqa: B023
            }
            # The first turn warms up.
            for name, spent in times.items() if turn else ():
                found[name].append(spent)
    return found


async def _filled(engine: Engine) -> Database:
    await engine.rules.users.add("main", "ana", _PASSWORD)
    await engine.rules.grants.grant("ana", ALTER_SCHEMA)
    session = await engine.login("main", "ana", _PASSWORD)
    assert session is not None
    database = engine.database(session, terms=Kept())
    await database.execute_ddl(
        'CREATE TABLE part ("iKey" BIGINT PRIMARY KEY, name VARCHAR(100), price DECIMAL(12, 2), stock INTEGER)'
    )
    rows: list[dict[str, Any]] = [{"iKey": key, "name": f"part {key}", "price": 1, "stock": 0} for key in range(ROWS)]
    await database.apply_updates([TableChanges(table="part", inserted=rows)])
    return database


def _plainly(value: int) -> Callable[[Connection], None]:
    rows = [{"key": key, "new_price": value + key, "new_stock": value} for key in range(ROWS)]

    def work(connection: Connection) -> None:
        connection.execute(_PLAIN, rows)

    return work


async def _change(database: Database, value: int, *, log: bool = True, tag: str = "") -> int:
    database.tracking_id = tag
    modified = [Modified(key, {}, {"price": value + key, "stock": value}) for key in range(ROWS)]
    return await database.apply_updates([TableChanges(table="part", modified=modified)], log=log)


async def _timed(act: Callable[[], Awaitable[object]]) -> float:
    """Seconds of CPU, of all threads."""
    began = time.process_time()
    await act()
    return time.process_time() - began


ROW = Row(
    name="p19",
    work="undo of 10,000 changes by trackingId; the same changes with their log",
    against="plain UPDATE of the same rows; the changes without log",
    goals=(
        Goal(figure="undo", unit=TIMES, floor=5, target=2, better="less"),
        Goal(figure="log", unit=TIMES, floor=2, target=1.5, better="less"),
    ),
    measure=run,
)
