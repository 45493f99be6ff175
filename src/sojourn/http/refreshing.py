"""``POST /realms/{realm}/refresh``: a new access token for a refresh token, and its successor."""

from __future__ import annotations

from typing import Any

from sojourn.core.clock import iso
from sojourn.core.errors import Unauthorized
from sojourn.engine.rules import Rules
from sojourn.engine.tokens.access_tokens import Issued
from sojourn.engine.tokens.refresh import RefreshToken
from sojourn.http import handles
from sojourn.http.call import Call
from sojourn.http.opening import Opener
from sojourn.http.replies import Reply, json_reply
from sojourn.http.requests import admit, json_body, refresh_token
from sojourn.model.realm import Realm
from sojourn.model.session import Session


class Refreshing:
    """Answers refreshes. No cookie authenticates here: the token in the body does."""

    def __init__(self, rules: Rules, opener: Opener) -> None:
        self._rules = rules
        self._opener = opener

    async def answer(self, call: Call, realm: Realm) -> Reply:
        """Use the token; a session cookie beside it only says that this client is the same as before."""
        await admit(call)
        if call.head.has(b"authorization"):
            # A credential that is not used is refused, never passed over.
            raise Unauthorized("the refresh token in the body is the only credential here")
        text = refresh_token(await json_body(call))
        client = known_by(call, await self._cookie_sid(call, realm))
        done = await self._rules.refreshes.use(realm, text, client, address=call.arrival.address)
        return json_reply(200, {**token_body(done.issued, done.access.session), **refresh_body(done.successor)})

    async def _cookie_sid(self, call: Call, realm: Realm) -> str:
        """The session that the cookie beside the token opens; empty without one."""
        cookie = handles.read_cookie(realm, call.head, https=call.arrival.https)
        if cookie.ambiguous:
            await self._opener.note_cookie(call, realm)
        if cookie.handle is None:
            return ""
        try:
            return (await self._rules.sessions.open(realm, cookie.handle, "cookie")).session.id
        except Unauthorized:
            return ""


def known_by(call: Call, cookie: str) -> frozenset[str]:
    """By what the client of this request is known again: its device, and the session that its cookie opens."""
    found = (("client", call.client.id), ("cookie", cookie))
    return frozenset(f"{kind}:{value}" for kind, value in found if value)


def token_body(issued: Issued, session: Session) -> dict[str, Any]:
    """What the client is told of a new access token."""
    return {"token": issued.token, "sessionId": session.id, "expiresAt": iso(issued.expires_at)}


def refresh_body(token: RefreshToken | None) -> dict[str, Any]:
    """What the client is told of a new refresh token, nothing where there is none."""
    if token is None:
        return {}
    return {"refreshToken": token.text, "refreshExpiresAt": iso(token.expires_at)}
