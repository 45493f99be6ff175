"""The tables of a database file as they are now."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter

from sojourn.data.port import Column, Table
from sojourn.data.schema import PREFIX
from sojourn.data.sqlite.cells import column_type, keeps

_ALL = """\
SELECT item.name, item.type, field.name, field.type, field."notnull", field.pk, field.hidden
FROM sqlite_schema AS item, pragma_table_xinfo(item.name) AS field
WHERE item.type IN ('table', 'view') AND substr(item.name, 1, 7) <> 'sqlite_' AND substr(item.name, 1, ?) <> ?
    AND field.hidden <> 1
ORDER BY item.name, field.cid"""

_TRIGGERED = "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger'"

#: ``hidden`` of columns that are computed when they are read, and when they are written.
_GENERATED = (2, 3)

#: The key of a record where a table has a column of that name.
KEY = "iKey"


def tables(connection: sqlite3.Connection) -> Mapping[str, Table]:
    """Tables of the application and views, by name."""
    rows = connection.execute(_ALL, (len(PREFIX), PREFIX)).fetchall()
    triggered = {row[0] for row in connection.execute(_TRIGGERED)}
    found = {}
    for (name, kind), fields in groupby(rows, itemgetter(0, 1)):
        table = _table(name, kind == "view", [row[2:] for row in fields])
        found[name] = table._replace(exact=table.exact and name not in triggered)
    return found


def schema_version(connection: sqlite3.Connection) -> int:
    """What differs after each change of the schema by anybody."""
    return int(connection.execute("PRAGMA schema_version").fetchone()[0])


def _table(name: str, view: bool, fields: list[tuple[str, str, int, int, int]]) -> Table:  # noqa: FBT001 - a row
    columns = {
        field: Column(field, column_type(declared) or "string", not required and not primary, hidden in _GENERATED)
        for field, declared, required, primary, hidden in fields
    }
    primary = [field for field, _, _, number, _ in fields if number]
    key = KEY if KEY in columns else primary[0] if len(primary) == 1 else ""
    return Table(name, columns, "" if view else key, view, all(keeps(declared) for _, declared, *_ in fields))
