"""Steps of clients, to be put together to scripts. Times are milliseconds after :data:`~sojourn.testing.law.T`."""

from __future__ import annotations

from typing import cast

from sojourn.model.field import Op, put_if
from sojourn.model.session import End, EndReason, Session
from sojourn.stores.base import Bags, SessionStore
from sojourn.testing.interleaving.scene import Memory, Prepare, Step
from sojourn.testing.law import HERE, T, a_rotation, a_session

#: How long bags of scenes outlive the last session.
BAG_IDLE = 1_000


def load(at: int = 0) -> Step:
    """Load the session and remember it."""

    async def step(store: SessionStore, memory: Memory) -> None:
        memory.seen = await store.load(HERE, memory.session.id, T + at) or memory.seen

    return step


def change(*ops: Op, at: int = 0, idle: int | None = None) -> Step:
    """Change fields by the handle that the client has."""

    async def step(store: SessionStore, memory: Memory) -> None:
        await store.change(HERE, memory.session.id, memory.session.epoch, ops, T + at, idle=idle)

    return step


def put_seen(name: str, text: str, at: int = 0) -> Step:
    """Put a field if it has the version that the client has loaded."""

    async def step(store: SessionStore, memory: Memory) -> None:
        seen = memory.seen.fields.get(name) if memory.seen else None
        op = put_if(name, text, seen.version if seen else 0)
        await store.change(HERE, memory.session.id, memory.session.epoch, [op], T + at)

    return step


def end(at: int = 0, reason: EndReason = "logout", *, by_handle: bool = True) -> Step:
    """End the session: by the client's handle, or as an operator does, whatever its epoch."""

    async def step(store: SessionStore, memory: Memory) -> None:
        epoch = memory.session.epoch if by_handle else None
        await store.end(HERE, memory.session.id, End(reason, T + at), T + at, epoch=epoch)

    return step


def rotate(at: int = 0, *, away: bool = False, keep: frozenset[str] | None = None, most: int | None = None) -> Step:
    """Log in as the scene's principal (or as somebody else), and go on with the new handle."""

    async def step(store: SessionStore, memory: Memory) -> None:
        to = a_rotation(principal=f"{memory.principal}-away" if away else memory.principal, keep=keep)
        memory.session = await store.rotate(HERE, memory.session.id, memory.session.epoch, to, T + at, most=most)

    return step


def create(
    at: int = 0, *, most: int | None = None, fields: dict[str, str] | None = None, anonymous: bool = False
) -> Step:
    """Begin a session of the scene's principal, or of nobody, and go on with that."""

    async def step(store: SessionStore, memory: Memory) -> None:
        new = a_session(principal="" if anonymous else memory.principal, created=T + at, idle=0)
        await store.create(new, fields or {}, T + at, most=most)
        memory.session = new

    return step


def sweep(at: int = 0) -> Step:
    """Sweep until nothing is due. The scene is ``alone`` then."""

    async def step(store: SessionStore, _: Memory) -> None:
        while (await store.sweep(T + at)).more:
            pass

    return step


def listing(at: int = 0) -> Step:
    """List the sessions of the scene's principal."""

    async def step(store: SessionStore, memory: Memory) -> None:
        await store.list(HERE, memory.principal, T + at)

    return step


def change_bag(*ops: Op, at: int = 0) -> Step:
    """Change the bag by the handle that the client has."""

    async def step(store: SessionStore, memory: Memory) -> None:
        bags, session = cast("Bags", store), memory.session
        await bags.change_bag(HERE, session.id, session.epoch, ops, T + at, idle=BAG_IDLE)

    return step


def a_start(
    fields: dict[str, str] | None = None, *, idle: int = 0, others: int = 0, anonymous: bool = False
) -> Prepare:
    """What a scene begins with: one session with ``fields`` and ``others`` beside it."""

    async def prepare(store: SessionStore, principal: str) -> Session:
        for _ in range(others):
            await store.create(a_session(principal=principal, idle=0), {}, T)
        session = a_session(principal="" if anonymous else principal, idle=idle)
        await store.create(session, fields or {}, T)
        return session

    return prepare
