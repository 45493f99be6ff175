"""The files of scripts, wherever they lie, as one realm may see them."""

from __future__ import annotations

from collections.abc import Sequence

from sojourn.config.settings import Settings
from sojourn.core.clock import Clock
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.facts import Facts
from sojourn.engine.files.deploying import Deploying
from sojourn.engine.files.file import STARTUP, File, mime_of
from sojourn.engine.files.owners import SHARED, Owners
from sojourn.engine.files.ufs import Ufs
from sojourn.engine.files.vfs import Vfs
from sojourn.engine.realms import Realms
from sojourn.model.file_path import FileKey, FilePath
from sojourn.model.realm import Realm


class Files:
    """Finds files; who asks is a realm, and finds nothing of another one."""

    def __init__(self, *, ufs: Ufs, vfs: Vfs, deploying: Deploying, owners: Owners) -> None:
        #: Files on disk.
        self.ufs = ufs
        #: Files in the engine database, and how they are changed.
        self.vfs = vfs
        self.deploying = deploying
        #: Whose they are.
        self.owners = owners

    async def find(self, place: FilePath | FileKey, realm: Realm) -> File | None:
        """The file as it is now; None when there is none that scripts of ``realm`` may use.

        Raises ``FileUnreadable``, ``StoreUnavailable``.
        """
        if isinstance(place, FilePath) and not self.owners.admits(realm, place):
            return None
        found = await self.any(place)
        return found if found is not None and self.owners.admits(realm, found.place) else None

    async def any(self, place: FilePath | FileKey) -> File | None:
        """The file whosever it is; for who decides by its digest, not for who reads it. Raises as :meth:`find`."""
        if isinstance(place, FilePath) and place.system == "ufs":
            return await self.ufs.find(place)
        return await self.vfs.find(place)

    async def startup(self, realm: Realm) -> Sequence[FilePath]:
        """The start-up scripts of ``realm`` and of all realms, in the ordinal order of their paths, then of their keys.

        On disk these are ``*.startup.js`` in the folder ``startup`` of a root, of the realm's folder and of ``shared``, in
        the engine database all files of the type; one on disk comes before one with the same path there.
        """
        homes = [FilePath("ufs", names) for names in (("startup",), (SHARED, "startup"), (realm.name, "startup"))]
        named = [home.child(name) for home in homes for name in await self.ufs.names(home)]
        found = [(place.path, 0, place) for place in named if mime_of(place) == STARTUP]
        found += [(entry.place.path, entry.key, entry.place) for entry in await self.vfs.startup(realm)]
        return [place for *_, place in sorted(found) if self.owners.admits(realm, place)]


def files_of(
    settings: Settings, *, db: EngineDatabase, facts: Facts, realms: Realms, audit: Audit, clock: Clock
) -> Files:
    """The files of a project and its engine database."""
    owners = Owners(realms)
    return Files(
        ufs=Ufs(settings.script_roots),
        vfs=Vfs(db=db, facts=facts, owners=owners),
        deploying=Deploying(db=db, owners=owners, audit=audit, clock=clock),
        owners=owners,
    )
