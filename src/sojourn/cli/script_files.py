"""``sojourn scripts list``, ``show``, ``move``, ``delete``, ``versions`` and ``restore``: files of scripts, one by one."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.engine import with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, refusals, reply, reply_rows
from sojourn.core.clock import iso
from sojourn.engine.files.file import File, FileUnknown
from sojourn.engine.files.owners import SHARED
from sojourn.engine.files.records import Entry
from sojourn.engine.security.actors import HOST
from sojourn.model.file_path import FileKey, FilePath, parse_path, parse_reference

FileArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="vfs:/acme/night.js, the same without vfs:, or the key.")
]


def reference(text: str) -> FilePath | FileKey:
    """A file of ``vfs:`` (or ``ufs:/…``) as people type it: with or without prefix, or by its key; raises ``BadPath``."""
    if text.removeprefix("-").isdecimal():
        return parse_reference(int(text))
    return parse_path(text, "vfs") if text.startswith("/") else parse_reference(text)


@refusals
def list_(
    below: Annotated[
        str, typer.Argument(metavar="[PATH]", help="Only below vfs:/acme or ufs:/lib; default: all there is.")
    ] = "",
    deleted: Annotated[bool, typer.Option("--deleted", help="The deleted ones of vfs: instead.")] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List the files of scripts: those on disk (ufs:) and those in the engine database (vfs:)."""

    async def work(engine: Engine) -> list[dict[str, Any]]:
        rows = [] if deleted else [{"uri": place.uri} for place in await engine.rules.files.ufs.all()]
        for owner in (*(realm.name for realm in engine.rules.realms.all()), SHARED):
            entries = await engine.rules.files.vfs.list(owner, deleted=deleted)
            rows += [described(entry) for entry in entries if entry.kind == "file"]
        start = below.rstrip("/")
        return [row for row in rows if not start or row["uri"] == start or row["uri"].startswith(start + "/")]

    reply_rows(as_json, with_engine(project, work), ("uri", "key", "version", "type", "bytes", "changed"))


@refusals
def show(
    file: FileArgument,
    version: Annotated[int | None, typer.Option("--version", metavar="N", help="What it was in this version.")] = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Print a file of vfs: or ufs:; with --version also of a deleted one, named by its key."""

    async def work(engine: Engine) -> tuple[dict[str, Any], bytes]:
        if version is not None:
            deploying = engine.rules.files.deploying
            entry, _ = await deploying.history(await _key(engine, file), HOST)
            content = await deploying.content(entry.key, version, HOST)
            return described(entry) | {"version": version, "bytes": len(content)}, content
        found = await engine.rules.files.any(reference(file))
        if found is None:
            raise FileUnknown(f"there is no file {file}")
        return _on_hand(found), found.content

    told, content = with_engine(project, work)
    if as_json:
        reply(as_json, told | {"text": content.decode(errors="replace")}, "")
        return
    sys.stdout.buffer.write(content)
    sys.stdout.flush()


@refusals
def move(
    file: FileArgument,
    to: Annotated[str, typer.Argument(metavar="PATH", help="/acme/day.js: the realm, or shared, comes first.")],
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Give a file, or a folder with all that is in it, another path; its key stays."""

    async def work(engine: Engine) -> Entry:
        entry, target = await known(engine, file), reference(to)
        assert isinstance(target, FilePath)
        return await engine.rules.files.deploying.rename(entry.key, target, HOST)

    if not isinstance(reference(to), FilePath):
        raise typer.BadParameter("PATH is a path")
    moved = with_engine(project, work)
    reply(as_json, described(moved), f"{file} is {moved.place.uri}")


@refusals
def delete(
    file: FileArgument,
    recursive: Annotated[bool, typer.Option("--recursive", help="A folder with all that is in it.")] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Delete a file, or a folder; versions are kept."""

    async def work(engine: Engine) -> Entry:
        entry = await known(engine, file)
        await engine.rules.files.deploying.delete(entry.key, HOST, recursive=recursive)
        return entry

    gone = with_engine(project, work)
    reply(as_json, {"key": gone.key, "uri": gone.place.uri, "deleted": True}, f"{gone.place.uri} deleted")


@refusals
def versions(file: FileArgument, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """List the versions of a file, the newest first; a deleted file is named by its key."""

    async def work(engine: Engine) -> list[dict[str, Any]]:
        _, found = await engine.rules.files.deploying.history(await _key(engine, file), HOST)
        return [
            {"version": one.number, "act": one.act, "path": one.path, "type": one.mime, "bytes": one.size}
            | {"sha256": one.digest.hex(), "at": iso(one.at), "actor": one.actor}
            for one in found
        ]

    reply_rows(as_json, with_engine(project, work), ("version", "act", "path", "bytes", "at", "actor"))


@refusals
def restore(
    file: FileArgument,
    version: Annotated[int, typer.Argument(metavar="N", help="The version that it shall be again.")],
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Make a file again what it was in a version; a deleted one, named by its key, comes back."""

    async def work(engine: Engine) -> Entry:
        return await engine.rules.files.deploying.restore(await _key(engine, file), version, HOST)

    restored = with_engine(project, work)
    reply(as_json, described(restored), f"{restored.place.uri} is again what it was in version {version}")


def add_to(app: typer.Typer) -> None:
    """Make these commands of ``app``."""
    app.command("list")(list_)
    for command in (show, move, delete, versions, restore):
        app.command()(command)


async def known(engine: Engine, file: str) -> Entry:
    """The live file or folder of ``vfs:`` of that name; raises ``FileUnknown``, ``BadPath``."""
    place = reference(file)
    found = await engine.rules.files.vfs.entry(place)
    if found is None or (isinstance(place, FilePath) and place.system == "ufs"):
        raise FileUnknown(f"there is no file {file} in the engine database")
    return found


def described(entry: Entry) -> dict[str, Any]:
    """A file or folder of ``vfs:`` as commands show it."""
    times = {"created": iso(entry.created), "changed": iso(entry.changed)}
    facts = {"uri": entry.place.uri, "key": entry.key, "version": entry.version, "type": entry.mime}
    return facts | {"bytes": entry.size, "sha256": entry.digest.hex(), **times}


async def _key(engine: Engine, file: str) -> int:
    place = reference(file)
    return place.key if isinstance(place, FileKey) else (await known(engine, file)).key


def _on_hand(file: File) -> dict[str, Any]:
    facts: dict[str, Any] = {"uri": file.place.uri, "type": file.mime, "bytes": len(file.content)}
    facts["sha256"] = file.digest.hex()
    return facts | ({"key": file.key, "version": file.version} if file.key else {})
