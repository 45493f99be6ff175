"""The records of the memory store, and which of them live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from sojourn.core.errors import SessionEnded, SessionUnknown, StaleSession
from sojourn.model.field import Field
from sojourn.model.session import End, Session, death
from sojourn.stores.base import Cursor, SessionLimit
from sojourn.stores.memory.bags import MemoryBags
from sojourn.stores.memory.limited import MemoryOneTime, MemoryThrottle


@dataclass(slots=True)
class Kept:
    """What is kept under one id. Sessions, fields and ends are immutable, so sharing them is as good as a copy."""

    session: Session
    fields: Mapping[str, Field]
    end: End | None = None


class Records:
    """One dict of all sessions, alive and dead; the deaths are told to the bags."""

    def __init__(self) -> None:
        self.by_id: dict[str, Kept] = {}
        self.bags = MemoryBags()
        self.one_time = MemoryOneTime()
        self.throttle = MemoryThrottle()
        #: How many tombstones were written.
        self.buried = 0

    def alive(self, realm: str, sid: str, now: int, epoch: int | None = None) -> Kept:
        """The live session. Raises ``SessionUnknown``, ``SessionEnded``, ``StaleSession``."""
        kept = self.by_id.get(sid)
        if kept is None or kept.session.realm != realm:
            raise SessionUnknown
        self.settle(kept, now)
        if kept.end is not None:
            raise SessionEnded(kept.end.reason, kept.end.at)
        if epoch is not None and kept.session.epoch != epoch:
            raise StaleSession(kept.session.epoch)
        return kept

    def settle(self, kept: Kept, now: int) -> None:
        """An expiry that is seen is written: it cannot be unseen."""
        session = kept.session
        end = death(kept.end, last=session.last, idle=session.idle, absolute=session.absolute, now=now)
        if kept.end is None and end is not None:
            self.bury(kept, end)

    def bury(self, kept: Kept, end: End) -> None:
        """Write the tombstone."""
        kept.end = end
        kept.session = msgspec.structs.replace(kept.session, epoch=kept.session.epoch + 1)
        kept.fields = {}
        self.buried += 1
        self.bags.left(kept.session.realm, kept.session.principal, end.at)

    def end_of(self, sid: str) -> End:
        """The end of a session that ended."""
        end = self.by_id[sid].end
        assert end is not None
        return end

    def admit(self, realm: str, owner: str, now: int, most: int | None, but: str = "") -> None:
        """Raise :class:`SessionLimit` when ``most`` sessions of ``owner`` live, session ``but`` not counted."""
        if most is None:
            return
        live: list[Session] = []
        for kept in self.ordered(realm, owner):
            self.settle(kept, now)
            if kept.end is None and kept.session.id != but:
                live.append(kept.session)
        if len(live) >= most:
            raise SessionLimit(live)

    def join(self, realm: str, principal: str, now: int) -> None:
        """A session of ``principal`` begins; it does not find a bag that is over."""
        self.bags.expire((realm, principal), now, self._last_death)

    def read_bag(self, realm: str, principal: str, now: int) -> Mapping[str, Field]:
        """The fields of the bag, as a copy."""
        return self.bags.read((realm, principal), now, self._last_death)

    def sweep_bags(self, now: int) -> None:
        """Forget the bags that are over."""
        for key in self.bags.known():
            self.bags.expire(key, now, self._last_death)

    def _last_death(self, realm: str, principal: str) -> int:
        """When the last session of ``principal`` that has not ended will die; 0 without any."""
        found = self.ordered(realm, principal)
        return max((kept.session.dies_at for kept in found if kept.end is None), default=0)

    def ordered(self, realm: str, owner: str | None, after: Cursor | None = None) -> Sequence[Kept]:
        """Sessions of one owner (None = of all), alive and dead, by (created, id)."""
        found = [
            kept for kept in self.by_id.values() if kept.session.realm == realm and owner in (None, kept.session.owner)
        ]
        found.sort(key=lambda kept: (kept.session.created, kept.session.id))
        return [kept for kept in found if after is None or (kept.session.created, kept.session.id) > after]
