"""Who may do what to accounts, groups, roles and grants: *no one gives or takes over what he does not have*.

What is made here is asked within the transaction of the act itself, of the rows as they are then: nothing that was
granted a moment before slips through between the question and the act.

A right over accounts and groups is needed in every realm of their directory; to look at them takes one of these realms.
Besides the named scope, who acts needs every scope that the account has, or that the group or role gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, select

from sojourn.core.errors import DelegatedHandle, InsufficientScope
from sojourn.engine import lookups
from sojourn.engine.accounts.directory import EVERYONE, Assignee, UserUnknown, assignee, known_group
from sojourn.engine.database import schema
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.realms import Realms
from sojourn.engine.security.actors import Actor, Guard
from sojourn.model.realm import Realm
from sojourn.model.scope import NO_SCOPE, ScopeSet

#: To look at accounts, groups, roles and grants; who may change them may look too.
VIEW = ("security.viewUsers", "security.manageUsers")

#: To change accounts, groups and roles.
MANAGE = "security.manageUsers"

#: To grant and to revoke.
PERMISSIONS = "security.managePermissions"


class Rights:
    """Makes the questions that an act asks before it changes anything."""

    def __init__(self, realms: Realms) -> None:
        self._realms = realms

    def sees(self, actor: Actor, directory: str, scopes: Iterable[str] = VIEW) -> bool:
        """Whether ``actor`` has one of ``scopes`` in every realm or in one of the directory."""
        if actor.delegated and not actor.host:
            return False
        return any(
            actor.has(scope) or any(actor.has(scope, realm.id) for realm in self._of(directory)) for scope in scopes
        )

    def check_sees(self, actor: Actor, directory: str) -> None:
        """Raise ``InsufficientScope`` unless :meth:`sees`, ``DelegatedHandle`` for a delegated handle."""
        if actor.delegated:
            raise DelegatedHandle
        if not self.sees(actor, directory):
            raise InsufficientScope

    def check_manages(self, actor: Actor, directory: str, scope: str = MANAGE) -> None:
        """Raise ``InsufficientScope`` unless ``actor`` has ``scope`` in every realm of the directory; ``DelegatedHandle``."""
        if actor.delegated:
            raise DelegatedHandle
        realms = self._of(directory)
        if not (actor.has(scope) or (realms and all(actor.has(scope, realm.id) for realm in realms))):
            raise InsufficientScope

    def over_account(self, actor: Actor, key: int, scope: str = MANAGE) -> Guard:
        """To act on an account: ``scope`` in its directory, and all that the account has. ``UserUnknown`` without one."""

        def guard(connection: Connection) -> None:
            table = schema.account
            found = select(table.c.directory).where(table.c.key == key, table.c.state != "deleted")
            directory = connection.execute(found).scalar_one_or_none()
            if directory is None:
                raise UserUnknown
            self.check_manages(actor, directory, scope)
            _check_covers(actor, lookups.held(connection, key))

        return guard

    def over_group(self, actor: Actor, directory: str, name: str) -> Guard:
        """To act on a group or role: the scope, and all that it gives. ``GroupUnknown`` without one."""

        def guard(connection: Connection) -> None:
            self.check_manages(actor, directory)
            _check_covers(actor, lookups.given(connection, known_group(connection, directory, name)))

        return guard

    def adds(self, actor: Actor, directory: str, groups: Sequence[str]) -> Guard:
        """To make an account, group or role within ``groups``: all that these give, and everyone."""

        def guard(connection: Connection) -> None:
            self.check_manages(actor, directory)
            table = schema.user_group
            everyone = select(table.c.key).where(table.c.directory == directory, table.c.kind == EVERYONE)
            keys = [*connection.execute(everyone).scalars()]
            keys += [known_group(connection, directory, name) for name in groups]
            for key in keys:
                _check_covers(actor, lookups.given(connection, key))

        return guard

    def joins(self, actor: Actor, directory: str, member: str, groups: Sequence[str]) -> Guard:
        """To put a user or group into ``groups`` or take it out of them: all that it has, and all that these give."""

        def guard(connection: Connection) -> None:
            self.check_manages(actor, directory)
            _check_covers(actor, _held_by(connection, assignee(connection, directory, member)))
            for name in groups:
                _check_covers(actor, lookups.given(connection, known_group(connection, directory, name)))

        return guard

    @staticmethod
    def check_grants(actor: Actor) -> None:
        """Raise ``InsufficientScope`` unless ``actor`` may grant and revoke in some realm; ``DelegatedHandle``."""
        if actor.delegated:
            raise DelegatedHandle
        if not (actor.has(PERMISSIONS) or any(PERMISSIONS in held for held in actor.in_realm.values())):
            raise InsufficientScope

    @staticmethod
    def gives(actor: Actor, scope: str, realm_id: str = EVERYWHERE) -> Guard:
        """To grant or revoke ``scope`` in a realm, or in all of them: the right to, and that scope, there."""

        def guard(_connection: Connection) -> None:
            within = None if realm_id == EVERYWHERE else realm_id
            actor.check(PERMISSIONS, within)
            if not actor.has(scope, within):
                raise InsufficientScope

        return guard

    def _of(self, directory: str) -> Sequence[Realm]:
        return [realm for realm in self._realms.all() if realm.config.directory == directory]


def _held_by(connection: Connection, who: Assignee) -> Mapping[str, ScopeSet]:
    if who.account is not None:
        return lookups.held(connection, who.account)
    return lookups.given(connection, who.key)


def _check_covers(actor: Actor, held: Mapping[str, ScopeSet]) -> None:
    if not actor.covers(held.get(EVERYWHERE, NO_SCOPE), held):
        raise InsufficientScope
