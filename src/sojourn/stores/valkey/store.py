"""The store itself: the port's face on what the other modules do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from sojourn.config.valkey_url import Place, parse_valkey_url
from sojourn.core.errors import SojournError, StoreUnavailable
from sojourn.model.field import DEFAULT_LIMITS, Changed, Field, Limits, Op, check_limits
from sojourn.model.session import End, IssuedToken, Loaded, Rotation, Session, Tombstone
from sojourn.stores.base import Contract, Count, Cursor, Ended, Finding, Mark, Swept
from sojourn.stores.limited import Taken, Tried
from sojourn.stores.valkey import check, server
from sojourn.stores.valkey.bags import ValkeyBags
from sojourn.stores.valkey.keys import Keys
from sojourn.stores.valkey.limited import ValkeyLimited
from sojourn.stores.valkey.link import Link
from sojourn.stores.valkey.lists import Lists
from sojourn.stores.valkey.registry import Registry
from sojourn.stores.valkey.sessions import Change, Sessions, Target
from sojourn.stores.valkey.single import ServerLink


class ValkeyStore:
    """Keeps sessions on a Valkey or Redis server or cluster; implements every port of :mod:`sojourn.stores.base`.

    It belongs to the event loop that opened it. Any number of processes may have the server open.
    """

    def __init__(self, link: Link, *, spread: bool, about: Contract) -> None:
        names = Keys(spread=spread)
        self._link = link
        self._about = about
        registry = Registry(link, names)
        self._sessions = Sessions(link, names, registry)
        self._lists = Lists(link, names, registry, self._sessions)
        self._bags = ValkeyBags(link, names, registry, self._sessions)
        self._limited = ValkeyLimited(link, names)
        self._changes = 0
        self._loads = 0

    @classmethod
    async def open(cls, url: str) -> ValkeyStore:
        """Connect to ``valkey://…`` (see :mod:`sojourn.config.valkey_url`).

        Raises ``BadAddress``, ``StoreUnavailable`` (also for plain text to another machine), ``StoreReadOnly`` (a
        replica), ``StoreVersion`` (a newer engine has been there), ``StoreBusy`` (it is loading its data).
        """
        return await cls.over(await _connect(parse_valkey_url(url)))

    @classmethod
    async def over(cls, link: Link) -> ValkeyStore:
        """The store behind an open link, which it closes when it cannot serve."""
        try:
            spread = await server.layout(link)
            return cls(link, spread=spread, about=check.contract(await check.look(link), link))
        except SojournError:
            await link.close()
            raise

    async def create(self, session: Session, fields: Mapping[str, str], now: int, *, most: int | None = None) -> None:
        """See :meth:`sojourn.stores.base.SessionStore.create`."""
        check_limits(fields, DEFAULT_LIMITS)
        if fields:
            session = msgspec.structs.replace(session, version=max(session.version, 1))
        await self._sessions.create(session, fields, now, most)

    async def load(self, realm: str, sid: str, now: int) -> Loaded | None:
        """See :meth:`sojourn.stores.base.SessionStore.load`."""
        self._loads += 1
        return await self._sessions.load(realm, sid, now)

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
        wanted = Change(ops, touch, limits, token, idle)
        changed = await self._sessions.change(Target(realm, sid, epoch, now), wanted)
        self._changes += 1
        return changed

    async def rotate(
        self, realm: str, sid: str, epoch: int, to: Rotation, now: int, *, most: int | None = None
    ) -> Session:
        """See :meth:`sojourn.stores.base.SessionStore.rotate`."""
        return await self._sessions.rotate(Target(realm, sid, epoch, now), to, most)

    async def end(self, realm: str, sid: str, end: End, now: int, *, epoch: int | None = None) -> Ended | None:
        """See :meth:`sojourn.stores.base.SessionStore.end`."""
        return await self._sessions.end(Target(realm, sid, epoch, now), end)

    async def list(
        self, realm: str, owner: str | None, now: int, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Session]:
        """See :meth:`sojourn.stores.base.SessionStore.list`."""
        return await self._lists.live(realm, owner, now, after, limit)

    async def sweep(self, now: int, most: int = 50) -> Swept:
        """See :meth:`sojourn.stores.base.SessionStore.sweep`."""
        swept = await self._lists.sweep(now, most)
        if not swept.more:
            await self._bags.sweep(now)
        return swept

    async def why(self, realm: str, sid: str, now: int) -> Tombstone | None:
        """See :meth:`sojourn.stores.base.Tombstones.why`."""
        return await self._sessions.why(realm, sid, now)

    async def list_ended(
        self, realm: str, owner: str | None, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Tombstone]:
        """See :meth:`sojourn.stores.base.Tombstones.list_ended`."""
        return await self._lists.ended(realm, owner, after, limit)

    async def read_bag(self, realm: str, principal: str, now: int) -> Mapping[str, Field]:
        """See :meth:`sojourn.stores.base.Bags.read_bag`."""
        return await self._bags.read(realm, principal, now)

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
        return await self._bags.change(Target(realm, sid, epoch, now), ops, idle, limits)

    async def drop_bag(self, realm: str, principal: str) -> None:
        """See :meth:`sojourn.stores.base.Bags.drop_bag`."""
        await self._bags.drop(realm, principal)

    async def count(self, now: int) -> Sequence[Count]:  # noqa: ARG002 - the port's
        """See :meth:`sojourn.stores.base.Counted.count`; sessions past their limits count until somebody has seen them."""
        return await self._lists.counts()

    async def put(self, name: str, text: str, until: int, now: int) -> bool:
        """See :meth:`sojourn.stores.limited.OneTime.put`."""
        return await self._limited.put(name, text, until, now)

    async def look(self, name: str, now: int) -> str | None:
        """See :meth:`sojourn.stores.limited.OneTime.look`."""
        return await self._limited.look(name, now)

    async def take(self, name: str, now: int, *, remember: int = 0) -> Taken | None:
        """See :meth:`sojourn.stores.limited.OneTime.take`."""
        return await self._limited.take(name, now, remember)

    async def drop(self, name: str) -> None:
        """See :meth:`sojourn.stores.limited.OneTime.drop`."""
        await self._limited.drop(name)

    async def count_try(self, name: str, delays: Sequence[int], now: int, *, forget: int) -> Tried:
        """See :meth:`sojourn.stores.limited.Throttle.count_try`."""
        return await self._limited.count(name, delays, now, forget)

    async def give_back(self, name: str, now: int) -> None:
        """See :meth:`sojourn.stores.limited.Throttle.give_back`."""
        await self._limited.give_back(name, now)

    async def reset(self, name: str) -> None:
        """See :meth:`sojourn.stores.limited.Throttle.reset`."""
        await self._limited.reset(name)

    async def time(self) -> int:
        """See :meth:`sojourn.stores.base.Timed.time`."""
        return await server.time(self._link)

    async def adopt(self, installation: str) -> str:
        """See :meth:`sojourn.stores.base.Marked.adopt`."""
        return await server.adopt(self._link, installation)

    async def mark(self) -> Mark:
        """See :meth:`sojourn.stores.base.Marked.mark`."""
        return await server.mark(self._link)

    async def advance(self) -> int:
        """See :meth:`sojourn.stores.base.Marked.advance`."""
        return await server.advance(self._link)

    def on_another_run(self, alarm: Callable[[], None]) -> None:
        """See :meth:`sojourn.stores.base.Alarmed.on_another_run`; a cluster does not tell."""
        self._link.on_another_run = alarm

    async def close(self) -> None:
        """Let go of the connection."""
        await self._link.close()

    async def ping(self) -> None:
        """Raise when a primary does not answer or the server takes no writes."""
        await server.prove(self._link)

    def contract(self) -> Contract:
        """What the server said when the store was opened; :meth:`check` asks again."""
        return self._about

    def counters(self) -> Mapping[str, int]:
        """``answers`` and ``losses`` are commands that were answered and those whose connection broke."""
        return {
            "commits": self._changes,
            "changes": self._changes,
            "loads": self._loads,
            "answers": self._link.answers,
            "losses": self._link.losses,
        }

    async def check(self) -> Sequence[Finding]:
        """See :meth:`sojourn.stores.base.Described.check`."""
        return await check.check(self._link)


async def _connect(place: Place) -> Link:
    if not place.tls and not place.is_local:
        raise StoreUnavailable(
            f"plain text to {place.text} would show sessions to the network: use valkeys:// or rediss://"
        )
    if not place.cluster:
        return await ServerLink.open(place)
    # Only here: one server needs neither its time to import nor its memory.
    from sojourn.stores.valkey.cluster import ClusterLink

    return await ClusterLink.open(place)
