"""Values, numbers and texts that no column, no log and no protocol takes: each is refused, by name and at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from sojourn.core.errors import BadRequest
from sojourn.data.database import Database
from sojourn.data.errors import BadParameters, BadStatement, BadTag, BadValue
from sojourn.data.notes import BadNote
from sojourn.data.port import Backend, Bounds, Statement
from sojourn.data.selecting import Selection
from sojourn.data.terms import Deleted, Modified, TableChanges
from tests.data.applying import apply

pytestmark = pytest.mark.anyio

_EAST = timezone(timedelta(hours=14))


def _nested(levels: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(levels):
        made = [made]
    return made


UNFIT: list[tuple[str, Any]] = [
    ("whole", Decimal("1E+999999999")),
    ("whole", 10**400),
    ("whole", Decimal("sNaN")),
    ("money", 10**400),
    ("money", Decimal("sNaN")),
    ("real", Decimal("sNaN")),
    ("real", 10**400),
    ("truth", Decimal("sNaN")),
    ("at", datetime(1, 1, 1, tzinfo=_EAST)),
    ("at", "0001-01-01T00:00:00+14:00"),
    ("at", datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=14)))),
    ("data", _nested(3_000)),
]


async def test_a_value_that_no_column_holds_is_refused_at_once(backend: Backend) -> None:
    begun = time.monotonic()
    for column, value in UNFIT:
        if backend.dialect == "postgresql" and column == "money" and isinstance(value, int):
            continue  # said by the server, which counts digits
        with pytest.raises(BadValue):
            await apply(backend, TableChanges(table="thing", inserted=[{"key": 1, column: value}]))
    assert time.monotonic() - begun < 10


async def test_a_parameter_that_no_database_takes_is_refused(database: Database) -> None:
    for value in (Decimal("sNaN"), datetime(1, 1, 1, tzinfo=_EAST), _nested(3_000), 10**5_000, "\ud800"):
        with pytest.raises(BadRequest):
            await database.query('SELECT count(*) FROM product WHERE "iKey" = ?', [value])
    assert (await database.query("SELECT 1 AS one")).rows == [(1,)]


async def test_a_statement_that_cannot_be_sent_is_refused(database: Database) -> None:
    with pytest.raises((BadStatement, BadParameters)):
        await database.query("SELECT '\ud800' AS half")
    assert (await database.query("SELECT 1 AS one")).rows == [(1,)]


async def test_more_parameters_than_the_protocol_counts_are_refused(backend: Backend) -> None:
    if backend.dialect == "sqlite":
        pytest.skip("SQLite counts further")
    many = Statement(f"SELECT 1 AS one WHERE 1 IN ({','.join('?' * 65_536)})", [1] * 65_536)
    with pytest.raises(BadParameters, match="65535"):
        await backend.query([many], Bounds())
    (found,) = await backend.query([Statement("SELECT 1 AS one")], Bounds())
    assert found.rows == [(1,)]


async def test_numbers_and_texts_that_name_no_change_are_refused(database: Database) -> None:
    undo = await database.undo()
    for selection in (
        Selection(versions=(2**63,)),
        Selection(users=(2**70,)),
        Selection(numbers=(2**63,)),
        Selection(since=2**63),
        Selection(tag="\ud800"),
    ):
        with pytest.raises(BadValue):
            await undo.undo(selection)
    with pytest.raises(BadValue):
        await database.update_logs(version=2**63, fresh=True)


@pytest.mark.parametrize("note", [{"class_key": 2**63}, {"key": 2**70}, {"key": "a\0"}, {"key": "k" * 2_000}])
async def test_no_note_keeps_others_from_reading_the_log(database: Database, note: dict[str, Any]) -> None:
    with pytest.raises(BadNote):
        await database.insert_log("MINE", **note)
    await database.insert_log("MINE", key=-(2**63), class_key=2**63 - 1)
    await database.insert_log("MINE", key='a "b" \\ c')
    found = await database.query('SELECT "iRecord", "iClass" FROM "iLog" ORDER BY "iNumber"')
    assert found.rows == [(str(-(2**63)), 2**63 - 1), ('a "b" \\ c', None)]


@pytest.mark.parametrize("tag", ["a\nb", "\x1b[31m", "t" * 101, "\ud800", "\0"])
async def test_a_tag_is_short_and_printable(database: Database, tag: str) -> None:
    database.tracking_id = "before"
    with pytest.raises(BadTag):
        database.tracking_id = tag
    assert database.tracking_id == "before"


async def test_times_at_the_ends_of_the_calendar_are_kept(database: Database) -> None:
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    rows = [{"key": 1, "at": first}, {"key": 2, "at": last}]
    await database.apply_updates([TableChanges(table="thing", inserted=rows)])  # type: ignore[arg-type]
    assert (await database.query("SELECT at FROM thing ORDER BY key")).rows == [(first,), (last,)]


async def test_columns_with_the_names_of_our_own_statements(database: Database) -> None:
    await database.execute_ddl(
        'CREATE TABLE t (r INTEGER PRIMARY KEY, t VARCHAR(100), i INTEGER, "rows" INTEGER, key INTEGER)'
    )
    row: dict[str, Any] = {"r": 1, "t": '{"r": 5}', "i": 2, "rows": 3, "key": 4}
    await database.apply_updates([TableChanges(table="t", inserted=[row])])
    await database.apply_updates([TableChanges(table="t", modified=[Modified(1, row, {"t": "new", "rows": 9})])])
    await database.apply_updates([TableChanges(table="t", deleted=[Deleted(1, {"t": "new"})])])
    await (await database.undo()).undo(Selection(versions=(await database.version(),)))
    assert (await database.query('SELECT r, t, i, "rows", key FROM t')).rows == [(1, "new", 2, 9, 4)]
