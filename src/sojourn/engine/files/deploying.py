"""Changes of the files in the engine database: who may make them, what they leave, what the audit log says of them.

To write a script of a realm is to act as every user of that realm: it takes the scope ``engine.deploy:<realm>``, for
``/shared`` the scope ``engine.deploy:*``. Every change makes a version, so that it can be taken back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from sojourn.core.clock import Clock
from sojourn.core.errors import Conflict, SojournError
from sojourn.core.json import Json
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.files import records
from sojourn.engine.files.diff import changed_lines
from sojourn.engine.files.file import MAX_FILE, FileUnknown, mime_of
from sojourn.engine.files.owners import Owners
from sojourn.engine.files.records import GONE, By, Entry, PathTaken, Version
from sojourn.engine.security.actors import Actor
from sojourn.model.file_path import BadPath, FilePath

#: Characters of a type.
_MOST_MIME = 100


class FileTooLarge(SojournError):
    """The file is too large."""

    code = "file.too_large"
    status = 413


class FileChanged(Conflict):
    """The file changed meanwhile."""

    code = "file.changed"


class FolderNotEmpty(Conflict):
    """The folder is not empty."""

    code = "file.folder_not_empty"


class Write(NamedTuple):
    """One file that is to be what it says."""

    place: FilePath
    content: bytes
    #: Its type; empty: what it has, for a new file what its name says.
    mime: str = ""
    #: The version that it must have now, 0 for none; None: whatever there is.
    expected: int | None = None

    @property
    def digest(self) -> bytes:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content).digest()


class Deploying:
    """Changes files of ``vfs:``. Each change is one transaction with its event in the audit log."""

    def __init__(self, *, db: EngineDatabase, owners: Owners, audit: Audit, clock: Clock) -> None:
        self._db = db
        self._owners = owners
        self._audit = audit
        self._clock = clock

    async def write(self, wanted: Sequence[Write], actor: Actor) -> Sequence[Entry]:
        """Make files what ``wanted`` says, all or none; what is so already stays as it is and makes no version.

        Folders are made where they are not. Raises ``InsufficientScope``, ``BadPath``, ``FileTooLarge``, ``PathTaken``,
        ``FileChanged`` for an unexpected version, ``FolderFull``.
        """
        owned = [(one, self._owner(one.place, actor)) for one in wanted]
        for one in wanted:
            if len(one.content) > MAX_FILE:
                raise FileTooLarge(f"{one.place.path} is larger than {MAX_FILE >> 20} MiB")
            check_mime(one.mime)

        def work(connection: Connection) -> Sequence[Entry]:
            return [self._write(connection, one, realm, actor) for one, realm in owned]

        return await self._db.write(work)

    async def make_folder(self, place: FilePath, actor: Actor) -> Entry:
        """The folder at ``place``, made with all above it where it is not. Raises as :meth:`write`."""
        realm = self._owner(place, actor, least=1)

        def work(connection: Connection) -> Entry:
            found = records.by_path(connection, realm, place.path)
            if found is not None and found.kind == "folder":
                return found
            made = records.make(connection, realm, place, "folder", self._by(actor))
            made = records.note(connection, made, "created", self._by(actor))
            self._audited(connection, "created", made, actor)
            return made

        return await self._db.write(work)

    async def rename(self, key: int, place: FilePath, actor: Actor) -> Entry:
        """Give a file, or a folder with all that is in it, another path. Keys stay.

        Raises ``FileUnknown``, ``PathTaken``, ``InsufficientScope`` for who may not write in both places, ``BadPath``.
        """
        realm = self._owner(place, actor)

        def work(connection: Connection) -> Entry:
            old = self._mine(connection, key, actor)
            if old.place == place:
                return old
            if old.kind == "folder" and place.names[: len(old.place.names)] == old.place.names:
                raise PathTaken("a folder cannot be moved into itself")
            inside = records.below(connection, old.realm, old.place) if old.kind == "folder" else []
            records.check_free(connection, realm, place, self._by(actor), but=key)
            new = self._move(connection, old, realm, place, actor)
            for one in inside:
                self._move(connection, one, realm, place.child(*one.place.names[len(old.place.names) :]), actor)
            return new

        return await self._db.write(work)

    async def delete(self, key: int, actor: Actor, *, recursive: bool = False) -> None:
        """Delete a file or a folder; its versions are kept, and its key is never another one's.

        Raises ``FileUnknown``, ``InsufficientScope``, :class:`FolderNotEmpty` unless ``recursive``.
        """

        def work(connection: Connection) -> None:
            old = self._mine(connection, key, actor)
            inside = records.below(connection, old.realm, old.place) if old.kind == "folder" else []
            if inside and not recursive:
                raise FolderNotEmpty
            for one in (*reversed(inside), old):
                records.note(connection, one, "deleted", self._by(actor), GONE)
                self._audited(connection, "deleted", one, actor)

        await self._db.write(work)

    async def restore(self, key: int, number: int, actor: Actor) -> Entry:
        """Make a file again what it was in a version, as its next one; a deleted file comes back where it was.

        Raises ``FileUnknown``, ``InsufficientScope``, ``PathTaken``.
        """

        def work(connection: Connection) -> Entry:
            old = self._mine(connection, key, actor, deleted=True)
            versions = {one.number: one for one in records.history(connection, key)}
            content = records.content(connection, key, number)
            if content is None or number not in versions:
                raise FileUnknown
            by = self._by(actor)
            if records.by_key(connection, key) is None:
                records.check_free(connection, old.realm, old.place, by)
            was = records.content(connection, key, old.version) or b""
            columns: dict[str, object] = {
                "mime": versions[number].mime,
                "digest": hashlib.sha256(content).digest(),
                "size": len(content),
            }
            columns |= records.moved(old.place)
            new = records.note(connection, old, "restored", by, columns, data=content)
            self._audited(connection, "restored", new, actor, of=number, diff=list(changed_lines(was, content)))
            return new

        return await self._db.write(work)

    async def history(self, key: int, actor: Actor) -> tuple[Entry, Sequence[Version]]:
        """A file, deleted or not, and its versions, the newest first. Raises ``FileUnknown``, ``InsufficientScope``."""

        def work(connection: Connection) -> tuple[Entry, Sequence[Version]]:
            return self._mine(connection, key, actor, deleted=True), records.history(connection, key)

        return await self._db.read(work)

    async def content(self, key: int, number: int, actor: Actor) -> bytes:
        """What a file held in one of its versions. Raises ``FileUnknown``, ``InsufficientScope``."""

        def work(connection: Connection) -> bytes:
            self._mine(connection, key, actor, deleted=True)
            found = records.content(connection, key, number)
            if found is None:
                raise FileUnknown
            return found

        return await self._db.read(work)

    def _owner(self, place: FilePath, actor: Actor, least: int = 2) -> str:
        """The id of the realm in which a path of so many names lies; raises ``BadPath``, ``InsufficientScope``."""
        owner = self._owners.of(place) if place.system == "vfs" and len(place.names) >= least else None
        if owner is None:
            raise BadPath("a path of vfs: begins with the folder of a realm, or with /shared/")
        self._owners.check_deploys(actor, owner)
        return self._owners.realm_id(owner)

    def _mine(self, connection: Connection, key: int, actor: Actor, *, deleted: bool = False) -> Entry:
        """The entry with ``key``, which ``actor`` may change; raises ``FileUnknown`` also where its realm is gone."""
        found = (records.known if deleted else records.by_key)(connection, key)
        owner = self._owners.of(found.place) if found is not None else None
        if found is None or owner is None or self._owners.realm_id(owner) != found.realm:
            raise FileUnknown
        self._owners.check_deploys(actor, owner)
        return found

    def _write(self, connection: Connection, wanted: Write, realm: str, actor: Actor) -> Entry:
        by, place, digest = self._by(actor), wanted.place, wanted.digest
        old = records.by_path(connection, realm, place.path)
        if old is not None and old.kind == "folder":
            raise PathTaken(f"{place.path} is a folder")
        if wanted.expected is not None and wanted.expected != (old.version if old else 0):
            raise FileChanged
        mime = wanted.mime or (old.mime if old else mime_of(place))
        if old is not None and (old.digest, old.mime) == (digest, mime):
            return old
        was = (records.content(connection, old.key, old.version) or b"") if old else b""
        target = old or records.make(connection, realm, place, "file", by)
        columns = {"mime": mime, "digest": digest, "size": len(wanted.content)}
        act: records.Act = "written" if old else "created"
        new = records.note(connection, target, act, by, columns, data=wanted.content)
        self._audited(connection, act, new, actor, diff=list(changed_lines(was, wanted.content)))
        return new

    def _move(self, connection: Connection, old: Entry, realm: str, place: FilePath, actor: Actor) -> Entry:
        new = records.note(connection, old, "renamed", self._by(actor), {"realm": realm, **records.moved(place)})
        self._audited(connection, "renamed", new, actor, was=old.place.path)
        return new

    def _by(self, actor: Actor) -> By:
        return By(actor.name, self._clock.now())

    def _audited(self, connection: Connection, act: str, entry: Entry, actor: Actor, **more: Json) -> None:
        detail: dict[str, Json] = {"act": act, "file": entry.place.path, "key": entry.key, "version": entry.version}
        if entry.kind == "file":
            detail |= {"type": entry.mime, "bytes": entry.size, "sha256": entry.digest.hex()}
        row = self._audit.row("DEPLOY", realm=entry.realm, outcome="ok", detail=detail | more, **actor.audited)
        connection.execute(row)


def check_mime(mime: str) -> None:
    """Raise ``BadPath`` for what is no type: ``application/x-startup``."""
    head, slash, tail = mime.partition("/")
    plain = all(part and part.isascii() and set(part) <= _TYPE for part in (head, tail))
    if mime and (not slash or not plain or len(mime) > _MOST_MIME):
        raise BadPath(f"{mime[:_MOST_MIME]!r} is no type of a file: application/javascript")


_TYPE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&^_.+-")
