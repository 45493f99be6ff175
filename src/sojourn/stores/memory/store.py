"""The naive store: one dict, no ``await`` inside an act, copies in and out. The oracle of the other stores' tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from sojourn.core.errors import SessionEnded, SessionExists, SessionUnknown, StaleSession, StoreUnavailable
from sojourn.model.field import DEFAULT_LIMITS, Changed, Field, Limits, Op, apply, check_limits, check_total, size
from sojourn.model.session import (
    TOMBSTONE_FOR,
    End,
    IssuedToken,
    Loaded,
    Rotation,
    Session,
    Tombstone,
    death,
    list_token,
)
from sojourn.stores.base import Contract, Cursor, Ended, Swept


@dataclass(slots=True)
class _Kept:
    """What is kept under one id. Sessions, fields and ends are immutable, so sharing them is as good as a copy."""

    session: Session
    fields: Mapping[str, Field]
    end: End | None = None


class MemoryStore:
    """Keeps sessions in this process; implements every port of :mod:`sojourn.stores.base`."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] | None = {}
        self._counters = {"commits": 0, "changes": 0, "batches": 0, "loads": 0}
        self._installation = ""
        self._mark = 0

    async def create(self, session: Session, fields: Mapping[str, str], now: int) -> None:  # noqa: ARG002 - the port's
        """See :meth:`sojourn.stores.base.SessionStore.create`."""
        kept = self._open()
        check_limits(fields, DEFAULT_LIMITS)
        if session.id in kept:
            raise SessionExists
        version = max(session.version, 1) if fields else session.version
        new = msgspec.structs.replace(session, version=version)
        kept[session.id] = _Kept(new, {name: Field(version, text) for name, text in fields.items()})
        self._count("commits")

    async def load(self, realm: str, sid: str, now: int) -> Loaded | None:
        """See :meth:`sojourn.stores.base.SessionStore.load`."""
        self._count("loads")
        try:
            kept = self._alive(realm, sid, now)
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
    ) -> Changed:
        """See :meth:`sojourn.stores.base.SessionStore.change`."""
        kept = self._alive(realm, sid, now, epoch)
        session = kept.session
        writes, values = apply(ops, kept.fields, limits)
        version = session.version + 1 if ops or token else session.version
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
        )
        self._count("commits", "changes")
        return Changed(version, values)

    async def rotate(self, realm: str, sid: str, epoch: int, to: Rotation, now: int) -> Session:
        """See :meth:`sojourn.stores.base.SessionStore.rotate`."""
        kept = self._alive(realm, sid, now, epoch)
        old = kept.session
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
        self._count("commits")
        return kept.session

    async def end(self, realm: str, sid: str, end: End, now: int, *, epoch: int | None = None) -> Ended | None:
        """See :meth:`sojourn.stores.base.SessionStore.end`."""
        try:
            kept = self._alive(realm, sid, now, epoch)
        except SessionUnknown:
            return None
        except SessionEnded:
            return Ended(now=False, end=self._end_of(sid))
        self._bury(kept, end)
        return Ended(now=True, end=end)

    async def list(
        self, realm: str, principal: str | None, now: int, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Session]:
        """See :meth:`sojourn.stores.base.SessionStore.list`."""
        live: list[Session] = []
        for kept in self._ordered(realm, principal, after):
            self._settle(kept, now)
            if kept.end is None and len(live) < limit:
                live.append(kept.session)
        return live

    async def sweep(self, now: int, most: int = 50) -> Swept:
        """See :meth:`sojourn.stores.base.SessionStore.sweep`."""
        handled = 0
        for sid, kept in list(self._open().items()):
            if handled == most:
                break
            if kept.end is None:
                self._settle(kept, now)
                handled += kept.end is not None
            elif now >= kept.end.at + TOMBSTONE_FOR:
                del self._open()[sid]
                handled += 1
        return Swept(handled, handled == most)

    async def why(self, realm: str, sid: str, now: int) -> Tombstone | None:
        """See :meth:`sojourn.stores.base.Tombstones.why`."""
        try:
            self._alive(realm, sid, now)
        except SessionEnded:
            return Tombstone(self._open()[sid].session, self._end_of(sid))
        except SessionUnknown:
            return None
        return None

    async def list_ended(
        self, realm: str, principal: str | None, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Tombstone]:
        """See :meth:`sojourn.stores.base.Tombstones.list_ended`."""
        found = self._ordered(realm, principal, after)
        return [Tombstone(kept.session, kept.end) for kept in found if kept.end is not None][:limit]

    async def adopt(self, installation: str) -> str:
        """See :meth:`sojourn.stores.base.Marked.adopt`."""
        self._installation = self._installation or installation
        return self._installation

    async def identity(self) -> tuple[str, int]:
        """See :meth:`sojourn.stores.base.Marked.identity`."""
        return self._installation, self._mark

    async def advance(self) -> int:
        """See :meth:`sojourn.stores.base.Marked.advance`."""
        self._mark += 1
        return self._mark

    async def close(self) -> None:
        """Forget everything."""
        self._kept = None

    async def ping(self) -> None:
        """Raise ``StoreUnavailable`` after :meth:`close`."""
        self._open()

    def contract(self) -> Contract:
        """Nothing outlives the process."""
        return Contract("memory", "none: sessions live and die with this process", {})

    def counters(self) -> Mapping[str, int]:
        """Every act counts as a commit of its own."""
        return dict(self._counters)

    def _open(self) -> dict[str, _Kept]:
        if self._kept is None:
            raise StoreUnavailable("the session store is closed")
        return self._kept

    def _count(self, *names: str) -> None:
        for name in names:
            self._counters[name] += 1

    def _alive(self, realm: str, sid: str, now: int, epoch: int | None = None) -> _Kept:
        kept = self._open().get(sid)
        if kept is None or kept.session.realm != realm:
            raise SessionUnknown
        self._settle(kept, now)
        if kept.end is not None:
            raise SessionEnded(kept.end.reason, kept.end.at)
        if epoch is not None and kept.session.epoch != epoch:
            raise StaleSession(kept.session.epoch)
        return kept

    def _settle(self, kept: _Kept, now: int) -> None:
        """An expiry that is seen is written: it cannot be unseen."""
        session = kept.session
        end = death(kept.end, last=session.last, idle=session.idle, absolute=session.absolute, now=now)
        if kept.end is None and end is not None:
            self._bury(kept, end)

    def _bury(self, kept: _Kept, end: End) -> None:
        kept.end = end
        kept.session = msgspec.structs.replace(kept.session, epoch=kept.session.epoch + 1)
        kept.fields = {}
        self._count("commits")

    def _end_of(self, sid: str) -> End:
        end = self._open()[sid].end
        assert end is not None
        return end

    def _ordered(self, realm: str, principal: str | None, after: Cursor | None) -> Sequence[_Kept]:
        found = [
            kept
            for kept in self._open().values()
            if kept.session.realm == realm and principal in (None, kept.session.principal)
        ]
        found.sort(key=lambda kept: (kept.session.created, kept.session.id))
        return [kept for kept in found if after is None or (kept.session.created, kept.session.id) > after]
