"""The audit log: who, when, from where, which session, which realm, with what outcome. Insert-only.

An act is audited before it is acknowledged; when the row cannot be written, the act is refused. Refusals are counted,
and written at most ten a second per cause and address block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Insert, insert, select

from sojourn.core import json
from sojourn.core.clock import SECOND, Clock
from sojourn.core.errors import Unavailable
from sojourn.core.json import Json
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.log_types import Kind, Outcome
from sojourn.model.address import address_block

__all__ = ["Audit", "AuditEvent", "Kind", "Outcome", "escaped"]

#: Rows a second that one cause and address block may write.
REFUSALS_A_SECOND = 10

#: Longest text of one column; more is cut.
_LONGEST = 500

#: Pairs of cause and block that are told apart within one second.
_MOST_BLOCKS = 10_000

_table = schema.audit_event


class AuditEvent(NamedTuple):
    """One row of the log."""

    key: int
    #: Milliseconds since 1970.
    at: int
    kind: str
    outcome: str
    #: Immutable id of the realm, empty for the engine.
    realm: str
    #: Public name of who acted, empty for the engine itself and for nobody known.
    actor: str
    #: Public id of the session, or empty.
    session: str
    address: str
    #: JSON text.
    detail: str


class Audit:
    """Writes and reads the log."""

    def __init__(self, db: EngineDatabase, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._refusals = _Refusals()

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
        await self._db.write(lambda connection: connection.execute(row).rowcount)

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
        facts = {"text": detail} if isinstance(detail, str) and detail else detail or {}
        return insert(_table).values(
            at=self._clock.now(),
            kind=kind,
            outcome=outcome,
            detail=json.encode_text(_escaped_json(facts)),
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

    def refusals(self) -> Mapping[str, int]:
        """How many refusals there were since the start, by cause."""
        return dict(self._refusals.counted)

    def unwritten(self) -> int:
        """How many of them are not in the log: over the limit, or the database could not be written."""
        return self._refusals.unwritten

    async def recent(self, limit: int = 50) -> Sequence[AuditEvent]:
        """The last events, newest first."""
        columns = [_table.c[name] for name in AuditEvent._fields]
        newest = select(*columns).order_by(_table.c.key.desc()).limit(limit)
        return await self._db.read(lambda connection: [AuditEvent(*row) for row in connection.execute(newest)])


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


def escaped(text: str) -> str:
    """``text`` on one line without anything that prints as nothing: no client can forge a line of the log."""
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else f"\\u{{{ord(character):x}}}" for character in text)


def _escaped_json(value: Any) -> Json:
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, Mapping):
        return {escaped(str(name)): _escaped_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_escaped_json(item) for item in value]
    return value  # type: ignore[no-any-return]  # numbers and constants are JSON as they are
