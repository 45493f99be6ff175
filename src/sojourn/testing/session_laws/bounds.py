"""Limits of fields, large values, recorded accesses and listed tokens."""

# A law is its name, so it has no docstring beside it.
# ruff: noqa: D102

from __future__ import annotations

import msgspec

from sojourn.core.errors import FieldLimit, SessionEnded, StaleSession
from sojourn.model.field import MAX_NAME, Limits, delete, increment, put
from sojourn.model.session import MAX_TOKENS, IssuedToken
from sojourn.stores.base import SessionStore
from sojourn.testing.law import HERE, LOGOUT, T, created, law, refused, texts

_SMALL = Limits(fields=3, value=10, total=24)


def _token(number: int, expires: int = T + 9_000) -> IssuedToken:
    return IssuedToken(hash=bytes([number]) * 32, expires=expires, scope=("read",))


class BoundsLaws:
    """What a session may hold."""

    @law("BIG-1")
    async def test_a_limit_holds_to_the_byte(self, store: SessionStore) -> None:
        session = await created(store, {"a": "1234567890"})
        at_the_limit = [put("b", '"123456é"'), put("c", "1")]
        await store.change(HERE, session.id, 1, at_the_limit, T, limits=_SMALL)
        before = await store.load(HERE, session.id, T)
        for op, what in (
            (put("a", "12345678901"), "value"),
            (put("a", '"1234567é"'), "value"),
            (put("d", "1"), "fields"),
            (put("c", "12"), "total"),
            (put("n" * (MAX_NAME + 1), "1"), "name"),
            (put("", "1"), "name"),
        ):
            over = await refused(FieldLimit, store.change(HERE, session.id, 1, [op], T + 1, limits=_SMALL))
            assert over.what == what
        assert await store.load(HERE, session.id, T) == before

    @law("BIG-2")
    async def test_what_is_deleted_or_shortened_makes_room(self, store: SessionStore) -> None:
        session = await created(store)
        limits = Limits(fields=2, value=4_000, total=5_000)
        for text in ('"' + "x" * 3_000 + '"', "1", '"' + "é" * 1_900 + '"'):
            await store.change(HERE, session.id, 1, [put("a", text), put("b", "1")], T, limits=limits)
        await store.change(HERE, session.id, 1, [delete("a"), put("c", "1" * 3_902)], T, limits=limits)
        await refused(FieldLimit, store.change(HERE, session.id, 1, [put("b", "1" * 1_097)], T, limits=limits))
        await store.change(HERE, session.id, 1, [put("b", "1" * 1_096)], T, limits=limits)

    @law("BIG-3")
    async def test_values_of_every_size_come_back(self, store: SessionStore) -> None:
        sizes = (0, 1, 1_021, 1_022, 1_023, 4_096, 60_000)
        wanted = {f"f{size}": '"' + "ü" * size + '\\u0000\\n"' for size in sizes}
        session = await created(store, wanted)
        assert await texts(store, session) == wanted
        turned = dict(zip(wanted, reversed(wanted.values()), strict=True))
        await store.change(HERE, session.id, 1, [put(name, text) for name, text in turned.items()], T)
        assert await texts(store, session) == turned
        await store.change(HERE, session.id, 1, [increment("n"), delete("f0")], T)
        assert await texts(store, session) == {name: text for name, text in turned.items() if name != "f0"} | {"n": "1"}

    @law("TCH-1")
    async def test_an_access_is_recorded_only_when_asked_and_never_backwards(self, store: SessionStore) -> None:
        session = await created(store)
        for now, touch, ops, last in (
            (T + 100, False, [], T),
            (T + 200, False, [put("x", "1")], T),
            (T + 300, True, [], T + 300),
            (T + 200, True, [], T + 300),
            (T + 400, True, [put("x", "2")], T + 400),
            (T + 350, True, [put("x", "3")], T + 400),
        ):
            await store.change(HERE, session.id, 1, ops, now, touch=touch)
            loaded = await store.load(HERE, session.id, now)
            assert loaded is not None
            assert loaded.session.last == last

    @law("TCH-2")
    async def test_a_touch_leaves_the_version_alone(self, store: SessionStore) -> None:
        session = await created(store, {"x": "1"})
        changed = await store.change(HERE, session.id, 1, [], T + 1)
        assert (changed.version, changed.values) == (1, {})
        loaded = await store.load(HERE, session.id, T + 1)
        assert loaded is not None
        assert (loaded.session.version, loaded.fields["x"].version) == (1, 1)

    @law("TOK-1")
    async def test_tokens_are_listed_and_the_expired_and_oldest_go(self, store: SessionStore) -> None:
        session = await created(store, idle=0)
        brief = _token(0, expires=T + 5)
        await store.change(HERE, session.id, 1, [], T, token=brief)
        changed = await store.change(HERE, session.id, 1, [put("x", "1")], T + 4, token=_token(1))
        loaded = await store.load(HERE, session.id, T + 4)
        assert loaded is not None
        assert (loaded.session.tokens, changed.version) == ((brief, _token(1)), 2)
        for number in range(2, MAX_TOKENS + 3):
            await store.change(HERE, session.id, 1, [], T + 5, token=_token(number))
        loaded = await store.load(HERE, session.id, T + 5)
        assert loaded is not None
        assert loaded.session.tokens == tuple(_token(number) for number in range(3, MAX_TOKENS + 3))
        assert loaded.session == msgspec.structs.replace(
            session, last=T + 5, version=loaded.session.version, tokens=loaded.session.tokens
        )

    @law("TOK-2")
    async def test_no_token_is_listed_for_another_epoch_or_an_ended_session(self, store: SessionStore) -> None:
        session = await created(store)
        await refused(StaleSession, store.change(HERE, session.id, 2, [], T, token=_token(1)))
        loaded = await store.load(HERE, session.id, T)
        assert loaded is not None
        assert loaded.session.tokens == ()
        await store.end(HERE, session.id, LOGOUT, T)
        await refused(SessionEnded, store.change(HERE, session.id, 1, [], T, token=_token(1)))
