"""The store itself: reads here, writes by the writer, and an observed expiry written before it is answered."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, ParamSpec, TypeVar

import msgspec

from sojourn.core.errors import StoreCorrupt, StoreFull
from sojourn.model.field import DEFAULT_LIMITS, Changed, Field, Limits, Op
from sojourn.model.session import End, IssuedToken, Loaded, Rotation, Session, Tombstone
from sojourn.stores.base import Contract, Count, Cursor, Ended, Finding, Mark, Swept
from sojourn.stores.sqlite import acts, bags, upkeep
from sojourn.stores.sqlite.check import findings
from sojourn.stores.sqlite.connection import prepare
from sojourn.stores.sqlite.failures import typed
from sojourn.stores.sqlite.guard import Target
from sojourn.stores.sqlite.limited import Limited
from sojourn.stores.sqlite.reads import Reads, count
from sojourn.stores.sqlite.space import RESERVE, DiskSpace
from sojourn.stores.sqlite.writer import Writer

_P = ParamSpec("_P")
_T = TypeVar("_T")

_TROUBLE = (sqlite3.Error, msgspec.DecodeError, StoreCorrupt)


class SqliteStore(Limited):
    """Keeps sessions in one SQLite file; implements every port of :mod:`sojourn.stores.base`.

    It belongs to the event loop that opened it. Any number of processes may have the file open.
    """

    def __init__(self, path: Path, reads: Reads, writer: Writer, space: DiskSpace) -> None:
        self._path = path
        self._reads = reads
        self._writer = writer
        self._space = space
        self._damaged = False
        self._loads = 0
        self._changes = 0

    @classmethod
    async def open(cls, path: Path, *, reserve: int = RESERVE) -> SqliteStore:
        """Open ``path``, making it where there is none; ``reserve`` = bytes of free disk kept for ends and sweeps.

        Raises ``StoreVersion`` (a newer engine's file), ``StoreCorrupt``, ``StoreUnavailable``, ``StoreBusy``.
        """
        try:
            await asyncio.to_thread(prepare, path)
            reads = Reads(path)
            try:
                return cls(path, reads, Writer(path), DiskSpace(path, reserve))
            except BaseException:
                reads.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise typed(error) from error

    async def create(self, session: Session, fields: Mapping[str, str], now: int, *, most: int | None = None) -> None:
        """See :meth:`sojourn.stores.base.SessionStore.create`."""
        self._space.admit()
        await self._writer.submit(acts.create, session, dict(fields), now, most)

    async def load(self, realm: str, sid: str, now: int) -> Loaded | None:
        """See :meth:`sojourn.stores.base.SessionStore.load`."""
        self._loads += 1
        try:
            while True:
                found = self._reads.load(realm, sid, now)
                if found is not None or not self._reads.is_due(realm, sid, now):
                    return found
                await self._writer.submit(upkeep.settle, realm, (sid,), now)
        except _TROUBLE as error:
            self._fail(error)

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
        self._space.admit()
        wanted = acts.Change(tuple(ops), touch, limits, token, idle)
        changed = await self._writer.submit(acts.change, Target(realm, sid, epoch, now), wanted)
        self._changes += 1
        return changed

    async def rotate(
        self, realm: str, sid: str, epoch: int, to: Rotation, now: int, *, most: int | None = None
    ) -> Session:
        """See :meth:`sojourn.stores.base.SessionStore.rotate`."""
        self._space.admit()
        return await self._writer.submit(acts.rotate, Target(realm, sid, epoch, now), acts.Login(to, most))

    async def end(self, realm: str, sid: str, end: End, now: int, *, epoch: int | None = None) -> Ended | None:
        """See :meth:`sojourn.stores.base.SessionStore.end`."""
        return await self._writer.submit(acts.end, Target(realm, sid, epoch, now), end)

    async def list(
        self, realm: str, owner: str | None, now: int, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Session]:
        """See :meth:`sojourn.stores.base.SessionStore.list`."""
        live: list[Session] = []
        try:
            while len(live) < limit:
                page = self._reads.page(realm, owner, now, after, limit)
                live += [session for session, lives in page if lives]
                await self._settle(realm, [session.id for session, lives in page if not lives], now)
                if len(page) < limit:
                    break
                after = page[-1][0].created, page[-1][0].id
        except _TROUBLE as error:
            self._fail(error)
        return live[:limit]

    async def sweep(self, now: int, most: int = 50) -> Swept:
        """See :meth:`sojourn.stores.base.SessionStore.sweep`."""
        self._space.look()
        return await self._writer.submit(upkeep.sweep, now, most)

    async def why(self, realm: str, sid: str, now: int) -> Tombstone | None:
        """See :meth:`sojourn.stores.base.Tombstones.why`."""
        try:
            if self._reads.is_due(realm, sid, now):
                await self._settle(realm, [sid], now)
            return self._reads.tombstone(realm, sid)
        except _TROUBLE as error:
            self._fail(error)

    async def list_ended(
        self, realm: str, owner: str | None, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Tombstone]:
        """See :meth:`sojourn.stores.base.Tombstones.list_ended`."""
        try:
            return self._reads.tombstones(realm, owner, after, limit)
        except _TROUBLE as error:
            self._fail(error)

    async def read_bag(self, realm: str, principal: str, now: int) -> Mapping[str, Field]:
        """See :meth:`sojourn.stores.base.Bags.read_bag`."""
        try:
            return self._reads.bag(realm, principal, now)
        except _TROUBLE as error:
            self._fail(error)

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
        self._space.admit()
        wanted = bags.BagChange(tuple(ops), idle, limits)
        changed = await self._writer.submit(bags.change_bag, Target(realm, sid, epoch, now), wanted)
        self._changes += 1
        return changed

    async def drop_bag(self, realm: str, principal: str) -> None:
        """See :meth:`sojourn.stores.base.Bags.drop_bag`."""
        await self._writer.submit(bags.drop_bag, realm, principal)

    async def look(self, name: str, now: int) -> str | None:
        """See :meth:`sojourn.stores.limited.OneTime.look`."""
        try:
            return self._reads.one_time(name, now)
        except _TROUBLE as error:
            self._fail(error)

    async def count(self, now: int) -> Sequence[Count]:  # noqa: ARG002 - the port's; the expired count until swept
        """See :meth:`sojourn.stores.base.Counted.count`."""
        return await self._aside(count, self._path)

    async def adopt(self, installation: str) -> str:
        """See :meth:`sojourn.stores.base.Marked.adopt`."""
        return await self._writer.submit(upkeep.adopt, installation)

    async def mark(self) -> Mark:
        """See :meth:`sojourn.stores.base.Marked.mark`."""
        try:
            return Mark(*self._reads.meta())
        except _TROUBLE as error:
            self._fail(error)

    async def advance(self) -> int:
        """See :meth:`sojourn.stores.base.Marked.advance`."""
        return await self._writer.submit(upkeep.advance)

    async def close(self) -> None:
        """Finish what is queued and let go of the file."""
        await self._writer.close()
        self._reads.close()

    async def ping(self) -> None:
        """Raise when the writer cannot commit now, damage was met, or the disk is nearly full."""
        if self._damaged or self._writer.damaged:
            raise StoreCorrupt
        if self._space.look():
            raise StoreFull
        await self._writer.submit(upkeep.nothing)

    async def reopen(self) -> None:
        """See :meth:`sojourn.stores.base.Reopened.reopen`."""
        before = self._writer, self._reads
        try:
            if not self._writer.place.taken:
                return
            await asyncio.to_thread(self._writer.place.clear)
            await asyncio.to_thread(prepare, self._path)
            self._writer, self._reads = Writer(self._path), Reads(self._path)
        except (sqlite3.Error, OSError) as error:
            raise typed(error) from error
        self._damaged = False
        await before[0].close()
        before[1].close()

    def contract(self) -> Contract:
        """What was read back from the open file."""
        durability = "every acknowledged write survives the death of the process and a power failure"
        return Contract("sqlite", durability, self._reads.facts())

    def counters(self) -> Mapping[str, int]:
        """``batches`` and ``commits`` are transactions, ``acts`` what ran in them."""
        return {
            "commits": self._writer.commits,
            "batches": self._writer.commits,
            "acts": self._writer.acts,
            "changes": self._changes,
            "loads": self._loads,
            "checkpoints": self._writer.checkpoints,
        }

    async def check(self) -> Sequence[Finding]:
        """See :meth:`sojourn.stores.base.Described.check`."""
        return await self._aside(findings, self._path, self._space.reserve)

    async def _aside(self, read: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Read in a thread, on a connection of its own."""
        try:
            self._reads.facts()  # raises when the store is closed
            return await asyncio.to_thread(read, *args, **kwargs)
        except (*_TROUBLE, OSError) as error:
            self._fail(error)

    async def _settle(self, realm: str, sids: Sequence[str], now: int) -> None:
        if sids:
            await self._writer.submit(upkeep.settle, realm, sids, now)

    def _fail(self, error: Exception) -> NoReturn:
        found = typed(error)
        self._damaged = self._damaged or isinstance(found, StoreCorrupt)
        raise found from error
