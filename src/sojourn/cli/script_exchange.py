"""``sojourn scripts push`` and ``pull``: files between a folder on disk and the engine database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.engine import with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, note, refusals, reply
from sojourn.cli.script_files import reference
from sojourn.core.errors import BadRequest, Conflict
from sojourn.engine.files.deploying import FileTooLarge, Write
from sojourn.engine.files.file import FOR_EDITORS, MAX_FILE, FileUnknown
from sojourn.engine.files.records import Entry
from sojourn.engine.security.actors import HOST
from sojourn.model.file_path import BadPath, FilePath

#: Files of one push.
_MOST = 10_000


class LocalFile(BadRequest):
    """A file on disk cannot be read or written."""

    code = "file.local"


class LocalChanged(Conflict):
    """A file on disk would be overwritten."""

    code = "file.local_changed"


class _Pushed(NamedTuple):
    written: list[Entry]
    unchanged: int
    deleted: list[str]


@refusals
def push(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="File or folder on disk.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="Where it goes: vfs:/acme/jobs, vfs:/shared/lib/x.js.")],
    type_: Annotated[
        str, typer.Option("--type", metavar="T", help="Type of the files: application/x-startup; default: by name.")
    ] = "",
    prune: Annotated[bool, typer.Option("--delete", help="Delete files of PATH that SOURCE does not have.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write a file, or all files of a folder, into the engine database: all or none of them.

    Hidden files and those for editors are left out; a link, or a name that scripts could not use, is an error.
    """
    target = _target(path)
    wanted = [Write(target.child(*names), _read(file), type_) for names, file in _files(source).items()]

    async def work(engine: Engine) -> _Pushed:
        inside = await _below(engine, target)
        before = {entry.place: entry for entry in inside}
        changed = [one for one in wanted if not _is_same(before.get(one.place), one, type_)]
        gone = [entry for entry in inside if prune and entry.place not in {one.place for one in wanted}]
        if dry_run:
            return _Pushed([], len(wanted) - len(changed), [entry.place.uri for entry in gone])
        written = await engine.rules.files.deploying.write(changed, HOST)
        for entry in gone:
            await engine.rules.files.deploying.delete(entry.key, HOST)
        return _Pushed(list(written), len(wanted) - len(changed), [entry.place.uri for entry in gone])

    done = with_engine(project, work)
    count = len(wanted) - done.unchanged
    document = {"written": [entry.place.uri for entry in done.written], "unchanged": done.unchanged}
    if dry_run:
        document |= {"wouldWrite": count}
    would = "would be " if dry_run else ""
    text = f"{count} files {would}written, {done.unchanged} unchanged, {len(done.deleted)} {would}deleted"
    reply(as_json, document | {"deleted": done.deleted}, text)


@refusals
def pull(
    path: Annotated[str, typer.Argument(metavar="PATH", help="File or folder of vfs:.")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Folder on disk; made where there is none.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are not the same.")] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write a file, or all files of a folder, of the engine database into a folder on disk."""
    place = _target(path)

    async def work(engine: Engine) -> dict[tuple[str, ...], bytes]:
        found: dict[tuple[str, ...], bytes] = {}
        for entry in await _below(engine, place):
            file = await engine.rules.files.vfs.find(entry.place)
            names = entry.place.names[len(place.names) :] or (entry.place.name,)
            found[names] = file.content if file is not None else b""
        if not found:
            raise FileUnknown(f"there is no file {path} in the engine database")
        return found

    files = with_engine(project, work)
    changed = [names for names, content in files.items() if _differs(target, names, content)]
    if changed and not force:
        for names in changed:
            note(f"{target.joinpath(*names)} is another file")
        raise LocalChanged(f"{len(changed)} files in {target} would be overwritten; --force overwrites them")
    written = [_written(target, names, content) for names, content in files.items()]
    reply(as_json, {"written": [str(file) for file in written]}, f"{len(written)} files written to {target}")


def add_to(app: typer.Typer) -> None:
    """Make these commands of ``app``."""
    app.command()(push)
    app.command()(pull)


def _target(path: str) -> FilePath:
    place = reference(path.rstrip("/"))
    if not isinstance(place, FilePath) or place.system != "vfs":
        raise BadPath(f"{path} is no path of vfs:")
    return place


async def _below(engine: Engine, place: FilePath) -> list[Entry]:
    """The files at and below a path."""
    owner = engine.rules.files.owners.of(place)
    if owner is None:
        raise BadPath("a path of vfs: begins with the folder of a realm, or with /shared/")
    depth = len(place.names)
    return [
        entry
        for entry in await engine.rules.files.vfs.list(owner)
        if entry.kind == "file" and entry.place.names[:depth] == place.names
    ]


def _is_same(entry: Entry | None, wanted: Write, mime: str) -> bool:
    if entry is None or mime not in ("", entry.mime):
        return False
    return entry.size == len(wanted.content) and entry.digest == wanted.digest


def _files(source: Path) -> Mapping[tuple[str, ...], Path]:
    """The files of a folder by their names within it; of a single file, itself."""
    if source.is_symlink() or not (source.is_file() or source.is_dir()):
        raise LocalFile(f"{source} is no file and no folder")
    if source.is_file():
        return {(): source}
    found: dict[tuple[str, ...], Path] = {}
    for folder, folders, files in os.walk(source):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in (*folders, *files):
            if (Path(folder) / name).is_symlink():
                raise LocalFile(f"{Path(folder) / name} is a link")
        within = Path(folder).relative_to(source).parts
        found |= {(*within, name): Path(folder) / name for name in sorted(files) if _goes(name)}
        if len(found) > _MOST:
            raise LocalFile(f"{source} has more than {_MOST} files")
    return found


def _goes(name: str) -> bool:
    return not name.startswith(".") and name not in FOR_EDITORS


def _read(file: Path) -> bytes:
    try:
        if not file.is_file():
            raise LocalFile(f"{file} is no plain file")
        if file.stat().st_size > MAX_FILE:
            raise FileTooLarge(f"{file} is larger than {MAX_FILE >> 20} MiB")
        return file.read_bytes()
    except OSError as error:
        raise LocalFile(f"{file} cannot be read: {error.strerror}") from None


def _differs(target: Path, names: tuple[str, ...], content: bytes) -> bool:
    """Whether there is another file where one shall be written; a link on the way is never followed."""
    place = target
    for name in names[:-1]:
        place /= name
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise LocalFile(f"{place} is no folder")
    place /= names[-1]
    if place.is_symlink() or (place.exists() and not place.is_file()):
        raise LocalFile(f"{place} is no plain file")
    return place.exists() and _read(place) != content


def _written(target: Path, names: tuple[str, ...], content: bytes) -> Path:
    place = target.joinpath(*names)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    except OSError as error:
        raise LocalFile(f"{place} cannot be written: {error.strerror}") from None
    return place
