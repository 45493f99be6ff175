"""Expiry: exact to the millisecond, alike for every act, and final once it was seen."""

# A law is its name, so it has no docstring beside it.
# ruff: noqa: D102

from __future__ import annotations

from sojourn.core.clock import DAY, SECOND
from sojourn.core.errors import SessionEnded
from sojourn.model.field import put
from sojourn.model.session import End, EndReason
from sojourn.stores.base import Ended, SessionStore
from sojourn.testing.law import ALICE, HERE, LOGOUT, T, a_rotation, all_refused, created, law, refused

# Idle limit, absolute limit, and which of them ends the session after 500 ms.
_LIMITS: tuple[tuple[int, int, EndReason], ...] = (
    (500, 10_000, "idle"),
    (10_000, 500, "absolute"),
    (0, 500, "absolute"),
)


class ExpiringLaws:
    """Idle and absolute limits, and the sweeper."""

    @law("EXP-1")
    async def test_every_act_sees_the_death_at_the_same_instant(self, store: SessionStore) -> None:
        for idle, absolute, reason in _LIMITS:
            a, b, c, d, e, f = [await created(store, idle=idle, absolute=absolute) for _ in range(6)]
            assert await store.load(HERE, a.id, T + 499) is not None
            assert len(await store.list(HERE, ALICE, T + 499)) == 6
            assert await store.load(HERE, a.id, T + 500) is None
            gone = await all_refused(
                SessionEnded,
                store.change(HERE, b.id, 1, [put("x", "1")], T + 500),
                store.change(HERE, c.id, 1, [], T + 500),
                store.rotate(HERE, d.id, 1, a_rotation(), T + 500),
            )
            assert [(error.reason, error.at) for error in gone] == [(reason, T + 500)] * 3
            assert await store.end(HERE, e.id, LOGOUT, T + 500) == Ended(now=False, end=End(reason, T + 500))
            assert f.id not in [session.id for session in await store.list(HERE, ALICE, T + 500)]

    @law("EXP-2")
    async def test_renewals_of_every_length_are_exact(self, store: SessionStore) -> None:
        for idle in (1, SECOND, DAY, 14 * DAY, 400 * DAY):
            session = await created(store, idle=idle, absolute=4_000 * DAY)
            await store.change(HERE, session.id, 1, [put("x", "1")], T + idle - 1)
            await store.change(HERE, session.id, 1, [], T + 2 * idle - 2)
            assert await store.load(HERE, session.id, T + 3 * idle - 3) is not None
            assert await store.load(HERE, session.id, T + 3 * idle - 2) is None

    @law("EXP-3")
    async def test_a_sweep_takes_only_the_expired_and_not_more_than_it_may(self, store: SessionStore) -> None:
        expired = [await created(store, idle=100 + i) for i in range(7)]
        alive = [await created(store, idle=0) for _ in range(3)]
        touched = await created(store, idle=300)
        await store.change(HERE, touched.id, 1, [], T + 200)
        handled, more = [], True
        while more:
            count, more = await store.sweep(T + 400, 3)
            handled.append(count)
        assert (sum(handled), max(handled)) == (len(expired), 3)
        assert not (await store.sweep(T + 400, 1)).more
        assert {session.id for session in await store.list(HERE, None, T + 400)} == {
            session.id for session in (*alive, touched)
        }

    @law("EXP-4")
    async def test_an_expiry_that_was_seen_is_an_end(self, store: SessionStore) -> None:
        a, b, c, d, e, f = [await created(store, idle=500) for _ in range(6)]
        await store.load(HERE, a.id, T + 500)
        await refused(SessionEnded, store.change(HERE, b.id, 1, [put("x", "1")], T + 500))
        await refused(SessionEnded, store.change(HERE, c.id, 1, [], T + 500))
        await refused(SessionEnded, store.rotate(HERE, d.id, 1, a_rotation(), T + 500))
        await store.end(HERE, e.id, LOGOUT, T + 500)
        assert [await store.load(HERE, session.id, T) for session in (a, b, c, d, e)] == [None] * 5
        gone = await refused(SessionEnded, store.change(HERE, a.id, 1, [], T))
        assert (gone.reason, gone.at) == ("idle", T + 500)
        assert await store.list(HERE, None, T + 500) == []
        assert await store.load(HERE, f.id, T) is None
        swept = await created(store, idle=500)
        await store.sweep(T + 500)
        assert await store.load(HERE, swept.id, T) is None

    @law("EXP-5")
    async def test_no_access_reaches_beyond_the_absolute_limit(self, store: SessionStore) -> None:
        session = await created(store, idle=500, absolute=900)
        await store.change(HERE, session.id, 1, [], T + 450)
        assert await store.load(HERE, session.id, T + 899) is not None
        gone = await refused(SessionEnded, store.change(HERE, session.id, 1, [], T + 900))
        assert (gone.reason, gone.at) == ("absolute", T + 900)

    @law("EXP-6")
    async def test_a_rotation_brings_its_own_limits(self, store: SessionStore) -> None:
        longer, shorter = await created(store, idle=500), await created(store, idle=5_000)
        await store.rotate(HERE, longer.id, 1, a_rotation(idle=0, absolute=T + 7_000), T + 400)
        await store.rotate(HERE, shorter.id, 1, a_rotation(idle=100), T + 400)
        assert await store.load(HERE, shorter.id, T + 499) is not None
        await store.sweep(T + 500)
        assert await store.load(HERE, shorter.id, T + 499) is None
        assert await store.load(HERE, longer.id, T + 6_999) is not None
        assert await store.load(HERE, longer.id, T + 7_000) is None
