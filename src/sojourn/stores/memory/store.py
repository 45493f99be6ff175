"""The naive store: one dict, no ``await`` inside an act, copies in and out. The oracle of the other stores' tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from sojourn.core.errors import SessionEnded, SessionExists, SessionUnknown, StoreUnavailable
from sojourn.model.field import DEFAULT_LIMITS, Changed, Field, Limits, Op, apply, check_limits, check_total, size
from sojourn.model.session import (
    TOMBSTONE_FOR,
    End,
    IssuedToken,
    Loaded,
    Rotation,
    Session,
    Tombstone,
    list_token,
    owner_of,
)
from sojourn.stores.base import Contract, Count, Cursor, Ended, Finding, Mark, Swept
from sojourn.stores.limited import Taken, Tried
from sojourn.stores.memory.records import Kept, Records


class MemoryStore:
    """Keeps sessions in this process; implements every port of :mod:`sojourn.stores.base`."""

    def __init__(self) -> None:
        self._records: Records | None = Records()
        self._counters = {"commits": 0, "changes": 0, "batches": 0, "loads": 0}
        self._installation = ""
        self._mark = 0

    async def create(self, session: Session, fields: Mapping[str, str], now: int, *, most: int | None = None) -> None:
        """See :meth:`sojourn.stores.base.SessionStore.create`."""
        records = self._open()
        check_limits(fields, DEFAULT_LIMITS)
        if session.id in records.by_id:
            raise SessionExists
        records.admit(session.realm, session.owner, now, most)
        records.join(session.realm, session.principal, now)
        version = max(session.version, 1) if fields else session.version
        new = msgspec.structs.replace(session, version=version)
        records.by_id[session.id] = Kept(new, {name: Field(version, text) for name, text in fields.items()})
        self._note("commits")

    async def load(self, realm: str, sid: str, now: int) -> Loaded | None:
        """See :meth:`sojourn.stores.base.SessionStore.load`."""
        self._note("loads")
        try:
            kept = self._open().alive(realm, sid, now)
        except (SessionUnknown, SessionEnded):
            return None
        return Loaded(kept.session, dict(kept.fields))

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
        kept = self._open().alive(realm, sid, now, epoch)
        session = kept.session
        writes, values = apply(ops, kept.fields, limits)
        version = session.version + 1 if ops or token or idle is not None else session.version
        fields = {name: field for name, field in kept.fields.items() if name not in writes}
        fields |= {name: Field(version, text) for name, text in writes.items() if text is not None}
        if ops:
            total = sum(size(name, field.text) for name, field in fields.items())
            check_total(ops[-1].name, len(fields), total, limits)
        kept.fields = fields
        kept.session = msgspec.structs.replace(
            session,
            version=version,
            last=max(session.last, now) if touch else session.last,
            tokens=list_token(session.tokens, token, now) if token else session.tokens,
            idle=session.idle if idle is None else idle,
        )
        self._note("commits", "changes")
        return Changed(version, values)

    async def rotate(
        self, realm: str, sid: str, epoch: int, to: Rotation, now: int, *, most: int | None = None
    ) -> Session:
        """See :meth:`sojourn.stores.base.SessionStore.rotate`."""
        records = self._open()
        kept = records.alive(realm, sid, now, epoch)
        old = kept.session
        records.admit(realm, owner_of(to.identity, to.device), now, most, but=sid)
        records.join(realm, to.identity.principal, now)
        kept.session = Session(
            id=old.id,
            realm=old.realm,
            secret=to.secret,
            replaced=old.secret,
            replaced_at=now,
            identity=to.identity,
            device=to.device,
            fences=to.fences,
            tokens=to.tokens,
            created=old.created,
            last=max(old.last, now),
            idle=to.idle,
            absolute=to.absolute,
            epoch=old.epoch + 1,
            version=old.version + 1,
        )
        kept.fields = {name: field for name, field in kept.fields.items() if to.keep is None or name in to.keep}
        if kept.session.principal != old.principal:
            records.bags.left(realm, old.principal, now)
        self._note("commits")
        return kept.session

    async def end(self, realm: str, sid: str, end: End, now: int, *, epoch: int | None = None) -> Ended | None:
        """See :meth:`sojourn.stores.base.SessionStore.end`."""
        records = self._open()
        try:
            kept = records.alive(realm, sid, now, epoch)
        except SessionUnknown:
            return None
        except SessionEnded:
            return Ended(now=False, end=records.end_of(sid))
        records.bury(kept, end)
        return Ended(now=True, end=end)

    async def list(
        self, realm: str, owner: str | None, now: int, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Session]:
        """See :meth:`sojourn.stores.base.SessionStore.list`."""
        live: list[Session] = []
        for kept in self._open().ordered(realm, owner, after):
            self._open().settle(kept, now)
            if kept.end is None and len(live) < limit:
                live.append(kept.session)
        return live

    async def sweep(self, now: int, most: int = 50) -> Swept:
        """See :meth:`sojourn.stores.base.SessionStore.sweep`."""
        handled = 0
        records = self._open()
        for sid, kept in list(records.by_id.items()):
            if handled == most:
                break
            if kept.end is None:
                records.settle(kept, now)
                handled += kept.end is not None
            elif now >= kept.end.at + TOMBSTONE_FOR:
                del records.by_id[sid]
                handled += 1
        records.sweep_bags(now)
        more = [records.one_time.sweep(now, most), records.throttle.sweep(now, most)]
        return Swept(handled, handled == most or any(more))

    async def why(self, realm: str, sid: str, now: int) -> Tombstone | None:
        """See :meth:`sojourn.stores.base.Tombstones.why`."""
        records = self._open()
        try:
            records.alive(realm, sid, now)
        except SessionEnded:
            return Tombstone(records.by_id[sid].session, records.end_of(sid))
        except SessionUnknown:
            return None
        return None

    async def list_ended(
        self, realm: str, owner: str | None, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Tombstone]:
        """See :meth:`sojourn.stores.base.Tombstones.list_ended`."""
        found = self._open().ordered(realm, owner, after)
        return [Tombstone(kept.session, kept.end) for kept in found if kept.end is not None][:limit]

    async def read_bag(self, realm: str, principal: str, now: int) -> Mapping[str, Field]:
        """See :meth:`sojourn.stores.base.Bags.read_bag`."""
        return self._open().read_bag(realm, principal, now)

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
        records = self._open()
        principal = records.alive(realm, sid, now, epoch).session.principal
        if not principal:
            raise SessionUnknown
        self._note("commits", "changes")
        return records.bags.change((realm, principal), ops, now, idle=idle, limits=limits)

    async def drop_bag(self, realm: str, principal: str) -> None:
        """See :meth:`sojourn.stores.base.Bags.drop_bag`."""
        self._open().bags.drop(realm, principal)

    async def count(self, now: int) -> Sequence[Count]:  # noqa: ARG002 - the port's; the expired count until swept
        """See :meth:`sojourn.stores.base.Counted.count`."""
        sessions = [kept.session for kept in self._open().by_id.values() if kept.end is None]
        counted = Counter((session.realm, session.identity.kind) for session in sessions)
        return [Count(realm, kind, live) for (realm, kind), live in sorted(counted.items())]

    async def put(self, name: str, text: str, until: int, now: int) -> bool:
        """See :meth:`sojourn.stores.limited.OneTime.put`."""
        return self._open().one_time.put(name, text, until, now)

    async def look(self, name: str, now: int) -> str | None:
        """See :meth:`sojourn.stores.limited.OneTime.look`."""
        return self._open().one_time.look(name, now)

    async def take(self, name: str, now: int, *, remember: int = 0) -> Taken | None:
        """See :meth:`sojourn.stores.limited.OneTime.take`."""
        return self._open().one_time.take(name, now, remember)

    async def drop(self, name: str) -> None:
        """See :meth:`sojourn.stores.limited.OneTime.drop`."""
        self._open().one_time.drop(name)

    async def count_try(self, name: str, delays: Sequence[int], now: int, *, forget: int) -> Tried:
        """See :meth:`sojourn.stores.limited.Throttle.count_try`."""
        return self._open().throttle.count(name, delays, now, forget)

    async def give_back(self, name: str, now: int) -> None:
        """See :meth:`sojourn.stores.limited.Throttle.give_back`."""
        self._open().throttle.give_back(name, now)

    async def reset(self, name: str) -> None:
        """See :meth:`sojourn.stores.limited.Throttle.reset`."""
        self._open().throttle.reset(name)

    async def adopt(self, installation: str) -> str:
        """See :meth:`sojourn.stores.base.Marked.adopt`."""
        self._installation = self._installation or installation
        return self._installation

    async def mark(self) -> Mark:
        """See :meth:`sojourn.stores.base.Marked.mark`."""
        return Mark(self._installation, self._mark)

    async def advance(self) -> int:
        """See :meth:`sojourn.stores.base.Marked.advance`."""
        self._mark += 1
        return self._mark

    async def close(self) -> None:
        """Forget everything."""
        self._records = None

    async def ping(self) -> None:
        """Raise ``StoreUnavailable`` after :meth:`close`."""
        self._open()

    def contract(self) -> Contract:
        """Nothing outlives the process."""
        return Contract("memory", "none: sessions live and die with this process", {})

    def counters(self) -> Mapping[str, int]:
        """Every act counts as a commit of its own."""
        buried = self._records.buried if self._records is not None else 0
        return {**self._counters, "commits": self._counters["commits"] + buried}

    async def check(self) -> Sequence[Finding]:
        """See :meth:`sojourn.stores.base.Described.check`."""
        return [Finding("warning", "durability", "nothing is kept: all sessions are gone when this process ends")]

    def _open(self) -> Records:
        if self._records is None:
            raise StoreUnavailable("the session store is closed")
        return self._records

    def _note(self, *names: str) -> None:
        for name in names:
            self._counters[name] += 1
