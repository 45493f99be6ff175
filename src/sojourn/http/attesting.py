"""``sojourn attest`` over HTTP: having a run made, its acts, and its end. See :mod:`sojourn.engine.attest`."""

from __future__ import annotations

from typing import Any

from sojourn.core.clock import iso
from sojourn.core.errors import BadRequest, DelegatedHandle, InsufficientScope, NotFound, Unauthorized
from sojourn.engine.access import Access
from sojourn.engine.attest import PREFIX, SCOPE, Run, check_change
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import Actor
from sojourn.http.call import Call
from sojourn.http.handles import bearer_token
from sojourn.http.opening import Opener
from sojourn.http.replies import Reply, json_reply
from sojourn.http.requests import admit, json_body
from sojourn.model.realm import Realm

#: The header without which the realms of a run do not exist.
HEADER = b"sojourn-attest"

#: Most of what its maker says of a run that has ended.
_MOST_COUNT = 10_000


class Attesting:
    """Answers ``/realms/{realm}/attest`` and what lies below it."""

    def __init__(self, rules: Rules, opener: Opener) -> None:
        self._rules = rules
        self._opener = opener

    async def find(self, call: Call, name: str) -> Realm | None:
        """The realm of a run, for a request that shows the secret of the run."""
        secret = call.head.get(HEADER)
        if secret is None or not name.startswith(PREFIX):
            return None
        return await self._rules.attest.realm(name, secret.decode("latin-1"))

    async def start(self, call: Call, realm: Realm) -> Reply:
        """``POST …/attest``: make a run, for a token whose scope holds ``engine.attest``; 404 where it is switched off."""
        if not self._rules.settings.attest.enabled or realm.name.startswith(PREFIX):
            raise NotFound
        if bearer_token(call.head) is None:
            raise Unauthorized
        await admit(call)
        access = await self._opener.open(call, realm)
        if SCOPE not in access.scope:
            raise InsufficientScope
        await json_body(call)
        return json_reply(200, described(await self._rules.attest.start(_actor(access, call))))

    async def end(self, call: Call, realm: Realm) -> Reply:
        """``POST …/attest/end``: remove the run; its maker may say how many requirements passed and failed."""
        self._check(realm)
        await admit(call)
        body = await json_body(call) or {}
        counts = {name: _count(body, name) for name in ("passed", "failed", "notApplicable")}
        await self._rules.attest.end(realm.name, counts)
        return json_reply(200, {"ended": realm.name})

    async def act(self, call: Call, realm: Realm) -> Reply:
        """``POST …/attest/act``: what an operator would do to an account of the run, or a token with one thing wrong."""
        self._check(realm)
        await admit(call)
        body = await json_body(call)
        match body:
            case {"act": "disable", "userName": str(name)}:
                await self._rules.attest.disable(realm, name)
                return json_reply(200, {"done": True})
            case {"act": "end", "userName": str(name)}:
                return json_reply(200, {"sessionsEnded": await self._rules.attest.end_sessions(realm, name)})
            case {"act": "resign", "token": str(token), "change": change}:
                return json_reply(200, {"token": await self._rules.attest.resign(realm, token, check_change(change))})
        raise BadRequest("act is disable or end with userName, or resign with token and change")

    @staticmethod
    def _check(realm: Realm) -> None:
        if not realm.name.startswith(PREFIX):
            raise NotFound


def described(run: Run) -> dict[str, Any]:
    """A run as it is told once, to who had it made."""
    return {
        "realm": run.realm,
        "other": run.other,
        "brief": run.brief,
        "secret": run.secret,
        "accounts": dict(run.accounts),
        "otherPassword": run.other_password,
        "endsAt": iso(run.ends_at),
    }


def _actor(access: Access, call: Call) -> Actor:
    identity = access.session.identity
    if access.account is None:
        raise DelegatedHandle
    return Actor(identity.user_name, access.account.key, session=access.session.id, address=call.arrival.address)


def _count(body: Any, name: str) -> int:
    value = body.get(name, 0) if isinstance(body, dict) else 0
    return value if isinstance(value, int) and 0 <= value <= _MOST_COUNT else 0
