"""Ends and rotations are final."""

# A law is its name, so it has no docstring beside it.
# ruff: noqa: D102

from __future__ import annotations

import asyncio

import msgspec

from sojourn.core.errors import SessionEnded, StaleSession
from sojourn.model.field import put, put_if
from sojourn.model.session import End, IssuedToken, Session
from sojourn.stores.base import Ended, SessionStore
from sojourn.testing.law import ALICE, HERE, LOGOUT, T, a_rotation, all_refused, created, law, refused, texts


class EndingLaws:
    """``end`` and ``rotate``."""

    @law("RES-1")
    async def test_nothing_brings_an_ended_session_back(self, store: SessionStore) -> None:
        session = await created(store, {"x": "1"})
        await store.end(HERE, session.id, LOGOUT, T)
        for epoch in (1, 2):
            for ops in ([put("x", "2")], [put_if("x", "2", 1)], []):
                gone = await refused(SessionEnded, store.change(HERE, session.id, epoch, ops, T))
                assert (gone.reason, gone.at) == ("logout", T)
            await refused(SessionEnded, store.rotate(HERE, session.id, epoch, a_rotation(), T))
        assert await store.load(HERE, session.id, T) is None
        assert await store.list(HERE, None, T) == []

    @law("RES-2")
    async def test_no_change_that_began_after_an_end_succeeds(self, store: SessionStore) -> None:
        session = await created(store)
        ended = asyncio.Event()
        writers = [asyncio.create_task(_write_until_ended(store, session, ended)) for _ in range(5)]
        try:
            await store.end(HERE, session.id, LOGOUT, T)
        finally:
            ended.set()
            outcomes = await asyncio.gather(*writers, return_exceptions=True)
        assert outcomes == [None] * 5, "a change that began after the end succeeded"
        assert await store.load(HERE, session.id, T) is None

    @law("END-1")
    async def test_the_first_end_stays(self, store: SessionStore) -> None:
        session = await created(store)
        first = End("dropped", T + 1, actor="admin", rule="manual")
        assert await store.end(HERE, session.id, first, T + 1) == Ended(now=True, end=first)
        assert await store.end(HERE, session.id, End("logout", T + 2), T + 2) == Ended(now=False, end=first)

    @law("END-2")
    async def test_a_logout_by_an_old_handle_ends_nothing(self, store: SessionStore) -> None:
        session = await created(store)
        stale = await refused(StaleSession, store.end(HERE, session.id, LOGOUT, T, epoch=2))
        assert stale.epoch == 1
        assert await store.load(HERE, session.id, T) is not None
        assert await store.end(HERE, session.id, LOGOUT, T, epoch=1) == Ended(now=True, end=LOGOUT)

    @law("END-3")
    async def test_of_ends_at_the_same_time_one_is_first_and_all_name_it(self, store: SessionStore) -> None:
        session = await created(store)
        ends = [End("dropped", T, actor=f"admin{i}") for i in range(9)]
        outcomes = await asyncio.gather(*(store.end(HERE, session.id, end, T) for end in ends))
        assert [outcome.now for outcome in outcomes if outcome].count(True) == 1
        assert len({outcome.end.actor for outcome in outcomes if outcome}) == 1

    @law("ROT-1")
    async def test_rotation_replaces_secret_and_identity_and_keeps_the_rest(self, store: SessionStore) -> None:
        session = await created(store, {"cart": "[1]"})
        to = msgspec.structs.replace(a_rotation(), tokens=(IssuedToken(hash=b"j" * 32, expires=T + 9),))
        rotated = await store.rotate(HERE, session.id, 1, to, T + 1)
        assert rotated == msgspec.structs.replace(
            session,
            secret=to.secret,
            replaced=session.secret,
            replaced_at=T + 1,
            identity=to.identity,
            device=to.device,
            fences=to.fences,
            tokens=to.tokens,
            last=T + 1,
            idle=to.idle,
            absolute=to.absolute,
            epoch=2,
            version=2,
        )
        loaded = await store.load(HERE, session.id, T + 1)
        assert loaded is not None
        assert loaded.session == rotated
        assert loaded.fields["cart"] == (1, "[1]")

    @law("ROT-2")
    async def test_after_a_rotation_the_old_epoch_is_dead(self, store: SessionStore) -> None:
        session = await created(store, {"x": "1"})
        await store.rotate(HERE, session.id, 1, a_rotation(), T)
        stale = await all_refused(
            StaleSession,
            store.change(HERE, session.id, 1, [put("x", "2")], T),
            store.change(HERE, session.id, 1, [], T),
            store.rotate(HERE, session.id, 1, a_rotation(), T),
            store.end(HERE, session.id, LOGOUT, T, epoch=1),
        )
        assert [error.epoch for error in stale] == [2] * 4
        assert await texts(store, session) == {"x": "1"}
        second = a_rotation(principal=ALICE)
        rotated = await store.rotate(HERE, session.id, 2, second, T)
        assert (rotated.epoch, rotated.secret, rotated.principal) == (3, second.secret, ALICE)

    @law("ROT-3")
    async def test_of_two_rotations_at_the_same_time_one_wins(self, store: SessionStore) -> None:
        session = await created(store)
        rotations = [a_rotation() for _ in range(5)]
        acts = (store.rotate(HERE, session.id, 1, to, T) for to in rotations)
        outcomes = await asyncio.gather(*acts, return_exceptions=True)
        assert sum(isinstance(outcome, StaleSession) for outcome in outcomes) == 4
        loaded = await store.load(HERE, session.id, T)
        assert loaded is not None
        assert [loaded.session] == [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]

    @law("ROT-4")
    async def test_rotation_drops_the_fields_that_are_not_kept(self, store: SessionStore) -> None:
        large = '"' + "x" * 3_000 + '"'
        session = await created(store, {"a": "1", "b": "2", "c": large, "d": large})
        await store.rotate(HERE, session.id, 1, a_rotation(keep=frozenset({"a", "c", "never"})), T)
        assert await texts(store, session) == {"a": "1", "c": large}
        await store.rotate(HERE, session.id, 2, a_rotation(keep=frozenset()), T)
        assert await texts(store, session) == {}


async def _write_until_ended(store: SessionStore, session: Session, ended: asyncio.Event) -> None:
    while True:
        too_late = ended.is_set()
        try:
            await store.change(HERE, session.id, 1, [put("x", "1")], T)
        except SessionEnded:
            return
        assert not too_late
        await asyncio.sleep(0)
