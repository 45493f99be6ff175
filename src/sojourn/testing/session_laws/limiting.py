"""Never more live sessions of one owner than the limit, and nobody is ended to make room."""

# A law is its name, so it has no docstring beside it.
# ruff: noqa: D102

from __future__ import annotations

from sojourn.core.errors import SessionEnded, SessionExists, SessionUnknown, StaleSession
from sojourn.core.ids import new_token
from sojourn.stores.base import SessionLimit, SessionStore
from sojourn.testing.law import ALICE, BOB, HERE, LOGOUT, T, a_rotation, a_session, created, law, outcomes_of, refused

_MANY = 50


class LimitingLaws:
    """``create`` and ``rotate`` with ``most``."""

    @law("CAP-1")
    async def test_however_many_begin_at_once_no_more_than_the_limit_live(self, store: SessionStore) -> None:
        acts = (store.create(a_session(), {"x": "1"}, T, most=5) for _ in range(_MANY))
        begun, refusals = await outcomes_of(SessionLimit, acts)
        assert (begun, len(refusals)) == (5, _MANY - 5)
        live = {session.id for session in await store.list(HERE, ALICE, T, limit=_MANY)}
        assert len(live) == 5
        assert [set(_ids(refusal)) for refusal in refusals] == [live] * len(refusals)

    @law("CAP-2")
    async def test_a_refused_create_writes_nothing_and_names_who_lives_in_order(self, store: SessionStore) -> None:
        ids = sorted((new_token() for _ in range(4)), reverse=True)
        made = [await created(store, created=T + i // 2, idle=0, sid=ids[i]) for i in (3, 1, 0, 2)]
        made.sort(key=lambda session: (session.created, session.id))
        late = a_session(created=T + 2)
        full = await refused(SessionLimit, store.create(late, {"x": "1"}, T + 2, most=4))
        assert list(full.live) == made
        assert await store.load(HERE, late.id, T + 2) is None
        assert list(await store.list(HERE, None, T + 2)) == made
        await store.create(late, {"x": "1"}, T + 2, most=5)
        assert await store.load(HERE, late.id, T + 2) is not None

    @law("CAP-3")
    async def test_the_expired_take_no_place_and_stay_dead(self, store: SessionStore) -> None:
        brief, lasting = await created(store, idle=500), await created(store, idle=0)
        full = await refused(SessionLimit, store.create(a_session(), {}, T + 499, most=2))
        assert set(_ids(full)) == {brief.id, lasting.id}
        await store.create(a_session(), {}, T + 500, most=2)
        assert await store.load(HERE, brief.id, T) is None
        one_more = await created(store, idle=500)
        full = await refused(SessionLimit, store.create(a_session(), {}, T + 500, most=1))
        assert one_more.id not in _ids(full)

    @law("CAP-4")
    async def test_a_login_that_finds_no_room_leaves_the_session_as_it_was(self, store: SessionStore) -> None:
        first = await created(store, principal=BOB)
        session = await created(store, {"cart": "[1]"})
        before = await store.load(HERE, session.id, T)
        full = await refused(SessionLimit, store.rotate(HERE, session.id, 1, a_rotation(), T + 1, most=1))
        assert list(full.live) == [first]
        assert await store.load(HERE, session.id, T) == before
        assert [found.id for found in await store.list(HERE, BOB, T)] == [first.id]
        await store.rotate(HERE, session.id, 1, a_rotation(), T + 1, most=2)

    @law("CAP-5")
    async def test_the_session_that_rotates_does_not_count(self, store: SessionStore) -> None:
        session = await created(store)
        for epoch in (1, 2):
            await store.rotate(HERE, session.id, epoch, a_rotation(principal=ALICE), T, most=1)
        other = await created(store, principal="")
        await refused(SessionLimit, store.rotate(HERE, other.id, 1, a_rotation(principal=ALICE), T, most=1))

    @law("CAP-6")
    async def test_sessions_of_others_do_not_count(self, store: SessionStore) -> None:
        for principal in (BOB, "", "x:space:sub", f"{ALICE}0"):
            await created(store, principal=principal)
        await store.create(a_session(), {}, T, most=1)
        await refused(SessionLimit, store.create(a_session(), {}, T, most=1))
        await store.create(a_session(principal=""), {}, T, most=2)

    @law("CAP-7")
    async def test_anonymous_sessions_are_limited_by_address_block(self, store: SessionStore) -> None:
        for near, also_near, far in (
            ("192.0.2.1", "192.0.2.200", "192.0.3.1"),
            ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"),
        ):
            first, second = (a_session(principal="", address=address) for address in (near, also_near))
            await store.create(first, {}, T, most=1)
            full = await refused(SessionLimit, store.create(second, {}, T, most=1))
            assert list(full.live) == [first]
            await store.create(a_session(principal="", address=far), {}, T, most=1)

    @law("CAP-8")
    async def test_however_many_log_in_at_once_no_more_than_the_limit_do(self, store: SessionStore) -> None:
        visitors = [await created(store, principal="") for _ in range(_MANY)]
        acts = (store.rotate(HERE, visitor.id, 1, a_rotation(), T, most=5) for visitor in visitors)
        begun, _ = await outcomes_of(SessionLimit, acts)
        assert begun == 5
        assert len(await store.list(HERE, BOB, T, limit=_MANY)) == 5
        loaded = [await store.load(HERE, visitor.id, T) for visitor in visitors]
        assert [found.session.epoch for found in loaded if found].count(1) == _MANY - 5

    @law("CAP-9")
    async def test_an_end_makes_room_at_once_and_a_lower_limit_ends_nobody(self, store: SessionStore) -> None:
        made = [await created(store) for _ in range(3)]
        full = await refused(SessionLimit, store.create(a_session(), {}, T, most=1))
        assert len(full.live) == 3
        assert len(await store.list(HERE, ALICE, T)) == 3
        await store.end(HERE, made[0].id, LOGOUT, T)
        await store.rotate(HERE, made[1].id, 1, a_rotation(), T)
        await store.create(a_session(), {}, T, most=2)
        await refused(SessionLimit, store.create(a_session(), {}, T, most=2))

    @law("CAP-10")
    async def test_what_speaks_against_the_act_itself_comes_before_the_limit(self, store: SessionStore) -> None:
        full, ended = await created(store, principal=BOB), await created(store)
        live = await created(store)
        await store.end(HERE, ended.id, LOGOUT, T)
        await refused(SessionExists, store.create(a_session(sid=full.id, principal=BOB), {}, T, most=1))
        await refused(SessionUnknown, store.rotate(HERE, new_token(), 1, a_rotation(), T, most=1))
        await refused(SessionEnded, store.rotate(HERE, ended.id, 1, a_rotation(), T, most=1))
        await refused(StaleSession, store.rotate(HERE, live.id, 2, a_rotation(), T, most=1))
        await refused(SessionLimit, store.rotate(HERE, live.id, 1, a_rotation(), T, most=1))


def _ids(full: SessionLimit) -> list[str]:
    return [session.id for session in full.live]
