"""Whose a file is: a path belongs to the realm that its first folder is called after, or to all of them.

On disk what lies in no realm's folder is everybody's, as ``shared/`` is; in the engine database every path begins with the
name of a realm or with ``shared``. The folder of a realm that is gone is nobody's, and so is one whose name differs from a
realm's by case only: no file comes into other hands because a name was removed or written carelessly.
"""

from __future__ import annotations

from typing import Final

from sojourn.core.errors import InsufficientScope
from sojourn.engine.realms import Realms
from sojourn.engine.security.actors import Actor
from sojourn.model.file_path import FilePath
from sojourn.model.realm import Realm

#: The folder whose files all realms may run and require.
SHARED: Final = "shared"

#: The scope that writes the files of every realm and ``shared/``.
DEPLOY_EVERYWHERE: Final = "engine.deploy:*"


def deploy_scope(owner: str) -> str:
    """The scope that is needed to write files of ``owner``: a realm's name, or :data:`SHARED`."""
    return DEPLOY_EVERYWHERE if owner == SHARED else f"engine.deploy:{owner}"


class Owners:
    """Says whose a path is, by the realms that there are."""

    def __init__(self, realms: Realms) -> None:
        self._realms = realms

    def of(self, place: FilePath) -> str | None:
        """The name of the realm that ``place`` belongs to, :data:`SHARED`, or None: nobody may use it."""
        first = place.names[0] if place.names else SHARED
        if first == SHARED:
            return SHARED
        if self._realms.get(first) is not None:
            return first
        if place.system == "vfs" or self._realms.was(first) or first.casefold() == SHARED:
            return None
        # A realm's name has no capitals: with them it means that realm on a careless file system.
        return None if self._realms.get(first.casefold()) is not None else SHARED

    def realm_id(self, owner: str) -> str:
        """How rows name an owner: the id of its realm, empty for :data:`SHARED`."""
        realm = None if owner == SHARED else self._realms.get(owner)
        return realm.id if realm is not None else ""

    def check_deploys(self, actor: Actor, owner: str) -> None:
        """Raise ``InsufficientScope`` unless ``actor`` may write files of ``owner``.

        The scope for one realm has to hold there, the one for ``shared`` everywhere: it is in no realm's gift.
        """
        scopes = actor.everywhere if owner == SHARED else actor.in_realm.get(self.realm_id(owner), actor.everywhere)
        if not actor.host and not scopes & {deploy_scope(owner), DEPLOY_EVERYWHERE}:
            raise InsufficientScope

    def admits(self, realm: Realm, place: FilePath) -> bool:
        """Whether scripts of ``realm`` may run and require the file."""
        return self.of(place) in (SHARED, realm.name)
