"""How long the audit log is kept, and how a person is taken out of it.

An event is gone when ``[audit] keep`` days have passed, its client address when ``keepAddresses`` have: due when
``now >= limit``, done by the upkeep under its lease, a bounded batch of rows with each transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from sojourn.config.settings import AuditSettings
from sojourn.core import json
from sojourn.core.clock import DAY, Clock
from sojourn.core.errors import BadRequest
from sojourn.engine.audit.log import Audit
from sojourn.engine.audit.printable import escaped
from sojourn.engine.audit.query import AuditEvent
from sojourn.engine.database import EngineDatabase, schema

_table = schema.audit_event

#: Rows that one transaction deletes or changes, and transactions of one round.
BATCH = 500
MOST_BATCHES = 20

#: What stands where a person was.
ERASED = "[erased]"


class AuditKeeping:
    """Deletes what is too old, and erases persons."""

    def __init__(self, *, db: EngineDatabase, audit: Audit, settings: AuditSettings, clock: Clock) -> None:
        self._db = db
        self._audit = audit
        self._settings = settings
        self._clock = clock
        #: Events that this process deleted, and addresses that it erased, since the start.
        self.deleted = 0
        self.erased = 0

    async def round(self) -> bool:
        """Do what is due, within bounds; whether more is due. Two rounds at once do no harm."""
        now = self._clock.now()
        old = _table.c.at <= now - self._settings.keep * DAY
        shown = (_table.c.address != "") & (_table.c.at <= now - self._settings.keep_addresses * DAY)
        for _ in range(MOST_BATCHES):
            deleted = await self._db.write(lambda connection: _delete(connection, old))
            erased = await self._db.write(lambda connection: _hide(connection, shown))
            self.deleted += deleted
            self.erased += erased
            if max(deleted, erased) < BATCH:
                return False
        return True

    async def erase(self, names: Iterable[str], *, actor: str) -> int:
        """Erase a person, who goes by each of ``names``, from every event; how many events were changed.

        The name goes, wherever it stands as a whole word in any case, and so does the address of the events in which it
        stood; that something was done, when and with what outcome stays. Raises ``BadRequest`` without a name.
        """
        persons = _Person([escaped(name) for name in names if name.strip()])
        last, count = await self._db.read(_last), 0
        await self._note(actor, "begun", 0)
        for first in range(0, last, BATCH):
            within = (_table.c.key > first, _table.c.key <= min(first + BATCH, last))
            count += await self._db.write(lambda connection, within=within: _rewrite(connection, within, persons))  # type: ignore[misc]  # a default binds the loop's value
        await self._note(actor, "done", count)
        return count

    async def _note(self, actor: str, act: str, count: int) -> None:
        await self._audit.record(
            "AUDIT_ERASE", realm="", outcome="ok", actor=actor, detail={"act": act, "events": count}
        )


class _Person:
    """Finds a person's names in texts."""

    def __init__(self, names: Sequence[str]) -> None:
        if not names:
            raise BadRequest("whom? name a person")
        words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<![\w@.-])(?:{words})(?!\.?[\w@-])", re.IGNORECASE)

    def without(self, value: Any) -> Any:
        """``value`` with :data:`ERASED` wherever the person was named."""
        if isinstance(value, str):
            return self._pattern.sub(ERASED, value)
        if isinstance(value, Mapping):
            return {self.without(name): self.without(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.without(item) for item in value]
        return value


def _due(which: ColumnElement[bool]) -> Any:
    return select(_table.c.key).where(which).order_by(_table.c.at).limit(BATCH)


def _delete(connection: Connection, which: ColumnElement[bool]) -> int:
    return connection.execute(delete(_table).where(_table.c.key.in_(_due(which)))).rowcount


def _hide(connection: Connection, which: ColumnElement[bool]) -> int:
    return connection.execute(update(_table).where(_table.c.key.in_(_due(which))).values(address="")).rowcount


def _last(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(_table.c.key), 0))).scalar_one())


def _rewrite(connection: Connection, within: Sequence[ColumnElement[bool]], person: _Person) -> int:
    columns = [_table.c[name] for name in AuditEvent._fields]
    changed = 0
    for row in connection.execute(select(*columns).where(*within)).all():
        event = AuditEvent(*row)
        actor, facts = person.without(event.actor), person.without(event.facts)
        if (actor, facts) != (event.actor, event.facts):
            values = {"actor": actor, "detail": json.encode_text(facts), "address": ""}
            connection.execute(update(_table).where(_table.c.key == event.key).values(values))
            changed += 1
    return changed
