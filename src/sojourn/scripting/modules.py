"""What ``require`` finds beyond the modules of the engine: files of the project, by the rules of CommonJS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from sojourn.engine.files.file import JSON
from sojourn.model.file_path import BadPath, FileKey, FilePath, means_folder, parse_path, parse_reference, resolve
from sojourn.model.realm import Realm
from sojourn.model.token import ScriptText
from sojourn.scripting.errors import ModuleUnknown
from sojourn.scripting.files import Source, Sources

_ENDINGS = ("", ".js", ".json")
_INDEX = ("index.js", "index.json")


class Loaded(NamedTuple):
    """The text of a module."""

    #: Its one spelling: whoever requires it by whatever name gets the same module.
    uri: str
    kind: Literal["js", "json"]
    source: str
    #: What scopes of tokens compare.
    text: ScriptText


class Modules:
    """Finds modules for one realm at a time."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def load(self, name: str, base: str, realm: Realm) -> Loaded:
        """The module that ``name`` means in the file ``base`` (its URI).

        ``./x`` and ``../x`` are relative to the file, ``/x`` to the root of its file system; ``ufs:/x``, ``vfs:/x`` and
        ``vfs:ikey?KEY`` say all. As in CommonJS the file may be meant without ``.js`` or ``.json``, and a folder means its
        ``index.js`` or ``index.json``. Raises ``ModuleUnknown``, also for a file of another realm and for a name that is
        no path; ``FileUnreadable``.
        """
        try:
            for place in _places(name, base):
                found = await self._sources.at(place, realm)
                if found is not None:
                    return _loaded(found)
        except BadPath as error:
            raise ModuleUnknown(f"there is no module {name[:200]!r}: {error.message}") from None
        raise ModuleUnknown(f"there is no module {name[:200]!r} for {base[:200] or 'this script'}")


def _places(name: str, base: str) -> Iterator[FilePath | FileKey]:
    """Where a module may lie, the first that is there is meant."""
    meant = _meant(name, base)
    if isinstance(meant, FileKey):
        yield meant
        return
    if meant.names and not means_folder(name):
        yield from (FilePath(meant.system, (*meant.names[:-1], meant.name + ending)) for ending in _ENDINGS)
    yield from (FilePath(meant.system, (*meant.names, index)) for index in _INDEX)


def _meant(name: str, base: str) -> FilePath | FileKey:
    if name.startswith(("./", "../")) or name in (".", ".."):
        return resolve(name, _file(base))
    if name.startswith("/"):
        return parse_path(name.rstrip("/"), _file(base).system)
    if name.startswith(("ufs:/", "vfs:/")):
        return parse_reference(name.rstrip("/"))
    if name.startswith("vfs:ikey?"):
        return parse_reference(name)
    raise BadPath("modules of the project are named ./x, ../x, /x, ufs:/x, vfs:/x or vfs:ikey?KEY")


def _file(base: str) -> FilePath:
    found = parse_reference(base)
    if isinstance(found, FileKey):
        raise BadPath("this script has no place among the files")
    return found


def _loaded(source: Source) -> Loaded:
    is_json = source.mime == JSON or source.uri.endswith(".json")
    return Loaded(source.uri, "json" if is_json else "js", source.code, source.text)
