"""What holds of rows and their images on every kind of database: what the log keeps is what was there."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from sojourn.core import json
from sojourn.data.errors import BadValue, ConstraintFailed
from sojourn.data.port import Backend, Bounds, Image, Key, Statement, Table

pytestmark = pytest.mark.anyio

FULL: dict[str, Any] = {
    "key": 1,
    "text": "a'b\"c\\ é 😀 \n",
    "whole": -(2**63),
    "real": 0.1 + 0.2,
    "money": Decimal("-12345678901.2345"),
    "truth": False,
    "day": date(1, 1, 1),
    "hour": time(23, 59, 59),
    "at": datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    "data": {"b": [1, Decimal("1.5"), "x", None, True], "a": {}},
}
ROWS: list[dict[str, Any]] = [
    FULL,
    dict.fromkeys(FULL) | {"key": 2},
    FULL | {"key": 3, "text": "", "whole": 0, "real": 5.0, "money": Decimal(0), "truth": True, "data": []},
    FULL | {"key": 4, "real": 1e300, "money": Decimal("0.0001"), "data": "text", "hour": time(0, 0)},
    FULL | {"key": 5, "real": -1e-300, "money": Decimal("99999999.5"), "data": 1234567890123456789},
    {"key": -6, "text": "x" * 1_000},
]


async def images(backend: Backend, table: Table, *keys: Key) -> dict[Key, Image]:
    return await backend.read(lambda connection: backend.rows.images(connection, table, keys))


async def cells(backend: Backend) -> list[dict[str, Any]]:
    (rows,) = await backend.query([Statement("SELECT * FROM thing ORDER BY key")], Bounds())
    names = [column.name for column in rows.columns]
    return [dict(zip(names, row, strict=True)) for row in rows.rows]


async def test_a_row_is_read_as_it_was_written(backend: Backend) -> None:
    table = (await backend.tables())["thing"]
    asked = [backend.rows.image(table, row) for row in ROWS]
    await backend.write(lambda connection: backend.rows.insert(connection, table, asked))
    nothing = dict.fromkeys(FULL)
    assert await cells(backend) == sorted((nothing | row for row in ROWS), key=lambda row: int(str(row["key"])))
    found = await images(backend, table, *(row["key"] for row in ROWS), 99)
    assert set(found) == {row["key"] for row in ROWS}
    for image in asked:
        there = found[image["key"]]  # type: ignore[index]
        assert all(backend.rows.same(table, name, value, there[name]) for name, value in image.items())


async def test_an_image_through_the_log_writes_the_same_row_again(backend: Backend) -> None:
    table = (await backend.tables())["thing"]
    asked = [backend.rows.image(table, row) for row in ROWS]
    await backend.write(lambda connection: backend.rows.insert(connection, table, asked))
    before, seen = await images(backend, table, *(row["key"] for row in ROWS)), await cells(backend)
    kept = [json.decode(json.encode(image)) for image in before.values()]
    assert kept == list(before.values())

    def again(connection: Any) -> None:
        backend.rows.delete(connection, table, list(before))
        backend.rows.insert(connection, table, kept)

    await backend.write(again)
    assert await images(backend, table, *before) == before
    assert await cells(backend) == seen


async def test_columns_are_changed_and_the_others_stay(backend: Backend) -> None:
    table = (await backend.tables())["thing"]
    rows = [backend.rows.image(table, row) for row in ROWS[:3]]
    await backend.write(lambda connection: backend.rows.insert(connection, table, rows))
    before = await images(backend, table, 1, 2, 3)
    wanted: dict[Key, dict[str, Any]] = {
        1: {"text": "new", "whole": None},
        2: {"money": Decimal("7.5"), "data": None},
        3: {"text": "old"},
    }
    changes = [(key, backend.rows.image(table, values)) for key, values in wanted.items()]
    await backend.write(lambda connection: backend.rows.update(connection, table, changes))
    after = await images(backend, table, 1, 2, 3)
    for key, changed in changes:
        assert after[key] == {**before[key], **{name: after[key][name] for name in changed}}
        assert all(backend.rows.same(table, name, value, after[key][name]) for name, value in changed.items())


async def test_a_time_of_another_zone_is_the_same_instant(backend: Backend) -> None:
    table = (await backend.tables())["thing"]
    there = datetime(2026, 11, 22, 12, 30, tzinfo=timezone(timedelta(hours=2)))
    row = backend.rows.image(table, {"key": 1, "at": there})
    await backend.write(lambda connection: backend.rows.insert(connection, table, [row]))
    assert (await cells(backend))[0]["at"] == there
    ours = backend.rows.image(table, {"at": there.astimezone(UTC)})["at"]
    assert backend.rows.same(table, "at", ours, (await images(backend, table, 1))[1]["at"])


async def test_many_rows_are_few_statements(backend: Backend) -> None:
    table = (await backend.tables())["thing"]
    rows = [backend.rows.image(table, {"key": key, "text": f"row {key}"}) for key in range(3_000)]
    await backend.write(lambda connection: backend.rows.insert(connection, table, rows))
    assert len(await images(backend, table, *range(3_000))) == 3_000
    changes = [(key, {"text": "x"}) for key in range(3_000)]
    await backend.write(lambda connection: backend.rows.update(connection, table, changes))
    await backend.write(lambda connection: backend.rows.delete(connection, table, list(range(2_999))))
    assert [(row["key"], row["text"]) for row in await cells(backend)] == [(2_999, "x")]


async def test_texts_are_keys_too(backend: Backend) -> None:
    table = (await backend.tables())["country"]
    assert table.key == "code"
    rows = [{"code": code, "name": code} for code in ("pt", "'", '"')]
    await backend.write(lambda connection: backend.rows.insert(connection, table, rows))
    assert set(await images(backend, table, "pt", "'", '"', "PT")) == {"pt", "'", '"'}
    await backend.write(lambda connection: backend.rows.delete(connection, table, ["'", "xx"]))
    assert set(await images(backend, table, "pt", "'", '"')) == {"pt", '"'}


async def test_what_a_table_refuses_undoes_all(backend: Backend) -> None:
    table = (await backend.tables())["country"]
    for wrong in ([{"code": "pt", "name": None}], [{"code": "pt", "name": "a"}] * 2):
        with pytest.raises(ConstraintFailed):
            await backend.write(lambda connection, wrong=wrong: backend.rows.insert(connection, table, wrong))  # type: ignore[misc]
    assert await images(backend, table, "pt") == {}


@pytest.mark.parametrize("value", [{"text": "half \ud800"}, {"whole": "5"}, {"key": True}, {"data": float("nan")}])
async def test_what_no_column_keeps_is_refused(backend: Backend, value: dict[str, Any]) -> None:
    table = (await backend.tables())["thing"]
    with pytest.raises(BadValue):
        await backend.write(
            lambda connection: backend.rows.insert(connection, table, [backend.rows.image(table, {"key": 1, **value})])
        )
