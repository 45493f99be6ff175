"""Files in the engine database, as they are now.

What is where is remembered under the generation of the facts, so a change holds from the next question on in every process;
contents are remembered by key and version.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from sojourn.engine.database import EngineDatabase, Generation
from sojourn.engine.facts import Facts
from sojourn.engine.files import records
from sojourn.engine.files.file import STARTUP, File
from sojourn.engine.files.owners import SHARED, Owners
from sojourn.engine.files.records import Entry
from sojourn.model.file_path import FileKey, FilePath
from sojourn.model.realm import Realm

#: What is remembered: entries, and bytes of contents.
_MOST_ENTRIES: Final = 20_000
_MOST_BYTES: Final = 64 << 20

#: Entries that are read at once.
_PAGE: Final = 500


class Vfs:
    """Reads the files of ``vfs:``."""

    def __init__(self, *, db: EngineDatabase, facts: Facts, owners: Owners) -> None:
        self._db = db
        self._facts = facts
        self._owners = owners
        self._generation: Generation | None = None
        self._entries: dict[tuple[str, FilePath | FileKey], Entry | None] = {}
        self._contents: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._bytes = 0

    async def find(self, place: FilePath | FileKey) -> File | None:
        """The file at a path or with a key, whosever it is; None when there is none. Raises ``StoreUnavailable``."""
        entry = await self.entry(place)
        if entry is None or entry.kind != "file":
            return None
        content = await self._content(entry)
        if content is None:
            return None
        return File(entry.place, content, entry.mime, entry.digest, entry.key, entry.version)

    async def entry(self, place: FilePath | FileKey) -> Entry | None:
        """The live file or folder at a path or with a key; None when there is none, or nobody may use it."""
        await self._keep_up()
        realm_id = ""
        if isinstance(place, FilePath):
            owner = self._owners.of(place)
            if owner is None or not place.names:
                return None
            realm_id = self._owners.realm_id(owner)
        # While it is read the facts may change; what comes then belongs to those from before.
        entries, at = self._entries, (realm_id, place)
        if at not in entries:
            found = await self._read(realm_id, place)
            if len(entries) >= _MOST_ENTRIES:
                entries.clear()
            entries[at] = found
        found = entries.get(at)
        return found if found is not None and self._is_there(found) else None

    async def startup(self, realm: Realm) -> Sequence[Entry]:
        """The start-up scripts of ``realm`` and of all realms, in no order."""
        return await self._db.read(lambda connection: records.of_type(connection, ("", realm.id), STARTUP))

    async def list(self, owner: str, *, deleted: bool = False) -> Sequence[Entry]:
        """All files and folders of an owner, or its deleted files, in the ordinal order of their paths."""
        found = list[Entry]()
        while True:
            page = await self.page(owner, found[-1].key if found else 0, _PAGE, deleted=deleted)
            found += page
            if len(page) < _PAGE:
                return sorted(found, key=lambda entry: (entry.place.path, entry.key))

    async def page(self, owner: str, after: int, limit: int, *, deleted: bool = False) -> Sequence[Entry]:
        """At most ``limit`` entries of an owner (a realm's name, or ``shared``) with keys beyond ``after``, by key."""
        realm_id = self._owners.realm_id(owner)
        if owner != SHARED and not realm_id:
            return []
        return await self._db.read(lambda connection: records.page(connection, realm_id, after, limit, deleted=deleted))

    async def _keep_up(self) -> None:
        generation = (await self._facts.current()).generation
        if generation != self._generation:
            self._generation = generation
            self._entries = {}

    def _is_there(self, entry: Entry) -> bool:
        """Whether the realm of an entry is the one that its path names: not one of that name that is gone."""
        owner = self._owners.of(entry.place)
        return owner is not None and self._owners.realm_id(owner) == entry.realm

    async def _read(self, realm_id: str, place: FilePath | FileKey) -> Entry | None:
        if isinstance(place, FileKey):
            return await self._db.read(lambda connection: records.by_key(connection, place.key))
        return await self._db.read(lambda connection: records.by_path(connection, realm_id, place.path))

    async def _content(self, entry: Entry) -> bytes | None:
        at = (entry.key, entry.version)
        known = self._contents.get(at)
        if known is None:
            known = await self._db.read(lambda connection: records.content(connection, *at))
            if known is None:
                return None
            self._bytes += len(known) - len(self._contents.pop(at, b""))
            self._contents[at] = known
            while self._bytes > _MOST_BYTES:
                self._bytes -= len(self._contents.popitem(last=False)[1])
        else:
            self._contents.move_to_end(at)
        return known
