"""Whose a file is: a path belongs to the realm that its first folder is called after, or to all of them.

On disk what lies in no realm's folder is everybody's, as ``shared/`` is; in the engine database every path begins with the
name of a realm or with ``shared``. The folder of a realm that is gone is nobody's, and so is one whose name differs from a
realm's by case only: no file comes into other hands because a name was removed or written carelessly.
"""

from __future__ import annotations

from typing import Final

from sojourn.engine.realms import Realms
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

    def admits(self, realm: Realm, place: FilePath) -> bool:
        """Whether scripts of ``realm`` may run and require the file."""
        return self.of(place) in (SHARED, realm.name)
