"""Presence: what is there, what is not, and that neither is confused with the other."""

# A law is its name, so it has no docstring beside it.
# ruff: noqa: D102

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

from sojourn.core.errors import SessionExists, SessionUnknown
from sojourn.core.ids import new_token
from sojourn.model.field import MAX_NAME, put
from sojourn.stores.base import SessionStore
from sojourn.testing.law import HERE, LOGOUT, THERE, T, a_rotation, a_session, created, law, refused, texts

_NAMES = (*"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ", "..", "a b", " a", "a ", "A", "größe", "名前", "🙂", "n" * MAX_NAME)


class ReadingLaws:
    """``create`` and ``load``."""

    @law("GET-1")
    async def test_an_unknown_id_creates_nothing(self, store: SessionStore) -> None:
        sid = new_token()
        assert await store.load(HERE, sid, T) is None
        await refused(SessionUnknown, store.change(HERE, sid, 1, [put("x", "1")], T))
        await refused(SessionUnknown, store.change(HERE, sid, 1, [], T))
        await refused(SessionUnknown, store.rotate(HERE, sid, 1, a_rotation(), T))
        assert await store.end(HERE, sid, LOGOUT, T) is None
        assert await store.load(HERE, sid, T) is None
        assert await store.list(HERE, None, T) == []

    @law("GET-2")
    async def test_absent_expired_ended_and_foreign_sessions_answer_alike(self, store: SessionStore) -> None:
        expired, ended = await created(store, idle=1), await created(store)
        foreign = await created(store, realm=f"{HERE}-2")
        await store.end(HERE, ended.id, LOGOUT, T)
        ids = (new_token(), expired.id, ended.id, foreign.id)
        assert [await store.load(HERE, sid, T + 1) for sid in ids] == [None] * 4

    @law("REC-1")
    async def test_a_record_comes_back_as_it_was_created(self, store: SessionStore) -> None:
        session = a_session()
        await store.create(session, {}, T)
        loaded = await store.load(HERE, session.id, T)
        assert loaded is not None
        assert (loaded.session, dict(loaded.fields)) == (session, {})

    @law("INS-1")
    async def test_the_first_of_two_sessions_with_one_id_stays(self, store: SessionStore) -> None:
        first = await created(store, {"x": "1"})
        await refused(SessionExists, store.create(a_session(sid=first.id), {"x": "2"}, T))
        assert await texts(store, first) == {"x": "1"}
        loaded = await store.load(HERE, first.id, T)
        assert loaded is not None
        assert loaded.session.secret == first.secret

    @law("INS-2")
    async def test_the_id_of_an_ended_session_stays_taken(self, store: SessionStore) -> None:
        first = await created(store)
        await store.end(HERE, first.id, LOGOUT, T)
        await refused(SessionExists, store.create(a_session(sid=first.id), {}, T))
        assert await store.load(HERE, first.id, T) is None

    @law("ISO-1")
    async def test_no_act_reaches_a_session_of_another_realm(self, store: SessionStore) -> None:
        mine = await created(store, {"x": "1"})
        assert await store.load(THERE, mine.id, T) is None
        await refused(SessionUnknown, store.change(THERE, mine.id, 1, [put("x", "2")], T))
        await refused(SessionUnknown, store.change(THERE, mine.id, 1, [], T + 500))
        await refused(SessionUnknown, store.rotate(THERE, mine.id, 1, a_rotation(), T))
        assert await store.end(THERE, mine.id, LOGOUT, T) is None
        assert mine.id not in [session.id for session in await store.list(THERE, None, T)]
        assert mine.id not in [session.id for session in await store.list(THERE, mine.principal, T)]
        loaded = await store.load(HERE, mine.id, T)
        assert loaded is not None
        assert (loaded.session.epoch, loaded.session.last, loaded.fields["x"].text) == (1, T, "1")

    @law("ALI-1")
    async def test_what_was_put_in_or_got_out_is_a_copy(self, store: SessionStore) -> None:
        session, fields = a_session(), {"x": "[1]"}
        await store.create(session, fields, T)
        fields["x"] = "[2]"
        loaded = await store.load(HERE, session.id, T)
        assert loaded is not None
        with suppress(TypeError):
            cast("dict[str, Any]", loaded.fields).clear()
        assert await texts(store, session) == {"x": "[1]"}

    @law("KEY-1")
    async def test_any_sign_may_stand_in_the_name_of_a_field(self, store: SessionStore) -> None:
        first, second = await created(store, dict.fromkeys(_NAMES[:40], "1")), await created(store)
        await store.change(HERE, second.id, 1, [put(name, "2") for name in _NAMES[-30:]], T)
        assert await texts(store, first) == dict.fromkeys(_NAMES[:40], "1")
        assert await texts(store, second) == dict.fromkeys(_NAMES[-30:], "2")
