"""Who is logged in, and why a session ended."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from sojourn.admin.answers import FieldValue, FieldValues, SessionDetail, SessionPage, Why
from sojourn.admin.api import described
from sojourn.admin.inputs import SessionsQuery
from sojourn.admin.operation import Asked, Needs, operation
from sojourn.admin.shapes import Nothing
from sojourn.core.errors import BadRequest, InvalidJson, SessionUnknown
from sojourn.core.ids import is_id
from sojourn.core.json import decode, encode
from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.engine.listing import Found, Place, Wanted
from sojourn.model.field import Field
from sojourn.model.realm import Realm
from sojourn.model.user import account_principal, external_principal

VIEW = Needs(right="view")

_LAST_INSTANT = 1 << 53


class NoSuchSession(SessionUnknown):
    """There is no such session, or none that you may see."""

    code = "session.not_found"
    status = 404


class BadCursor(BadRequest):
    """This cursor was not made by this list."""

    code = "request.bad_cursor"


@operation("GET", "/sessions", needs=VIEW, query=SessionsQuery, answer=SessionPage, raises=(BadCursor, RealmUnknown))
async def list_sessions(asked: Asked[SessionsQuery, Nothing]) -> SessionPage:
    """List sessions, by realm and then by the time they began.

    Only of realms in which the operator may look at sessions. An account or principal that does not exist has none.
    """
    query = asked.query
    realms = named_realms(asked, query.realm)
    known, owner = await _owner(asked)
    if not known:
        return SessionPage(sessions=[], next=None)
    wanted = Wanted(owner, query.kind, ended=query.state == "ended")
    page = await asked.plane.manager.page(realms, wanted, _place(query.cursor), query.limit)
    rows = [described.session(*row) for row in page.rows]
    return SessionPage(sessions=rows, next=_cursor(page.next) if page.next else None)


@operation("GET", "/sessions/{sid}", needs=VIEW, answer=SessionDetail, raises=(NoSuchSession,))
async def show_session(asked: Asked[Nothing, Nothing]) -> SessionDetail:
    """Show one session, live or ended: times, limits, epoch, device, names and sizes of its fields, never values."""
    found = await found_session(asked)
    sid, rules = found.session.id, asked.plane.rules
    worker = asked.plane.manager.get_session_thread_id(sid)
    return described.detail(found, await _fields(asked, found), worker, await rules.drops.pending(sid))


@operation(
    "GET",
    "/sessions/{sid}/fields",
    needs=Needs(right="fields"),
    answer=FieldValues,
    raises=(NoSuchSession,),
    reads=False,
)
async def show_fields(asked: Asked[Nothing, Nothing]) -> FieldValues:
    """Show the values of the fields of a live session. Each look is audited."""
    fields = await _fields(asked, await found_session(asked))
    return FieldValues(
        fields=[
            FieldValue(name=name, version=field.version, value=decode(field.text))
            for name, field in sorted(fields.items())
        ]
    )


@operation("GET", "/sessions/{sid}/why", needs=VIEW, answer=Why, raises=(NoSuchSession,))
async def why_ended(asked: Asked[Nothing, Nothing]) -> Why:
    """Say why a session ended, when, by whom and by which rule; known for 30 days."""
    found = await found_session(asked)
    end = found.tombstone.end if found.tombstone else None
    return Why(
        id=found.session.id,
        realm=found.realm.name,
        user=described.user(found.session.identity),
        alive=end is None,
        end=described.ending(end) if end else None,
    )


async def found_session(asked: Asked[Any, Any]) -> Found:
    """The session that the path names; raises :class:`NoSuchSession` also for one that the operator may not see."""
    found = await asked.plane.manager.find(asked.path["sid"], asked.realms)
    if found is None:
        raise NoSuchSession
    return found


def named_realms(asked: Asked[Any, Any], name: str | None) -> Sequence[Realm]:
    """The realm of that name, or all that the operator may see; raises ``RealmUnknown`` for any other."""
    found = [realm for realm in asked.realms if name in (None, realm.name)]
    if name is not None and not found:
        raise RealmUnknown
    return found


async def _fields(asked: Asked[Nothing, Nothing], found: Found) -> Mapping[str, Field]:
    """What it or its user has put away; nothing once it has ended."""
    if found.loaded is None:
        return {}
    now = await asked.plane.rules.sessions.show(found.realm, found.session.id)
    return now.fields if now else {}


async def _owner(asked: Asked[SessionsQuery, Nothing]) -> tuple[bool, str | None]:
    """Whether the owner that is asked for exists, and its key; None = all."""
    query = asked.query
    if query.subject is not None:
        return True, external_principal(query.space or "", query.subject)
    if query.user is None:
        return True, None
    account = await asked.plane.rules.users.find(query.directory, query.user)
    return account is not None, account_principal(account.key) if account else None


def _cursor(place: Place) -> str:
    return base64.urlsafe_b64encode(encode(place)).decode().rstrip("=")


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        value = decode(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, InvalidJson):
        raise BadCursor from None
    match value:
        case [str(realm), int(created), str(sid)] if 0 <= created < _LAST_INSTANT and (is_id(sid) or not sid):
            return Place(realm, created, sid)
    raise BadCursor
