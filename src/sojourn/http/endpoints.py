"""The endpoints of a realm: login, logout, who am I, and its public keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sojourn.core.clock import iso
from sojourn.core.errors import BadRequest, CrossSiteWrite
from sojourn.core.json import decode
from sojourn.engine.access import Access
from sojourn.engine.login import LoggedIn
from sojourn.engine.rules import Rules
from sojourn.http import crosssite
from sojourn.http.body import SMALL, check_announced, has_body, read_body
from sojourn.http.call import Call
from sojourn.http.cookies import cookie_name, expire_session_cookie, set_session_cookie
from sojourn.http.errors import LoginRefused, UnsupportedMediaType
from sojourn.http.handles import read_cookie, takes_parameters
from sojourn.http.opening import Opener
from sojourn.http.origin import Origins
from sojourn.http.replies import JSON, Reply, json_reply
from sojourn.http.wire import Header
from sojourn.model.realm import Realm
from sojourn.model.session import Session

_JSON_TYPE = b"application/json"
_CLEAR = {"cache": b'"cache"', "storage": b'"cache", "storage"'}
#: How long others may keep our public keys; a new key is published at least an hour before its first use.
_KEYS_AGE: Header = (b"cache-control", b"public, max-age=300")


class Endpoints:
    """What is answered under ``/realms/{realm}/``."""

    def __init__(self, rules: Rules, origins: Origins, opener: Opener) -> None:
        self._rules = rules
        #: May be replaced while serving, when the hosts of realms have changed.
        self.origins = origins
        self._opener = opener
        #: How many logins were ``ok`` and ``refused``.
        self.logins: Counter[str] = Counter()

    async def login(self, call: Call, realm: Realm) -> Reply:
        """``POST …/login``: a session and its token for a user name and a password."""
        secure = realm.cookies_authenticate and self.origins.secure_cookie(call.arrival)
        await _admit(call)
        user_name, password = _credentials(await _json_body(call))
        current = await self._opener.current(call, realm)
        logged = await self._rules.logins.login(realm, user_name, password, call.device, current=current)
        self.logins["refused" if logged is None else "ok"] += 1
        if logged is None:
            raise LoginRefused
        lifetime = self._rules.clock.now() + realm.config.token_lifetime
        expires = min(logged.session.absolute, lifetime)
        issued = await self._rules.tokens.issue(realm, logged.session, scope=None, expires_at=expires)
        body = {"token": issued.token, "sessionId": logged.session.id, "expiresAt": iso(issued.expires_at)}
        return json_reply(200, body, *_handle_headers(realm, logged, secure=secure))

    async def logout(self, call: Call, realm: Realm) -> Reply:
        """``POST …/logout``: end the session for good, then let the browser forget it."""
        await _admit(call)
        access = await self._opener.open(call, realm)
        await _json_body(call)
        end = await self._rules.sessions.end(access, "logout")
        body = {"sessionId": access.session.id, "reason": end.reason, "endedAt": iso(end.at)}
        clear: Header = (b"clear-site-data", _CLEAR[realm.config.clear_site_data])
        return json_reply(200, body, clear, *_expired_cookies(call, realm, access))

    async def session(self, call: Call, realm: Realm) -> Reply:
        """``GET …/session``: who am I, and what would end this session next."""
        access = await self._opener.open(call, realm)
        await self._rules.sessions.touch(access)
        now = await self._rules.sessions.show(realm, access.session.id)
        return json_reply(200, _description(access, now.session if now else access.session))

    async def keys(self, _call: Call, realm: Realm) -> Reply:
        """``GET …/.well-known/jwks.json``: the public keys with which others verify tokens of the realm."""
        reply = json_reply(200, await self._rules.keys.jwks(realm))
        return reply._replace(headers=(JSON, _KEYS_AGE))


def _credentials(body: Any) -> tuple[str, str]:
    if not isinstance(body, dict):
        raise BadRequest("expected an object with userName and password")
    user_name, password = body.get("userName"), body.get("password")
    if not isinstance(user_name, str) or not isinstance(password, str):
        raise BadRequest("userName and password are texts")
    return user_name, password


async def _admit(call: Call) -> None:
    """Refuse what is too large or comes from another site."""
    await check_announced(call.receive, call.head, SMALL)
    if not crosssite.is_ours(call.head, call.arrival):
        raise CrossSiteWrite


async def _json_body(call: Call) -> Any:
    """The JSON body of a request, None without a body; never in another type."""
    body = await read_body(call.receive, SMALL) if has_body(call.scope, call.head) else b""
    if not body:
        return None
    if crosssite.media_type(call.head) != _JSON_TYPE:
        raise UnsupportedMediaType
    return decode(body)


def _handle_headers(realm: Realm, logged: LoggedIn, *, secure: bool) -> tuple[Header, ...]:
    if realm.cookies_authenticate:
        return (set_session_cookie(cookie_name(realm.name, secure=secure), logged.handle),)
    if takes_parameters(realm):
        return ((b"x-session-id", str(logged.handle).encode()),)
    return ()


def _expired_cookies(call: Call, realm: Realm, ended: Access) -> tuple[Header, ...]:
    """The cookie of the session that was ended expires; one of another session beside a token stays."""
    shown = read_cookie(realm, call.head, https=call.arrival.https)
    if shown.handle is None or shown.handle.id != ended.session.id:
        return ()
    return (expire_session_cookie(cookie_name(realm.name, secure=call.arrival.https)),)


def _description(access: Access, session: Session) -> Mapping[str, Any]:
    identity = session.identity
    user = {"key": identity.user_key, "name": identity.user_name, "kind": access.kind}
    if identity.subject:
        user |= {"subject": identity.subject, "space": identity.space}
    return {
        "id": session.id,
        "realm": access.realm.name,
        "user": user,
        "scope": sorted(access.scope),
        "delegated": access.delegated,
        "created": iso(session.created),
        "loginAt": iso(identity.login_at) if identity.login_at else None,
        "lastAccess": iso(session.last),
        "endsNext": _next_end(session),
    }


def _next_end(session: Session) -> Mapping[str, str]:
    by_idle = session.last + session.idle if session.idle else session.absolute
    reason, at = ("absolute", session.absolute) if session.absolute <= by_idle else ("idle", by_idle)
    return {"reason": reason, "at": iso(at)}
