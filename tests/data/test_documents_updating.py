"""Changes of documents."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from sojourn.data.documents.updating import BadUpdate, compile_update

NOW = "2026-11-22T12:00:00.000Z"

CASES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"a": 1}, {"b": 2}, {"b": 2}),
    ({"a": 1}, {"$set": {"a": 2, "b.c": 3}}, {"a": 2, "b": {"c": 3}}),
    ({"a": [1, 2]}, {"$set": {"a.1": 9}}, {"a": [1, 9]}),
    ({"a": [1]}, {"$set": {"a.1": 9}}, {"a": [1, 9]}),
    ({"a": 1, "b": {"c": 1}}, {"$unset": {"a": "", "b.c": "", "x.y": ""}}, {"b": {}}),
    ({"n": 1}, {"$inc": {"n": 2, "m": -1}}, {"n": 3, "m": -1}),
    ({"n": Decimal("0.1")}, {"$inc": {"n": Decimal("0.2")}}, {"n": Decimal("0.3")}),
    ({"n": 3}, {"$mul": {"n": 4, "m": 5}}, {"n": 12, "m": 0}),
    ({"n": 3}, {"$min": {"n": 2}, "$max": {"m": 7}}, {"n": 2, "m": 7}),
    ({"n": 3}, {"$max": {"n": 2}}, {"n": 3}),
    ({"l": [1]}, {"$push": {"l": 2, "m": {"$each": [3, 4]}}}, {"l": [1, 2], "m": [3, 4]}),
    ({"l": [1]}, {"$addToSet": {"l": {"$each": [1, 2, 2]}}}, {"l": [1, 2]}),
    ({"l": [1, 2, 1]}, {"$pull": {"l": 1}}, {"l": [2]}),
    ({"l": [{"k": 1, "v": 2}, {"k": 2}]}, {"$pull": {"l": {"k": 1}}}, {"l": [{"k": 2}]}),
    ({"l": [1, 5, 9]}, {"$pull": {"l": {"$gte": 5}}}, {"l": [1]}),
    ({"l": [1, 2, 3]}, {"$pop": {"l": 1}}, {"l": [1, 2]}),
    ({"l": [1, 2, 3]}, {"$pop": {"l": -1, "x": 1}}, {"l": [2, 3]}),
    ({"a": 1}, {"$rename": {"a": "b.c", "x": "y"}}, {"b": {"c": 1}}),
    ({}, {"$currentDate": {"at": True}}, {"at": NOW}),
]

WRONG: list[tuple[dict[str, Any], Any]] = [
    ({}, None),
    ({}, {"$set": 1}),
    ({}, {"$nothing": {"a": 1}}),
    ({}, {"$set": {"a": 1}, "b": 2}),
    ({"a": 1}, {"$set": {"a.b": 1}}),
    ({"a": [1]}, {"$set": {"a.5": 1}}),
    ({"a": [1]}, {"$set": {"a.x": 1}}),
    ({}, {"$set": {"": 1}}),
    ({}, {"$set": {"a..b": 1}}),
    ({}, {"$set": {"a.$b": 1}}),
    ({"n": "1"}, {"$inc": {"n": 1}}),
    ({"n": True}, {"$inc": {"n": 1}}),
    ({"n": 1}, {"$inc": {"n": "1"}}),
    ({"n": Decimal("1E+9000")}, {"$mul": {"n": Decimal("1E+9000")}}),
    ({"l": 1}, {"$push": {"l": 1}}),
    ({"l": [1]}, {"$pop": {"l": 2}}),
    ({"a": 1}, {"$rename": {"a": 2}}),
]


@pytest.mark.parametrize(("document", "update", "want"), CASES, ids=[str(case[1]) for case in CASES])
def test_a_change_makes_a_new_document(document: dict[str, Any], update: dict[str, Any], want: dict[str, Any]) -> None:
    before = deepcopy(document)
    assert compile_update(update, NOW)(document) == want
    assert document == before


@pytest.mark.parametrize(("document", "update"), WRONG, ids=[str(case[1]) for case in WRONG])
def test_a_change_that_does_not_fit_is_refused(document: dict[str, Any], update: Any) -> None:
    with pytest.raises(BadUpdate):
        compile_update(update, NOW)(document)


def test_operands_are_not_shared_with_the_documents() -> None:
    operand: dict[str, Any] = {"deep": []}
    change = compile_update({"$set": {"a": operand}}, NOW)
    first, second = change({}), change({})
    first["a"]["deep"].append(1)  # type: ignore[index, call-overload, union-attr]
    assert second == {"a": {"deep": []}}
    assert operand == {"deep": []}
