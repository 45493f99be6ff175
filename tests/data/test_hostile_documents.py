"""Documents, queries and changes that were made to take all time or all memory."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

import pytest

from sojourn.core.clock import SystemClock
from sojourn.core.json import MAX_DEPTH
from sojourn.data.documents import records
from sojourn.data.documents.aggregating import compile_aggregation
from sojourn.data.documents.matching import BadQuery, compile_query
from sojourn.data.documents.records import BadDocument, Place, Which
from sojourn.data.documents.store import Documents
from sojourn.data.documents.updating import compile_update
from sojourn.data.errors import ResultTooLarge
from sojourn.data.port import Backend
from tests.data.applying import AUTHOR

pytestmark = pytest.mark.anyio

PLACE = Place("realm", "heap")


def test_ways_through_arrays_within_arrays_do_not_double() -> None:
    document: Any = "end"
    for _ in range(90):
        document = [{"0": document}]
    begun = time.monotonic()
    fits = compile_query({"a." + ".".join("0" * 120): "nothing"})
    assert not fits({"a": document})
    assert compile_query({"a." + ".".join("0" * 180): "end"})({"a": document})
    assert time.monotonic() - begun < 5


def test_a_place_of_thousands_of_digits_is_no_place() -> None:
    assert not compile_query({"a." + "9" * 5_000: 1})({"a": [1]})


def test_long_lists_are_compared_in_one_go() -> None:
    many: list[Any] = [*range(60_000), *({"n": number} for number in range(60_000))]
    begun = time.monotonic()
    assert compile_query({"a": {"$nin": many}})({"a": [-number for number in range(1, 60_000)]})
    changed = compile_update({"$addToSet": {"a": {"$each": many}}}, "")({"a": many[:50_000]})
    assert len(changed["a"]) == 120_000  # type: ignore[arg-type]
    group = {"$group": {"_id": None, "all": {"$addToSet": "$a"}}}
    assert len(compile_aggregation([group])([{"a": one} for one in many])[0]["all"]) == 120_000  # type: ignore[arg-type]
    assert time.monotonic() - begun < 10


def test_equal_values_are_one_and_others_are_not() -> None:
    values: list[Any] = [1, Decimal("1.0"), True, "1", None, [1], [True], {"a": 1}, {"a": Decimal("1.00")}, False, 0]
    group = {"$group": {"_id": None, "all": {"$addToSet": "$a"}}}
    (made,) = compile_aggregation([group])([{"a": one} for one in values])
    assert made["all"] == [1, True, "1", None, [1], [True], {"a": 1}, False, 0]
    far: list[Any] = [
        {"a": Decimal("1234567890123456789012345678901.1")},
        {"a": Decimal("1234567890123456789012345678901.2")},
    ]
    assert len(compile_aggregation([{"$group": {"_id": "$a"}}])(far)) == 2
    assert compile_query({"a": {"$in": [Decimal("1.0")]}})({"a": 1})
    assert not compile_query({"a": {"$in": [1, "1"]}})({"a": True})


@pytest.mark.parametrize("word", ["$sum", "$avg"])
def test_numbers_that_nobody_can_add_are_refused(word: str) -> None:
    make = compile_aggregation([{"$group": {"_id": "$n", "all": {word: "$n"}}}])
    with pytest.raises(BadQuery):
        make([{"n": Decimal("9E+999999999")}])


def test_an_unwinding_stops_before_it_fills_the_memory() -> None:
    documents: list[Any] = [{"a": [0] * 100_000}] * 100
    begun = time.monotonic()
    with pytest.raises(BadQuery):
        compile_aggregation([{"$unwind": "$a"}, {"$count": "n"}])(documents)
    assert time.monotonic() - begun < 5


def test_a_group_has_a_limit_of_fields() -> None:
    with pytest.raises(BadQuery):
        compile_aggregation([{"$group": {"_id": None, **{f"f{n}": {"$push": "$a"} for n in range(100)}}}])


async def test_large_documents_are_not_all_held_at_once(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_HELD", 3_000_000)
    store = Documents(backend, SystemClock())
    for _ in range(2):
        await store.insert(AUTHOR, PLACE, [{"text": "x" * 900_000}] * 3, exclusive=False)
    assert len(await store.find(PLACE, Which(), limit=2, skip=1)) == 2
    assert await store.find(PLACE, Which(query={"text": "y"})) == []
    with pytest.raises(ResultTooLarge):
        await store.aggregate(PLACE, [{"$count": "n"}])
    with pytest.raises(ResultTooLarge):
        await store.find(PLACE, Which(), limit=1, order={"text": 1})
    with pytest.raises(ResultTooLarge):
        await store.delete(AUTHOR, PLACE, Which())
    assert len(await store.find(PLACE, Which(), limit=3)) == 3


async def test_no_document_is_stored_that_nobody_can_read(backend: Backend) -> None:
    store = Documents(backend, SystemClock())
    await store.insert(AUTHOR, PLACE, [{"n": 1}], object_id="k")
    with pytest.raises(BadDocument):
        await store.update(AUTHOR, PLACE, Which("k"), {"$set": {".".join("a" * 250): 1}})
    deep: Any = 1
    for _ in range(MAX_DEPTH):
        deep = [deep]
    with pytest.raises(BadDocument):
        await store.insert(AUTHOR, PLACE, [{"a": deep}], object_id="deep")
    with pytest.raises(BadDocument):
        await store.update(AUTHOR, PLACE, Which("k"), {"$push": {"list": deep}})
    assert await store.find(PLACE, Which()) == [{"n": 1, "_oId": "k"}]


async def test_an_upsert_is_never_told_that_there_is_one(backend: Backend) -> None:
    store = Documents(backend, SystemClock())
    put = [store.insert(AUTHOR, PLACE, [{"n": n}], object_id="k", upsert=True) for n in range(12)]
    away = [store.delete(AUTHOR, PLACE, Which("k")) for _ in range(6)]
    changed = [store.update(AUTHOR, PLACE, Which("k"), {"$inc": {"n": 1}}, upsert=True) for _ in range(6)]
    mixed = [one for three in zip(put[::2], away, put[1::2], changed, strict=True) for one in three]
    await asyncio.gather(*mixed)
    assert len(await store.find(PLACE, Which())) <= 1
