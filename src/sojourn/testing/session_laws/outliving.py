"""How long a bag lives: while a session of its principal does, and a while longer."""

# A law is its name, so it has no docstring beside it.
# ruff: noqa: D102

from __future__ import annotations

from sojourn.model.field import put
from sojourn.model.session import End
from sojourn.testing.law import ALICE, BOB, HERE, LOGOUT, T, a_rotation, created, law
from sojourn.testing.session_laws.sharing import IDLE, LARGE, SharingStore, bag_of, filled


class OutlivingLaws:
    """``read_bag`` after the last session, and ``drop_bag``."""

    @law("BAG-10")
    async def test_a_bag_outlives_the_last_end_for_its_time_and_not_longer(self, store: SharingStore) -> None:
        first, second = await created(store, idle=0), await created(store, idle=0)
        await filled(store, first)
        await store.end(HERE, first.id, LOGOUT, T)
        assert await bag_of(store, now=T + 5 * IDLE) == {"x": "1"}
        await store.end(HERE, second.id, End("logout", T + 6 * IDLE), T + 6 * IDLE)
        assert await bag_of(store, now=T + 7 * IDLE - 1) == {"x": "1"}
        assert await bag_of(store, now=T + 7 * IDLE) == {}

    @law("BAG-11")
    async def test_an_expiry_that_nobody_saw_counts_from_its_instant(self, store: SharingStore) -> None:
        brief, longer = await created(store, idle=500), await created(store, idle=800)
        await filled(store, brief)
        await store.change(HERE, longer.id, 1, [], T + 100)
        assert await bag_of(store, now=T + 900 + IDLE - 1) == {"x": "1"}
        assert await bag_of(store, now=T + 900 + IDLE) == {}
        await store.sweep(T + 900 + IDLE)
        assert await bag_of(store, now=T + 900 + IDLE) == {}

    @law("BAG-12")
    async def test_the_order_in_which_deaths_are_seen_does_not_matter(self, store: SharingStore) -> None:
        brief, longer = await created(store, idle=500), await created(store, idle=800)
        await filled(store, brief)
        for session in (longer, brief):
            assert await store.load(HERE, session.id, T + 800) is None
        assert await bag_of(store, now=T + 800 + IDLE - 1) == {"x": "1"}
        assert await bag_of(store, now=T + 800 + IDLE) == {}

    @law("BAG-13")
    async def test_who_rotates_to_another_leaves_like_who_ends(self, store: SharingStore) -> None:
        session = await created(store, idle=0)
        await filled(store, session)
        await store.rotate(HERE, session.id, 1, a_rotation(principal=ALICE), T + 10)
        assert await bag_of(store, now=T + 10 + IDLE) == {"x": "1"}
        await store.rotate(HERE, session.id, 2, a_rotation(principal=BOB), T + 20)
        assert await bag_of(store, now=T + 20 + IDLE - 1) == {"x": "1"}
        assert await bag_of(store, now=T + 20 + IDLE) == {}
        assert await bag_of(store, BOB, now=T + 20) == {}

    @law("BAG-14")
    async def test_a_session_finds_the_bag_while_it_lives_and_never_again(self, store: SharingStore) -> None:
        for begins, found in ((IDLE - 1, {"x": "1"}), (IDLE, {})):
            for at_login in (False, True):
                principal = f"a:{begins}{at_login}"
                first = await created(store, principal=principal, idle=0)
                await filled(store, first)
                visitor = await created(store, principal="", idle=0)
                await store.end(HERE, first.id, LOGOUT, T)
                if at_login:
                    await store.rotate(HERE, visitor.id, 1, a_rotation(principal=principal, idle=0), T + begins)
                else:
                    await created(store, principal=principal, created=T + begins, idle=0)
                assert await bag_of(store, principal, T + begins) == found
                assert await bag_of(store, principal, T + 50 * IDLE) == found

    @law("BAG-15")
    async def test_a_sweep_takes_no_bag_that_lives(self, store: SharingStore) -> None:
        session, other = await created(store, idle=0), await created(store, principal=BOB)
        await filled(store, session, LARGE)
        await filled(store, other)
        await store.end(HERE, other.id, LOGOUT, T)
        for now in (T + IDLE - 1, T + IDLE, T + 50 * IDLE):
            await store.sweep(now)
            assert await bag_of(store, now=now) == {"x": LARGE}
            assert await bag_of(store, BOB, now) == ({"x": "1"} if now < T + IDLE else {})

    @law("BAG-16")
    async def test_the_latest_change_says_how_long_it_outlives(self, store: SharingStore) -> None:
        for first, second in ((IDLE, 5 * IDLE), (5 * IDLE, IDLE)):
            session = await created(store, idle=0)
            for idle in (first, second):
                await store.change_bag(HERE, session.id, 1, [put("x", "1")], T, idle=idle)
            await store.end(HERE, session.id, LOGOUT, T)
            assert await bag_of(store, now=T + second - 1) == {"x": "1"}
            assert await bag_of(store, now=T + second) == {}

    @law("BAG-17")
    async def test_a_dropped_bag_is_empty_and_may_be_filled_again(self, store: SharingStore) -> None:
        session = await created(store)
        await store.drop_bag(HERE, ALICE)
        await filled(store, session, LARGE)
        await store.drop_bag(HERE, ALICE)
        assert await bag_of(store) == {}
        await store.change_bag(HERE, session.id, 1, [put("y", LARGE)], T, idle=IDLE)
        assert await bag_of(store) == {"y": LARGE}
