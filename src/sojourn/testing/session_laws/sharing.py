"""What the sessions of one principal share: guarded by the session that writes, and written atomically."""

# A law is its name, so it has no docstring beside it.
# ruff: noqa: D102

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Protocol, cast

from sojourn.core.errors import (
    BadOperand,
    FieldConflict,
    FieldLimit,
    SessionEnded,
    SessionUnknown,
    StaleSession,
)
from sojourn.core.ids import new_token
from sojourn.model.field import Limits, append, delete, increment, merge, put, put_if
from sojourn.model.session import Session
from sojourn.stores.base import Bags, SessionStore
from sojourn.testing.law import ALICE, BOB, HERE, LOGOUT, THERE, T, a_rotation, created, law, refused

#: How long the bags of the laws outlive the last session.
IDLE = 100

LARGE = '"' + "ü" * 3_000 + '"'


class SharingStore(SessionStore, Bags, Protocol):
    """A store with bags."""


async def bag_of(store: SharingStore, principal: str = ALICE, now: int = T, realm: str = HERE) -> dict[str, str]:
    """The fields of a bag as JSON text."""
    return {name: field.text for name, field in (await store.read_bag(realm, principal, now)).items()}


async def filled(store: SharingStore, session: Session, text: str = "1", now: int = T) -> None:
    """Put field ``x`` into the bag of the principal of ``session``."""
    await store.change_bag(session.realm, session.id, session.epoch, [put("x", text)], now, idle=IDLE)


class SharingLaws:
    """``read_bag`` and ``change_bag`` while sessions live."""

    @law("BAG-1")
    async def test_the_sessions_of_a_principal_share_one_bag_with_versions_of_its_own(
        self, store: SharingStore
    ) -> None:
        first, second = await created(store, {"x": "0"}), await created(store)
        assert await bag_of(store) == {}
        changed = [
            await store.change_bag(HERE, one.id, 1, [op], T + 9, idle=IDLE)
            for one, op in ((first, put("x", "1")), (second, put("y", "[]")), (first, increment("x", "0.5")))
        ]
        assert [(one.version, dict(one.values)) for one in changed] == [(1, {}), (2, {}), (3, {"x": "1.5"})]
        assert dict(await store.read_bag(HERE, ALICE, T)) == {"x": (3, "1.5"), "y": (2, "[]")}
        loaded = [await store.load(HERE, one.id, T + 9) for one in (first, second)]
        assert [found.session.last for found in loaded if found] == [T, T]
        assert [found.session.version for found in loaded if found] == [1, 0]
        assert [{name: field.text for name, field in found.fields.items()} for found in loaded if found] == [
            {"x": "0"},
            {},
        ]

    @law("BAG-2")
    async def test_all_of_a_change_happens_or_nothing(self, store: SharingStore) -> None:
        session = await created(store)
        ops = [put("a", "1"), put("list", "[1]"), put("map", '{"a":1.10}'), increment("n", "41")]
        await store.change_bag(HERE, session.id, 1, ops, T, idle=IDLE)
        more = [delete("a"), append("list", "2"), merge("map", '{"b":null,"c":2}'), increment("n")]
        await store.change_bag(HERE, session.id, 1, more, T, idle=IDLE)
        wanted = {"list": "[1,2]", "map": '{"a":1.10,"c":2}', "n": "42"}
        assert await bag_of(store) == wanted
        for last in (increment("map"), append("n", "1"), merge("list", "{}"), put_if("n", "2", 9)):
            kind = FieldConflict if last.kind == "put_if" else BadOperand
            await refused(kind, store.change_bag(HERE, session.id, 1, [put("new", "1"), last], T, idle=IDLE))
            assert await bag_of(store) == wanted

    @law("BAG-3")
    async def test_nobody_writes_for_a_session_that_is_over_foreign_or_rotated(self, store: SharingStore) -> None:
        live, ended, brief = await created(store), await created(store), await created(store, idle=500)
        rotated = await created(store)
        await filled(store, live)
        await store.end(HERE, ended.id, LOGOUT, T)
        await store.rotate(HERE, rotated.id, 1, a_rotation(principal=ALICE), T)
        for sid, epoch, now, kind in (
            (ended.id, 1, T, SessionEnded),
            (ended.id, 2, T, SessionEnded),
            (brief.id, 1, T + 500, SessionEnded),
            (brief.id, 1, T, SessionEnded),
            (rotated.id, 1, T, StaleSession),
            (live.id, 2, T, StaleSession),
            (new_token(), 1, T, SessionUnknown),
        ):
            await refused(kind, store.change_bag(HERE, sid, epoch, [put("x", "2"), put("y", "2")], now, idle=IDLE))
        await refused(SessionUnknown, store.change_bag(THERE, live.id, 1, [put("x", "2")], T, idle=IDLE))
        assert await bag_of(store) == {"x": "1"}

    @law("BAG-4")
    async def test_nobody_in_particular_has_no_bag(self, store: SharingStore) -> None:
        visitor, other = await created(store, principal=""), await created(store, principal="")
        await refused(SessionUnknown, store.change_bag(HERE, visitor.id, 1, [put("x", "1")], T, idle=IDLE))
        await store.end(HERE, other.id, LOGOUT, T)
        await refused(SessionEnded, store.change_bag(HERE, other.id, 1, [put("x", "1")], T, idle=IDLE))
        await refused(StaleSession, store.change_bag(HERE, visitor.id, 2, [put("x", "1")], T, idle=IDLE))
        assert await bag_of(store, "") == {}
        assert await bag_of(store, visitor.owner) == {}

    @law("BAG-5")
    async def test_writers_of_several_sessions_lose_nothing(self, store: SharingStore) -> None:
        sessions = [await created(store) for _ in range(3)]
        changed = await asyncio.gather(
            *(
                store.change_bag(HERE, sessions[i % 3].id, 1, [increment("n", "0.1"), put(f"f{i}", "1")], T, idle=IDLE)
                for i in range(30)
            )
        )
        assert {one.version for one in changed} == set(range(1, 31))
        assert await bag_of(store) == {"n": "3"} | {f"f{i}": "1" for i in range(30)}

    @law("BAG-6")
    async def test_of_two_writers_with_one_version_of_a_bag_the_second_loses(self, store: SharingStore) -> None:
        first, second = await created(store), await created(store)
        await filled(store, first)
        await store.change_bag(HERE, second.id, 1, [put_if("x", "2", 1)], T, idle=IDLE)
        late = [put_if("x", "3", 1), put("y", "1")]
        lost = await refused(FieldConflict, store.change_bag(HERE, first.id, 1, late, T, idle=IDLE))
        assert (lost.name, lost.expected, lost.found, lost.value) == ("x", 1, 2, "2")
        new = [put_if("x", "4", 0)]
        await refused(FieldConflict, store.change_bag(HERE, first.id, 1, new, T, idle=IDLE))
        assert await bag_of(store) == {"x": "2"}

    @law("BAG-7")
    async def test_a_limit_of_fields_holds_to_the_byte(self, store: SharingStore) -> None:
        session, limits = await created(store), Limits(fields=2, value=4_000, total=5_000)
        for text in ('"' + "x" * 3_000 + '"', "1", '"' + "é" * 1_900 + '"'):
            ops = [put("a", text), put("b", "1")]
            await store.change_bag(HERE, session.id, 1, ops, T, idle=IDLE, limits=limits)
        for op, what in ((put("a", "1" * 4_001), "value"), (put("c", "1"), "fields"), (put("b", "1" * 1_197), "total")):
            acting = store.change_bag(HERE, session.id, 1, [op], T, idle=IDLE, limits=limits)
            assert (await refused(FieldLimit, acting)).what == what
        await store.change_bag(HERE, session.id, 1, [put("b", "1" * 1_196)], T, idle=IDLE, limits=limits)

    @law("BAG-8")
    async def test_values_of_every_size_come_back_as_copies(self, store: SharingStore) -> None:
        session = await created(store, {"x": LARGE})
        wanted = {f"f{size}": '"' + "ü" * size + '\\n"' for size in (0, 1_021, 1_023, 20_000)}
        await store.change_bag(HERE, session.id, 1, [put(name, text) for name, text in wanted.items()], T, idle=IDLE)
        found = await store.read_bag(HERE, ALICE, T)
        with suppress(TypeError):
            cast("dict[str, Any]", found).clear()
        assert await bag_of(store) == wanted
        turned = dict(zip(wanted, reversed(wanted.values()), strict=True))
        await store.change_bag(HERE, session.id, 1, [put(name, text) for name, text in turned.items()], T, idle=IDLE)
        await store.change_bag(HERE, session.id, 1, [delete("f0")], T, idle=IDLE)
        assert await bag_of(store) == {name: text for name, text in turned.items() if name != "f0"}
        loaded = await store.load(HERE, session.id, T)
        assert loaded is not None
        assert loaded.fields["x"].text == LARGE

    @law("BAG-9")
    async def test_bags_of_other_principals_and_realms_are_apart(self, store: SharingStore) -> None:
        alice, bob = await created(store), await created(store, principal=BOB)
        elsewhere = await created(store, realm=f"{HERE}-2")
        for number, session in enumerate((alice, bob, elsewhere)):
            await filled(store, session, str(number))
        await store.end(f"{HERE}-2", elsewhere.id, LOGOUT, T)
        assert [await bag_of(store), await bag_of(store, BOB)] == [{"x": "0"}, {"x": "1"}]
        assert await bag_of(store, realm=f"{HERE}-2") == {"x": "2"}
        assert await bag_of(store, realm=f"{HERE}-2", now=T + IDLE) == {}
        assert await bag_of(store, realm=THERE) == {}
        await store.drop_bag(HERE, ALICE)
        assert [await bag_of(store), await bag_of(store, BOB)] == [{}, {"x": "1"}]
        await store.end(HERE, bob.id, LOGOUT, T)
        assert await bag_of(store, BOB, T + IDLE) == {}
