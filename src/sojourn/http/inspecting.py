"""``POST /realms/{realm}/revoke`` [RFC 7009] and ``POST /realms/{realm}/introspect`` [RFC 7662].

Both take a form. No cookie authenticates here: to revoke a token takes the token, to introspect one an API key of the
realm or a bearer token with the scope ``security.introspectTokens``. So a page of another site can do nothing with them.
"""

from __future__ import annotations

from sojourn.core.errors import BadRequest, InsufficientScope, Unauthorized
from sojourn.core.ids import secret_hash
from sojourn.engine.rules import Rules
from sojourn.http import crosssite, handles
from sojourn.http.body import check_announced, has_body, read_body
from sojourn.http.call import Call
from sojourn.http.errors import UnsupportedMediaType
from sojourn.http.replies import Reply, json_reply
from sojourn.model.realm import Realm

#: Who has it may introspect with a bearer token.
INTROSPECT = "security.introspectTokens"

#: Most bytes of a form: the longest token, and what belongs to it.
MOST = 16_384

_FORM = b"application/x-www-form-urlencoded"


class Inspecting:
    """Answers both."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def revoke(self, call: Call, realm: Realm) -> Reply:
        """Take the token back that is shown. The answer is the same for one that is unknown."""
        await check_announced(call.receive, call.head, MOST)
        if not await self._is_client(call, realm) and call.head.has(b"authorization"):
            await self._bearer(call, realm)
        token = await _token(call)
        if not await self._rules.inspection.revoke(realm, token, address=call.arrival.address):
            # Counted only where there was nothing: who holds a token need not wait.
            await self._rules.throttling.admit("token", realm, "", call.arrival.address)
        return json_reply(200, {})

    async def introspect(self, call: Call, realm: Realm) -> Reply:
        """What the token may now; exactly ``{"active": false}`` for every one that does not hold."""
        await check_announced(call.receive, call.head, MOST)
        if not await self._is_client(call, realm):
            await self._may_introspect(call, realm)
        return json_reply(200, await self._rules.inspection.describe(realm, await _token(call)))

    async def _is_client(self, call: Call, realm: Realm) -> bool:
        """Whether an API key of the realm is shown; raises ``Unauthorized`` for a wrong one."""
        text = handles.api_key(realm, call.head, call.query)
        if text is None:
            return False
        facts = await self._rules.facts.current()
        if await facts.api_key(realm, secret_hash(text)) is None:
            await self._rules.throttling.admit("token", realm, "", call.arrival.address)
            raise Unauthorized("the API key is not valid here")
        if call.head.has(b"authorization"):
            # Two credentials, of which one would be passed over.
            raise BadRequest("show an API key or Authorization, not both")
        return True

    async def _may_introspect(self, call: Call, realm: Realm) -> None:
        if INTROSPECT not in await self._bearer(call, realm):
            raise InsufficientScope

    async def _bearer(self, call: Call, realm: Realm) -> frozenset[str]:
        """The scope of the bearer token that is shown; raises ``Unauthorized`` without one and for one that is refused."""
        text = handles.bearer_token(call.head)
        if text is None:
            raise Unauthorized
        try:
            return (await self._rules.bearers.open(realm, text, call.arrival.address)).scope
        except Unauthorized:
            await self._rules.throttling.admit("token", realm, "", call.arrival.address)
            raise


async def _token(call: Call) -> str:
    """The ``token`` of the form; raises ``BadRequest`` unless it stands there exactly once, and not in the URL."""
    if crosssite.media_type(call.head) != _FORM:
        raise UnsupportedMediaType
    body = await read_body(call.receive, MOST) if has_body(call.scope, call.head) else b""
    found = [value for name, value in handles.parse_query(body) if name == "token"]
    if len(found) != 1 or not found[0]:
        raise BadRequest("the form has one token")
    return found[0]
