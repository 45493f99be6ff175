"""Files on disk: several folders laid over each other, the first that has a file wins.

A file is found by its exact name, letter case included, and never through a link. Every question looks at the disk: a
changed file is seen at once, an unchanged one costs a ``stat`` for each of its names.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
import stat
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from sojourn.engine.files.file import FOR_EDITORS, MAX_FILE, File, FileUnreadable, mime_of
from sojourn.model.file_path import MAX_DEPTH, BadPath, FilePath, check_name

_log = logging.getLogger(__name__)

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# A pipe or a device does not hold up who opens it; what it is, is looked at afterwards.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

#: Gone meanwhile, no folder, a link.
_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

#: What is remembered: files, and bytes of them.
_MOST_FILES: Final = 2_000
_MOST_BYTES: Final = 64 << 20

#: Nanoseconds within which a second change of a file may bear the same time as the first.
_YOUNG: Final = 100_000_000

#: Files that are listed.
_MOST_LISTED: Final = 20_000

#: Where the mode stands in a stamp's part.
_MODE: Final = 4

#: How often a file is read again that changes while it is read.
_TRIES: Final = 3

#: What tells whether something on the way to a file changed: device, inode, mode, size, and times of each name.
Stamp = tuple[tuple[int, ...], ...]


class _Known(NamedTuple):
    stamp: Stamp
    file: File | None


class Ufs:
    """The files below some folders.

    Args:
        roots: The folders, the first wins; one that is not there is empty. A root itself may be a link.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = roots
        self._known: OrderedDict[tuple[Path, tuple[str, ...]], _Known] = OrderedDict()
        self._bytes = 0

    async def find(self, place: FilePath) -> File | None:
        """The file at ``place`` as it is now; None when there is none.

        Raises :class:`~sojourn.engine.files.file.FileUnreadable` for one that is there and cannot be read, or is too large.
        """
        for root in self._roots:
            stamp = _stamp(root, place.names)
            if stamp is None:
                continue
            known = self._known.get((root, place.names))
            if known is None or known.stamp != stamp:
                known = await self._looked_up(root, place, stamp)
            else:
                self._known.move_to_end((root, place.names))
            if known.file is not None:
                return known.file
        return None

    async def _looked_up(self, root: Path, place: FilePath, stamp: Stamp) -> _Known:
        known = _Known(stamp, await asyncio.to_thread(_read, root, place))
        for _ in range(_TRIES):
            if (now := _stamp(root, place.names)) in (known.stamp, None):
                break
            # Somebody is writing it.
            known = _Known(now, await asyncio.to_thread(_read, root, place))
        self._remember((root, place.names), known)
        return known

    async def names(self, folder: FilePath) -> Sequence[str]:
        """The names of files and folders that ``folder`` has in any root, in ordinal order; odd names are not there."""
        return await asyncio.to_thread(self._names, folder)

    async def all(self) -> Sequence[FilePath]:
        """Every file but those for editors, whosever it is, in the ordinal order of their paths; the first :data:`_MOST_LISTED` of them."""
        return await asyncio.to_thread(lambda: sorted(islice(self._walk(FilePath("ufs", ())), _MOST_LISTED)))

    def _walk(self, folder: FilePath) -> Iterator[FilePath]:
        if len(folder.names) >= MAX_DEPTH:
            return
        for name in self._names(folder):
            place = FilePath("ufs", (*folder.names, name))
            kinds = [stamp[-1][_MODE] for root in self._roots if (stamp := _stamp(root, place.names)) is not None]
            if any(map(stat.S_ISREG, kinds)) and name not in FOR_EDITORS:
                yield place
            if any(map(stat.S_ISDIR, kinds)):
                yield from self._walk(place)

    def _names(self, folder: FilePath) -> Sequence[str]:
        found: set[str] = set()
        for root in self._roots:
            with ExitStack() as stack:
                try:
                    opened = _opened(root, folder.names, stack)
                    found.update(() if opened is None else _entries(opened))
                except OSError:
                    continue
        return sorted(filter(_is_name, found))

    def _remember(self, at: tuple[Path, tuple[str, ...]], known: _Known) -> None:
        before = self._known.pop(at, None)
        self._bytes -= _size(before)
        if _is_young(known.stamp):
            return
        self._known[at] = known
        self._bytes += _size(known)
        while len(self._known) > _MOST_FILES or self._bytes > _MOST_BYTES:
            self._bytes -= _size(self._known.popitem(last=False)[1])


def _size(known: _Known | None) -> int:
    return len(known.file.content) if known is not None and known.file is not None else 0


def _stamp(root: Path, names: tuple[str, ...]) -> Stamp | None:
    """What the disk says of each name on the way, None when one is not there."""
    try:
        return (_facts(root.stat()), *[_facts(place.lstat()) for place in _way(root, names)])
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=_MOST_FILES)
def _way(root: Path, names: tuple[str, ...]) -> Sequence[Path]:
    return [root.joinpath(*names[: depth + 1]) for depth in range(len(names))]


def _facts(info: os.stat_result) -> tuple[int, ...]:
    return (info.st_mtime_ns, info.st_ctime_ns, info.st_dev, info.st_ino, info.st_mode, info.st_size)


def _is_young(stamp: Stamp) -> bool:
    """Whether something may yet change without another time on it: then it is looked at again."""
    # Nobody can set this one, unlike the time of modification.
    newest = max(changed for _, changed, *_ in stamp)
    return time.time_ns() - newest < _YOUNG


def _read(root: Path, place: FilePath) -> File | None:
    with ExitStack() as stack:
        try:
            descriptor = _opened_file(root, place, stack)
            if descriptor is None:
                return None
            content = _content(descriptor)
        except OSError as error:
            if error.errno in _NOT_THERE:
                return None
            _log.warning("%s cannot be read: %s", place.uri, error.strerror)
            raise FileUnreadable(f"{place.uri} cannot be read") from error
    if len(content) > MAX_FILE:
        raise FileUnreadable(f"{place.uri} is larger than {MAX_FILE >> 20} MiB")
    return File(place, content, mime_of(place), hashlib.sha256(content).digest())


def _opened_file(root: Path, place: FilePath, stack: ExitStack) -> int | None:
    """A descriptor of a regular file; None for anything else, which is not even opened."""
    folder = _opened(root, place.names[:-1], stack)
    if folder is None or place.name not in _entries(folder):
        return None
    if not stat.S_ISREG(os.stat(place.name, dir_fd=folder, follow_symlinks=False).st_mode):
        return None
    descriptor = os.open(place.name, _FILE, dir_fd=folder)
    stack.callback(os.close, descriptor)
    return descriptor if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


def _opened(root: Path, names: Iterable[str], stack: ExitStack) -> int | None:
    """A descriptor of a folder, opened name by name so that no link is followed; None when a name is not exactly there."""
    opened = os.open(root, _FOLDER)
    stack.callback(os.close, opened)
    for name in names:
        # The listing tells the case, which some file systems do not mind.
        if name not in _entries(opened):
            return None
        opened = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=opened)
        stack.callback(os.close, opened)
    return opened


def _entries(folder: int) -> Sequence[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _content(descriptor: int) -> bytes:
    parts = []
    left = MAX_FILE + 1
    while left > 0 and (part := os.read(descriptor, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except BadPath:
        return False
    return True
