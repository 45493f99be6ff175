"""Who asks for an act on accounts, grants, tokens, keys: the host, or an account with what it may do now.

*No one gives or takes over what he does not have* (``docs/explanation/security.md``): to act on another account takes
the named scope and every scope that account has, to grant takes the scope that is granted; otherwise ``security.root``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypedDict

from sqlalchemy import Connection

from sojourn.core.errors import DelegatedHandle, InsufficientScope, Unauthorized
from sojourn.engine.access import Access
from sojourn.engine.facts import Facts
from sojourn.engine.lookups import EVERYWHERE
from sojourn.model.scope import NO_SCOPE, ScopeSet
from sojourn.model.session import ANONYMOUS_KEY

#: Who has it may act on every account and grant every scope. Only ``init`` and a holder give it.
ROOT: Final = "security.root"

_NO_SCOPES: Mapping[str, ScopeSet] = {}


#: What an act asks within its own transaction before it changes anything; it raises to refuse.
Guard = Callable[[Connection], None]


class Audited(TypedDict):
    """Who acts, as a row of the audit log says it."""

    actor: str
    session: str
    address: str


class Actor(NamedTuple):
    """Who acts. Made by the layer that knows who asks, for one act: its scopes are those of this instant."""

    #: Public name, for the audit log.
    name: str
    #: Key of the account, -1 for the host.
    key: int = ANONYMOUS_KEY
    #: Scopes that hold in every realm.
    everywhere: ScopeSet = NO_SCOPE
    #: Scopes by realm id, those of :attr:`everywhere` included.
    in_realm: Mapping[str, ScopeSet] = _NO_SCOPES
    #: Who has the files and the master key: nothing is refused.
    host: bool = False
    #: Whether the handle is narrower than its session: then it does nothing that is the account's own.
    delegated: bool = False
    #: The session that acts, empty without one; for audit log and lineage.
    session: str = ""
    #: The client's address, for the audit log.
    address: str = ""

    @property
    def audited(self) -> Audited:
        """Name, session and address for the audit log."""
        return Audited(actor=self.name, session=self.session, address=self.address)

    def has(self, scope: str, realm_id: str | None = None) -> bool:
        """Whether the actor has ``scope``, or root, in the realm or in every realm (None). A delegated handle has no root.

        For acts on accounts, their grants and tokens only: of everything else root has to give itself the scope first.
        """
        if self.host:
            return True
        held = self.everywhere if realm_id is None else self.in_realm.get(realm_id, self.everywhere)
        return scope in held or (ROOT in self.everywhere and not self.delegated)

    def check(self, scope: str, realm_id: str | None = None) -> None:
        """Raise ``InsufficientScope`` unless :meth:`has`, ``DelegatedHandle`` for a delegated handle."""
        if self.delegated:
            raise DelegatedHandle
        if not self.has(scope, realm_id):
            raise InsufficientScope

    def covers(self, everywhere: ScopeSet, in_realm: Mapping[str, ScopeSet]) -> bool:
        """Whether the actor has all of these scopes, each where it holds; ``in_realm`` by realm id."""
        if self.host or (ROOT in self.everywhere and not self.delegated):
            return True
        if not everywhere <= self.everywhere:
            return False
        return all(
            scopes <= self.in_realm.get(realm, self.everywhere)
            for realm, scopes in in_realm.items()
            if realm != EVERYWHERE
        )


#: The command line on a project's folder, and the engine itself.
HOST: Final = Actor("host", host=True)


def as_actor(actor: Actor | str) -> Actor:
    """Who acts, where perhaps only a name is known."""
    return Actor(actor) if isinstance(actor, str) else actor


def unguarded(_connection: Connection) -> None:
    """Nothing is asked: whoever calls has decided."""


class Actors:
    """Says who acts, and with which scopes."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    async def of(self, access: Access, address: str = "") -> Actor:
        """The account behind ``access``, with what it may do now wherever it may; raises ``Unauthorized`` without one."""
        account = access.account
        if account is None:
            raise Unauthorized
        in_realm = await self.scopes(account.key)
        return Actor(
            name=account.name,
            key=account.key,
            everywhere=in_realm.get(EVERYWHERE, NO_SCOPE),
            in_realm=in_realm,
            delegated=access.delegated,
            session=access.session.id,
            address=address,
        )

    async def scopes(self, account_key: int) -> Mapping[str, ScopeSet]:
        """What an account may do now: by realm id with what it may everywhere included, and the latter under ``*``."""
        held = await (await self._facts.current()).held(account_key)
        everywhere = held.get(EVERYWHERE, NO_SCOPE)
        return {realm: scopes | everywhere for realm, scopes in held.items()}

    async def check_over(self, actor: Actor, scope: str, account_key: int, realm_id: str | None = None) -> None:
        """Raise unless ``actor`` may act on another account: it needs ``scope``, and every scope that account has.

        ``InsufficientScope``, ``DelegatedHandle``. The own account is no other one: what may be done to it is for the
        caller to say.
        """
        actor.check(scope, realm_id)
        theirs = await self.scopes(account_key)
        if not actor.covers(theirs.get(EVERYWHERE, NO_SCOPE), theirs):
            raise InsufficientScope
