"""Files of ``vfs:``: what scripts are there, what they were before, and how they are changed."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal

from msgspec import Meta

from sojourn.admin.answers import Done
from sojourn.admin.api.users import Key, actor
from sojourn.admin.operation import Asked, Needs, operation
from sojourn.admin.shapes import Instant, Nothing, RealmName, Shape
from sojourn.core.clock import iso
from sojourn.core.errors import BadRequest, InsufficientScope, NotFound
from sojourn.engine.files.deploying import FileChanged, FileTooLarge, FolderNotEmpty, Write
from sojourn.engine.files.file import MAX_FILE, FileUnknown
from sojourn.engine.files.owners import SHARED
from sojourn.engine.files.records import Entry, FolderFull, PathTaken, Version
from sojourn.model.file_path import BadPath, parse_path

DEPLOY = Needs(right="deploy", also="for `/shared`: `engine.deploy:*` in every realm")

#: Bytes of a body with the largest file in base64, or with one in JSON whose text needs few escapes.
_MOST = 2 * MAX_FILE

Path = Annotated[
    str, Meta(min_length=2, max_length=3_000, description="`/acme/jobs/night.js`: the realm, or `shared`, comes first.")
]


class FileShown(Shape, frozen=True, kw_only=True):
    """A file or folder of `vfs:`."""

    key: Key
    path: str
    uri: Annotated[str, Meta(description="As script scopes name it: `vfs:/acme/my%20jobs/night.js`.")]
    kind: Literal["file", "folder"]
    type: Annotated[str, Meta(description="`application/x-startup` for a start-up script; empty for a folder.")]
    version: Annotated[int, Meta(description="Counts the changes of the file.")]
    sha256: Annotated[str, Meta(description="Of its content, in hexadecimal; empty for a folder.")]
    size: Annotated[int, Meta(description="Bytes.")]
    created: Instant
    changed: Instant


class FileVersion(Shape, frozen=True, kw_only=True):
    """What one change left."""

    version: int
    act: Literal["created", "written", "renamed", "deleted", "restored"]
    path: str
    type: str
    sha256: str
    size: int
    at: Instant
    actor: str


class FilePage(Shape, frozen=True, kw_only=True):
    """Files and folders by key."""

    files: list[FileShown]
    next: Annotated[int | None, Meta(description="`after` of the next page; null on the last.")]


class FileDetail(Shape, frozen=True, kw_only=True):
    """A file with its versions, the newest first."""

    file: FileShown
    deleted: bool
    versions: list[FileVersion]


class FileContent(Shape, frozen=True, kw_only=True):
    """What a file holds: `text`, or `base64` where that is no UTF-8."""

    version: int
    text: str | None
    base64: str | None


class FilesQuery(Shape, frozen=True, kw_only=True):
    """Which files."""

    realm: Annotated[RealmName, Meta(description="Name of a realm, or `shared`.")]
    deleted: Annotated[bool, Meta(description="Those that were deleted, instead.")] = False
    after: Annotated[int, Meta(ge=0, le=2**53 - 1, description="`next` of the page before.")] = 0
    limit: Annotated[int, Meta(ge=1, le=1_000, description="Files in one page.")] = 200


class ContentQuery(Shape, frozen=True, kw_only=True):
    """Which version."""

    version: Annotated[int, Meta(ge=1, le=2**53 - 1, description="Default: the last one.")] | None = None


class NewContent(Shape, frozen=True, kw_only=True):
    """A file as it shall be: `text`, or `base64`."""

    path: Path
    text: str | None = None
    base64: str | None = None
    type: Annotated[
        str, Meta(max_length=100, description="Default: what it has; for a new file what its name says.")
    ] = ""
    expected: (
        Annotated[int, Meta(ge=0, le=2**53 - 1, description="The version that it must have, 0 for a new file.")] | None
    ) = None


class NewPath(Shape, frozen=True, kw_only=True):
    """Another path."""

    path: Path


class WantedVersion(Shape, frozen=True, kw_only=True):
    """A version."""

    version: Annotated[int, Meta(ge=1, le=2**53 - 1)]


class DeleteQuery(Shape, frozen=True, kw_only=True):
    """How to delete."""

    recursive: Annotated[bool, Meta(description="A folder with all that is in it.")] = False


@operation("GET", "/files", needs=DEPLOY, query=FilesQuery, answer=FilePage)
async def list_files(asked: Asked[FilesQuery, Nothing]) -> FilePage:
    """List the files and folders of a realm, or of all of them (`shared`), by key."""
    query, files = asked.query, asked.plane.rules.files
    if query.realm == SHARED:
        if not asked.acting.has_everywhere("deploy"):
            raise InsufficientScope
    elif query.realm not in {realm.name for realm in asked.realms}:
        raise NotFound
    page = await files.vfs.page(query.realm, query.after, query.limit, deleted=query.deleted)
    following = page[-1].key if len(page) == query.limit else None
    return FilePage(files=[_shown(entry) for entry in page], next=following)


@operation("GET", "/files/{key}", needs=DEPLOY, answer=FileDetail, raises=(FileUnknown,))
async def show_file(asked: Asked[Nothing, Nothing]) -> FileDetail:
    """Show a file, also a deleted one, with the versions that are kept."""
    entry, versions = await _seen(asked)
    gone = bool(versions) and versions[0].act == "deleted"
    return FileDetail(file=_shown(entry), deleted=gone, versions=[_described(version) for version in versions])


@operation("GET", "/files/{key}/content", needs=DEPLOY, query=ContentQuery, answer=FileContent, raises=(FileUnknown,))
async def read_file(asked: Asked[ContentQuery, Nothing]) -> FileContent:
    """Read a file, or what it was in a version."""
    entry, _ = await _seen(asked)
    number = asked.query.version or entry.version
    content = await asked.plane.rules.files.deploying.content(entry.key, number, actor(asked))
    try:
        return FileContent(version=number, text=content.decode(), base64=None)
    except UnicodeDecodeError:
        return FileContent(version=number, text=None, base64=base64.b64encode(content).decode())


@operation(
    "POST",
    "/files",
    needs=DEPLOY,
    body=NewContent,
    answer=FileShown,
    raises=(BadPath, PathTaken, FileChanged, FileTooLarge, FolderFull, InsufficientScope),
    most=_MOST,
)
async def write_file(asked: Asked[Nothing, NewContent]) -> FileShown:
    """Make a file, with its folders, or give it another content. One that is so already gets no new version."""
    body = asked.body
    wanted = Write(parse_path(body.path, "vfs"), _content(body), body.type, body.expected)
    written = await asked.plane.rules.files.deploying.write([wanted], actor(asked))
    return _shown(written[0])


@operation(
    "POST",
    "/files/{key}/move",
    needs=DEPLOY,
    body=NewPath,
    answer=FileShown,
    raises=(FileUnknown, BadPath, PathTaken, FolderFull, InsufficientScope),
)
async def move_file(asked: Asked[Nothing, NewPath]) -> FileShown:
    """Give a file, or a folder with all that is in it, another path; to another realm takes the right in both."""
    entry, _ = await _seen(asked)
    place = parse_path(asked.body.path, "vfs")
    return _shown(await asked.plane.rules.files.deploying.rename(entry.key, place, actor(asked)))


@operation(
    "POST",
    "/files/{key}/restore",
    needs=DEPLOY,
    body=WantedVersion,
    answer=FileShown,
    raises=(FileUnknown, PathTaken, FolderFull),
)
async def restore_file(asked: Asked[Nothing, WantedVersion]) -> FileShown:
    """Make a file again what it was in a version; a deleted one comes back."""
    entry, _ = await _seen(asked)
    return _shown(await asked.plane.rules.files.deploying.restore(entry.key, asked.body.version, actor(asked)))


@operation("DELETE", "/files/{key}", needs=DEPLOY, query=DeleteQuery, answer=Done, raises=(FileUnknown, FolderNotEmpty))
async def delete_file(asked: Asked[DeleteQuery, Nothing]) -> Done:
    """Delete a file, or a folder. The versions of a file are kept."""
    entry, _ = await _seen(asked)
    await asked.plane.rules.files.deploying.delete(entry.key, actor(asked), recursive=asked.query.recursive)
    return Done()


async def _seen(asked: Asked[Any, Any]) -> tuple[Entry, list[Version]]:
    """The file that the path names; raises ``FileUnknown`` also for one that the operator may not see."""
    try:
        entry, versions = await asked.plane.rules.files.deploying.history(int(asked.path["key"]), actor(asked))
    except InsufficientScope:
        raise FileUnknown from None
    return entry, list(versions)


def _content(body: NewContent) -> bytes:
    if (body.text is None) == (body.base64 is None):
        raise BadRequest("a file has text or base64")
    if body.text is not None:
        try:
            return body.text.encode()
        except UnicodeEncodeError:
            raise BadRequest("the text has half a character") from None
    try:
        return base64.b64decode(body.base64 or "", validate=True)
    except binascii.Error:
        raise BadRequest("this is no base64") from None


def _shown(entry: Entry) -> FileShown:
    return FileShown(
        key=entry.key,
        path=entry.place.path,
        uri=entry.place.uri,
        kind=entry.kind,
        type=entry.mime,
        version=entry.version,
        sha256=entry.digest.hex(),
        size=entry.size,
        created=iso(entry.created),
        changed=iso(entry.changed),
    )


def _described(version: Version) -> FileVersion:
    return FileVersion(
        version=version.number,
        act=version.act,
        path=version.path,
        type=version.mime,
        sha256=version.digest.hex(),
        size=version.size,
        at=iso(version.at),
        actor=version.actor,
    )
