"""Queries over documents."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.data.documents.matching import BadQuery, compile_query

ORDER: dict[str, Any] = {
    "state": "open",
    "total": Decimal("10.50"),
    "paid": False,
    "note": None,
    "tags": ["a", "b"],
    "items": [{"sku": "x", "qty": 1}, {"sku": "y", "qty": 5}],
    "ship": {"city": "Recife", "days": 3},
}

FITS = [
    {},
    {"state": "open"},
    {"total": Decimal("10.5")},
    {"total": 10.5},
    {"paid": False},
    {"note": None},
    {"missing": None},
    {"tags": "a"},
    {"tags": ["a", "b"]},
    {"tags.1": "b"},
    {"ship": {"days": 3, "city": "Recife"}},
    {"ship.city": "Recife"},
    {"items.sku": "y"},
    {"items.1.qty": 5},
    {"state": {"$ne": "closed"}},
    {"missing": {"$ne": 1}},
    {"total": {"$gt": 10, "$lt": 11}},
    {"total": {"$gte": Decimal("10.5"), "$lte": Decimal("10.50")}},
    {"items.qty": {"$gt": 4}},
    {"state": {"$in": ["open", "held"]}},
    {"state": {"$nin": ["closed"]}},
    {"missing": {"$in": [None]}},
    {"tags": {"$all": ["b", "a"]}},
    {"tags": {"$size": 2}},
    {"ship": {"$exists": True}},
    {"missing": {"$exists": False}},
    {"note": {"$exists": True}},
    {"total": {"$type": "number"}},
    {"note": {"$type": "null"}},
    {"items": {"$elemMatch": {"sku": "y", "qty": {"$gte": 5}}}},
    {"tags": {"$elemMatch": {"$regex": "^b"}}},
    {"state": {"$regex": "^OP", "$options": "i"}},
    {"state": {"$not": {"$regex": "^cl"}}},
    {"ship.days": {"$mod": [2, 1]}},
    {"$or": [{"state": "held"}, {"state": "open"}]},
    {"$and": [{"paid": False}, {"$nor": [{"state": "held"}]}]},
]

FAILS = [
    {"state": "OPEN"},
    {"paid": 0},
    {"total": "10.50"},
    {"total": {"$gt": "1"}},
    {"tags": ["b", "a"]},
    {"ship": {"city": "Recife"}},
    {"items": {"$elemMatch": {"sku": "x", "qty": {"$gte": 5}}}},
    {"note": {"$gt": 0}},
    {"note": {"$exists": False}},
    {"missing": {"$exists": True}},
    {"state": {"$nin": ["open"]}},
    {"tags": {"$ne": "a"}},
    {"tags": {"$all": []}},
    {"tags": {"$all": ["a", "c"]}},
    {"tags": {"$size": 1}},
    {"$nor": [{"state": "open"}]},
    {"$and": [{"paid": False}, {"state": "held"}]},
    {"items.7.qty": 5},
]

WRONG: list[Any] = [
    None,
    [],
    "state",
    {"$where": "1"},
    {"state": {"$where": "1"}},
    {"$or": []},
    {"$or": {}},
    {"total": {"$gt": {}}},
    {"state": {"$in": "open"}},
    {"tags": {"$size": True}},
    {"tags": {"$type": "date"}},
    {"ship.days": {"$mod": [0, 1]}},
    {"state": {"$regex": "("}},
    {"state": {"$regex": "a", "$options": "x"}},
    {"state": {"$regex": "(a{1000}){1000}"}},
]


@pytest.mark.parametrize("query", FITS, ids=str)
def test_a_document_fits(query: dict[str, Any]) -> None:
    assert compile_query(query)(ORDER)


@pytest.mark.parametrize("query", FAILS, ids=str)
def test_a_document_does_not_fit(query: dict[str, Any]) -> None:
    assert not compile_query(query)(ORDER)


@pytest.mark.parametrize("query", WRONG, ids=str)
def test_what_is_no_query_is_refused(query: Any) -> None:
    with pytest.raises(BadQuery):
        compile_query(query)


def test_deep_and_wide_queries_are_refused() -> None:
    deep: dict[str, Any] = {"a": 1}
    for _ in range(30):
        deep = {"$and": [deep]}
    with pytest.raises(BadQuery):
        compile_query(deep)
    with pytest.raises(BadQuery):
        compile_query({"$or": [{"a": number} for number in range(1_001)]})


_SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_DOCUMENTS = st.dictionaries(st.sampled_from("abc"), _SCALARS | st.lists(_SCALARS, max_size=3), max_size=3)


@given(_DOCUMENTS, st.sampled_from("abc"), _SCALARS)
def test_not_and_nor_are_the_opposite(document: dict[str, Any], name: str, value: Any) -> None:
    plain = compile_query({name: {"$eq": value}})(document)
    assert compile_query({name: value})(document) == plain
    assert compile_query({name: {"$ne": value}})(document) != plain
    assert compile_query({name: {"$not": {"$eq": value}}})(document) != plain
    assert compile_query({"$nor": [{name: value}]})(document) != plain


@given(_DOCUMENTS)
def test_a_document_fits_itself(document: dict[str, Any]) -> None:
    assert compile_query({name: {"$eq": value} for name, value in document.items()})(document)
