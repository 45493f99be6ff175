"""Lists of live sessions."""

# A law is its name, so it has no docstring beside it.
# ruff: noqa: D102

from __future__ import annotations

from sojourn.model.session import Session
from sojourn.stores.base import SessionStore
from sojourn.testing.law import ALICE, BOB, HERE, LOGOUT, T, a_rotation, created, law


def _ids(sessions: object) -> list[str]:
    assert isinstance(sessions, list | tuple)
    return [session.id for session in sessions]


class ListingLaws:
    """``list``."""

    @law("IDX-1")
    async def test_a_list_is_ordered_and_its_pages_join(self, store: SessionStore) -> None:
        made = [await created(store, created=T + i // 2, principal=BOB if i % 5 == 4 else ALICE) for i in range(12)]
        made.sort(key=lambda session: (session.created, session.id))
        for principal in (None, ALICE):
            wanted = [session.id for session in made if principal in (None, session.principal)]
            assert _ids(await store.list(HERE, principal, T + 6)) == wanted
            assert await _by_pages(store, principal, 3) == wanted

    @law("IDX-2")
    async def test_a_list_follows_rotation_and_end(self, store: SessionStore) -> None:
        anonymous, ended, other = [await created(store, principal=who) for who in ("", ALICE, BOB)]
        await store.rotate(HERE, anonymous.id, 1, a_rotation(principal=ALICE), T)
        await store.end(HERE, ended.id, LOGOUT, T)
        assert _ids(await store.list(HERE, ALICE, T)) == [anonymous.id]
        assert _ids(await store.list(HERE, BOB, T)) == [other.id]
        assert _ids(await store.list(HERE, "", T)) == []
        assert set(_ids(await store.list(HERE, None, T))) == {anonymous.id, other.id}

    @law("IDX-3")
    async def test_the_expired_take_no_place_on_a_page(self, store: SessionStore) -> None:
        made = [await created(store, created=T + i, idle=100 if i % 3 else 900) for i in range(12)]
        assert _ids(await store.list(HERE, None, T + 500, limit=3)) == [session.id for session in made[::3][:3]]
        assert await _by_pages(store, ALICE, 2, T + 500) == [session.id for session in made[::3]]

    @law("IDX-4")
    async def test_a_list_gives_the_records_as_they_are(self, store: SessionStore) -> None:
        session = await created(store, {"x": "1"})
        await store.change(HERE, session.id, 1, [], T + 9)
        loaded = await store.load(HERE, session.id, T + 9)
        assert loaded is not None
        assert list(await store.list(HERE, ALICE, T + 9)) == [loaded.session]


async def _by_pages(store: SessionStore, principal: str | None, limit: int, now: int = T + 6) -> list[str]:
    seen: list[Session] = []
    while page := await store.list(
        HERE, principal, now, after=(seen[-1].created, seen[-1].id) if seen else None, limit=limit
    ):
        assert len(page) <= limit
        seen += page
    return _ids(seen)
