"""How results of queries become pages of text for a worker."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from sojourn.data.port import Cell, Column, ColumnType, Rows
from sojourn.scripting.paging import ENOUGH, Pages, of_lists

pytestmark = pytest.mark.anyio


def result(kind: ColumnType, *cells: Cell, table: str = "") -> Rows:
    """A result with one column."""
    return Rows([Column("a", kind)], [(cell,) for cell in cells], table, "a" if table else "")


async def written(*results: Rows) -> list[dict[str, Any]]:
    """The pages of a result that comes in parts."""

    async def parts() -> AsyncGenerator[tuple[int, Rows], None]:
        for one in results:
            yield 0, one

    pages, found = Pages(parts(), 7), []
    while not pages.over:
        found += [json.loads(page["text"]) for page in await pages.take()]  # type: ignore[index, call-overload, arg-type]
    return found


def cells(page: dict[str, Any]) -> list[Any]:
    return [row[2] for row in page["rows"]]


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("string", ["a", None], ["a", None]),
        ("integer", [1, 2**53, -(2**63)], [1, "9007199254740992", "-9223372036854775808"]),
        ("number", [0.5, math.inf, -math.inf, 3], [0.5, "Infinity", "-Infinity", 3]),
        ("number", [math.nan], ["NaN"]),
        ("decimal", [Decimal("10.10"), Decimal("1E+3"), 5, 0.25], ["10.10", "1000", "5", "0.25"]),
        ("boolean", [True, None], [True, None]),
        ("date", [date(900, 1, 2)], ["0900-01-02"]),
        ("time", [time(1, 2, 3, 4)], ["01:02:03.000004"]),
        ("datetime", [datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)], ["2026-01-02T03:04:05.678901Z"]),
        ("datetime", [datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))], ["2026-01-02T01:00:00.000000Z"]),
        ("datetime", [datetime(2026, 1, 2)], ["2026-01-02T00:00:00.000000Z"]),  # noqa: DTZ001
        ("bytes", [b"\x01\x02\xff"], ["AQL/"]),
        ("json", [{"a": [Decimal("0.10")]}, "x", None], ['{"a":[0.10]}', '"x"', None]),
    ],
)
async def test_cells_are_written_exactly(kind: ColumnType, given: Sequence[Cell], kept: Sequence[object]) -> None:
    (page,) = await written(result(kind, *given))
    assert cells(page) == kept
    assert page["types"] == [kind]


@pytest.mark.parametrize(
    ("kind", "first", "then", "wider"),
    [
        ("integer", 1, 1.5, "number"),
        ("integer", 1, Decimal("1.5"), "decimal"),
        ("number", 1.5, Decimal("1.5"), "decimal"),
        ("integer", 1, "x", "string"),
        ("date", date(2026, 1, 1), "soon", "string"),
        ("boolean", True, 5, "string"),
        ("datetime", datetime(2026, 1, 1, tzinfo=UTC), 5, "string"),
        ("bytes", b"a", "a", "string"),
        ("decimal", Decimal(1), Decimal("NaN"), "string"),
        ("number", 1.5, 2**60, "string"),
    ],
)
async def test_a_column_becomes_wider_when_more_is_in_it(kind: ColumnType, first: Cell, then: Cell, wider: str) -> None:
    before, after = await written(result(kind, first), result(kind, then))
    assert (before["types"], after["types"]) == ([kind], [wider])
    assert (await written(result(kind, first, then)))[0]["types"] == [wider]


async def test_the_first_page_says_what_it_is_and_names_are_distinct() -> None:
    columns = [Column(name, "integer") for name in ("a", "a", "", "a_2")]
    (page,) = await written(Rows(columns, [], "t", "a"))
    assert page == {
        "rows": [], "texts": [], "types": ["integer"] * 4, "names": ["a", "a_2", "column_3", "a_2_2"], "table": "t", "key": "a",
        "epoch": 7,
    }  # fmt: skip


async def test_pages_are_neither_many_nor_large() -> None:
    rows = [("x" * 5_000,)] * 1_000
    pages = Pages(of_lists([Rows([Column("a", "string")], rows), Rows([Column("b", "integer")], [(1,)])]), 0)
    taken = []
    while not pages.over:
        taken.append(await pages.take())
    sizes = [sum(len(page["text"]) for page in one) for one in taken]  # type: ignore[index, call-overload, arg-type, misc]
    assert all(size < 3 * ENOUGH for size in sizes)
    assert len(taken) <= 8
    every = [(page["place"], len(json.loads(page["text"])["rows"])) for one in taken for page in one]  # type: ignore[index, call-overload, arg-type]
    assert (sum(count for place, count in every if place == 0), every[-1]) == (1_000, (1, 1))


async def test_what_is_left_of_a_result_is_let_go() -> None:
    closed = []

    async def endless() -> AsyncGenerator[tuple[int, Rows], None]:
        try:
            while True:
                yield 0, result("string", "x" * ENOUGH)
        finally:
            closed.append(True)

    pages = Pages(endless(), 0)
    assert len(await pages.take()) == 1
    await pages.close()
    await pages.close()
    assert (closed, pages.over, await pages.take()) == ([True], True, [])
