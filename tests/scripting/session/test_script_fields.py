"""``session.fields``, asked of the host as the bridge asks."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sojourn.core.errors import BadOperand, FieldConflict, FieldLimit, InvalidJson, TransientSession
from sojourn.scripting.declare import BadArgument
from sojourn.scripting.values import UNDEFINED, BigInt
from tests.scripting.session.conftest import Desk, Open

pytestmark = pytest.mark.anyio


async def test_fields_are_kept_read_and_removed(desk: Desk) -> None:
    version = await desk("SessionFields.put", {"cart": {"sku": "A1"}, "n": 1})
    assert await desk.again()("SessionFields.get", "cart") == {"sku": "A1"}
    assert await desk("SessionFields.getWithVersion", "n") == {"value": 1, "version": version}
    assert await desk("SessionFields.all") == {"cart": {"sku": "A1"}, "n": 1}
    await desk("SessionFields.delete", "cart", "not there")
    assert await desk("SessionFields.get", "cart") == UNDEFINED
    assert await desk("SessionFields.get", "cart", "none") == "none"
    assert await desk("SessionFields.getWithVersion", "cart") == {"value": None, "version": 0}


async def test_increments_are_exact_and_appends_add_up(desk: Desk) -> None:
    assert [await desk("SessionFields.increment", "n", *by) for by in ((), (2,), (-4,), (0.5,))] == [1, 3, -1, -0.5]
    await desk("SessionFields.append", "list", 1)
    await desk("SessionFields.append", "list", {"a": 1})
    assert await desk("SessionFields.get", "list") == [1, {"a": 1}]
    with pytest.raises(BadOperand):
        await desk("SessionFields.increment", "list")


async def test_a_write_on_condition_says_when_it_came_too_late(desk: Desk) -> None:
    first = await desk("SessionFields.putIf", "seat", "12A", 0)
    with pytest.raises(FieldConflict) as conflict:
        await desk("SessionFields.putIf", "seat", "12B", 0)
    assert (conflict.value.expected, conflict.value.found) == (0, first)
    await desk("SessionFields.putIf", "seat", "12B", first)
    assert await desk("SessionFields.get", "seat") == "12B"


async def test_a_value_is_kept_as_json(desk: Desk) -> None:
    for value, kept in (
        (datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC), "2026-01-02T03:04:05.678Z"),
        ({"a": UNDEFINED, "b": [UNDEFINED, BigInt(7)]}, {"b": [None, 7]}),
        (BigInt(2**80), 2**80),
        ({"$": 1}, {"$": 1}),
        ("é\x00😀", "é\x00😀"),
    ):
        await desk("SessionFields.put", {"value": value})
        assert await desk("SessionFields.get", "value") == kept


async def test_a_decimal_comes_back_as_a_number(desk: Desk) -> None:
    await desk("SessionFields.increment", "sum", 0.1)
    await desk("SessionFields.increment", "sum", 0.2)
    found = await desk("SessionFields.get", "sum")
    assert (found, type(found)) == (0.3, float)


async def test_what_cannot_be_kept_is_refused(desk: Desk) -> None:
    calls: list[tuple[tuple[Any, ...], type[Exception]]] = [
        (("put", {"a": UNDEFINED}), BadArgument),
        (("put", {"a": {"b": [b"x"]}}), BadArgument),
        (("put", {"a": float("nan")}), InvalidJson),
        (("put", "a"), BadArgument),
        (("append", "a"), BadArgument),
        (("delete", 1), BadArgument),
        (("increment", "a", "1"), BadArgument),
        (("increment", "a", float("inf")), BadOperand),
        (("put", {"a": "x" * 2_000_000}), FieldLimit),
    ]
    for (name, *args), error in calls:
        with pytest.raises(error):
            await desk(f"SessionFields.{name}", *args)
        assert await desk("SessionFields.all") == {}


async def test_a_request_without_a_session_has_none_unless_it_can_be_given_one(open_desk: Open) -> None:
    desk, other = await open_desk("shop", recorded=False), await open_desk("shop")

    async def record() -> None:
        desk.run.session = other.run.session

    with pytest.raises(TransientSession):
        await desk("SessionFields.put", {"a": 1})
    desk.run.record = record
    await desk("SessionFields.put", {"a": 1})
    assert await desk("SessionFields.get", "a") == 1
