"""Rows of ``vfs:``: what is where now, and what it was before."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from sojourn.core.errors import Conflict
from sojourn.engine.database import schema
from sojourn.model.file_path import FilePath

_files, _versions = schema.vfs_file, schema.vfs_version

#: Versions of one file that are kept; older ones go, but for the content that the oldest of these has.
MOST_VERSIONS: Final = 100

#: Live files and folders of one realm, and of ``/shared``.
MOST_FILES: Final = 10_000

NOTHING: Final[Mapping[str, object]] = {}

Act = Literal["created", "written", "renamed", "deleted", "restored"]


class PathTaken(Conflict):
    """There is a file or folder of that name, perhaps in other letter case."""

    code = "file.taken"


class FolderFull(Conflict):
    """There are as many files as there may be."""

    code = "file.ceiling"


class Entry(NamedTuple):
    """A live file or folder."""

    key: int
    #: Id of the realm that it belongs to, empty for all of them.
    realm: str
    kind: Literal["file", "folder"]
    place: FilePath
    mime: str
    #: Number of its last version; each act makes one.
    version: int
    digest: bytes
    size: int
    created: int
    changed: int


class By(NamedTuple):
    """Who acts, and when."""

    actor: str
    now: int


class Version(NamedTuple):
    """What one act left."""

    number: int
    act: Act
    path: str
    mime: str
    digest: bytes
    size: int
    at: int
    actor: str


_ENTRY: Final = (
    _files.c.key,
    _files.c.realm,
    _files.c.kind,
    _files.c.path,
    _files.c.mime,
    _files.c.version,
    _files.c.digest,
    _files.c.size,
    _files.c.created,
    _files.c.changed,
)
_VERSION: Final = (
    _versions.c.number,
    _versions.c.act,
    _versions.c.path,
    _versions.c.mime,
    _versions.c.digest,
    _versions.c.size,
    _versions.c.at,
    _versions.c.actor,
)


def live() -> Select[Any]:
    """All live entries; to be narrowed."""
    return select(*_ENTRY).where(_files.c.live_path.is_not(None))


def entry(row: Sequence[Any]) -> Entry:
    """A row of :func:`live`."""
    found = Entry(*row)
    return found._replace(place=FilePath("vfs", tuple(str(found.place)[1:].split("/"))))


def by_path(connection: Connection, realm: str, path: str) -> Entry | None:
    """The live entry with exactly this path."""
    row = connection.execute(live().where(_files.c.realm == realm, _files.c.live_path == path)).one_or_none()
    return entry(row) if row else None


def by_key(connection: Connection, key: int) -> Entry | None:
    """The live entry with this key."""
    row = connection.execute(live().where(_files.c.key == key)).one_or_none()
    return entry(row) if row else None


def known(connection: Connection, key: int) -> Entry | None:
    """The entry with this key, deleted or not."""
    row = connection.execute(select(*_ENTRY).where(_files.c.key == key)).one_or_none()
    return entry(row) if row else None


def below(connection: Connection, realm: str, folder: FilePath) -> Sequence[Entry]:
    """All live entries below a folder, in the ordinal order of their paths."""
    start = folder.path.rstrip("/") + "/"
    rows = connection.execute(live().where(_files.c.realm == realm)).all()
    return sorted((entry(row) for row in rows if row.path.startswith(start)), key=lambda one: one.place.path)


def page(connection: Connection, realm: str, after: int, limit: int, *, deleted: bool = False) -> Sequence[Entry]:
    """At most ``limit`` live entries of a realm, or its deleted files, with keys beyond ``after``, by key."""
    gone = (_files.c.live_path.is_(None), _files.c.kind == "file")
    which = select(*_ENTRY).where(*gone) if deleted else live()
    wanted = which.where(_files.c.realm == realm, _files.c.key > after).order_by(_files.c.key).limit(limit)
    return [entry(row) for row in connection.execute(wanted)]


def of_type(connection: Connection, realms: Sequence[str], mime: str) -> Sequence[Entry]:
    """All live files of a type in some realms, in no order."""
    wanted = live().where(_files.c.realm.in_(realms), _files.c.mime == mime, _files.c.kind == "file")
    return [entry(row) for row in connection.execute(wanted)]


def content(connection: Connection, key: int, number: int) -> bytes | None:
    """What the file with ``key`` held in version ``number``; None when that is not kept."""
    mine = (_versions.c.file == key, _versions.c.number <= number, _versions.c.content.is_not(None))
    newest = select(_versions.c.content).where(*mine).order_by(_versions.c.number.desc()).limit(1)
    kept = select(_versions.c.key).where(_versions.c.file == key, _versions.c.number == number)
    if connection.execute(kept).first() is None:
        return None
    return connection.execute(newest).scalar_one_or_none()


def history(connection: Connection, key: int) -> Sequence[Version]:
    """The versions that are kept, the newest first."""
    wanted = select(*_VERSION).where(_versions.c.file == key).order_by(_versions.c.number.desc())
    return [Version(*row) for row in connection.execute(wanted)]


def make(connection: Connection, realm: str, place: FilePath, kind: str, by: By) -> Entry:
    """A new entry without a version; its folders are made where they are not. Raises ``PathTaken``, ``FolderFull``."""
    count = select(func.count()).where(_files.c.realm == realm, _files.c.live_path.is_not(None))
    if connection.execute(count).scalar_one() >= MOST_FILES:
        raise FolderFull(f"there are {MOST_FILES} files and folders in /{place.names[0]}")
    if len(place.names) > 1:
        _make_folder(connection, realm, place.folder, by)
    _check_free(connection, realm, place)
    path = place.path
    values = {"realm": realm, "kind": kind, "path": path, "live_path": path, "live_fold": fold(path), "mime": ""}
    counted = {"version": 0, "digest": b"", "size": 0, "created": by.now, "changed": by.now}
    made = insert(_files).values(**values, **counted).returning(_files.c.key)
    found = by_key(connection, connection.execute(made).scalar_one())
    assert found is not None
    return found


def note(
    connection: Connection,
    old: Entry,
    act: Act,
    by: By,
    columns: Mapping[str, object] = NOTHING,
    *,
    data: bytes | None = None,
) -> Entry:
    """Write the next version of a live entry; ``data`` None: its content stays."""
    number = old.version + 1
    values = {"version": number, "changed": by.now, **columns}
    connection.execute(update(_files).where(_files.c.key == old.key).values(**values))
    new = known(connection, old.key)
    assert new is not None
    row: dict[str, object] = {
        "file": new.key,
        "number": number,
        "act": act,
        "path": new.place.path,
        "mime": new.mime,
        "at": by.now,
    }
    row |= {"digest": new.digest, "size": new.size, "content": data, "actor": by.actor}
    connection.execute(insert(_versions).values(**row))
    _forget(connection, new.key, number - MOST_VERSIONS)
    return new


def moved(place: FilePath) -> dict[str, object]:
    """The columns of an entry that lives at ``place``."""
    return {"path": place.path, "live_path": place.path, "live_fold": fold(place.path)}


GONE: Final[dict[str, object]] = {"live_path": None, "live_fold": None}


def check_free(connection: Connection, realm: str, place: FilePath, by: By, *, but: int = 0) -> None:
    """Make the folders of ``place`` and raise ``PathTaken`` unless nothing is there; ``but`` is the key that may be."""
    if len(place.names) > 1:
        _make_folder(connection, realm, place.folder, by)
    _check_free(connection, realm, place, but)


def fold(path: str) -> str:
    """A path as file systems see it that do not mind case."""
    return unicodedata.normalize("NFC", path.casefold())


def _make_folder(connection: Connection, realm: str, place: FilePath, by: By) -> None:
    found = by_path(connection, realm, place.path)
    if found is None:
        note(connection, make(connection, realm, place, "folder", by), "created", by)
    elif found.kind != "folder":
        raise PathTaken(f"{place.path} is a file")


def _check_free(connection: Connection, realm: str, place: FilePath, but: int = 0) -> None:
    there = (_files.c.realm == realm, _files.c.live_fold == fold(place.path), _files.c.key != but)
    other = connection.execute(select(_files.c.path).where(*there)).scalar_one_or_none()
    if other is not None:
        raise PathTaken(f"{other} is there already")


def _forget(connection: Connection, key: int, until: int) -> None:
    """Delete the versions up to ``until``, but for the one whose content the next ones still have."""
    if until <= 0:
        return
    mine = (_versions.c.file == key, _versions.c.number <= until)
    newest = select(func.max(_versions.c.number)).where(*mine, _versions.c.content.is_not(None))
    following = select(_versions.c.content.is_not(None)).where(_versions.c.file == key, _versions.c.number == until + 1)
    if connection.execute(following).scalar_one_or_none():
        connection.execute(delete(_versions).where(*mine))
        return
    keep = connection.execute(newest).scalar_one_or_none() or 0
    connection.execute(delete(_versions).where(*mine, _versions.c.number != keep))
