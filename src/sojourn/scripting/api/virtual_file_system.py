"""The global ``virtualFS``: the files of ``vfs:`` for scripts, each by its key."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sojourn.engine.files.deploying import Deploying, Write
from sojourn.engine.files.file import FileUnknown
from sojourn.engine.files.records import Entry, PathTaken
from sojourn.engine.security.actors import Actor
from sojourn.engine.security.declared import ANYONE, LOGGED_IN
from sojourn.model.file_path import MAX_KEY, FileKey, FilePath, parse_reference
from sojourn.scripting.declare import BadArgument, HostClass, exposed, method, static
from sojourn.scripting.values import Value

_READS: Final = "files of the session's realm and of `shared/`"
_WRITES: Final = "`engine.deploy:<realm>`, for `shared/` `engine.deploy:*` everywhere"

Key = Annotated[int, Meta(ge=-MAX_KEY, le=MAX_KEY)]


class FileOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What ``createFile`` takes besides name and content."""

    base_directory: Key | None = None
    content_type: str = ""


@exposed("VirtualFileSystem", "lib/vfs/VirtualFileSystem", "context/virtualFS", instance="virtualFS")
class VirtualFileSystem(HostClass):
    """Files and directories in the engine database: ``/acme/jobs/night.js`` belongs to the realm ``acme``, ``/shared/…`` to
    all. A script sees those of its own realm and the shared ones, nothing of any other.

    Each has a key, which stays when it is renamed or moved. Every change makes a version; see ``sojourn scripts versions``.
    To write is to act as every user of the realm, and takes the scope ``engine.deploy:<realm>``.

    Example::

        session.login('anna', 'correct horse battery');
        virtualFS.fileExists('/shared/none.js'); // => 0
    """

    @static("getInstance(): VirtualFileSystem", ANYONE)
    def get_instance(self) -> None:
        """The global ``virtualFS``."""

    # --- reading ---

    @method("fileExists(path: string, baseDirectory?: number): number", LOGGED_IN, also=_READS)
    async def file_exists(self, path: str, base_directory: Key | None = None) -> int:
        """The key of the file at ``path``, 0 when there is none."""
        return await self._exists(await self._place(path, base_directory), "file")

    @method("directoryExists(path: string): number", LOGGED_IN, also=_READS)
    async def directory_exists(self, path: str) -> int:
        """The key of the directory at ``path``, 0 when there is none."""
        return await self._exists(await self._place(path, None), "folder")

    @method("getFilePath(key: number): string", LOGGED_IN, also=_READS)
    async def get_file_path(self, key: Key) -> str:
        """The path of a file; raises ``FileUnknown``."""
        return (await self._entry(key, "file")).place.path

    @method("getDirectoryPath(key: number): string", LOGGED_IN, also=_READS)
    async def get_directory_path(self, key: Key) -> str:
        """The path of a directory; raises ``FileUnknown``."""
        return (await self._entry(key, "folder")).place.path

    @method("formatFilePath(name: string, directory: number): string", LOGGED_IN, also=_READS)
    async def format_file_path(self, name: str, directory: Key) -> str:
        """The path that a file of that name has in a directory, whether it is there or not; raises ``FileUnknown``."""
        return (await self._entry(directory, "folder")).place.child(name).path

    @method("getFileSize(key: number): number", LOGGED_IN, also=_READS)
    async def get_file_size(self, key: Key) -> int:
        """Bytes of a file; raises ``FileUnknown``."""
        return (await self._entry(key, "file")).size

    @method("getFileContent(key: number): string | ArrayBuffer", LOGGED_IN, also=_READS)
    async def get_file_content(self, key: Key) -> str | bytes:
        """What a file holds: its text, or its bytes where they are no UTF-8. Raises ``FileUnknown``."""
        file = await self.run.rules.files.find(FileKey(key), self.run.realm)
        if file is None:
            raise FileUnknown
        try:
            return file.content.decode()
        except UnicodeDecodeError:
            return file.content

    # --- writing ---

    @method(
        "createFile(fileName: string, content: string | ArrayBuffer, "
        "options?: { baseDirectory?: number, contentType?: string }): number",
        LOGGED_IN,
        also=_WRITES,
        writes=True,
    )
    async def create_file(
        self,
        file_name: str,
        content: Value,
        options: FileOptions = FileOptions(),  # noqa: B008 - frozen
    ) -> int:
        """Make a file, with the directories above it; its key. ``fileName`` is a path, or one below ``baseDirectory``.

        Without ``contentType`` its type follows from its name. Raises ``PathTaken``, ``BadPath``, ``FileTooLarge``,
        ``InsufficientScope``.
        """
        place = await self._place(file_name, options.base_directory)
        if await self.run.rules.files.vfs.entry(place) is not None:
            raise PathTaken(f"{place.path} is there already")
        wanted = Write(place, _bytes(content), options.content_type, 0)
        return (await self._deploying.write([wanted], await self._actor()))[0].key

    @method(
        "setFileContent(key: number, content: string | ArrayBuffer, contentType?: string): void",
        LOGGED_IN,
        also=_WRITES,
        writes=True,
    )
    async def set_file_content(self, key: Key, content: Value, content_type: str = "") -> None:
        """Give a file another content, and another type where that is said.

        Raises ``FileUnknown``, ``FileTooLarge``, ``FileChanged`` when somebody else changed it in this moment,
        ``InsufficientScope``.
        """
        entry = await self._entry(key, "file")
        wanted = Write(entry.place, _bytes(content), content_type, entry.version)
        await self._deploying.write([wanted], await self._actor())

    @method("renameFile(key: number, newName: string): void", LOGGED_IN, also=_WRITES, writes=True)
    async def rename_file(self, key: Key, new_name: str) -> None:
        """Give a file another name in its directory. Raises ``FileUnknown``, ``PathTaken``, ``BadPath``."""
        entry = await self._entry(key, "file")
        await self._deploying.rename(key, entry.place.folder.child(new_name), await self._actor())

    @method("moveFile(key: number, destinationDir: number): void", LOGGED_IN, also=_WRITES, writes=True)
    async def move_file(self, key: Key, destination_dir: Key) -> None:
        """Put a file into another directory. Raises ``FileUnknown``, ``PathTaken``."""
        await self._move(await self._entry(key, "file"), destination_dir)

    @method("deleteFile(key: number): void", LOGGED_IN, also=_WRITES, writes=True)
    async def delete_file(self, key: Key) -> None:
        """Delete a file; its versions are kept. Raises ``FileUnknown``."""
        await self._entry(key, "file")
        await self._deploying.delete(key, await self._actor())

    @method("createDirectory(name: string, parent: number): number", LOGGED_IN, also=_WRITES, writes=True)
    async def create_directory(self, name: str, parent: Key) -> int:
        """Make a directory in another one; its key. Raises ``FileUnknown``, ``PathTaken``, ``BadPath``."""
        place = (await self._entry(parent, "folder")).place.child(name)
        if await self.run.rules.files.vfs.entry(place) is not None:
            raise PathTaken(f"{place.path} is there already")
        return (await self._deploying.make_folder(place, await self._actor())).key

    @method("forceDirectories(path: string): number", LOGGED_IN, also=_WRITES, writes=True)
    async def force_directories(self, path: str) -> int:
        """The key of the directory at ``path``, made with all above it where it is not. Raises ``PathTaken``, ``BadPath``."""
        place = await self._place(path, None)
        return (await self._deploying.make_folder(place, await self._actor())).key

    @method("renameDirectory(key: number, newName: string): void", LOGGED_IN, also=_WRITES, writes=True)
    async def rename_directory(self, key: Key, new_name: str) -> None:
        """Give a directory another name; what is in it moves along. Raises ``FileUnknown``, ``PathTaken``, ``BadPath``."""
        entry = await self._entry(key, "folder")
        await self._deploying.rename(key, entry.place.folder.child(new_name), await self._actor())

    @method("moveDirectory(key: number, newParent: number): void", LOGGED_IN, also=_WRITES, writes=True)
    async def move_directory(self, key: Key, new_parent: Key) -> None:
        """Put a directory with all that is in it into another one. Raises ``FileUnknown``, ``PathTaken``."""
        await self._move(await self._entry(key, "folder"), new_parent)

    @method("deleteDirectory(key: number): void", LOGGED_IN, also=_WRITES, writes=True)
    async def delete_directory(self, key: Key) -> None:
        """Delete a directory with all that is in it. Raises ``FileUnknown``."""
        await self._entry(key, "folder")
        await self._deploying.delete(key, await self._actor(), recursive=True)

    # --- the inner side ---

    @property
    def _deploying(self) -> Deploying:
        return self.run.rules.files.deploying

    async def _move(self, entry: Entry, parent: int) -> None:
        target = (await self._entry(parent, "folder")).place.child(entry.place.name)
        await self._deploying.rename(entry.key, target, await self._actor())

    async def _place(self, path: str, base: int | None) -> FilePath:
        """A path of the realm or of ``shared``; raises ``BadPath``, and ``FileUnknown`` for one of another realm."""
        if base is not None:
            folder = (await self._entry(base, "folder")).place
            return folder.child(*path.split("/"))
        place = parse_reference(path if path.startswith("vfs:") else f"vfs:{path}")
        if not isinstance(place, FilePath):
            raise BadArgument("this is a key and no path")
        if not self.run.rules.files.owners.admits(self.run.realm, place):
            raise FileUnknown
        return place

    async def _exists(self, place: FilePath, kind: str) -> int:
        entry = await self.run.rules.files.vfs.entry(place)
        return entry.key if entry is not None and entry.kind == kind else 0

    async def _entry(self, key: int, kind: str) -> Entry:
        """What has ``key``; raises ``FileUnknown`` also for another kind and for what is another realm's."""
        files = self.run.rules.files
        entry = await files.vfs.entry(FileKey(key))
        if entry is None or entry.kind != kind or not files.owners.admits(self.run.realm, entry.place):
            raise FileUnknown
        return entry

    async def _actor(self) -> Actor:
        """The session's account, with what its handle leaves of its scopes here."""
        access, realm = self.run.session.access, self.run.realm
        actor = await self.run.rules.actors.of(access, access.session.device.address)
        here = actor.in_realm.get(realm.id, actor.everywhere) & access.scope
        return actor._replace(everywhere=actor.everywhere & access.scope, in_realm={realm.id: here})


def _bytes(content: Value) -> bytes:
    if isinstance(content, str):
        return content.encode()
    if not isinstance(content, bytes):
        raise BadArgument("the content of a file is a text or an ArrayBuffer")
    return content
