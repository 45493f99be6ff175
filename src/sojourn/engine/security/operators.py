"""Operators: accounts with administrative scopes, and which realms each of them may look into and act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from sojourn.core.errors import DelegatedHandle, InsufficientScope
from sojourn.engine.access import Access
from sojourn.engine.accounts.directory import MAIN
from sojourn.engine.facts import Facts
from sojourn.engine.files.owners import DEPLOY_EVERYWHERE, deploy_scope
from sojourn.engine.login import LoggedIn, Logins
from sojourn.engine.passwords.throttling import NO_DEVICE, ShownDevice
from sojourn.engine.realms import Realms
from sojourn.engine.security.actors import ROOT, Actor
from sojourn.model.realm import Realm
from sojourn.model.scope import ScopeSet
from sojourn.model.session import Device
from sojourn.model.user import Account

#: What an operator may do. Each holds in the realm of its grant, or in every realm.
Right = Literal[
    "view",
    "manage",
    "fields",
    "viewUsers",
    "manageUsers",
    "permissions",
    "tokens",
    "keys",
    "providers",
    "audit",
    "changes",
    "acceptChanges",
    "undo",
    "deploy",
]

#: What stands for the name of a realm in a scope; no scope has it.
REALM: Final = "<realm>"

#: The scopes that give a right; any one of them will do. In one of them stands the name of the realm that it is for.
SCOPES: Mapping[Right, tuple[str, ...]] = {
    "view": ("engine.viewSessions", "engine.manageSessions"),
    "manage": ("engine.manageSessions",),
    "fields": ("engine.viewFields",),
    "viewUsers": ("security.viewUsers", "security.manageUsers", ROOT),
    "manageUsers": ("security.manageUsers", ROOT),
    "permissions": ("security.managePermissions", ROOT),
    "tokens": ("security.manageTokens", ROOT),
    "keys": ("security.manageKeys",),
    "providers": ("security.manageProviders",),
    "audit": ("security.viewAudit",),
    "changes": ("database.viewChanges",),
    "acceptChanges": ("security.acceptChanges",),
    "undo": ("database.undoChanges",),
    "deploy": (DEPLOY_EVERYWHERE, deploy_scope(REALM)),
}

#: Who has no scope that begins with one of these, in no realm, is no operator and cannot log in as one.
ADMINISTRATIVE = ("engine.", "security.", "database.viewChanges", "database.undoChanges")


class Operator(NamedTuple):
    """An operator who acts now, with the scopes of this instant."""

    access: Access
    account: Account
    #: Scopes that were granted in every realm.
    everywhere: ScopeSet
    #: The project's realms by name, with the scopes in each.
    in_realm: Mapping[str, tuple[Realm, ScopeSet]]

    @property
    def name(self) -> str:
        """The public name, for audit log and tombstones."""
        return self.account.name

    def realms(self, right: Right) -> Sequence[Realm]:
        """The realms in which the operator has ``right``, by name."""
        return [
            realm
            for realm, scopes in self.in_realm.values()
            if any(scope.replace(REALM, realm.name) in scopes for scope in SCOPES[right])
        ]

    def has_everywhere(self, right: Right) -> bool:
        """Whether the operator has ``right`` in every realm, those to come included."""
        return bool(self.everywhere.intersection(SCOPES[right]))

    def actor(self, address: str) -> Actor:
        """The operator as one who acts on accounts, grants, tokens or keys."""
        return Actor(
            name=self.name,
            key=self.account.key,
            everywhere=self.everywhere,
            in_realm={realm.id: scopes for realm, scopes in self.in_realm.values()},
            session=self.access.session.id,
            address=address,
        )

    def check(self, right: Right, *, everywhere: bool = False) -> None:
        """Raise ``InsufficientScope`` unless the operator has ``right`` somewhere, or ``everywhere``."""
        if not (self.has_everywhere(right) or (not everywhere and self.realms(right))):
            raise InsufficientScope


class Operators:
    """Lets operators log in and says what they may do."""

    def __init__(self, *, realms: Realms, facts: Facts, logins: Logins) -> None:
        self._realms = realms
        self._facts = facts
        self._logins = logins

    @property
    def realm(self) -> Realm:
        """Where the sessions of operators live."""
        return self._realms.operators

    async def login(
        self,
        user_name: str,
        password: str,
        device: Device,
        current: Access | None,
        shown: ShownDevice = NO_DEVICE,
    ) -> LoggedIn | None:
        """Log in an account of the directory ``main``; None when refused, also for who is no operator.

        What else happens, and what is raised, is said at :meth:`Logins.login`.
        """
        return await self._logins.login(
            self.realm, user_name, password, device, current=current, admit=self._is_operator, shown=shown
        )

    async def acting(self, access: Access) -> Operator:
        """The operator whose session ``access`` opened. Raises ``DelegatedHandle`` for a narrower token."""
        if access.delegated or access.account is None:
            raise DelegatedHandle
        scopes = await self._scopes(access.account.key)
        return Operator(access, access.account, access.scope, scopes)

    async def _is_operator(self, account: Account) -> bool:
        held = [account.scopes, *(scopes for _, scopes in (await self._scopes(account.key)).values())]
        return any(scope.startswith(ADMINISTRATIVE) for scopes in held for scope in scopes)

    async def _scopes(self, key: int) -> Mapping[str, tuple[Realm, ScopeSet]]:
        facts = await self._facts.current()
        found = {}
        for realm in self._realms.all():
            account = await facts.account(_for_operators(realm), key)
            found[realm.name] = (realm, account.scopes if account else frozenset[str]())
        return found


def _for_operators(realm: Realm) -> Realm:
    """``realm`` as the accounts of operators see it: grants are for the realm, whatever directory its own accounts have."""
    if realm.config.directory == MAIN:
        return realm
    return msgspec.structs.replace(realm, config=msgspec.structs.replace(realm.config, directory=MAIN))
