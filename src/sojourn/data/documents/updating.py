"""Changes of documents: ``{"$set": {"state": "paid"}, "$inc": {"paid.times": 1}}``, or a whole document in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from decimal import Context, Decimal, Overflow, localcontext
from typing import Any, Final

from sojourn.core.errors import BadRequest
from sojourn.core.json import Json
from sojourn.data.documents.matching import compile_query, identity

Document = dict[str, Json]

_ABSENT: Final = object()

#: Sums and products keep all digits that a number of a document can reasonably have.
EXACT: Final = Context(prec=1_000, Emax=10_000, Emin=-10_000, traps=[Overflow])


class BadUpdate(BadRequest):
    """This change cannot be made to the document."""

    code = "document.bad_update"


def compile_update(update: Json, now: str) -> Callable[[Document], Document]:
    """What makes the changed document; the given one stays as it is. ``now``: the time for ``$currentDate``, as text.

    An object without operators takes the place of the whole document. Raises :class:`BadUpdate`, the changing too.
    """
    if not isinstance(update, dict):
        raise BadUpdate("a change is an object")
    operators = [name for name in update if name.startswith("$")]
    if not operators:
        return lambda _document: deepcopy(update)
    if len(operators) != len(update):
        raise BadUpdate("a change has operators only, or none")
    acts = [(_OPERATORS.get(name), name, fields) for name, fields in update.items()]
    for act, name, fields in acts:
        if act is None:
            raise BadUpdate(f"{name[:50]} is no operator here")
        if not isinstance(fields, dict):
            raise BadUpdate(f"{name} takes an object of fields")

    def change(document: Document) -> Document:
        made = deepcopy(document)
        for act, _, fields in acts:
            assert act is not None
            for path, operand in fields.items():
                act(made, path, operand, now)
        return made

    return change


def _place(document: Document, path: str, *, make: bool) -> tuple[Any, Any] | None:
    """The container of ``path`` and the last step in it; None where it is not there and shall not be made."""
    steps = path.split(".")
    if not all(steps) or any(step.startswith("$") for step in steps):
        raise BadUpdate(f"{path[:100]!r} is no name of a field")
    container: Any = document
    for step in steps[:-1]:
        found = _get(container, step)
        if found is _ABSENT:
            if not make:
                return None
            found = {}
            _set(container, step, found)
        container = found
    if not isinstance(container, (dict, list)):
        raise BadUpdate(f"{path[:100]!r} leads into a value that has no fields")
    return container, steps[-1]


def _get(container: Any, step: str) -> Any:
    if isinstance(container, dict):
        return container.get(step, _ABSENT)
    if isinstance(container, list):
        place = _index(step)
        return container[place] if place < len(container) else _ABSENT
    raise BadUpdate(f"{step[:100]!r}: the value above it has no fields")


def _set(container: Any, step: str, value: Any) -> None:
    if isinstance(container, dict):
        container[step] = value
        return
    place = _index(step)
    if place > len(container):
        raise BadUpdate("an array is lengthened by one item at a time")
    container[place : place + 1] = [value]


def _index(step: str) -> int:
    if not (step.isascii() and step.isdigit() and len(step) < 9):  # noqa: PLR2004 - no array is longer
        raise BadUpdate(f"{step[:100]!r} is no place in an array")
    return int(step)


def _assign(document: Document, path: str, value: Any) -> None:
    place = _place(document, path, make=True)
    assert place is not None
    _set(*place, value)


def _current(document: Document, path: str) -> Any:
    place = _place(document, path, make=False)
    return _ABSENT if place is None else _get(*place)


def _set_to(document: Document, path: str, operand: Json, _now: str) -> None:
    _assign(document, path, deepcopy(operand))


def _unset(document: Document, path: str, _operand: Json, _now: str) -> None:
    place = _place(document, path, make=False)
    if place is None:
        return
    container, step = place
    if isinstance(container, dict):
        container.pop(step, None)
    elif _get(container, step) is not _ABSENT:
        container[_index(step)] = None


def _number(value: Any, what: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise BadUpdate(f"{what} is no number")
    return Decimal(str(value)) if isinstance(value, float) else Decimal(value)


def plain(number: Decimal) -> Json:
    """A number as a document keeps it: a whole one as such."""
    return int(number) if number == number.to_integral_value() and abs(number) < Decimal(10) ** 30 else number


def _calculated(calculate: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Document, str, Json, str], None]:
    def act(document: Document, path: str, operand: Json, _now: str) -> None:
        found = _current(document, path)
        before = Decimal(0) if found is _ABSENT else _number(found, path[:100])
        try:
            with localcontext(EXACT):
                made = calculate(before, _number(operand, "the operand"))
        except ArithmeticError:
            raise BadUpdate(f"{path[:100]!r}: the result is no number") from None
        if not made.is_finite():
            raise BadUpdate(f"{path[:100]!r}: the result is no number")
        _assign(document, path, plain(made))

    return act


def _extreme(better: Callable[[Decimal, Decimal], bool]) -> Callable[[Document, str, Json, str], None]:
    def act(document: Document, path: str, operand: Json, _now: str) -> None:
        found = _current(document, path)
        if found is _ABSENT or better(_number(operand, "the operand"), _number(found, path[:100])):
            _assign(document, path, operand)

    return act


def _array(document: Document, path: str, *, make: bool) -> list[Json] | None:
    found = _current(document, path)
    if found is _ABSENT:
        if not make:
            return None
        found = []
        _assign(document, path, found)
    if not isinstance(found, list):
        raise BadUpdate(f"{path[:100]!r} is no array")
    return found


def _each(operand: Json) -> list[Json]:
    if isinstance(operand, dict) and operand.keys() == {"$each"} and isinstance(operand["$each"], list):
        return deepcopy(operand["$each"])
    return [deepcopy(operand)]


def _push(document: Document, path: str, operand: Json, _now: str) -> None:
    found = _array(document, path, make=True)
    assert found is not None
    found.extend(_each(operand))


def _add_to_set(document: Document, path: str, operand: Json, _now: str) -> None:
    found = _array(document, path, make=True)
    assert found is not None
    there = set(map(identity, found))
    for item in _each(operand):
        mark = identity(item)
        if mark not in there:
            there.add(mark)
            found.append(item)


def _pull(document: Document, path: str, operand: Json, _now: str) -> None:
    found = _array(document, path, make=False)
    if found is None:
        return
    fits = compile_query({"item": operand})
    found[:] = [
        item for item in found if not (fits({"item": item}) or (isinstance(operand, dict) and _fits(operand, item)))
    ]


def _fits(query: Mapping[str, Json], item: Json) -> bool:
    """Whether an object fits the conditions of ``$pull``."""
    return (
        isinstance(item, dict) and not any(name.startswith("$") for name in query) and compile_query(dict(query))(item)
    )


def _pop(document: Document, path: str, operand: Json, _now: str) -> None:
    if operand not in (1, -1) or isinstance(operand, bool):
        raise BadUpdate("$pop takes 1 for the last item or -1 for the first")
    found = _array(document, path, make=False)
    if found:
        del found[-1 if operand == 1 else 0]


def _rename(document: Document, path: str, operand: Json, _now: str) -> None:
    if not isinstance(operand, str):
        raise BadUpdate("$rename takes the new name")
    found = _current(document, path)
    if found is not _ABSENT:
        _unset(document, path, None, "")
        _assign(document, operand, found)


def _date(document: Document, path: str, _operand: Json, now: str) -> None:
    _assign(document, path, now)


_OPERATORS: Final[Mapping[str, Callable[[Document, str, Json, str], None]]] = {
    "$set": _set_to,
    "$unset": _unset,
    "$inc": _calculated(lambda before, by: before + by),
    "$mul": _calculated(lambda before, by: before * by),
    "$min": _extreme(lambda given, found: given < found),
    "$max": _extreme(lambda given, found: given > found),
    "$push": _push,
    "$addToSet": _add_to_set,
    "$pull": _pull,
    "$pop": _pop,
    "$rename": _rename,
    "$currentDate": _date,
}
