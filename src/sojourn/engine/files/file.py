"""One file as scripts see it."""

from __future__ import annotations

from typing import Final, NamedTuple

from sojourn.core.errors import NotFound, Unavailable
from sojourn.model.file_path import FilePath

#: Bytes of one file.
MAX_FILE: Final = 4 << 20

JAVASCRIPT: Final = "application/javascript"
JSON: Final = "application/json"
STARTUP: Final = "application/x-startup"

#: What editors find beside the scripts: the types of what these see, and how they are to be read. They are no scripts.
TYPES: Final = "sojourn.d.ts"
EDITOR_CONFIG: Final = "jsconfig.json"
FOR_EDITORS: Final = frozenset({TYPES, EDITOR_CONFIG})

_BY_ENDING = {".js": JAVASCRIPT, ".cjs": JAVASCRIPT, ".json": JSON}


class FileUnknown(NotFound):
    """There is no such file."""

    code = "file.unknown"


class FileUnreadable(Unavailable):
    """The file cannot be read."""

    code = "file.unreadable"


class File(NamedTuple):
    """A file with its bytes."""

    place: FilePath
    content: bytes
    mime: str
    #: SHA-256 of :attr:`content`.
    digest: bytes
    #: Key and version of its record, 0 for a file on disk.
    key: int = 0
    version: int = 0


def mime_of(place: FilePath) -> str:
    """The type of a file on disk, by its name; ``*.startup.js`` in a folder ``startup`` is a start-up script."""
    if place.name.endswith(".startup.js") and place.folder.name == "startup":
        return STARTUP
    return _BY_ENDING.get(place.name[place.name.rfind(".") :].lower(), "application/octet-stream")
