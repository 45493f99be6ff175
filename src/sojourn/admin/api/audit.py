"""The audit log: who did what, when, from where, with what outcome."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sojourn.admin import answers
from sojourn.admin.api.sessions import BadCursor, named_realms
from sojourn.admin.inputs import AuditQuery
from sojourn.admin.operation import NEXT, Asked, Needs, Reply, operation
from sojourn.admin.shapes import Nothing
from sojourn.core.clock import parse_iso
from sojourn.core.errors import BadRequest
from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.engine.audit.log import AuditEvent, AuditPage, AuditPlace, Wanted
from sojourn.engine.audit.query import described

VIEW = Needs(right="audit")

#: The name under which the engine's own events are asked for.
ENGINE = "-"

_CURSOR = re.compile(r"(-?[0-9]{1,16})\.([0-9]{1,16})")


@operation("GET", "/audit", needs=VIEW, query=AuditQuery, answer=answers.AuditPage, raises=(BadCursor, RealmUnknown))
async def list_audit(asked: Asked[AuditQuery, Nothing]) -> answers.AuditPage:
    """List events of the audit log, the newest first.

    Only of realms whose log the operator may see; the engine's own events (accounts, operators, keys of the engine) only
    with the right in every realm.
    """
    page = await _page(asked, oldest_first=False)
    return answers.AuditPage(events=await _told(asked, page.events), next=_cursor(page.next))


@operation(
    "GET",
    "/audit/export",
    needs=VIEW,
    query=AuditQuery,
    answer=answers.AuditEvent,
    raises=(BadCursor, RealmUnknown),
    lines=True,
    reads=False,
)
async def export_audit(asked: Asked[AuditQuery, Nothing]) -> Reply:
    """Export events as JSON lines, the oldest first, a page at a time.

    The header `sojourn-next` is the `cursor` of the next page; it is absent on the last one. Each page is audited.
    """
    page = await _page(asked, oldest_first=True)
    cursor = _cursor(page.next)
    return Reply(await _told(asked, page.events), ((NEXT, cursor.encode()),) if cursor else ())


async def _page(asked: Asked[AuditQuery, Nothing], *, oldest_first: bool) -> AuditPage:
    query = asked.query
    wanted = Wanted(
        since=instant(query.since),
        until=instant(query.until),
        kinds=frozenset(query.kind.split(",")) if query.kind else frozenset(),
        outcome=query.outcome or "",
        realms=_realms(asked),
        actor=query.actor,
        session=query.session or "",
        address=query.address,
        cause=query.cause,
        text=query.text,
        oldest_first=oldest_first,
    )
    return await asked.plane.rules.audit.query(wanted, after=_place(query.cursor), limit=query.limit)


def _realms(asked: Asked[AuditQuery, Nothing]) -> frozenset[str] | None:
    """Ids of the realms whose events are shown; None = of all, removed ones and the engine's own too."""
    name, everywhere = asked.query.realm, asked.acting.has_everywhere("audit")
    if name == ENGINE:
        asked.acting.check("audit", everywhere=True)
        return frozenset({"", asked.plane.operators.realm.id})
    if name is None and everywhere:
        return None
    return frozenset(realm.id for realm in named_realms(asked, name))


async def _told(asked: Asked[AuditQuery, Nothing], events: Sequence[AuditEvent]) -> list[answers.AuditEvent]:
    names = await asked.plane.rules.audit.names(events)
    return [answers.AuditEvent(**described(event, names)) for event in events]  # type: ignore[arg-type]  # by name


def instant(text: str | None) -> int | None:
    """``text`` in milliseconds since 1970, None for none; raises ``BadRequest``."""
    if text is None:
        return None
    try:
        return parse_iso(text)
    except ValueError:
        raise BadRequest("an instant is ISO 8601, such as 2026-11-21T22:40:00Z") from None


def _cursor(place: AuditPlace | None) -> str | None:
    return f"{place.at}.{place.key}" if place else None


def _place(cursor: str | None) -> AuditPlace | None:
    if cursor is None:
        return None
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise BadCursor
    return AuditPlace(int(found[1]), int(found[2]))
