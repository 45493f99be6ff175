"""The chains over the change logs of all databases: sealing, and what the engine knows of them elsewhere."""

from __future__ import annotations

from typing import Literal, NamedTuple

from sqlalchemy import Connection

from sojourn.core.clock import HOUR, SECOND, Clock
from sojourn.core.errors import Conflict
from sojourn.core.json import Json
from sojourn.data import sealing
from sojourn.data.chain import ENTRY, KEYS_FROM, ChainKeys, Seal
from sojourn.data.errors import ConstraintFailed
from sojourn.data.port import Backend
from sojourn.engine.audit.log import Audit
from sojourn.engine.heads import ChangeHeads, Head
from sojourn.engine.keys.seals import Seals

#: Milliseconds between two heads of a log in the audit log, while it grows.
AUDIT_EVERY = HOUR

#: The same for the engine database, while a backlog is sealed; it is told at once when all is sealed.
NOTE_EVERY = SECOND

#: What a round of sealing did: all was sealed before; a batch was; another process was faster.
Done = Literal["nothing", "sealed", "outrun"]


class ChangeLogBroken(Conflict):
    """The change log is not the one that the engine knows, or not all of it; `sojourn changes verify` says what is wrong.

    Nothing is sealed there until an operator takes it as it is: `sojourn changes accept`.
    """

    code = "changes.broken"


class _Looked(NamedTuple):
    top: Seal
    #: The next one; None when all is sealed.
    next: Seal | None


class Chains:
    """Makes the chains longer. Two of them at once do no harm, in one process or in two."""

    def __init__(self, *, heads: ChangeHeads, seals: Seals, audit: Audit, clock: Clock) -> None:
        self.heads = heads
        self.audit = audit
        self.clock = clock
        self._seals = seals
        self._keys: ChainKeys | None = None
        #: The last seal of each database that was found to be sound and to follow what the engine knows.
        self._tops: dict[str, tuple[int, bytes]] = {}
        #: When a head of each database came into the engine database last, and when into the audit log.
        self._noted: dict[str, int] = {}
        self._audited: dict[str, int] = {}
        #: Changes that this process has sealed since the start.
        self.sealed = 0

    async def keys(self) -> ChainKeys:
        """The keys of this engine's chains; a change of the master key leaves them as they are."""
        if self._keys is None:
            self._keys = ChainKeys(await self._seals.secret(KEYS_FROM))
        return self._keys

    async def seal(self, backend: Backend) -> Done:
        """Seal one batch of changes. Raises :class:`ChangeLogBroken`, and what the databases do."""
        keys, name = await self.keys(), backend.name

        def look(connection: Connection) -> _Looked:
            top = sealing.newest(connection, keys)
            return _Looked(top, sealing.next_seal(connection, keys, top, self.clock.now()))

        looked = await backend.read(look)
        if self._tops.get(name) != (looked.top.place, looked.top.mac):
            # What the engine knows is read before the log: others may be sealing meanwhile.
            head = await self.heads.of(name)
            looked = await backend.read(look)
            await self._confirm(backend, looked.top, head)
        if looked.next is None:
            return "nothing"
        if not await self._put(backend, looked.top, looked.next):
            return "outrun"
        self.sealed += len(looked.next.entries) // ENTRY
        self._tops[name] = (looked.next.place, looked.next.mac)
        if (
            len(looked.next.entries) < sealing.BATCH * ENTRY
            or self.clock.now() - self._noted.get(name, 0) >= NOTE_EVERY
        ):
            await self._note(name, looked.next)
        return "sealed"

    async def seal_all(self, backend: Backend) -> Seal:
        """Seal all that is there when this is called; the last seal. Raises as :meth:`seal`."""
        while await self.seal(backend) != "nothing":
            pass
        keys = await self.keys()
        return await backend.read(lambda connection: sealing.newest(connection, keys))

    async def note_top(self, backend: Backend) -> None:
        """Let the engine know the last seal, which some act of ours has just put there."""
        keys = await self.keys()
        await self._note(backend.name, await backend.read(lambda connection: sealing.newest(connection, keys)))

    async def accept(self, backend: Backend, *, actor: str, reason: str) -> Seal:
        """Take the log as it is for the right one, from now on; the audit log says who did and why."""
        keys, known = await self.keys(), await self.heads.of(backend.name)
        top = await backend.read(lambda connection: sealing.newest(connection, keys))
        await self.audit.record(
            "CHANGE_LOG",
            realm="",
            outcome="ok",
            actor=actor,
            detail={
                "act": "accept",
                "database": backend.name,
                "reason": reason,
                "known": known.place if known else None,
                "place": top.place,
                "mac": top.mac.hex(),
            },
        )
        await self.heads.replace(backend.name, Head(top.place, top.last, top.mac, self.clock.now()))
        self._tops[backend.name] = (top.place, top.mac)
        return top

    async def _confirm(self, backend: Backend, top: Seal, head: Head | None) -> None:
        """Let only a log be sealed that follows what the engine knew of it a moment before."""
        keys, name = await self.keys(), backend.name
        if head is None:
            if top.place and not await self.heads.of(name):
                raise ChangeLogBroken(f"the engine does not know the change log that is in the database {name}")
            head = Head(0, 0, keys.beginning.mac, self.clock.now())
            # Before the first seal: a log with seals is one that the engine knows.
            await self.heads.note(name, head)
        if head.place > top.place:
            raise ChangeLogBroken(
                f"the change log of {name} ends with seal {top.place}, and the engine knows seal {head.place} of it"
            )

        def compare(connection: Connection) -> tuple[bytes | None, bool]:
            return sealing.mac_at(connection, keys, head.place), sealing.is_sound(connection, keys)

        mac, sound = await backend.read(compare)
        if not sound or (mac is not None and mac != head.mac) or (mac is None and not top.removed):
            raise ChangeLogBroken(f"the change log of {name} is not the one that the engine knows")
        self._tops[name] = (top.place, top.mac)

    async def _put(self, backend: Backend, top: Seal, seal: Seal) -> bool:
        keys = await self.keys()
        try:
            return await backend.write(lambda connection: sealing.put(connection, keys, top, seal))
        except ConstraintFailed:
            # Another process has taken the place at the same instant.
            return False

    async def _note(self, name: str, seal: Seal) -> None:
        now = self.clock.now()
        await self.heads.note(name, Head(seal.place, seal.last, seal.mac, now))
        self._tops[name] = (seal.place, seal.mac)
        self._noted[name] = now
        if now - self._audited.get(name, -AUDIT_EVERY) < AUDIT_EVERY:
            return
        detail: dict[str, Json] = {
            "act": "head",
            "database": name,
            "place": seal.place,
            "last": seal.last,
            "mac": seal.mac.hex(),
        }
        await self.audit.record("CHANGE_LOG", realm="", outcome="ok", detail=detail)
        self._audited[name] = now
