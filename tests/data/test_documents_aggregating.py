"""Aggregations over documents."""

from decimal import Decimal
from typing import Any

import pytest

from sojourn.data.documents.aggregating import compile_aggregation
from sojourn.data.documents.matching import BadQuery

ORDERS: list[dict[str, Any]] = [
    {"_oId": "1", "city": "Recife", "total": 10, "tags": ["a", "b"], "ship": {"days": 2}},
    {"_oId": "2", "city": "Recife", "total": Decimal("20.5"), "tags": [], "ship": {"days": 3}},
    {"_oId": "3", "city": "Olinda", "total": None},
]

CASES: list[tuple[list[Any], list[dict[str, Any]]]] = [
    ([], ORDERS),
    ([{"$match": {"city": "Recife"}}, {"$count": "n"}], [{"n": 2}]),
    (
        [{"$sort": {"_oId": -1}}, {"$skip": 1}, {"$limit": 1}, {"$project": {"city": 1}}],
        [{"_oId": "2", "city": "Recife"}],
    ),
    ([{"$limit": 1}, {"$project": {"_oId": 0, "days": "$ship.days", "no": "$none"}}], [{"days": 2}]),
    ([{"$skip": 2}, {"$project": {"_oId": 0, "total": 0}}], [{"city": "Olinda"}]),
    ([{"$unwind": "$tags"}, {"$project": {"_oId": 0, "tags": 1}}], [{"tags": "a"}, {"tags": "b"}]),
    (
        [{"$group": {"_id": "$city", "sum": {"$sum": "$total"}, "n": {"$sum": 1}, "avg": {"$avg": "$total"}}}],
        [
            {"_id": "Recife", "sum": Decimal("30.5"), "n": 2, "avg": Decimal("15.25")},
            {"_id": "Olinda", "sum": 0, "n": 1, "avg": None},
        ],
    ),
    (
        [{"$group": {"_id": None, "low": {"$min": "$total"}, "high": {"$max": "$total"}, "all": {"$push": "$city"}}}],
        [{"_id": None, "low": 10, "high": Decimal("20.5"), "all": ["Recife", "Recife", "Olinda"]}],
    ),
    (
        [
            {
                "$group": {
                    "_id": {"c": "$city"},
                    "f": {"$first": "$_oId"},
                    "l": {"$last": "$_oId"},
                    "s": {"$addToSet": "$city"},
                }
            }
        ],
        [
            {"_id": {"c": "Recife"}, "f": "1", "l": "2", "s": ["Recife"]},
            {"_id": {"c": "Olinda"}, "f": "3", "l": "3", "s": ["Olinda"]},
        ],
    ),
]

WRONG: list[Any] = [
    None,
    {},
    [1],
    [{"$match": {}, "$limit": 1}],
    [{"$lookup": {}}],
    [{"$limit": -1}],
    [{"$skip": True}],
    [{"$count": "$n"}],
    [{"$sort": {"a": 2}}],
    [{"$unwind": "tags"}],
    [{"$project": {}}],
    [{"$project": {"a.b": 1}}],
    [{"$group": {"sum": {"$sum": 1}}}],
    [{"$group": {"_id": 1, "n": {"$median": "$a"}}}],
    [{"$group": {"_id": 1, "n": 1}}],
    [{"$limit": 1}] * 21,
]


@pytest.mark.parametrize(("stages", "want"), CASES, ids=[str(case[0])[:70] for case in CASES])
def test_stages_make_a_result(stages: list[Any], want: list[dict[str, Any]]) -> None:
    assert compile_aggregation(stages)(list(ORDERS)) == want


@pytest.mark.parametrize("stages", WRONG, ids=lambda value: str(value)[:70])
def test_what_is_no_aggregation_is_refused(stages: Any) -> None:
    with pytest.raises(BadQuery):
        compile_aggregation(stages)


def test_equal_numbers_are_one_group() -> None:
    found = compile_aggregation([{"$group": {"_id": "$n", "k": {"$sum": 1}}}])(
        [{"n": 1}, {"n": Decimal("1.0")}, {"n": 1.0}]
    )
    assert [one["k"] for one in found] == [3]


def test_documents_between_stages_are_bounded() -> None:
    many = [{"tags": list(range(600))} for _ in range(600)]
    with pytest.raises(BadQuery):
        compile_aggregation([{"$unwind": "$tags"}])(many)  # type: ignore[arg-type]
