"""What may be asked of the audit log, and how a page of it is read without holding anybody up.

By (instant, key), newest first or oldest first. Each read looks at a bounded window of rows of one index; what no index helps with is
decided here. A search for something rare therefore gives short pages, each with the place where the next goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, select

from sojourn.core import json
from sojourn.core.clock import iso
from sojourn.core.errors import BadRequest, InvalidJson
from sojourn.core.json import Json
from sojourn.engine.audit.log_types import KINDS, OUTCOMES
from sojourn.engine.audit.printable import escaped
from sojourn.engine.database import EngineDatabase, schema

_table = schema.audit_event

#: Rows that one read looks at, and reads that one page may take.
WINDOW = 500
MOST_WINDOWS = 40


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
    #: The client's address; empty where none is known, and once it was erased.
    address: str
    #: JSON text.
    detail: str

    @property
    def facts(self) -> Json:
        """The detail as a value."""
        try:
            value: Json = json.decode(self.detail)
        except InvalidJson:
            return self.detail
        return value


class AuditPlace(NamedTuple):
    """Where a list goes on: after this row."""

    at: int
    key: int


class AuditPage(NamedTuple):
    """A piece of the log."""

    events: Sequence[AuditEvent]
    #: Where it goes on; None when that was all. There may be nothing more although it is given.
    next: AuditPlace | None


class Wanted(NamedTuple):
    """Which events; every condition that is given has to hold."""

    #: Not before this instant, in milliseconds since 1970.
    since: int | None = None
    #: Before this instant.
    until: int | None = None
    #: Of one of these types, see :data:`sojourn.engine.audit.log_types.KINDS`.
    kinds: frozenset[str] = frozenset()
    outcome: str = ""
    #: Immutable ids of realms, the empty one for the engine's own events; None = of all.
    realms: frozenset[str] | None = None
    #: Public name, exactly.
    actor: str = ""
    #: Public id.
    session: str = ""
    #: An address or a network of addresses: ``192.0.2.7``, ``192.0.2.0/24``, ``2001:db8::/64``.
    address: str = ""
    #: The fixed word under which something was refused.
    cause: str = ""
    #: Stands somewhere in the detail, whatever the case.
    text: str = ""
    #: The oldest first, for an export.
    oldest_first: bool = False

    def check(self) -> None:
        """Raise ``BadRequest`` for a type, an outcome or an address that cannot be."""
        unknown = sorted(self.kinds - set(KINDS))
        if unknown:
            raise BadRequest(f"there is no log type {escaped(unknown[0])}")
        if self.outcome and self.outcome not in OUTCOMES:
            raise BadRequest(f"an outcome is one of {', '.join(OUTCOMES)}")
        if self.address:
            _network(self.address)

    def admits(self, event: AuditEvent) -> bool:
        """Whether ``event`` fulfils what no index decides."""
        return (
            (not self.kinds or event.kind in self.kinds)
            and self.outcome in ("", event.outcome)
            and (not self.address or _within(event.address, self.address))
            and (not self.cause or _cause(event) == self.cause)
            and (not self.text or self.text.casefold() in event.detail.casefold())
        )


_EVERYTHING = Wanted()


class AuditReader:
    """Reads the log."""

    def __init__(self, db: EngineDatabase) -> None:
        self._db = db

    async def page(
        self, wanted: Wanted = _EVERYTHING, *, after: AuditPlace | None = None, limit: int = 50
    ) -> AuditPage:
        """At most ``limit`` events after ``after``; fewer although more follow where a search is for something rare.

        Raises ``BadRequest`` for what cannot be asked, ``Unavailable`` when the database cannot.
        """
        wanted.check()
        found: list[AuditEvent] = []
        realms = await self._realms(wanted)
        for _ in range(MOST_WINDOWS):
            window = await self._window(wanted, realms, after)
            for event in window:
                after = AuditPlace(event.at, event.key)
                if wanted.admits(event):
                    found.append(event)
                    if len(found) == limit:
                        return AuditPage(found, after)
            if len(window) < WINDOW:
                return AuditPage(found, None)
            # Whoever waits for this thread comes in between two windows.
            await asyncio.sleep(0)
        return AuditPage(found, after)

    async def names(self, events: Sequence[AuditEvent]) -> Mapping[str, str]:
        """The names of the realms of ``events`` by id, of removed ones too."""
        ids = {event.realm for event in events}
        named = select(schema.realm.c.id, schema.realm.c.name).where(schema.realm.c.id.in_(ids))
        return await self._db.read(lambda connection: {row[0]: row[1] for row in connection.execute(named)})

    async def _realms(self, wanted: Wanted) -> Sequence[str] | None:
        """The realms that are read one by one; None when all are read as one."""
        if wanted.realms is not None:
            return sorted(wanted.realms)
        if wanted.actor and not wanted.session:
            # The index of actors is one of actors within a realm.
            return ["", *await self._db.read(_realm_ids)]
        return None

    async def _window(
        self, wanted: Wanted, realms: Sequence[str] | None, after: AuditPlace | None
    ) -> Sequence[AuditEvent]:
        """The next rows of all ``realms`` together. One query a realm, because only so each is a piece of one index."""
        conditions = _conditions(wanted, after)
        if realms is None:
            return await self._read(conditions, oldest_first=wanted.oldest_first)
        rows: list[AuditEvent] = []
        for realm in realms:
            rows += await self._read([_table.c.realm == realm, *conditions], oldest_first=wanted.oldest_first)
        rows.sort(key=lambda event: (event.at, event.key), reverse=not wanted.oldest_first)
        return rows[:WINDOW]

    async def _read(self, conditions: Sequence[ColumnElement[bool]], *, oldest_first: bool) -> Sequence[AuditEvent]:
        order = [_table.c.at, _table.c.key] if oldest_first else [_table.c.at.desc(), _table.c.key.desc()]
        statement = _SELECT.where(*conditions).order_by(*order)

        def read(connection: Connection) -> Sequence[AuditEvent]:
            return [AuditEvent(*row) for row in connection.execute(statement)]

        return await self._db.read(read)


_SELECT = select(*(_table.c[name] for name in AuditEvent._fields)).limit(WINDOW)


def described(event: AuditEvent, names: Mapping[str, str]) -> dict[str, Json]:
    """``event`` as the admin API and the command line show it; ``names`` of realms by id."""
    return {
        "key": event.key,
        "at": iso(event.at),
        "kind": event.kind,
        "outcome": event.outcome,
        "realm": names.get(event.realm, event.realm) or None,
        "actor": event.actor,
        "session": event.session or None,
        "address": event.address or None,
        "detail": event.facts,
    }


def _conditions(wanted: Wanted, after: AuditPlace | None) -> Sequence[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.session:
        found.append(_table.c.session == escaped(wanted.session))
    if wanted.actor:
        found.append(_table.c.actor == escaped(wanted.actor))
    if wanted.since is not None:
        found.append(_table.c.at >= wanted.since)
    if wanted.until is not None:
        found.append(_table.c.at < wanted.until)
    # Of each pair the first is what the index is searched with.
    if after is not None and wanted.oldest_first:
        found += [_table.c.at >= after.at, (_table.c.at > after.at) | (_table.c.key > after.key)]
    elif after is not None:
        found += [_table.c.at <= after.at, (_table.c.at < after.at) | (_table.c.key < after.key)]
    return found


def _realm_ids(connection: Connection) -> Sequence[str]:
    return connection.execute(select(schema.realm.c.id)).scalars().all()


@lru_cache(maxsize=64)
def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise BadRequest("this is neither an address nor a network of addresses") from None


def _within(address: str, block: str) -> bool:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    network = _network(block)
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return found in network or (mapped is not None and mapped in network)


def _cause(event: AuditEvent) -> object:
    facts = event.facts
    return facts.get("cause") if isinstance(facts, dict) else None
