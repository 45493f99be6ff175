"""The audit log: who, when, from where, which session, which realm, with what outcome. Insert-only,
but for what :mod:`sojourn.engine.audit.keeping` erases when its time is over.

An act is audited before it is acknowledged; when the row cannot be written, the act is refused. Refusals are counted,
and written at most ten a second per cause and address block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Insert, insert

from sojourn.core import json
from sojourn.core.clock import SECOND, Clock
from sojourn.core.errors import Unavailable
from sojourn.core.json import Json
from sojourn.engine.audit.log_types import Kind, Outcome
from sojourn.engine.audit.printable import escaped, escaped_json
from sojourn.engine.audit.query import AuditEvent, AuditPage, AuditPlace, AuditReader, Wanted
from sojourn.engine.database import EngineDatabase, schema
from sojourn.model.address import address_block

__all__ = ["Audit", "AuditEvent", "AuditPage", "AuditPlace", "Kind", "Outcome", "Wanted"]

#: Rows a second that one cause and address block may write.
REFUSALS_A_SECOND = 10

#: Pairs of cause and block that are told apart within one second.
_MOST_BLOCKS = 10_000

_EVERYTHING = Wanted()

_table = schema.audit_event


class Audit:
    """Writes and reads the log."""

    def __init__(self, db: EngineDatabase, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._reader = AuditReader(db)
        self._refusals = _Refusals()
        #: Events that this process gave to the database, by type.
        self.events: Counter[str] = Counter()
        #: How many acts were refused because their event could not be written.
        self.failures = 0

    async def record(
        self,
        kind: Kind,
        *,
        realm: str,
        outcome: Outcome,
        actor: str = "",
        session: str = "",
        address: str = "",
        detail: str | Mapping[str, Json] = "",
    ) -> None:
        """Write one event; on disk when this returns. Raises ``Unavailable`` when it cannot be: refuse the act."""
        row = self.row(kind, realm=realm, outcome=outcome, actor=actor, session=session, address=address, detail=detail)
        try:
            await self._db.append(lambda connection: connection.execute(row).rowcount)
        except Unavailable:
            self.failures += 1
            raise

    def row(
        self,
        kind: Kind,
        *,
        realm: str,
        outcome: Outcome,
        actor: str = "",
        session: str = "",
        address: str = "",
        detail: str | Mapping[str, Json] = "",
    ) -> Insert:
        """The insert of one event, to run in the transaction of the act itself."""
        texts = {"realm": realm, "actor": actor, "session": session, "address": address}
        self.events[kind] += 1
        facts = {"text": detail} if isinstance(detail, str) and detail else detail or {}
        return insert(_table).values(
            at=self._clock.now(),
            kind=kind,
            outcome=outcome,
            detail=json.encode_text(escaped_json(facts)),
            **{name: escaped(text) for name, text in texts.items()},
        )

    async def refused(
        self,
        cause: str,
        address: str,
        *,
        realm: str = "",
        actor: str = "",
        session: str = "",
        detail: Mapping[str, Json] | None = None,
    ) -> None:
        """Count a refusal under ``cause`` (a fixed word of ours), and write it while its block may.

        Never raises: a refusal stands whether it is written or not.
        """
        if not self._refusals.admit(cause, address, self._clock.now()):
            return
        facts = {"cause": cause, **(detail or {})}
        try:
            await self.record(
                "REFUSAL",
                realm=realm,
                outcome="refused",
                actor=actor,
                session=session,
                address=address,
                detail=facts,
            )
        except Unavailable:
            self._refusals.unwritten += 1
            # No act hung on it.
            self.failures -= 1

    def refusals(self) -> Mapping[str, int]:
        """How many refusals there were since the start, by cause."""
        return dict(self._refusals.counted)

    def unwritten(self) -> int:
        """How many of them are not in the log: over the limit, or the database could not be written."""
        return self._refusals.unwritten

    async def query(
        self, wanted: Wanted = _EVERYTHING, *, after: AuditPlace | None = None, limit: int = 50
    ) -> AuditPage:
        """At most ``limit`` events after ``after``, newest first unless told otherwise; see :meth:`AuditReader.page`."""
        return await self._reader.page(wanted, after=after, limit=limit)

    async def names(self, events: Sequence[AuditEvent]) -> Mapping[str, str]:
        """The names of the realms of ``events`` by id, of removed ones too."""
        return await self._reader.names(events)

    async def recent(self, limit: int = 50) -> Sequence[AuditEvent]:
        """The last events, newest first."""
        return (await self._reader.page(limit=limit)).events


class _Refusals:
    """Counts refusals and says which of them may be written in this second."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self.unwritten = 0
        self._second = -1
        self._written: Counter[tuple[str, str]] = Counter()

    def admit(self, cause: str, address: str, now: int) -> bool:
        self.counted[cause] += 1
        if now // SECOND != self._second:
            self._second = now // SECOND
            self._written.clear()
        pair = (cause, address_block(address))
        full = self._written[pair] >= REFUSALS_A_SECOND or len(self._written) > _MOST_BLOCKS
        if full:
            self.unwritten += 1
            return False
        self._written[pair] += 1
        return True
