"""The text of scripts: of the project's files and of those in the engine database, as one realm may use them.

Each question looks at the file, so that a changed one is run at once. What cannot be read any more, is no text or no
JavaScript leaves the last good version in use; the log and :attr:`Sources.problems` say so.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

from sojourn.engine.files.file import JAVASCRIPT, JSON, STARTUP, File, FileUnreadable
from sojourn.engine.files.files import Files
from sojourn.model.file_path import FileKey, FilePath, parse_path, parse_reference
from sojourn.model.realm import Realm
from sojourn.model.token import ScriptText
from sojourn.scripting.errors import ScriptUnknown
from sojourn.scripting.files.wrapping import as_block
from sojourn.scripting.runtime import Script

_log = logging.getLogger(__name__)

#: Texts that are kept for the day on which their file cannot be read, and characters of them.
_MOST: Final = 2_000
_MOST_CHARACTERS: Final = 64 << 20

_BOM = "\ufeff"


class Source(NamedTuple):
    """The text of one script."""

    #: Its one spelling, by its path: ``ufs:/folder/name.js``, ``vfs:/folder/name.js``; escaped as in script scopes.
    uri: str
    code: str
    mime: str
    #: SHA-256 of the file.
    digest: bytes
    #: Key and version of its record, 0 for a file on disk.
    key: int = 0
    version: int = 0

    @property
    def text(self) -> ScriptText:
        """What scopes of tokens compare."""
        return ScriptText(self.uri, self.digest, self.key)

    @property
    def task(self) -> Script:
        """The file as a task: see :mod:`sojourn.scripting.files.wrapping`."""
        return Script(as_block(self.code), self.uri, block=True)


Wrong = Callable[[Source, Realm], Awaitable[str]]


class Sources:
    """Finds the text of scripts."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._good: OrderedDict[FilePath, Source] = OrderedDict()
        self._kept = 0
        self._problems: dict[FilePath, str] = {}
        #: Says what is wrong with a changed script, empty for nothing; see :mod:`sojourn.scripting.files.parsing`.
        self.wrong: Wrong = _nothing
        #: Texts that were found wrong, by their digest, and those that are looked at now.
        self._refused: dict[FilePath, tuple[bytes, str]] = {}
        self._looked_at: dict[tuple[FilePath, bytes], asyncio.Task[str]] = {}

    @property
    def problems(self) -> Mapping[str, str]:
        """Scripts whose last good version is in use, with the reason, by URI."""
        return {place.uri: text for place, text in self._problems.items()}

    async def find(self, reference: str | int, realm: Realm) -> Source:
        """The script that ``ufs:/…``, ``vfs:/…``, ``vfs:ikey?KEY``, a key, or a path without a prefix names.

        A path alone is looked for on disk, then in the engine database. Raises ``ScriptUnknown``, also for a script of
        another realm; ``BadPath``; ``FileUnreadable`` for one that never could be read.
        """
        for place in _places(reference):
            found = await self.at(place, realm)
            if found is not None:
                return found
        raise ScriptUnknown(f"there is no script {str(reference)[:200]}")

    async def at(self, place: FilePath | FileKey, realm: Realm) -> Source | None:
        """The text at ``place``; None when there is none that ``realm`` may use. Raises as :meth:`find`."""
        try:
            file = await self._files.find(place, realm)
        except FileUnreadable as error:
            return self._last_good(place, 0, error)
        if file is not None:
            try:
                await self._check_fit(file, realm)
                return self._text(file)
            except FileUnreadable as error:
                return self._last_good(file.place, file.key, error)
        if isinstance(place, FilePath) and self._files.owners.admits(realm, place):
            self._drop(place)
            for told in (self._problems, self._refused):
                told.pop(place, None)
        return None

    async def startup(self, realm: Realm) -> Sequence[Source]:
        """The start-up scripts that a session of ``realm`` runs, in their order. Raises ``FileUnreadable``."""
        found = [await self.at(place, realm) for place in await self._files.startup(realm)]
        return [source for source in found if source is not None]

    async def _check_fit(self, file: File, realm: Realm) -> None:
        """Raise ``FileUnreadable`` for a text that does not parse and would take the place of one that is."""
        known, place = self._good.get(file.place), file.place
        if known is None or known.digest == file.digest or file.mime not in (JAVASCRIPT, STARTUP, JSON):
            return
        refused = self._refused.get(place)
        text = refused[1] if refused is not None and refused[0] == file.digest else None
        if text is None:
            text = await self._looked(_decoded(file), place, realm)
        # Where the one before was wrong as well, its author sees what is wrong with this one.
        if text and not await self._looked(known, place, realm):
            self._refused[place] = (file.digest, text)
            raise FileUnreadable(text)
        self._refused.pop(place, None)

    async def _looked(self, source: Source, place: FilePath, realm: Realm) -> str:
        """What is wrong with a text; whoever asks meanwhile waits for the same answer."""
        at = (place, source.digest)
        task = self._looked_at.get(at)
        if task is None:
            task = self._looked_at[at] = asyncio.create_task(_awaited(self.wrong(source, realm)))
            task.add_done_callback(lambda _: self._looked_at.pop(at, None))
        return await asyncio.shield(task)

    def _text(self, file: File) -> Source:
        known = self._good.get(file.place)
        if known is not None and (known.digest, known.key, known.mime) == (file.digest, file.key, file.mime):
            source = known if known.version == file.version else known._replace(version=file.version)
        else:
            source = _decoded(file)
        self._keep(file.place, source)
        if self._problems.pop(file.place, None):
            _log.info("%s is in use again as it is", file.place.uri)
        return source

    def _keep(self, place: FilePath, source: Source) -> None:
        self._drop(place)
        self._good[place] = source
        self._kept += len(source.code)
        while len(self._good) > _MOST or (self._kept > _MOST_CHARACTERS and len(self._good) > 1):
            self._drop(next(iter(self._good)))

    def _drop(self, place: FilePath) -> None:
        gone = self._good.pop(place, None)
        self._kept -= len(gone.code) if gone is not None else 0

    def _last_good(self, place: FilePath | FileKey, key: int, error: FileUnreadable) -> Source:
        """What the file said when it could be read; raises ``error`` when it never could, or was another file then."""
        known = self._good.get(place) if isinstance(place, FilePath) else None
        if known is None or known.key != key or isinstance(place, FileKey):
            raise error
        if self._problems.get(place) != error.message:
            self._problems[place] = error.message
            _log.error("%s: %s; the last good version stays in use", place.uri, error.message)
        return known


async def _nothing(_source: Source, _realm: Realm) -> str:
    return ""


async def _awaited(coming: Awaitable[str]) -> str:
    return await coming


def _places(reference: str | int) -> Sequence[FilePath | FileKey]:
    if isinstance(reference, str) and reference.startswith("/"):
        return [parse_path(reference, "ufs"), parse_path(reference, "vfs")]
    return [parse_reference(reference)]


def _decoded(file: File) -> Source:
    try:
        code = file.content.decode().removeprefix(_BOM)
    except UnicodeDecodeError:
        raise FileUnreadable(f"{file.place.uri} is no UTF-8 text") from None
    return Source(file.place.uri, code, file.mime, file.digest, file.key, file.version)
