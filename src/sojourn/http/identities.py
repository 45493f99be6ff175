"""``/realms/{realm}/identities``: which identities at providers belong to the account that is logged in."""

from __future__ import annotations

from typing import Any

from sojourn.core.clock import iso
from sojourn.core.errors import DelegatedHandle
from sojourn.engine.access import Access
from sojourn.engine.providers.external import ExternalIdentity
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import Actor
from sojourn.http.call import Call
from sojourn.http.opening import Opener
from sojourn.http.replies import Reply, json_reply
from sojourn.http.requests import admit, json_body
from sojourn.model.realm import Realm
from sojourn.model.user import Account

_UNLINKED = "identity unlinked"


class OwnIdentities:
    """What users see and do of their own identities."""

    def __init__(self, rules: Rules, opener: Opener) -> None:
        self._rules = rules
        self._opener = opener

    async def list(self, call: Call, realm: Realm) -> Reply:
        """``GET …/identities``: them, and the providers through which users of the realm may log in."""
        access = await self._opener.open(call, realm)
        account = _own_account(access)
        federation = self._rules.federation
        providers = [one for one in await federation.providers.all() if one.enabled and one.serves(realm)]
        names = {one.config.issuer: one.name for one in providers}
        body = {
            "identities": [_described(one, names) for one in await federation.external.of(account.key)],
            "providers": [{"name": one.name, "title": one.title, "key": one.key} for one in providers],
        }
        return json_reply(200, body)

    async def unlink(self, call: Call, realm: Realm, key: int) -> Reply:
        """``POST …/identities/{key}/unlink``: take one away; it needs a fresh login, and ends its other sessions."""
        await admit(call)
        access = await self._opener.open(call, realm)
        access.writable()
        access.own(self._rules.clock.now())
        await json_body(call)
        account, federation = _own_account(access), self._rules.federation
        actor = Actor(account.name, account.key, session=access.session.id, address=call.arrival.address)
        gone = await federation.external.unlink(account, key, actor)
        ended = await federation.sessions.end_of(
            await federation.providers.all(), gone, access.session.id, actor="", rule=_UNLINKED
        )
        return json_reply(200, {"key": gone.key, "sessionsEnded": ended})


def _own_account(access: Access) -> Account:
    if access.delegated or access.account is None:
        raise DelegatedHandle
    return access.account


def _described(identity: ExternalIdentity, names: dict[str, str]) -> dict[str, Any]:
    return {
        "key": identity.key,
        "provider": names.get(identity.issuer),
        "issuer": identity.issuer,
        "subject": identity.subject,
        "linkedAt": iso(identity.created),
        "linkedBy": identity.linked_by,
    }
