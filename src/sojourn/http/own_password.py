"""``/realms/{realm}/password`` and ``password-reset``: users change their own password, or get a new one by a code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sojourn.core.clock import iso
from sojourn.engine.access import Access
from sojourn.engine.passwords.passwords import Changed
from sojourn.engine.rules import Rules
from sojourn.http.call import Call
from sojourn.http.devices import device_cookie, shown_device
from sojourn.http.endpoints import Endpoints, handle_headers
from sojourn.http.opening import Opener
from sojourn.http.replies import Reply, json_reply
from sojourn.http.requests import admit, json_body, texts
from sojourn.model.realm import Realm

_ON_ITS_WAY = "If this account can have a new password, a code is on its way to its mail address."


class OwnPassword:
    """The password of the account that asks."""

    def __init__(self, rules: Rules, endpoints: Endpoints, opener: Opener) -> None:
        self._rules = rules
        self._endpoints = endpoints
        self._opener = opener

    async def change(self, call: Call, realm: Realm) -> Reply:
        """``POST …/password`` with ``oldPassword`` and ``newPassword``: this session goes on under a new handle.

        In a stateful realm it waits for its turn, as every request of the session does.
        """
        secure = realm.cookies_authenticate and self._endpoints.origins.secure_cookie(call.arrival)
        await admit(call)
        async with self._turn(call, realm) as access:
            old, new = texts(await json_body(call), "oldPassword", "newPassword")
            device = shown_device(call, device_cookie(realm.name))
            done = await self._rules.passwords.change(access, old, new, address=call.arrival.address, device=device)
        body = await self._endpoints.handed(call, realm, done.session) | {"tokens": await self._tokens(done)}
        remembered = await self._endpoints.remembered(call, realm, done.account)
        return json_reply(200, body, *handle_headers(realm, done.handle, secure=secure), *remembered)

    async def reset(self, call: Call, realm: Realm) -> Reply:
        """``POST …/password-reset`` with ``userName``: 202 whatever that is; a code goes to the account's mail address."""
        await admit(call)
        (user_name,) = texts(await json_body(call), "userName")
        await self._rules.passwords.start_reset(realm, user_name, call.arrival.address)
        return json_reply(202, {"message": _ON_ITS_WAY})

    async def confirm(self, call: Call, realm: Realm) -> Reply:
        """``POST …/password-reset/confirm`` with ``userName``, ``code`` and ``newPassword``: everything of before ends."""
        await admit(call)
        user_name, code, new = texts(await json_body(call), "userName", "code", "newPassword")
        await self._rules.passwords.finish_reset(realm, user_name, code, new, call.arrival.address)
        return json_reply(200, {"message": "The password is set; log in with it."})

    @asynccontextmanager
    async def _turn(self, call: Call, realm: Realm) -> AsyncIterator[Access]:
        access = await self._opener.open(call, realm)
        activity, key = self._rules.activity, call.execution_key
        async with activity.run(access.session, chain=key, exclusive=realm.stateful, what="password") as turn:
            yield await self._opener.open(call, realm) if turn.waited else access

    async def _tokens(self, done: Changed) -> list[dict[str, Any]]:
        """The AuthTokens that go on: their owner may want to revoke them too."""
        now = self._rules.clock.now()
        listed = [one.record for one in await self._rules.auth_tokens.list(done.account.key)]
        return [
            {
                "key": record.key,
                "description": record.description,
                "scope": record.scope,
                "expires": None if record.expires is None else iso(record.expires),
            }
            for record in listed
            if record.dead(now) is None
        ]
