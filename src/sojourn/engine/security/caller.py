"""Who calls ``Security``, and what every method of it asks first."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from sojourn.core.errors import InsufficientScope, Unauthorized
from sojourn.engine.access import Access
from sojourn.engine.accounts.directory import MAIN, UserUnknown, assignee_by_key
from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import Actor
from sojourn.engine.security.declared import ANYONE, LOGGED_IN, SELF, Need
from sojourn.engine.security.rights import PERMISSIONS
from sojourn.model.realm import Realm
from sojourn.model.user import Account

#: To look at the accounts of others.
VIEW: Final = "security.viewUsers"


class SecurityCaller:
    """What one caller may do to the accounts of one directory.

    Args:
        rules: The rules of the engine.
        actor: Who calls; None for nobody who is known.
        realm: Where the call comes from: its directory, and the realm of what is granted. None: the directory ``main``
            and every realm.
        access: The handle of a client that asks at this moment, where one does: what is the account's own then takes a
            fresh login.

    A method raises ``Unauthorized`` without an account, ``InsufficientScope`` without the right, ``DelegatedHandle`` for a
    handle that is narrower than its session.
    """

    def __init__(
        self, rules: Rules, actor: Actor | None, realm: Realm | None = None, *, access: Access | None = None
    ) -> None:
        self._rules = rules
        self._actor = actor
        self._realm = realm
        self._access = access
        self._directory = realm.config.directory if realm else MAIN

    async def admit(self, need: Need, about: int | None) -> None:
        """Raise unless the caller has what a method needs; ``about``: the account that its first argument names."""
        if need.right == ANYONE:
            return
        actor, own = self._who, about is not None and about == self._who.key
        if need.fresh and self._access is not None:
            self._access.own(self._rules.clock.now())
        if need.right == LOGGED_IN or (own and (need.own or need.right == SELF)):
            return
        if need.right == SELF:
            raise InsufficientScope
        if need.over:
            assert about is not None
            await self._rules.db.read(self._rules.rights.over_account(actor, about, need.right))
        elif need.right == VIEW:
            self._rules.rights.check_sees(actor, self._directory)
        elif need.right == PERMISSIONS:
            self._rules.rights.check_grants(actor)
        else:
            self._rules.rights.check_manages(actor, self._directory, need.right)

    @property
    def _who(self) -> Actor:
        if self._actor is None:
            raise Unauthorized
        return self._actor

    @property
    def _here(self) -> Realm:
        if self._realm is None:
            raise RealmUnknown("this is asked within a realm")
        return self._realm

    @property
    def _address(self) -> str:
        if self._actor is not None:
            return self._actor.address
        return self._access.session.device.address if self._access is not None else ""

    @property
    def _anybody(self) -> Actor:
        return self._actor or Actor("")

    async def _known(self, user_key: int) -> Account:
        found = await self._rules.users.get(user_key)
        if found is None or found.directory != self._directory:
            raise UserUnknown
        return found

    async def _name(self, who: str | int) -> str:
        if isinstance(who, str):
            return who

        def work(connection: Connection) -> str:
            return assignee_by_key(connection, self._directory, who).name

        return await self._rules.db.read(work)

    def _place(self, realm: str | None) -> str:
        if realm is None:
            return self._realm.id if self._realm else EVERYWHERE
        if realm == EVERYWHERE:
            return EVERYWHERE
        found = self._rules.realms.get(realm)
        if found is None:
            raise RealmUnknown
        return found.id
