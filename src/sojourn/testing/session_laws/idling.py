"""The idle limit of one session may change while it lives."""

# A law is its name, so it has no docstring beside it.
# ruff: noqa: D102

from __future__ import annotations

from sojourn.core.errors import FieldConflict, SessionEnded, SessionUnknown, StaleSession
from sojourn.core.ids import new_token
from sojourn.model.field import put, put_if
from sojourn.model.session import End
from sojourn.stores.base import SessionStore
from sojourn.testing.law import HERE, LOGOUT, THERE, T, created, law, refused


class IdlingLaws:
    """``change`` with ``idle``."""

    @law("IDL-1")
    async def test_a_new_idle_limit_is_exact_from_the_act_on(self, store: SessionStore) -> None:
        for idle, dies in ((200, T + 700), (5_000, T + 5_500), (0, T + 10_000)):
            session = await created(store, idle=1_000)
            await store.change(HERE, session.id, 1, [], T + 500, idle=idle)
            loaded = await store.load(HERE, session.id, dies - 1)
            assert loaded is not None
            assert (loaded.session.idle, loaded.session.last) == (idle, T + 500)
            assert await store.load(HERE, session.id, dies) is None

    @law("IDL-2")
    async def test_the_act_itself_is_judged_by_the_old_limit(self, store: SessionStore) -> None:
        session = await created(store, idle=500)
        gone = await refused(SessionEnded, store.change(HERE, session.id, 1, [], T + 500, idle=5_000))
        assert (gone.reason, gone.at) == ("idle", T + 500)
        assert await store.load(HERE, session.id, T) is None

    @law("IDL-3")
    async def test_a_sweep_comes_in_time_for_a_shorter_limit(self, store: SessionStore) -> None:
        session = await created(store, idle=5_000)
        await store.change(HERE, session.id, 1, [], T + 100, idle=200)
        assert (await store.sweep(T + 299)).handled == 0
        assert (await store.sweep(T + 300)).handled == 1
        ended = await store.end(HERE, session.id, LOGOUT, T + 100)
        assert ended is not None
        assert ended.end == End("idle", T + 300)

    @law("IDL-4")
    async def test_a_new_limit_is_a_change_like_others(self, store: SessionStore) -> None:
        session = await created(store, {"x": "1"}, idle=1_000)
        changed = await store.change(HERE, session.id, 1, [put("x", "2")], T + 100, touch=False, idle=400)
        loaded = await store.load(HERE, session.id, T + 100)
        assert loaded is not None
        assert changed.version == loaded.session.version == loaded.fields["x"].version == 2
        assert (loaded.session.last, loaded.session.idle) == (T, 400)
        assert (await store.change(HERE, session.id, 1, [], T + 100, touch=False, idle=300)).version == 3
        assert await store.load(HERE, session.id, T + 300) is None

    @law("IDL-5")
    async def test_a_refused_change_leaves_the_limit(self, store: SessionStore) -> None:
        session, ended = await created(store, {"x": "1"}, idle=1_000), await created(store)
        await store.end(HERE, ended.id, LOGOUT, T)
        before = await store.load(HERE, session.id, T)
        lost = [put_if("x", "2", 9)]
        await refused(FieldConflict, store.change(HERE, session.id, 1, lost, T, idle=5))
        await refused(StaleSession, store.change(HERE, session.id, 2, [], T, idle=5))
        await refused(SessionEnded, store.change(HERE, ended.id, 1, [], T, idle=5))
        await refused(SessionUnknown, store.change(THERE, session.id, 1, [], T, idle=5))
        await refused(SessionUnknown, store.change(HERE, new_token(), 1, [], T, idle=5))
        assert await store.load(HERE, session.id, T) == before
