"""The change logs of a project, for those who look after them: verify, accept, erase, and the background work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from sojourn.core import json
from sojourn.data.chain import Seal
from sojourn.data.chains import Chains
from sojourn.data.databases import MAIN, Databases
from sojourn.data.export import Heads, Lines
from sojourn.data.reading import ChangeLog
from sojourn.data.retention import Person, Retention
from sojourn.data.sealer import Sealer
from sojourn.data.undo import Asker, Undo
from sojourn.data.verify import Verification, Verified
from sojourn.engine.audit.log import AuditPlace, Wanted
from sojourn.engine.heads import ChangeHeads
from sojourn.engine.rules import Rules

#: Events of the audit log in which heads are sought, newest first, a page at a time.
_PAGE = 500
_MOST_PAGES = 40

_HEADS = Wanted(kinds=frozenset({"CHANGE_LOG"}), realms=frozenset({""}))


class Changes:
    """The change logs of one engine."""

    def __init__(self, rules: Rules, databases: Databases) -> None:
        self._databases = databases
        self._audit = rules.audit
        self._chains = Chains(heads=ChangeHeads(rules.db), seals=rules.seals, audit=rules.audit, clock=rules.clock)
        self._retention = Retention(self._chains, rules.settings.changes)
        #: Seals what was changed, and removes what is too old.
        self.sealer = Sealer(databases, self._chains, self._retention)
        #: Signs how far a log has come.
        self.heads = Heads(rules.seals)
        self._installation, self._clock = rules.db.installation, rules.clock

    @property
    def sealed(self) -> int:
        """How many changes this process has sealed since the start."""
        return self._chains.sealed

    async def log(self, database: str = MAIN) -> ChangeLog:
        """The log of a database, to read. Raises ``DatabaseUnknown``, and what keeps it from being opened."""
        return ChangeLog(await self._databases.named(database))

    async def undo(self, database: str, who: Asker) -> Undo:
        """Undo and redo in a database, with the rights of ``who``. Raises as :meth:`log`."""
        return Undo(await self._databases.named(database), self._audit, self._clock, who)

    async def verify(self, database: str = MAIN, *, heads: Mapping[int, bytes] | None = None) -> Verified:
        """Compare the whole log with its seals, and the seals with what the engine and the audit log know of them.

        ``heads`` are more seals that are known, from exports: HMAC by place. It reads piece by piece and holds nobody up.
        """
        backend = await self._databases.named(database)
        keys = await self._chains.keys()
        while True:
            known = await self._known(database)
            walk = Verification(keys, {**known, **(heads or {})})
            while await backend.read(walk.step):
                await asyncio.sleep(0)
            # Once more where old changes were removed meanwhile, or the very first were sealed.
            if not walk.outdated and (known or not await self._known(database)):
                assert walk.result is not None
                return walk.result

    async def seal(self, database: str = MAIN) -> Seal:
        """Seal all that was changed so far, at once. Raises ``ChangeLogBroken``."""
        return await self._chains.seal_all(await self._databases.named(database))

    async def export(
        self, rows: Callable[[ChangeLog], AsyncIterator[dict[str, Any]]], database: str = MAIN
    ) -> AsyncIterator[bytes]:
        """The lines of an export: ``rows`` of the log, then the signed head; all that was changed before is sealed.

        Raises ``ChangeLogBroken`` before the first line.
        """
        log = await self.log(database)
        await self.seal(database)
        lines = Lines()
        async for line in lines.of(rows(log)):
            yield line
        top, now = await self.seal(database), self._clock.now()
        token = await self.heads.sign(self._installation, database, top, now, lines)
        yield json.encode({"head": token, "key": await self.heads.public()}) + b"\n"

    async def signed_head(self, database: str = MAIN) -> tuple[Seal, str, dict[str, Any]]:
        """The last seal, when all that was changed before is sealed; that, signed; and the key that checks it as a JWK.

        Raises ``ChangeLogBroken``.
        """
        top = await self.seal(database)
        token = await self.heads.sign(self._installation, database, top, self._clock.now(), Lines())
        return top, token, await self.heads.public()

    async def accept(self, database: str = MAIN, *, actor: str, reason: str) -> Seal:
        """Take the log as it is now for the right one: after a restored backup, or when a file was put in its place.

        What was sealed before is no longer expected. The audit log says who accepted what, and why.
        """
        return await self._chains.accept(await self._databases.named(database), actor=actor, reason=reason)

    async def erase(self, database: str, person: Person, *, actor: str) -> int:
        """Erase a person from the log, see :class:`~sojourn.data.retention.Person`; how many changes lost something."""
        return await self._retention.erase(await self._databases.named(database), person, actor=actor)

    async def _known(self, database: str) -> Mapping[int, bytes]:
        """The seals that the engine knows, by place: the last one, and those in the audit log since the last acceptance."""
        known: dict[int, bytes] = {}
        head = await self._chains.heads.of(database)
        if head is not None:
            known[head.place] = head.mac
        after: AuditPlace | None = None
        for _ in range(_MOST_PAGES):
            page = await self._audit.query(_HEADS, after=after, limit=_PAGE)
            for event in page.events:
                facts = event.facts
                if not isinstance(facts, dict) or facts.get("database") != database:
                    continue
                if facts.get("act") == "accept":
                    return known
                if facts.get("act") == "head":
                    known[int(facts["place"])] = bytes.fromhex(facts["mac"])
            if page.next is None:
                break
            after = page.next
        return known
