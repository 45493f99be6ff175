"""The files of scripts, wherever they lie, as one realm may see them."""

from __future__ import annotations

from collections.abc import Sequence

from sojourn.engine.files.file import STARTUP, File, mime_of
from sojourn.engine.files.owners import SHARED, Owners
from sojourn.engine.files.ufs import Ufs
from sojourn.model.file_path import FileKey, FilePath
from sojourn.model.realm import Realm


class Files:
    """Finds files; who asks is a realm, and finds nothing of another one."""

    def __init__(self, *, ufs: Ufs, owners: Owners) -> None:
        #: Files on disk.
        self.ufs = ufs
        #: Whose they are.
        self.owners = owners

    async def find(self, place: FilePath | FileKey, realm: Realm) -> File | None:
        """The file as it is now; None when there is none that scripts of ``realm`` may use.

        Raises ``FileUnreadable``, ``StoreUnavailable``.
        """
        if isinstance(place, FileKey) or place.system == "vfs" or not self.owners.admits(realm, place):
            return None
        return await self.ufs.find(place)

    async def startup(self, realm: Realm) -> Sequence[FilePath]:
        """The start-up scripts of ``realm`` and of all realms, in the order of their paths (ordinal).

        On disk these are ``*.startup.js`` in the folder ``startup`` of a root, of the realm's folder and of ``shared``.
        """
        homes = [FilePath("ufs", names) for names in (("startup",), (SHARED, "startup"), (realm.name, "startup"))]
        named = [home.child(name) for home in homes for name in await self.ufs.names(home)]
        wanted = [place for place in named if mime_of(place) == STARTUP and self.owners.admits(realm, place)]
        return sorted(wanted, key=lambda place: place.path)
