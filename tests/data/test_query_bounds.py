"""What the SQL of authors may use, and that it stops: time, rows, bytes, memory, a caller who has gone."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import pytest

from sojourn.data.errors import (
    BadParameters,
    BadStatement,
    BadValue,
    QueryTimeout,
    ResultTooLarge,
    StatementRefused,
    TableUnknown,
)
from sojourn.data.port import Backend, Bounds, Parameters, Statement
from sojourn.data.sqlite import readers
from sojourn.data.sqlite.backend import READERS, SqliteBackend
from sojourn.data.sqlite.temporary import temporary
from tests.data.conftest import IN_A_FILE

pytestmark = pytest.mark.anyio

FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {what} FROM n"


async def ask(backend: Backend, sql: str, parameters: Parameters = (), **bounds: int) -> list[tuple[object, ...]]:
    (rows,) = await backend.query([Statement(sql, parameters)], Bounds(**bounds))
    return list(rows.rows)


async def test_a_statement_that_runs_on_is_stopped_in_time(backend: Backend) -> None:
    begun = time.monotonic()
    with pytest.raises(QueryTimeout):
        await ask(backend, FOREVER.format(what="count(*)"), time=200)
    assert time.monotonic() - begun < 5
    assert await ask(backend, "SELECT 1") == [(1,)]


async def test_the_time_holds_for_all_statements_of_a_call(backend: Backend) -> None:
    some = Statement(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT count(*) FROM n"
    )
    with pytest.raises(QueryTimeout):
        await backend.query([some] * 100, Bounds(time=300))


async def test_a_caller_who_goes_stops_the_statement(backend: Backend) -> None:
    running = [asyncio.create_task(ask(backend, FOREVER.format(what="count(*)"))) for _ in range(READERS)]
    await asyncio.sleep(0.1)
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    # Every connection is free again.
    async with asyncio.timeout(10):
        assert await asyncio.gather(*(ask(backend, "SELECT 1") for _ in range(READERS))) == [[(1,)]] * READERS


async def test_who_finds_no_free_connection_waits_within_his_time(backend: Backend) -> None:
    running = [asyncio.create_task(ask(backend, FOREVER.format(what="count(*)"), time=2_000)) for _ in range(READERS)]
    await asyncio.sleep(0.05)
    with pytest.raises(QueryTimeout):
        await ask(backend, "SELECT 1", time=100)
    for task in running:
        task.cancel()
    await asyncio.wait(running)


async def test_a_result_that_is_too_large_is_refused(backend: Backend) -> None:
    with pytest.raises(ResultTooLarge):
        await ask(backend, FOREVER.format(what="i"), rows=1_000)
    with pytest.raises(ResultTooLarge):
        await ask(backend, FOREVER.format(what="'a text of some length'"), size=100_000)


@pytest.mark.parametrize(
    ("sql", "bounds"),
    [
        (FOREVER.format(what="hex(zeroblob(1000))"), {"size": 1_000_000}),
        ("SELECT zeroblob(2000000)", {"size": 1_000_000}),
        ("SELECT hex(randomblob(900000))", {"size": 1_000_000}),
        ("SELECT replace(hex(zeroblob(10000)), '0', hex(zeroblob(10000)))", {"size": 1_000_000}),
    ],
)
@IN_A_FILE
async def test_a_result_that_is_too_large_is_refused_by_sqlite(
    backend: Backend, sql: str, bounds: dict[str, int]
) -> None:
    with pytest.raises(ResultTooLarge):
        await ask(backend, sql, (), **bounds)


@pytest.mark.parametrize(
    ("sql", "parameters", "error"),
    [
        ("SELECT 1; SELECT 2", (), BadStatement),
        ("SELECT 'x", (), BadStatement),
        ("SELECT 1 /* x", (), BadStatement),
        ("  -- nothing\n", (), BadStatement),
        ("SELECT nothing FROM product", (), BadStatement),
        ("SELECT * FROM nowhere", (), TableUnknown),
        ("SELECT ?", (), BadParameters),
        ("SELECT ?", (1, 2), BadParameters),
        ("SELECT :a", {"b": 1}, BadParameters),
        ("SELECT :a", (1,), BadParameters),
        ("SELECT ?", {"a": 1}, BadParameters),
        ("SELECT ?1", (1,), BadParameters),
        ("SELECT ?", ("\ud800",), BadParameters),
        ("SELECT ?", "x", BadParameters),
        ("INSERT INTO product (iKey, name) VALUES (1, 'x')", (), StatementRefused),
        ("WITH x AS (SELECT 1) DELETE FROM product", (), StatementRefused),
        ("PRAGMA table_info(product)", (), StatementRefused),
        ("EXPLAIN SELECT 1", (), StatementRefused),
        ("BEGIN", (), StatementRefused),
    ],
)
async def test_what_is_wrong_with_a_statement_is_said(
    backend: Backend, sql: str, parameters: Parameters, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await ask(backend, sql, parameters)
    assert await ask(backend, "SELECT count(*) FROM product") == [(0,)]


@IN_A_FILE
@pytest.mark.parametrize(
    ("sql", "parameters", "error"),
    [
        ("SELECT", (), BadStatement),
        ("SELECT @a", (), BadParameters),
        ("SELECT ?", (2**63,), BadValue),
    ],
)
async def test_what_sqlite_says_is_wrong_with_a_statement(
    backend: Backend, sql: str, parameters: Parameters, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await ask(backend, sql, parameters)


async def test_parameters_are_values_and_never_sql(backend: Backend) -> None:
    nasty = "x'; DROP TABLE product; --"
    assert await ask(backend, 'SELECT ? AS a, \':no\' AS b, "iKey" FROM (SELECT 1 AS "iKey") AS one -- ?', [nasty]) == [
        (nasty, ":no", 1)
    ]
    assert await ask(backend, "SELECT :a, :b, :a /* :c */", {"a": 1, "b": None, "z": 0}) == [(1, None, 1)]


async def test_a_stream_that_is_left_gives_its_connection_back(backend: Backend) -> None:
    for _ in range(3 * READERS):
        async with aclosing(backend.stream(Statement(FOREVER.format(what="i")), Bounds(), 10)) as pages:  # type: ignore[type-var]
            async for page in pages:
                assert len(page.rows) == 10
                break
    async with asyncio.timeout(10):
        await asyncio.gather(*(ask(backend, "SELECT 1") for _ in range(READERS)))


async def test_time_between_two_pages_does_not_count(backend: Backend) -> None:
    sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n"
    seen: list[tuple[object, ...]] = []
    async for page in backend.stream(Statement(sql), Bounds(time=300), 2):
        seen += page.rows
        await asyncio.sleep(0.2)
    assert seen == [(1,), (2,), (3,), (4,), (5,)]


async def test_a_page_that_never_comes_ends_with_the_time(backend: Backend) -> None:
    with pytest.raises(QueryTimeout):
        async for _ in backend.stream(Statement(FOREVER.format(what="i") + " WHERE i < 0"), Bounds(time=200), 10):
            pass


@IN_A_FILE
async def test_a_sorter_of_a_statement_does_not_fill_the_disk(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All of it would have to be kept before the first row.
    assert isinstance(backend, SqliteBackend)
    monkeypatch.setattr(readers, "_TEMPORARY", 10_000_000)
    with pytest.raises(ResultTooLarge):
        await ask(backend, FOREVER.format(what="i, hex(randomblob(500))") + " ORDER BY 2", time=20_000)
    assert temporary() == 0


@IN_A_FILE
async def test_an_aggregate_of_everything_ends_with_the_time(backend: Backend) -> None:
    with pytest.raises((QueryTimeout, ResultTooLarge)):
        await ask(backend, FOREVER.format(what="group_concat(hex(zeroblob(1000)))"), time=300, size=1_000_000)
