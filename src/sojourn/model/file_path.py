"""Names of scripts: ``ufs:/folder/name.js`` on disk, ``vfs:/folder/name.js`` and ``vfs:ikey?123`` in the engine database.

A reference is read once: percent escapes are decoded, names are brought to NFC, and what no file system of any platform
would take for exactly one file is refused. Every file then has one spelling, its URI.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple, cast
from urllib.parse import quote, unquote

from sojourn.core.errors import BadRequest

FileSystem = Literal["ufs", "vfs"]

#: Characters of one path, and folders deep.
MAX_PATH: Final = 1_000
MAX_DEPTH: Final = 32

#: Bytes of one name, in UTF-8.
MAX_NAME: Final = 255

#: The largest key that is looked for.
MAX_KEY: Final = 2**53 - 1

_FORBIDDEN: Final = frozenset('<>:"/\\|?*')
_NUMBERED: Final = frozenset("0123456789\u00b9\u00b2\u00b3")

# Names that open a device on some system, whatever their ending and case.
_DEVICES: Final = frozenset(
    (
        "con",
        "prn",
        "aux",
        "nul",
        "conin$",
        "conout$",
        "clock$",
        *(kind + n for kind in ("com", "lpt") for n in _NUMBERED),
    )
)


class BadPath(BadRequest):
    """This is no path of a file."""

    code = "file.bad_path"


class FilePath(NamedTuple):
    """The path of one file, or of a folder; its root has no names."""

    system: FileSystem
    #: From the root down, as they are called: not escaped.
    names: tuple[str, ...]

    @property
    def uri(self) -> str:
        """The one spelling: ``ufs:/folder/my%20name.js``."""
        return f"{self.system}:/" + "/".join(map(_escaped, self.names))

    @property
    def path(self) -> str:
        """As people write it: ``/folder/my name.js``. The URL of a record, and what start-up scripts are ordered by."""
        return "/" + "/".join(self.names)

    @property
    def name(self) -> str:
        """The last name, empty for the root."""
        return self.names[-1] if self.names else ""

    @property
    def folder(self) -> FilePath:
        """Where it lies; the root lies in itself."""
        return FilePath(self.system, self.names[:-1])

    def child(self, *names: str) -> FilePath:
        """What lies below it; raises :class:`BadPath`."""
        return _checked(self.system, (*self.names, *names))


class FileKey(NamedTuple):
    """A file by the key of its record: ``vfs:ikey?123``."""

    key: int

    @property
    def uri(self) -> str:
        """``vfs:ikey?123``."""
        return f"vfs:ikey?{self.key}"


@lru_cache(maxsize=2_048)
def parse_reference(reference: str | int) -> FilePath | FileKey:
    """What ``ufs:/…``, ``vfs:/…``, ``vfs:ikey?123`` or a number (a key) names; raises :class:`BadPath`."""
    if isinstance(reference, int):
        return _key(str(int(reference)))
    system, colon, rest = reference.partition(":")
    if not colon or system not in ("ufs", "vfs"):
        raise BadPath("a file is named ufs:/folder/name.js, vfs:/folder/name.js or vfs:ikey?123")
    if system == "vfs" and rest.startswith("ikey?"):
        return _key(rest.removeprefix("ikey?"))
    return parse_path(rest, cast("FileSystem", system))


@lru_cache(maxsize=2_048)
def parse_path(text: str, system: FileSystem) -> FilePath:
    """The path ``/folder/name.js``, perhaps with percent escapes; raises :class:`BadPath`."""
    if not text.startswith("/") or len(text) > MAX_PATH * 3:
        raise BadPath(f"{_shown(text)} is no path: it begins with / and has at most {MAX_PATH} characters")
    return _checked(system, [_decoded(name) for name in text[1:].split("/")])


def resolve(reference: str, base: FilePath) -> FilePath:
    """What ``./name``, ``../name``, ``.`` or ``..`` means in the file ``base``; the root has nothing above it.

    A trailing slash is ignored: see :func:`means_folder`. Raises :class:`BadPath`.
    """
    names = list(base.names[:-1])
    for part in reference.removesuffix("/").split("/"):
        if part == "..":
            if not names:
                raise BadPath(f"{_shown(reference)} leads out of {base.system}:/")
            names.pop()
        elif part != ".":
            names.append(_decoded(part))
    return _checked(base.system, names) if names else FilePath(base.system, ())


def means_folder(reference: str) -> bool:
    """Whether a reference can only mean a folder: it ends with a slash or a dot name."""
    return reference.endswith("/") or reference.rpartition("/")[2] in (".", "..")


def check_name(name: str) -> None:
    """Raise :class:`BadPath` unless ``name`` is one that a file may have on every system, and no way to another file."""
    if name in ("", ".", "..") or not name.isprintable() or _FORBIDDEN & set(name):
        raise BadPath(f"{_shown(name)} is no name of a file")
    if name.startswith((".", " ")) or name.endswith((".", " ")):
        raise BadPath(f"{_shown(name)} is no name of a script: hidden, or with a blank or dot at an end")
    if name.partition(".")[0].rstrip(" ").casefold() in _DEVICES:
        raise BadPath(f"{_shown(name)} is the name of a device")
    if len(name.encode()) > MAX_NAME:
        raise BadPath(f"{_shown(name)} is too long: a name has at most {MAX_NAME} bytes")


def _checked(system: FileSystem, given: Sequence[str]) -> FilePath:
    names = tuple(unicodedata.normalize("NFC", name) for name in given)
    for name in names:
        check_name(name)
    if len(names) > MAX_DEPTH or sum(map(len, names)) + len(names) > MAX_PATH:
        raise BadPath(f"a path has at most {MAX_PATH} characters and {MAX_DEPTH} names")
    return FilePath(system, names)


def _decoded(name: str) -> str:
    try:
        return unquote(name, errors="strict")
    except UnicodeDecodeError:
        raise BadPath(f"{_shown(name)} is no UTF-8") from None


def _escaped(name: str) -> str:
    # No scope has a tilde, which quote() leaves as it is.
    return quote(name, safe="-._").replace("~", "%7E")


def _key(text: str) -> FileKey:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > len(str(MAX_KEY)) or int(digits) > MAX_KEY:
        raise BadPath(f"{_shown(text)} is no key of a file")
    return FileKey(int(text))


def _shown(text: str) -> str:
    return repr(text[:100])
