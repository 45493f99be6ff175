"""``/realms/{realm}/tokens``: users list, authorize, change and revoke their own AuthTokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sojourn.core.clock import iso
from sojourn.core.errors import BadRequest, NotFound, Unauthorized
from sojourn.engine.access import Access
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.rules import Rules
from sojourn.engine.tokens.authtokens import Listed
from sojourn.engine.tokens.rules import AuthTokenUnknown, NoAccountToDelegate, as_token, asking_token
from sojourn.http.call import Call
from sojourn.http.opening import Opener
from sojourn.http.replies import Reply, json_reply
from sojourn.http.requests import admit, json_body
from sojourn.model.realm import Realm
from sojourn.model.token import AuthToken
from sojourn.model.user import Account

_NEW: Final = frozenset({"scope", "data", "description", "expires", "everywhere"})
_CHANGE: Final = frozenset({"description", "expires", "confirmScripts"})

#: Digits of the largest key there can be.
MAX_KEY_DIGITS: Final = 15


class OwnTokens:
    """What a user may see and do of the own tokens. Whoever changes one has logged in a short while ago."""

    def __init__(self, rules: Rules, opener: Opener) -> None:
        self._rules = rules
        self._opener = opener

    async def list(self, call: Call, realm: Realm) -> Reply:
        """``GET …/tokens``: those that were not revoked and hold in this realm, the oldest first.

        To a delegated handle only its own token is shown, and what that has authorized itself: the ``data`` of the others
        was not handed to it.
        """
        access, account = await self._open(call, realm)
        await self._rules.sessions.touch(access)
        now, found = self._rules.clock.now(), await self._rules.auth_tokens.list(account.key)
        shown = _kin(found, asking_token(access)) if access.delegated else found
        here = [one for one in shown if one.record.realm in (realm.id, EVERYWHERE)]
        return json_reply(200, {"tokens": [described(one, now) for one in here]})

    async def authorize(self, call: Call, realm: Realm) -> Reply:
        """``POST …/tokens``: a new token; its text is in this answer and nowhere else."""
        await admit(call)
        access, account = await self._acting(call, realm)
        given = _object(await json_body(call), _NEW)
        token = AuthToken(_scope(given), _text(given, "data"), description=_text(given, "description"))
        if "expires" in given:
            token.expires = _expires(given["expires"])
        actor = await self._rules.actors.of(access, call.arrival.address)
        where = EVERYWHERE if _flag(given, "everywhere") else realm.id
        done = await self._rules.auth_tokens.authorize(actor, account, token, where, access=access)
        body = {"token": done.text, "key": done.key, "scope": token.scope, "expires": _when(token.expires)}
        return json_reply(201, body)

    async def update(self, call: Call, realm: Realm, key: int) -> Reply:
        """``POST …/tokens/{key}``: another description or expiry; ``confirmScripts`` takes its scripts as they are now."""
        await admit(call)
        access, _ = await self._acting(call, realm)
        given = _object(await json_body(call), _CHANGE)
        token = as_token(await self._rules.auth_tokens.get(await self._own(access, key)))
        if "description" in given:
            token.description = _text(given, "description")
        if "expires" in given:
            token.expires = _expires(given["expires"])
        actor = await self._rules.actors.of(access, call.arrival.address)
        confirm = _flag(given, "confirmScripts")
        await self._rules.auth_tokens.update(actor, token, access=access, confirm=confirm)
        return json_reply(200, {"key": key, "description": token.description, "expires": _when(token.expires)})

    async def revoke(self, call: Call, realm: Realm, key: int) -> Reply:
        """``POST …/tokens/{key}/revoke``: refuse it, and what it has authorized itself, from the next request on."""
        await admit(call)
        access, _ = await self._acting(call, realm)
        await json_body(call)
        actor = await self._rules.actors.of(access, call.arrival.address)
        done = await self._rules.auth_tokens.revoke(actor, await self._own(access, key), access=access)
        return json_reply(200, {"key": key, "revoked": True, "now": done})

    async def _open(self, call: Call, realm: Realm) -> tuple[Access, Account]:
        access = await self._opener.open(call, realm)
        if access.account is None:
            raise Unauthorized if access.kind == "anonymous" else NoAccountToDelegate
        return access, access.account

    async def _acting(self, call: Call, realm: Realm) -> tuple[Access, Account]:
        """As :meth:`_open`, with a handle that may change what is the account's own, or that is delegated itself."""
        access, account = await self._open(call, realm)
        if access.transient is None:
            access.writable()
        if not access.delegated:
            access.own(self._rules.clock.now())
        return access, account

    async def _own(self, access: Access, key: int) -> int:
        """``key`` when it is a token of the account; else 404, as for one that does not exist."""
        account = access.account
        for one in await self._rules.auth_tokens.list(account.key) if account else ():
            if one.record.key == key:
                return key
        raise AuthTokenUnknown


def _kin(tokens: Sequence[Listed], key: int) -> Sequence[Listed]:
    """The token with ``key`` and its descendants; a child is never older than its parent."""
    keys = {key}
    for one in tokens:
        if one.record.parent in keys:
            keys.add(one.record.key)
    return [one for one in tokens if one.record.key in keys]


def described(one: Listed, now: int) -> dict[str, Any]:
    """A token as its owner and operators see it: everything but its text."""
    record, used = one.record, one.used
    return {
        "key": record.key,
        "scope": record.scope,
        "description": record.description,
        "data": record.data,
        "everywhere": record.realm == EVERYWHERE,
        "created": iso(record.created),
        "expires": _when(record.expires),
        "expired": record.dead(now) == "expired",
        "parent": record.parent,
        "session": record.session or None,
        "impersonated": record.actor is not None,
        "lastUsed": _when(used.last),
        "uses": used.uses,
        "lastAddress": used.address or None,
    }


def token_key(text: str) -> int:
    """The key that a path names; raises ``NotFound``."""
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_KEY_DIGITS):
        raise NotFound
    return int(text)


def _object(body: Any, known: frozenset[str]) -> dict[str, Any]:
    if body is None:
        return {}
    if not isinstance(body, dict) or body.keys() - known:
        raise BadRequest(f"expected an object with {', '.join(sorted(known))}")
    return body


def _scope(given: dict[str, Any]) -> list[str | int] | str | int:
    scope = given.get("scope", "")
    if isinstance(scope, str) or type(scope) is int:
        return scope
    if isinstance(scope, list) and all(isinstance(word, str) or type(word) is int for word in scope):
        return scope
    raise BadRequest("scope is a text, the key of a script, or a list of these")


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise BadRequest(f"{name} is a text")
    return value


def _flag(given: dict[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise BadRequest(f"{name} is true or false")
    return value


def _expires(value: Any) -> int | None:
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadRequest("expires is an instant as 2027-01-31T12:00:00Z, or null")
    return round(at.timestamp() * 1_000)


def _when(at: int | None) -> str | None:
    return None if at is None else iso(at)
