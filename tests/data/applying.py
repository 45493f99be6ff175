"""Changes of records in a transaction of a backend, without a session around it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from sojourn.data import schema
from sojourn.data.apply import Application, wanted
from sojourn.data.port import Backend, Bounds, Statement
from sojourn.data.terms import Author, TableChanges

AUTHOR = Author(user_key=1, user_name="anna")


def _count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(schema.change)).scalar_one())


async def apply(backend: Backend, changes: TableChanges, **options: Any) -> int:
    tables = await backend.tables()

    def work(connection: Connection) -> int:
        asked = [wanted(backend.rows, tables, changes)]
        return Application(backend.rows, AUTHOR, 1, frozenset(), log=True).run(connection, asked)

    return await backend.write(work, **options)


async def count(backend: Backend) -> tuple[int, int]:
    """Products, and rows of the log."""
    (rows,) = await backend.query([Statement("SELECT count(*) FROM product")], Bounds())
    return int(str(rows.rows[0][0])), await backend.read(_count)
