"""Changes: atomic, exact, counted, and guarded against other writers."""

# A law is its name, so it has no docstring beside it.
# ruff: noqa: D102

from __future__ import annotations

import asyncio

from sojourn.core.errors import BadOperand, FieldConflict, StaleSession
from sojourn.model.field import append, delete, increment, merge, put, put_if
from sojourn.stores.base import SessionStore
from sojourn.testing.law import HERE, T, a_rotation, created, law, refused, texts


class ChangingLaws:
    """``change`` with operations."""

    @law("OPS-1")
    async def test_every_operation_does_what_it_says(self, store: SessionStore) -> None:
        session = await created(store, {"gone": "1", "list": "[1]", "map": '{"a":1,"b":{"c":1.10}}', "n": "41"})
        ops = [
            put("new", '"ä"'),
            delete("gone"),
            delete("never"),
            increment("n"),
            append("list", '{"x":[]}'),
            append("fresh", "null"),
            merge("map", '{"a":null,"d":2}'),
        ]
        changed = await store.change(HERE, session.id, 1, ops, T)
        assert changed.values == {"n": "42"}
        assert await texts(store, session) == {
            "new": '"ä"',
            "n": "42",
            "list": '[1,{"x":[]}]',
            "fresh": "[null]",
            "map": '{"b":{"c":1.10},"d":2}',
        }

    @law("OPS-2")
    async def test_a_refused_change_leaves_nothing_behind(self, store: SessionStore) -> None:
        session = await created(store, {"text": '"a"', "x": "1", "kept": "1"})
        before = await store.load(HERE, session.id, T)
        for last in (increment("text"), append("x", "1"), merge("x", "{}"), put_if("x", "2", 9), increment("x", "1e3")):
            kind = FieldConflict if last.kind == "put_if" else BadOperand
            ops = [put("new", "2"), delete("kept"), increment("n"), last]
            await refused(kind, store.change(HERE, session.id, 1, ops, T + 1))
            assert await store.load(HERE, session.id, T) == before

    @law("OPS-3")
    async def test_operations_of_one_change_see_those_before_them(self, store: SessionStore) -> None:
        session = await created(store, {"gone": "[0]"})
        ops = [put("n", "10"), increment("n"), put("l", "[1]"), append("l", "2"), delete("gone"), append("gone", "1")]
        await store.change(HERE, session.id, 1, ops, T)
        assert await texts(store, session) == {"n": "11", "l": "[1,2]", "gone": "[1]"}

    @law("NUM-1")
    async def test_numbers_keep_every_digit(self, store: SessionStore) -> None:
        kept = {"big": "12345678901234567890", "fine": "0.12345678901234567890", "zero": "10.10", "exp": "1E+2"}
        session = await created(store, kept)
        await store.change(HERE, session.id, 1, [put(f"{name}2", text) for name, text in kept.items()], T)
        assert await texts(store, session) == kept | {f"{name}2": text for name, text in kept.items()}

    @law("NUM-2")
    async def test_sums_are_exact(self, store: SessionStore) -> None:
        session = await created(store, {"a": "9223372036854775806", "b": "0.1", "c": "-12345678901234567.25"})
        ops = [increment("a"), increment("b", "0.2"), increment("c", "12345678901234568"), increment("d", "-0")]
        changed = await store.change(HERE, session.id, 1, ops, T)
        assert changed.values == {"a": "9223372036854775807", "b": "0.3", "c": "0.75", "d": "0"}
        assert await texts(store, session) == changed.values

    @law("VER-1")
    async def test_a_field_carries_the_version_of_the_change_that_wrote_it(self, store: SessionStore) -> None:
        session = await created(store, {"a": "1", "b": "1"})
        first = await store.change(HERE, session.id, 1, [put("b", "2")], T)
        second = await store.change(HERE, session.id, 1, [put("c", "3"), delete("never")], T)
        loaded = await store.load(HERE, session.id, T)
        assert loaded is not None
        assert (first.version, second.version, loaded.session.version) == (2, 3, 3)
        assert {name: field.version for name, field in loaded.fields.items()} == {"a": 1, "b": 2, "c": 3}

    @law("CON-1")
    async def test_of_two_writers_with_one_version_the_second_loses(self, store: SessionStore) -> None:
        session = await created(store, {"x": "1"})
        await store.change(HERE, session.id, 1, [put_if("x", "2", 1), put_if("new", "1", 0)], T)
        lost = await refused(FieldConflict, store.change(HERE, session.id, 1, [put_if("x", "3", 1)], T))
        assert (lost.name, lost.expected, lost.found, lost.value) == ("x", 1, 2, "2")
        await refused(FieldConflict, store.change(HERE, session.id, 1, [put_if("new", "2", 0)], T))
        assert await texts(store, session) == {"x": "2", "new": "1"}
        await store.change(HERE, session.id, 1, [put_if("x", "", 2)], T)
        assert await texts(store, session) == {"new": "1"}

    @law("CON-2")
    async def test_writers_of_different_fields_lose_nothing(self, store: SessionStore) -> None:
        session = await created(store)
        changes = (store.change(HERE, session.id, 1, [put(f"f{i}", str(i))], T) for i in range(30))
        versions = {changed.version for changed in await asyncio.gather(*changes)}
        assert versions == set(range(1, 31))
        assert await texts(store, session) == {f"f{i}": str(i) for i in range(30)}

    @law("CON-3")
    async def test_increments_at_the_same_time_all_count(self, store: SessionStore) -> None:
        session = await created(store)
        await asyncio.gather(*(store.change(HERE, session.id, 1, [increment("n", "0.1")], T) for _ in range(30)))
        assert await texts(store, session) == {"n": "3"}

    @law("EPO-1")
    async def test_a_writer_with_another_epoch_is_refused(self, store: SessionStore) -> None:
        session = await created(store, {"x": "1"})
        for epoch in (0, 2):
            for ops in ([put("x", "2")], []):
                stale = await refused(StaleSession, store.change(HERE, session.id, epoch, ops, T + 1))
                assert stale.epoch == 1
        loaded = await store.load(HERE, session.id, T)
        assert loaded is not None
        assert (loaded.session.last, loaded.fields["x"].text) == (T, "1")

    @law("STA-1")
    async def test_what_was_read_one_step_ago_gives_no_right_to_write(self, store: SessionStore) -> None:
        session = await created(store, {"x": "1"})
        stale = await store.load(HERE, session.id, T)
        assert stale is not None
        await store.change(HERE, session.id, 1, [put("x", "2")], T)
        old = put_if("x", "3", stale.fields["x"].version)
        await refused(FieldConflict, store.change(HERE, session.id, stale.session.epoch, [old], T))
        await store.rotate(HERE, session.id, 1, a_rotation(), T)
        await refused(StaleSession, store.change(HERE, session.id, stale.session.epoch, [put("x", "3")], T))
        await refused(StaleSession, store.rotate(HERE, session.id, stale.session.epoch, a_rotation(), T))
        assert await texts(store, session) == {"x": "2"}
