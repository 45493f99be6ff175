"""``/realms/{realm}/sessions``: users list their own sessions, and end any of them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from sojourn.core.clock import iso
from sojourn.core.errors import (
    BadRequest,
    DelegatedHandle,
    NotFound,
    SessionEnded,
    SessionUnknown,
    StaleSession,
)
from sojourn.core.ids import is_id
from sojourn.engine.access import Access
from sojourn.engine.rules import Rules
from sojourn.http.call import Call
from sojourn.http.descriptions import listed_session
from sojourn.http.farewell import farewell
from sojourn.http.handles import parse_query
from sojourn.http.opening import Opener
from sojourn.http.replies import Reply, json_reply
from sojourn.http.requests import admit, json_body
from sojourn.model.realm import Realm
from sojourn.model.session import End, Session
from sojourn.stores.base import Cursor

_PAGE = 100
_MAX_DIGITS = 18
#: How often an end is tried anew when the session is rotated at the very moment.
_TRIES = 4


class OwnSessions:
    """What a user may see and do of the sessions of the same account, or of the same external principal."""

    def __init__(self, rules: Rules, opener: Opener) -> None:
        self._rules = rules
        self._opener = opener

    async def list(self, call: Call, realm: Realm) -> Reply:
        """``GET …/sessions``: those that live, the oldest first; ``?after=`` goes on where ``next`` of a page says."""
        access = await self._opener.open(call, realm)
        if access.delegated:
            raise DelegatedHandle
        await self._rules.sessions.touch(access)
        found = await self._live(access, _cursor(call.query))
        body = {
            "sessions": [listed_session(one) | {"current": one.id == access.session.id} for one in found],
            "next": f"{found[-1].created}.{found[-1].id}" if len(found) == _PAGE else None,
        }
        return json_reply(200, body)

    async def end(self, call: Call, realm: Realm, sid: str) -> Reply:
        """``POST …/sessions/{id}/end``: end it for good; 404 alike for what is unknown, dead or somebody else's."""
        await admit(call)
        access = await self._opener.open(call, realm)
        await json_body(call)
        own = sid == access.session.id
        if access.delegated and not own:
            raise DelegatedHandle
        end = await self._end(access, sid, call.arrival.address)
        body = {"sessionId": sid, "reason": end.reason, "endedAt": iso(end.at)}
        return json_reply(200, body, *(farewell(call, realm, sid) if own else ()))

    async def _live(self, access: Access, after: Cursor | None) -> Sequence[Session]:
        if not access.session.principal:
            # Nobody's other sessions are known to be the same nobody's.
            return () if after else (access.session,)
        return await self._rules.sessions.list(access.realm, access.session.principal, after=after, limit=_PAGE)

    async def _end(self, access: Access, sid: str, address: str) -> End:
        for _ in range(_TRIES):
            target = await self._target(access, sid)
            try:
                return await self._rules.sessions.end(target, "logout", address=address)
            except StaleSession:
                # It was rotated meanwhile: it may be somebody else's now.
                continue
            except (SessionEnded, SessionUnknown):
                raise NotFound from None
        raise NotFound

    async def _target(self, access: Access, sid: str) -> Access:
        """The session as its owner's own access; raises ``NotFound``."""
        if sid == access.session.id:
            return access
        loaded = await self._rules.sessions.show(access.realm, sid) if is_id(sid) else None
        if loaded is None or not access.session.principal or loaded.session.principal != access.session.principal:
            raise NotFound
        return replace(access, session=loaded.session, fields=loaded.fields, token=None)


def _cursor(query: bytes) -> Cursor | None:
    given = [value for name, value in parse_query(query) if name == "after"]
    if not given:
        return None
    created, _, sid = given[-1].partition(".")
    if not (created.isascii() and created.isdigit() and len(created) <= _MAX_DIGITS and is_id(sid)):
        raise BadRequest("after is what next of another answer said")
    return int(created), sid
