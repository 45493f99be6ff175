"""Data sets of Python: changes, what is derived, texts, tables of others."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.core.errors import InvalidJson
from sojourn.data.dataset import DataSet
from sojourn.data.errors import BadValue, NoSuchColumn, NoSuchRecord, TableWithoutKey
from sojourn.data.port import Column, Rows
from sojourn.data.terms import Deleted, Modified

COLUMNS = [Column("iKey", "integer"), Column("city", "string"), Column("price", "decimal")]
ROWS: list[tuple[Any, ...]] = [(1, "Recife", Decimal("10.50")), (2, "Olinda", None), (3, "Recife", Decimal(2))]


@pytest.fixture
def found() -> DataSet:
    return DataSet(Rows(COLUMNS, list(ROWS), "shop", "iKey"))


def keys(found: DataSet) -> list[Any]:
    return found.column("iKey")


def test_rows_are_gone_through_as_records(found: DataSet) -> None:
    assert len(found) == 3
    assert next(iter(found)) == {"iKey": 1, "city": "Recife", "price": Decimal("10.50")}
    assert (found.names, found.table, found.key) == (["iKey", "city", "price"], "shop", "iKey")
    assert found.get(2) == {"iKey": 2, "city": "Olinda", "price": None}


def test_changes_are_kept_beside_the_rows(found: DataSet) -> None:
    found.modify(1, city="Natal")
    found.remove(2)
    found.insert(iKey=9, city="Belém")
    assert [(row["iKey"], row["city"]) for row in found] == [(1, "Natal"), (3, "Recife"), (9, "Belém")]
    assert [found.state(key) for key in (1, 2, 3, 9)] == ["modified", "deleted", "unchanged", "inserted"]
    assert found.original(1) == {"iKey": 1, "city": "Recife", "price": Decimal("10.50")}
    assert found.original(9) is None
    assert len(found) == 3
    changes = found.changes()
    assert changes.table == "shop"
    assert changes.inserted == [{"iKey": 9, "city": "Belém"}]
    assert changes.modified == [Modified(1, {"city": "Recife"}, {"city": "Natal"})]
    assert changes.deleted == [Deleted(2, {"iKey": 2, "city": "Olinda", "price": None})]


def test_what_was_applied_is_what_the_rows_are(found: DataSet) -> None:
    found.modify(1, city="Natal")
    found.remove(2)
    found.insert(iKey=9, city="Belém")
    found.applied()
    assert found.rows == [(1, "Natal", Decimal("10.50")), (3, "Recife", Decimal(2)), (9, "Belém", None)]
    assert found.state(9) == "unchanged"
    assert found.changes().modified == []


def test_what_is_cancelled_is_forgotten(found: DataSet) -> None:
    found.modify(1, city="Natal")
    found.insert(iKey=9)
    found.remove(3)
    found.cancel()
    assert list(found) == list(DataSet(Rows(COLUMNS, list(ROWS), "shop", "iKey")))


def test_a_change_back_is_no_change(found: DataSet) -> None:
    found.modify(1, city="Natal")
    found.modify(1, city="Recife")
    assert found.state(1) == "unchanged"
    found.insert(iKey=9, city="x")
    found.modify(9, city="y")
    found.remove(9)
    changes = found.changes()
    assert not changes.inserted
    assert not changes.modified
    assert not changes.deleted


def test_what_does_not_fit_is_refused(found: DataSet) -> None:
    for act in (found.get, found.remove, found.state, found.original):
        with pytest.raises(NoSuchRecord):
            act(7)
    found.remove(1)
    with pytest.raises(NoSuchRecord):
        found.modify(1, city="x")
    with pytest.raises(NoSuchColumn):
        found.modify(2, town="x")
    for values in ({}, {"iKey": 2}, {"iKey": None}, {"iKey": True}):
        with pytest.raises(BadValue):
            found.insert(**values)
    with pytest.raises(BadValue):
        found.modify(2, iKey=8)
    with pytest.raises(TableWithoutKey):
        DataSet(Rows(COLUMNS, list(ROWS))).modify(1, city="x")


def test_filter_order_and_pages(found: DataSet) -> None:
    found.insert(iKey=9, city="Belém", price=Decimal(5))
    assert keys(found.filter(lambda row: row["city"] == "Recife")) == [1, 3]
    assert keys(found.sorted("price")) == [2, 3, 9, 1]
    assert keys(found.sorted("city", "iKey", descending=True)) == [3, 1, 2, 9]
    assert [keys(found.page(number, 3)) for number in (0, 1, 2)] == [[1, 2, 3], [9], []]
    with pytest.raises(NoSuchColumn):
        found.sorted("town")


def test_sums_and_groups(found: DataSet) -> None:
    assert found.sum("price") == Decimal("12.50")
    assert found.aggregate(["city"], total=("sum", "price"), n=("count", "iKey")) == [
        {"city": "Recife", "total": Decimal("12.50"), "n": 2},
        {"city": "Olinda", "total": 0, "n": 1},
    ]
    whole = found.aggregate(low=("min", "price"), high=("max", "price"), middle=("average", "price"))
    assert whole == [{"low": Decimal(2), "high": Decimal("10.50"), "middle": Decimal("6.25")}]
    for how, name in (("median", "price"), ("sum", "city")):
        with pytest.raises(BadValue):
            found.aggregate(x=(how, name))
    with pytest.raises(BadValue):
        found.sum("city")


EVERY = [
    Column("iKey", "integer"),
    Column("text", "string"),
    Column("real", "number"),
    Column("money", "decimal"),
    Column("truth", "boolean"),
    Column("day", "date"),
    Column("hour", "time"),
    Column("at", "datetime"),
    Column("raw", "bytes"),
    Column("data", "json"),
]
FULL: tuple[Any, ...] = (
    2**53,
    '=1+1, "x"\n',
    0.1,
    Decimal("12345678901234567890.10"),
    True,
    date(2026, 1, 31),
    time(12, 30, 1),
    datetime(2026, 1, 31, 12, 0, 0, 5_000, UTC),
    b"\x00\xff",
    {"a": [1, None]},
)
NONE: tuple[Any, ...] = (1, *[None] * 9)


def test_json_keeps_everything() -> None:
    found = DataSet(Rows(EVERY, [FULL, NONE], "thing", "iKey"))
    again = DataSet.from_json(found.to_json())
    assert again.rows == [FULL, NONE]
    assert again.columns == EVERY
    assert (again.table, again.key) == ("thing", "iKey")


def test_csv_keeps_what_texts_can() -> None:
    found = DataSet(Rows(EVERY, [FULL, NONE], "thing", "iKey"))
    text = found.to_csv()
    assert "'=1+1" in text
    again = DataSet.from_csv(text, EVERY, table="thing", key="iKey")
    assert again.rows == [FULL, NONE]
    few = DataSet.from_csv(text, [Column("day", "date"), Column("iKey", "integer")])
    assert few.rows == [(date(2026, 1, 31), 2**53), (None, 1)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("iKey,day\n1,tomorrow\n", "line 2"),
        ("iKey,day\nx,\n", "line 2"),
        ('iKey,day\n1,\n"2', "line"),
        ("iKey\n1\n", "day"),
    ],
)
def test_a_csv_that_does_not_fit_says_where(text: str, line: str) -> None:
    with pytest.raises(BadValue, match=line):
        DataSet.from_csv(text, [Column("iKey", "integer"), Column("day", "date")])


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"columns":[],"rows":[]}',
        '{"columns":[{"name":"a","type":"x"}],"rows":[]}',
        '{"columns":[{"name":"a","type":"integer"}],"rows":[[]]}',
        '{"columns":[{"name":"a","type":"integer"}],"rows":[["1"]]}',
        '{"columns":[{"name":"a","type":"integer"}],"rows":[[true]]}',
        '{"columns":[{"name":"a","type":"bytes"}],"rows":[["?"]]}',
        '{"columns":[{"name":"a","type":"boolean"}],"rows":[[1]]}',
    ],
)
def test_json_that_is_no_data_set_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        DataSet.from_json(text)


def test_a_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(InvalidJson):
        DataSet.from_json("{")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1), min_size=1))
def test_any_text_comes_back_from_csv(texts: list[str]) -> None:
    columns = [Column("text", "string")]
    found = DataSet(Rows(columns, [(text,) for text in texts]))
    again = DataSet.from_csv(found.to_csv(), columns)
    # A line break within a cell stays; what stands alone as a carriage return is one to CSV too.
    assert again.rows == [(text,) for text in texts]


def test_arrow_and_pandas_get_the_rows() -> None:
    found = DataSet(Rows(EVERY, [FULL, NONE], "thing", "iKey"))
    table = found.to_arrow()
    assert table.num_rows == 2
    assert table.column("money").to_pylist() == ["12345678901234567890.10", None]
    assert table.column("day").to_pylist() == [date(2026, 1, 31), None]
    assert table.column("data").to_pylist() == ['{"a":[1,null]}', None]
    frame = found.to_pandas()
    assert list(frame["iKey"]) == [2**53, 1]
    assert list(frame.columns) == found.names
