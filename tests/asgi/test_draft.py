"""What one request reads and changes in the mapping, and what becomes of it when another request is faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sojourn.core import json
from sojourn.core.errors import InvalidJson
from sojourn.engine.fields.draft import Draft, SessionConflict, save
from sojourn.model.field import DEFAULT_LIMITS, Changed, Field, Op, apply

pytestmark = pytest.mark.anyio


class Record:
    """The fields of one session, written by the very rules of the stores."""

    def __init__(self, **values: Any) -> None:
        self.version = 1
        self.fields = {name: Field(1, json.encode_text(value)) for name, value in values.items()}
        self.writes: list[Sequence[Op]] = []

    def draft(self) -> Draft:
        """One request, with the fields as they are now."""
        known = dict(self.fields)
        return Draft(lambda: known)

    async def write(self, ops: Sequence[Op]) -> Changed:
        applied = apply(ops, self.fields, DEFAULT_LIMITS)
        self.writes.append(ops)
        self.version += 1
        for name, text in applied.writes.items():
            if text is None:
                self.fields.pop(name, None)
            else:
                self.fields[name] = Field(self.version, text)
        return Changed(self.version, applied.values)

    def live_draft(self) -> Draft:
        """A request that learns of every write."""
        return Draft(lambda: self.fields)

    def values(self) -> dict[str, Any]:
        return {name: json.decode_native(found.text) for name, found in self.fields.items()}


Change = Callable[[Draft], Any]


async def race(record: Record, first: Change, second: Change) -> None:
    """Both requests read, then change; the second saves last."""
    one, two = record.draft(), record.draft()
    first(one)
    second(two)
    await save(one, record.write)
    await save(two, record.write)


def setting(name: str, value: Any) -> Change:
    return lambda draft: draft.__setitem__(name, value)


def adding(name: str, item: Any) -> Change:
    return lambda draft: draft[name].append(item)


def counting(name: str) -> Change:
    def count(draft: Draft) -> None:
        draft[name] += 1

    return count


async def test_reading_writes_nothing() -> None:
    record = Record(n=1, cart=["A1"], user={"name": "ana"})
    draft = record.draft()
    assert (draft["n"], draft.get("cart"), draft.get("gone", 7), "user" in draft) == (1, ["A1"], 7, True)
    assert dict(draft) == record.values()
    assert sorted(draft) == ["cart", "n", "user"]
    assert (len(draft), draft.changed) == (3, False)
    await save(draft, record.write)
    assert record.writes == []


async def test_all_changes_are_one_act() -> None:
    record = Record(n=1, old=2, cart=["A1"])
    draft = record.draft()
    draft["new"] = True
    draft["n"] += 1
    draft["cart"].append("B2")
    del draft["old"]
    draft.update(x=1, y=2)
    await save(draft, record.write)
    assert record.values() == {"n": 2, "cart": ["A1", "B2"], "new": True, "x": 1, "y": 2}
    assert len(record.writes) == 1
    await save(draft, record.write)
    assert len(record.writes) == 1


async def test_two_requests_that_change_different_items_both_win() -> None:
    record = Record(a=0, b=0)
    await race(record, counting("a"), counting("b"))
    assert record.values() == {"a": 1, "b": 1}


async def test_an_item_that_was_set_without_being_read_is_set_whatever_was_there() -> None:
    record = Record(theme="light")
    await race(record, setting("theme", "dark"), setting("theme", "blue"))
    assert record.values() == {"theme": "blue"}


async def test_a_value_that_was_computed_from_one_that_another_request_changed_is_a_conflict() -> None:
    record = Record(n=1)
    with pytest.raises(SessionConflict) as caught:
        await race(record, counting("n"), counting("n"))
    assert (caught.value.name, caught.value.expected, caught.value.found) == ("n", 1, 2)
    assert (caught.value.status, caught.value.code) == (409, "session.conflict")
    assert record.values() == {"n": 2}


async def test_a_conflict_on_one_item_writes_none() -> None:
    record = Record(n=1)

    def both(draft: Draft) -> None:
        draft["other"] = 1
        draft["n"] += 1

    with pytest.raises(SessionConflict):
        await race(record, counting("n"), both)
    assert record.values() == {"n": 2}


@pytest.mark.parametrize(
    "second",
    [
        lambda draft: draft["cart"].extend(["B", "C"]),
        lambda draft: draft.__setitem__("cart", [*draft["cart"], "B", "C"]),
    ],
)
async def test_items_added_to_a_list_by_two_requests_all_stay(second: Change) -> None:
    record = Record(cart=["A"])
    await race(record, adding("cart", "Z"), second)
    assert record.values() == {"cart": ["A", "Z", "B", "C"]}


@pytest.mark.parametrize(
    "second",
    [
        lambda draft: draft["cart"].insert(0, "B"),
        lambda draft: draft["cart"].remove("A"),
        lambda draft: draft["cart"].clear(),
        lambda draft: draft.pop("cart"),
        lambda draft: draft.__setitem__("cart", [*draft["cart"][-1:], "B"]),
    ],
)
async def test_any_other_change_of_a_list_is_a_conflict(second: Change) -> None:
    record = Record(cart=["A", "A2"])
    with pytest.raises(SessionConflict):
        await race(record, adding("cart", "Z"), second)
    assert record.values() == {"cart": ["A", "A2", "Z"]}


async def test_an_item_added_to_what_is_no_list_any_more_is_a_conflict() -> None:
    record = Record(cart=["A"])
    with pytest.raises(SessionConflict):
        await race(record, setting("cart", "none"), adding("cart", "Z"))
    assert record.values() == {"cart": "none"}


async def test_the_first_item_of_a_list_that_both_requests_begin_is_not_lost() -> None:
    record = Record()
    await race(
        record,
        lambda draft: draft.setdefault("cart", []).append("A"),
        lambda draft: draft.setdefault("cart", []).append("B"),
    )
    assert record.values() == {"cart": ["A", "B"]}


async def test_a_default_does_not_overwrite_what_another_request_has_set() -> None:
    record = Record()
    await race(record, setting("step", 5), lambda draft: draft.setdefault("step", 0))
    assert record.values() == {"step": 5}
    alone = record.draft()
    assert alone.setdefault("other", 0) == 0
    await save(alone, record.write)
    assert record.values() == {"step": 5, "other": 0}


async def test_a_default_that_was_changed_then_is_a_conflict() -> None:
    record = Record()

    def begin(draft: Draft) -> None:
        draft.setdefault("user", {})["name"] = "ana"

    with pytest.raises(SessionConflict):
        await race(record, setting("user", {"name": "ben"}), begin)


@pytest.mark.parametrize("looks", [lambda draft: draft.get("wizard"), lambda draft: "wizard" in draft, list])
async def test_an_item_that_was_seen_to_be_absent_is_set_only_while_it_is(looks: Change) -> None:
    record = Record()

    def begin(draft: Draft) -> None:
        looks(draft)
        draft["wizard"] = [1, 2]

    with pytest.raises(SessionConflict):
        await race(record, begin, begin)
    assert record.values() == {"wizard": [1, 2]}


async def test_only_one_of_two_requests_can_take_an_item_away() -> None:
    record = Record(ticket="t")
    with pytest.raises(SessionConflict):
        await race(record, lambda draft: draft.pop("ticket"), lambda draft: draft.pop("ticket"))


async def test_an_item_whose_value_was_not_read_is_deleted_whatever_it_is() -> None:
    record = Record(ticket="t")

    def drop(draft: Draft) -> None:
        if "ticket" in draft:
            del draft["ticket"]

    await race(record, setting("ticket", "u"), drop)
    assert record.values() == {}


async def test_a_change_inside_a_value_is_noticed() -> None:
    record = Record(user={"names": ["a"], "age": 1})
    draft = record.live_draft()
    draft["user"]["names"].append("b")
    assert draft.changed
    await save(draft, record.write)
    assert record.values() == {"user": {"names": ["a", "b"], "age": 1}}
    draft["user"]["age"] = 2
    await save(draft, record.write)
    assert record.values()["user"]["age"] == 2


async def test_what_was_set_can_be_read_deleted_and_set_again() -> None:
    record = Record(n=1)
    draft = record.draft()
    draft["x"] = [1]
    draft["x"].append(2)
    assert (draft["x"], "x" in draft, len(draft)) == ([1, 2], True, 2)
    del draft["x"]
    assert ("x" in draft, list(draft)) == (False, ["n"])
    with pytest.raises(KeyError):
        del draft["x"]
    with pytest.raises(KeyError):
        draft["y"]
    draft["x"] = 3
    await save(draft, record.write)
    assert record.values() == {"n": 1, "x": 3}


async def test_after_it_was_saved_a_held_list_still_knows_only_what_it_has_seen() -> None:
    record = Record(cart=["A"], n=1)
    draft = record.live_draft()
    cart = draft["cart"]
    cart.append("B")
    draft["n"] += 1
    await record.write([Op("append", "cart", '"Z"')])
    await save(draft, record.write)
    draft["n"] += 1
    cart.append("C")
    await save(draft, record.write)
    assert record.values() == {"cart": ["A", "Z", "B", "C"], "n": 3}
    cart.remove("A")
    with pytest.raises(SessionConflict):
        await save(draft, record.write)


async def test_an_item_that_is_read_again_shows_what_was_written_beside_the_mapping() -> None:
    record = Record(n=1, cart=["A"])
    draft = record.live_draft()
    cart = draft["cart"]
    assert draft["n"] == 1
    await record.write([Op("increment", "n", "4"), Op("put", "cart", '["A"]')])
    draft["n"] += draft["n"]
    assert draft["cart"] is cart
    await save(draft, record.write)
    assert record.values() == {"n": 10, "cart": ["A"]}


async def test_after_clear_everything_begins_from_nothing() -> None:
    record = Record(a=1, b=2)
    draft = record.draft()
    draft["a"] += 1
    draft.clear()
    assert (dict(draft), "a" in draft, draft.changed, draft.cleared) == ({}, False, True, True)
    draft["a"] = draft.get("a", 0) + 10
    assert [op.kind for op in draft.ops()] == ["put"]


async def test_numbers_that_python_spells_otherwise_are_not_a_change() -> None:
    record = Record()
    record.fields = {"price": Field(1, '{"a":10.10,"b":1e100,"c":[12345678901234567890]}'), "list": Field(1, "[10.10]")}
    draft = record.draft()
    draft["price"]["c"]
    draft["list"].append(1)
    await save(draft, record.write)
    assert record.fields["price"] == Field(1, '{"a":10.10,"b":1e100,"c":[12345678901234567890]}')
    assert record.fields["list"].text == "[10.10,1]"


async def test_a_value_that_json_cannot_hold_is_refused_and_nothing_is_written() -> None:
    record = Record(n=1)
    draft = record.draft()
    draft["n"] += 1
    draft["x"] = float("nan")
    with pytest.raises(InvalidJson):
        await save(draft, record.write)
    assert record.values() == {"n": 1}


async def test_a_peek_is_not_a_read() -> None:
    record = Record(user="ana")

    def look(draft: Draft) -> None:
        assert (draft.peek("user"), draft.peek("gone")) == ("ana", None)
        draft["user"] = "ben"
        assert draft.peek("user") == "ben"

    await race(record, setting("user", "cleo"), look)
    assert record.values() == {"user": "ben"}
