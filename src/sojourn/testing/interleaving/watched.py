"""A store that writes down what is asked of it and what it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar, cast

import msgspec

from sojourn.core.errors import SojournError
from sojourn.model.field import DEFAULT_LIMITS, Changed, Field, Limits, Op
from sojourn.model.session import End, IssuedToken, Loaded, Rotation, Session
from sojourn.stores.base import Bags, Cursor, Ended, SessionStore, Swept
from sojourn.testing.interleaving.history import Act, Asked, History

_T = TypeVar("_T")


class Watched:
    """The face of a store that one client acts on; implements ``SessionStore`` and ``Bags``."""

    def __init__(self, store: SessionStore, client: str, history: History) -> None:
        self._store = store
        self._client = client
        self._history = history

    async def create(self, session: Session, fields: Mapping[str, str], now: int, *, most: int | None = None) -> None:
        """See :meth:`sojourn.stores.base.SessionStore.create`."""
        made = _made(session, fields)
        asked = Asked("create", session.realm, session.id, now=now, most=most, owner=session.owner, made=made)
        await self._note(asked, self._store.create(session, fields, now, most=most))

    async def load(self, realm: str, sid: str, now: int) -> Loaded | None:
        """See :meth:`sojourn.stores.base.SessionStore.load`."""
        return await self._note(Asked("load", realm, sid, now=now), self._store.load(realm, sid, now))

    async def change(
        self,
        realm: str,
        sid: str,
        epoch: int,
        ops: Sequence[Op],
        now: int,
        *,
        touch: bool = True,
        limits: Limits = DEFAULT_LIMITS,
        token: IssuedToken | None = None,
        idle: int | None = None,
    ) -> Changed:
        """See :meth:`sojourn.stores.base.SessionStore.change`."""
        asked = Asked("change", realm, sid, epoch, now, tuple(ops), idle)
        acting = self._store.change(realm, sid, epoch, ops, now, touch=touch, limits=limits, token=token, idle=idle)
        return await self._note(asked, acting)

    async def rotate(
        self, realm: str, sid: str, epoch: int, to: Rotation, now: int, *, most: int | None = None
    ) -> Session:
        """See :meth:`sojourn.stores.base.SessionStore.rotate`."""
        asked = Asked("rotate", realm, sid, epoch, now, to=to, most=most)
        return await self._note(asked, self._store.rotate(realm, sid, epoch, to, now, most=most))

    async def end(self, realm: str, sid: str, end: End, now: int, *, epoch: int | None = None) -> Ended | None:
        """See :meth:`sojourn.stores.base.SessionStore.end`."""
        asked = Asked("end", realm, sid, epoch, now)
        return await self._note(asked, self._store.end(realm, sid, end, now, epoch=epoch))

    async def list(
        self, realm: str, owner: str | None, now: int, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Session]:
        """See :meth:`sojourn.stores.base.SessionStore.list`."""
        asked = Asked("list", realm, now=now, owner=owner)
        listing = self._store.list(realm, owner, now, after=after, limit=limit)
        return await self._note(asked, _as_list(listing))

    async def sweep(self, now: int, most: int = 50) -> Swept:
        """See :meth:`sojourn.stores.base.SessionStore.sweep`."""
        return await self._note(Asked("sweep", now=now), self._store.sweep(now, most))

    async def read_bag(self, realm: str, principal: str, now: int) -> Mapping[str, Field]:
        """See :meth:`sojourn.stores.base.Bags.read_bag`."""
        asked = Asked("read_bag", realm, now=now, owner=principal)
        return await self._note(asked, self._bags.read_bag(realm, principal, now))

    async def change_bag(
        self,
        realm: str,
        sid: str,
        epoch: int,
        ops: Sequence[Op],
        now: int,
        *,
        idle: int,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Changed:
        """See :meth:`sojourn.stores.base.Bags.change_bag`."""
        asked = Asked("change_bag", realm, sid, epoch, now, tuple(ops))
        return await self._note(asked, self._bags.change_bag(realm, sid, epoch, ops, now, idle=idle, limits=limits))

    async def drop_bag(self, realm: str, principal: str) -> None:
        """See :meth:`sojourn.stores.base.Bags.drop_bag`."""
        await self._note(Asked("drop_bag", realm, owner=principal), self._bags.drop_bag(realm, principal))

    @property
    def _bags(self) -> Bags:
        return cast("Bags", self._store)

    async def _note(self, asked: Asked, acting: Awaitable[_T]) -> _T:
        begun = self._history.tick()
        answer: object = None
        try:
            answer = found = await acting
        except SojournError as refusal:
            answer = refusal
            raise
        finally:
            self._history.add(Act(self._client, asked, begun, self._history.tick(), answer))
        return found


async def _as_list(listing: Awaitable[Sequence[Session]]) -> list[Session]:
    return list(await listing)


def _made(session: Session, fields: Mapping[str, str]) -> Loaded:
    """What a store makes of a new session: its fields have its version, which is at least 1 then."""
    version = max(session.version, 1) if fields else session.version
    found = {name: Field(version, text) for name, text in fields.items()}
    return Loaded(msgspec.structs.replace(session, version=version), found)
