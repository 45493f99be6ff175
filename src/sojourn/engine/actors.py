"""Who asks for an act on accounts, grants, tokens, keys: the host, or an account with what it may do now.

*No one gives or takes over what he does not have* (``docs/explanation/security.md``): to act on another account takes
the named scope and every scope that account has, to grant takes the scope that is granted; otherwise ``security.root``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from sojourn.core.errors import DelegatedHandle, InsufficientScope
from sojourn.model.scope import NO_SCOPE, ScopeSet
from sojourn.model.session import ANONYMOUS_KEY

#: Who has it may act on every account and grant every scope. Only ``init`` and a holder give it.
ROOT: Final = "security.root"

_NO_SCOPES: Mapping[str, ScopeSet] = {}


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

    def has(self, scope: str, realm_id: str | None = None) -> bool:
        """Whether the actor has ``scope`` in the realm, or in every realm (None). A delegated handle has no root."""
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
        return all(scopes <= self.in_realm.get(realm, self.everywhere) for realm, scopes in in_realm.items())


#: The command line on a project's folder, and the engine itself.
HOST: Final = Actor("host", host=True)
