"""Aggregations over documents: ``[{"$match": {…}}, {"$group": {"_id": "$city", "sum": {"$sum": "$total"}}}]``."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from copy import deepcopy
from decimal import Decimal, localcontext
from typing import Any, Final

from sojourn.core.json import Json
from sojourn.data.documents.matching import BadQuery, compile_query, identity, kind_of, values_at
from sojourn.data.documents.ordering import rank, sorted_documents
from sojourn.data.documents.updating import EXACT, Document, plain

#: Stages of one aggregation, and documents that may be between two of them.
_MOST_STAGES: Final = 20
_MOST: Final = 200_000
#: Fields of one group: each may hold all documents of it.
_MOST_FIELDS: Final = 50

Stage = Callable[[list[Document]], list[Document]]

_ABSENT: Final = object()


def compile_aggregation(stages: Json) -> Stage:
    """What makes the result of the documents of a store. Raises :class:`BadQuery`, the making too."""
    if not isinstance(stages, list) or len(stages) > _MOST_STAGES:
        raise BadQuery(f"an aggregation is an array of at most {_MOST_STAGES} stages")
    made = [_stage(stage) for stage in stages]

    def run(documents: list[Document]) -> list[Document]:
        for stage in made:
            try:
                documents = stage(documents)
            except ArithmeticError:
                raise BadQuery("a number is too large to calculate with") from None
            _check_number(len(documents))
        return documents

    return run


def _check_number(count: int) -> None:
    if count > _MOST:
        raise BadQuery(f"an aggregation has at most {_MOST} documents between two stages")


def _stage(stage: Json) -> Stage:
    if not isinstance(stage, dict) or len(stage) != 1:
        raise BadQuery("a stage is an object with one operator")
    ((name, operand),) = stage.items()
    make = _STAGES.get(name)
    if make is None:
        raise BadQuery(f"{name[:50]} is no stage here")
    return make(operand)


def _match(operand: Json) -> Stage:
    fits = compile_query(operand)
    return lambda documents: [one for one in documents if fits(one)]


def _sort(operand: Json) -> Stage:
    sorted_documents((), operand)
    return lambda documents: sorted_documents(documents, operand)


def _whole(operand: Json, name: str) -> int:
    if not isinstance(operand, int) or isinstance(operand, bool) or operand < 0:
        raise BadQuery(f"{name} takes a whole number from 0")
    return operand


def _skip(operand: Json) -> Stage:
    count = _whole(operand, "$skip")
    return lambda documents: documents[count:]


def _limit(operand: Json) -> Stage:
    count = _whole(operand, "$limit")
    return lambda documents: documents[:count]


def _count(operand: Json) -> Stage:
    if not isinstance(operand, str) or not operand or operand.startswith("$") or "." in operand:
        raise BadQuery("$count takes the name of the field for the number")
    return lambda documents: [{operand: len(documents)}]


def _unwind(operand: Json) -> Stage:
    path = _path(operand.get("path") if isinstance(operand, dict) else operand)
    if path is None or "." in path:
        raise BadQuery("$unwind takes a field of the document as $name")

    def run(documents: list[Document]) -> list[Document]:
        found: list[Document] = []
        for one in documents:
            value = one.get(path)
            items = value if isinstance(value, list) else [] if value is None else [value]
            _check_number(len(found) + len(items))
            found += [{**one, path: item} for item in items]
        return found

    return run


def _path(operand: Json) -> str | None:
    """The path that ``$name`` stands for; None for a plain value."""
    return operand[1:] if isinstance(operand, str) and operand.startswith("$") and len(operand) > 1 else None


def _value(document: Document, expression: Json) -> Any:
    """What an expression stands for: ``$path``, an object of expressions, or a plain value."""
    path = _path(expression)
    if path is not None:
        return next(values_at(document, path), _ABSENT)
    if isinstance(expression, dict):
        if any(name.startswith("$") for name in expression):
            raise BadQuery("an expression is $path, an object of them, or a value")
        found = {name: _value(document, inner) for name, inner in expression.items()}
        return {name: value for name, value in found.items() if value is not _ABSENT}
    return expression


def _project(operand: Json) -> Stage:
    if not isinstance(operand, dict) or not operand:
        raise BadQuery("$project takes an object of fields")
    without = [
        name for name, wanted in operand.items() if wanted in (0, False) and kind_of(wanted) in ("number", "bool")
    ]
    made = {name: wanted for name, wanted in operand.items() if name not in without}
    if any("." in name or name.startswith("$") for name in operand):
        raise BadQuery("$project makes fields of the document, without dots")
    if not made:
        return lambda documents: [{name: one[name] for name in one if name not in without} for one in documents]
    return lambda documents: [_projected(one, made, without) for one in documents]


def _projected(document: Document, made: Mapping[str, Json], without: Sequence[str]) -> Document:
    found: dict[str, Any] = {} if "_oId" in without or "_oId" not in document else {"_oId": document["_oId"]}
    for name, wanted in made.items():
        keeps = kind_of(wanted) in ("number", "bool")
        value = document.get(name, _ABSENT) if keeps else _value(document, wanted)
        if value is not _ABSENT:
            found[name] = value
    return found


def _group(operand: Json) -> Stage:
    if not isinstance(operand, dict) or "_id" not in operand:
        raise BadQuery("$group takes an object with _id")
    if len(operand) > _MOST_FIELDS:
        raise BadQuery(f"$group makes at most {_MOST_FIELDS} fields")
    accumulators: dict[str, tuple[Callable[[list[Any]], Json], Json]] = {}
    for name, wanted in operand.items():
        if name == "_id":
            continue
        if not isinstance(wanted, dict) or len(wanted) != 1:
            raise BadQuery(f"{name[:50]} takes one accumulator")
        ((word, expression),) = wanted.items()
        if word not in _ACCUMULATORS:
            raise BadQuery(f"{word[:50]} is no accumulator here")
        accumulators[name] = (_ACCUMULATORS[word], expression)

    def run(documents: list[Document]) -> list[Document]:
        groups: dict[Hashable, tuple[Json, list[Document]]] = {}
        for one in documents:
            found = _value(one, operand["_id"])
            key = None if found is _ABSENT else found
            groups.setdefault(identity(key), (key, []))[1].append(one)
        return [
            {
                "_id": key,
                **{name: make([_value(one, of) for one in members]) for name, (make, of) in accumulators.items()},
            }
            for key, members in groups.values()
        ]

    return run


def _numbers(values: Iterable[Any]) -> list[Decimal]:
    return [Decimal(str(value)) for value in values if value is not _ABSENT and kind_of(value) == "number"]


def _sum(values: list[Any]) -> Json:
    with localcontext(EXACT):
        return plain(sum(_numbers(values), Decimal(0)))


def _average(values: list[Any]) -> Json:
    numbers = _numbers(values)
    if not numbers:
        return None
    with localcontext(EXACT):
        total = sum(numbers, Decimal(0))
    return plain(total / len(numbers))


def _there(values: list[Any]) -> list[Json]:
    return [value for value in values if value is not _ABSENT and value is not None]


def _extreme(choose: Callable[..., Any]) -> Callable[[list[Any]], Json]:
    def make(values: list[Any]) -> Json:
        there = _there(values)
        return choose(there, key=rank) if there else None

    return make


def _set(values: list[Any]) -> Json:
    found = {identity(value): value for value in reversed(values) if value is not _ABSENT}
    return [deepcopy(value) for value in reversed(found.values())]


_ACCUMULATORS: Final[Mapping[str, Callable[[list[Any]], Json]]] = {
    "$sum": _sum,
    "$avg": _average,
    "$min": _extreme(min),
    "$max": _extreme(max),
    "$first": lambda values: None if values[0] is _ABSENT else values[0],
    "$last": lambda values: None if values[-1] is _ABSENT else values[-1],
    "$push": lambda values: [deepcopy(value) for value in values if value is not _ABSENT],
    "$addToSet": _set,
}

_STAGES: Final[Mapping[str, Callable[[Json], Stage]]] = {
    "$match": _match,
    "$sort": _sort,
    "$skip": _skip,
    "$limit": _limit,
    "$count": _count,
    "$unwind": _unwind,
    "$project": _project,
    "$group": _group,
}
