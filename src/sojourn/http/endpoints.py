"""The endpoints of a realm: login, logout, who am I, and its public keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sojourn.core.clock import iso
from sojourn.core.ids import SessionHandle
from sojourn.engine.access import Access
from sojourn.engine.login import LoggedIn
from sojourn.engine.rules import Rules
from sojourn.http.call import Call
from sojourn.http.cookies import cookie_name, set_session_cookie
from sojourn.http.descriptions import listed_session, own_session, transient_session
from sojourn.http.devices import device_cookie, remember, shown_device
from sojourn.http.errors import LoginRefused
from sojourn.http.farewell import farewell
from sojourn.http.handles import takes_parameters
from sojourn.http.opening import Opener
from sojourn.http.origin import Origins
from sojourn.http.refreshing import known_by, refresh_body, token_body
from sojourn.http.replies import JSON, Reply, json_reply
from sojourn.http.requests import Credentials, admit, credentials, json_body
from sojourn.http.wire import Header
from sojourn.model.realm import Realm
from sojourn.model.session import Session
from sojourn.model.user import Account
from sojourn.stores.base import SessionLimit

#: How long others may keep our public keys; a new key is published at least an hour before its first use.
_KEYS_AGE: Header = (b"cache-control", b"public, max-age=300")


class Endpoints:
    """What is answered under ``/realms/{realm}/``."""

    def __init__(self, rules: Rules, origins: Origins, opener: Opener) -> None:
        self._rules = rules
        #: May be replaced while serving, when the hosts of realms have changed.
        self.origins = origins
        self._opener = opener
        #: How many logins were ``ok``, ``refused`` and over the ``limit`` of sessions.
        self.logins: Counter[str] = Counter()

    async def login(self, call: Call, realm: Realm) -> Reply:
        """``POST …/login``: a session and its token for a user name and a password.

        In a stateful realm the session with which the client comes is waited for, as for every request of it.
        """
        secure = realm.cookies_authenticate and self.origins.secure_cookie(call.arrival)
        await admit(call)
        given = credentials(await json_body(call))
        async with self.turn(call, realm) as current:
            try:
                logged = await self._login(call, realm, given, current)
            except SessionLimit as full:
                self.logins["limit"] += 1
                return limit_reply(full, call.execution_key)
        body = await self.handed(call, realm, logged.session)
        remembered = await self.remembered(call, realm, logged.account)
        return json_reply(200, body, *handle_headers(realm, logged.handle, secure=secure), *remembered)

    async def logout(self, call: Call, realm: Realm) -> Reply:
        """``POST …/logout``: end the session for good, then let the browser forget it. It waits for nobody's turn."""
        await admit(call)
        access = await self._opener.open(call, realm)
        await json_body(call)
        if access.via == "session-token":
            return await self._drop(access)
        end = await self._rules.sessions.end(access, "logout", address=call.arrival.address)
        body = {"sessionId": access.session.id, "reason": end.reason, "endedAt": iso(end.at)}
        origin = call.arrival.origin.decode()
        page = await self._rules.federation.logins.logout_page(access.session.identity, origin)
        told = {"providerLogout": page} if page else {}
        return json_reply(200, body | told, *farewell(call, realm, access.session.id))

    async def session(self, call: Call, realm: Realm) -> Reply:
        """``GET …/session``: who am I, and what would end this session next."""
        access = await self._opener.open(call, realm, basic=True)
        if access.transient is not None:
            return json_reply(200, transient_session(access))
        await self._rules.sessions.touch(access)
        now = await self._rules.sessions.show(realm, access.session.id)
        drop = await self._rules.drops.pending(access.session.id)
        return json_reply(
            200, own_session(access, now.session if now else access.session, drop, await self._token_ends(access))
        )

    async def keys(self, call: Call, realm: Realm) -> Reply:
        """``GET …/.well-known/jwks.json``: the public keys with which others verify tokens of the realm."""
        # A cache may give this answer to anybody.
        call.cookies = ()
        reply = json_reply(200, await self._rules.keys.jwks(realm))
        return reply._replace(headers=(JSON, _KEYS_AGE))

    async def _token_ends(self, access: Access) -> int | None:
        """When the AuthToken expires on which the session rests."""
        if not access.auth_token:
            return None
        record = await (await self._rules.facts.current()).auth_token_by_key(access.auth_token)
        return record.expires if record else None

    async def _drop(self, access: Access) -> Reply:
        """A session token ends itself; its session lives on."""
        await self._rules.sessions.transients.session_tokens.drop(access)
        parent = access.transient.parent if access.transient else None
        await self._rules.audit.record(
            "TOKEN_REVOKE",
            realm=access.realm.id,
            outcome="ok",
            actor=access.session.identity.user_name,
            session=parent.id if parent else "",
            address=access.session.device.address,
            detail={"act": "logout", "token": "session"},
        )
        body = {"sessionId": None, "reason": "logout", "endedAt": iso(self._rules.clock.now())}
        return json_reply(200, body)

    @asynccontextmanager
    async def turn(self, call: Call, realm: Realm) -> AsyncIterator[Access | None]:
        """The session with which the client comes, when it is its turn; None without one."""
        current = await self._opener.current(call, realm)
        if current is None:
            yield None
            return
        activity, key = self._rules.activity, call.execution_key
        async with activity.run(current.session, chain=key, exclusive=realm.stateful, what="login") as turn:
            yield await self._opener.current(call, realm) if turn.waited else current

    async def _login(self, call: Call, realm: Realm, given: Credentials, current: Access | None) -> LoggedIn:
        logged = await self._rules.logins.login(
            realm,
            given.user_name,
            given.password,
            call.device,
            current=current,
            end_session=given.end_session,
            shown=shown_device(call, device_cookie(realm.name)),
            new_password=given.new_password,
        )
        self.logins["refused" if logged is None else "ok"] += 1
        if logged is None:
            raise LoginRefused
        return logged

    async def handed(self, call: Call, realm: Realm, session: Session) -> dict[str, Any]:
        """The tokens of a session whose user has just proved who that is, as the body of an answer."""
        expires = min(session.absolute, self._rules.clock.now() + realm.config.token_lifetime)
        issued = await self._rules.tokens.issue(realm, session, scope=None, expires_at=expires)
        client = known_by(call, session.id if realm.cookies_authenticate else "")
        refresh = await self._rules.refreshes.offer(realm, session, client)
        return {**token_body(issued, session), **refresh_body(refresh)}

    async def remembered(self, call: Call, realm: Realm, account: Account) -> tuple[Header, ...]:
        """The device cookie, with the account that has just proved itself on this device."""
        return await remember(self._rules.throttling, self.origins, realm, call, account)


def limit_reply(full: SessionLimit, execution_key: str) -> Reply:
    """The password was right: the sessions are the client's own, and ``endSession`` may name one of them."""
    sessions = [listed_session(session) for session in full.live]
    body = {"message": full.message, "code": full.code, "executionKey": execution_key, "sessions": sessions}
    return json_reply(409, body)


def handle_headers(realm: Realm, handle: SessionHandle, *, secure: bool) -> tuple[Header, ...]:
    """How a client of ``realm`` is given the new handle of its session."""
    if realm.cookies_authenticate:
        return (set_session_cookie(cookie_name(realm.name, secure=secure), handle),)
    if takes_parameters(realm):
        return ((b"x-session-id", str(handle).encode()),)
    return ()
