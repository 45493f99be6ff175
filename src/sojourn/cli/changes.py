"""``sojourn changes``: who changed what in the databases of the application, and whether the log of it is whole."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.change_rows import (
    DatabaseOption,
    KeyOption,
    KindOption,
    LimitOption,
    RealmOption,
    SessionOption,
    SinceOption,
    TableOption,
    TagOption,
    Typed,
    UntilOption,
    UserOption,
    VersionOption,
    every,
    flat,
    keys_of,
    told,
    user_keys,
)
from sojourn.cli.engine import ACTOR, with_engine
from sojourn.cli.instants import instant
from sojourn.cli.output import HERE, JsonOption, ProjectOption, note, refusals, reply, reply_record, reply_rows
from sojourn.cli.users import MAIN, DirectoryOption
from sojourn.core.clock import iso
from sojourn.core.errors import SojournError
from sojourn.data import databases
from sojourn.data.export import read_export
from sojourn.data.retention import Person
from sojourn.data.selecting import Selection
from sojourn.data.verify import Verified, verdict

app = typer.Typer(help="The change log: list, show, take back, verify, erase a person, export.", no_args_is_help=True)

_COLUMNS = ("number", "at", "type", "table", "key", "user", "session", "tag", "version", "before", "after", "content")


class ExportUnwritten(SojournError):
    """The file of the export cannot be written, or read."""

    code = "changes.export"


@app.command("list")
@refusals
def list_(
    tag: TagOption = "",
    user: UserOption = None,
    session: SessionOption = None,
    realm: RealmOption = None,
    table: TableOption = "",
    key: KeyOption = None,
    kind: KindOption = None,
    version: VersionOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = 100,
    database: DatabaseOption = databases.MAIN,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List changes, the newest first."""
    typed = Typed(tag, user, session, table, key, kind, version, since, until)

    async def work(engine: Engine) -> list[dict[str, Any]]:
        selection = await typed.selection(engine, directory)
        rows: list[dict[str, Any]] = []
        async for row in every(engine, await engine.changes.log(database), selection, realm):
            rows.append(row)
            if len(rows) > limit:
                break
        return rows

    rows = with_engine(project, work)
    shown = rows[:limit]
    reply_rows(as_json, shown if as_json else [_on_a_line(row) for row in shown], _COLUMNS)
    if len(rows) > limit:
        note(f"these are the newest {limit}; --limit shows more")


@app.command()
@refusals
def show(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Its number, see `sojourn changes list`.")],
    database: DatabaseOption = databases.MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show one change with all that the log knows of it."""

    async def work(engine: Engine) -> dict[str, Any]:
        return told(engine, await (await engine.changes.log(database)).get(number))

    found = with_engine(project, work)
    reply_record(as_json, found if as_json else flat(found))


@app.command()
@refusals
def verify(
    export: Annotated[
        list[Path] | None, typer.Option("--export", metavar="FILE", help="Compare with this export too; repeatable.")
    ] = None,
    database: DatabaseOption = databases.MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Compare the log with its seals, and these with what the engine, the audit log and exports know of them.

    Names every change that was altered, removed or added, and what is not sealed yet. Exit code 1 when it is not whole.
    """

    async def work(engine: Engine) -> Verified:
        heads: dict[int, bytes] = {}
        for path in export or ():
            try:
                with path.open("rb") as lines:
                    head = await read_export(engine.changes.heads, lines)
            except OSError as error:
                raise ExportUnwritten(f"{path} cannot be read: {error.strerror}") from None
            if head.database == database:
                heads[head.place] = head.mac
        return await engine.changes.verify(database, heads=heads)

    done = with_engine(project, work)
    reply(as_json, verdict(done), _sentences(done))
    if not done.sound:
        raise typer.Exit(1)


@app.command()
@refusals
def accept(
    reason: Annotated[str, typer.Option("--reason", metavar="T", help="Why; the audit log keeps it.")],
    database: DatabaseOption = databases.MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Take a log as it is for the right one, after a restored backup: it is sealed again from now on."""
    top = with_engine(project, lambda engine: engine.changes.accept(database, actor=ACTOR, reason=reason))
    reply(as_json, {"place": top.place, "last": top.last}, f"accepted up to seal {top.place}, change {top.last}")


@app.command()
@refusals
def erase(
    user: UserOption = None,
    table: Annotated[str, typer.Option("--table", metavar="T", help="Table of the records of --key.")] = "",
    key: Annotated[
        list[str] | None, typer.Option("--key", metavar="K", help="Key of a record about the person; repeatable.")
    ] = None,
    word: Annotated[
        list[str] | None,
        typer.Option("--word", metavar="W", help="A name or mail address in what records held; repeatable."),
    ] = None,
    database: DatabaseOption = databases.MAIN,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Erase a person from the change log; that something was changed stays, and the log still verifies.

    --user takes name and addresses from the changes that the account made; --table with --key, and --word, take away what
    the records held, which cannot be undone after that. The records themselves are not touched. This cannot be undone.
    """

    async def work(engine: Engine) -> int:
        users = await user_keys(engine, directory, user)
        person = Person(
            user_key=users[0] if users else None,
            records=[(table, one) for one in keys_of(key, table)],
            words=word or (),
        )
        return await engine.changes.erase(database, person, actor=ACTOR)

    count = with_engine(project, work)
    reply(as_json, {"changes": count}, f"erased from {count} changes")


@app.command()
@refusals
def export(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Default: standard output.")] = None,
    tag: TagOption = "",
    table: TableOption = "",
    since: SinceOption = None,
    until: UntilOption = None,
    realm: RealmOption = None,
    database: DatabaseOption = databases.MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write changes as JSON lines, the oldest first, and a last line in which the engine signs how far the log has come.

    Keep it elsewhere: `sojourn changes verify --export FILE` compares. With --json a FILE is needed.
    """
    if as_json and file is None:
        raise typer.BadParameter("--json needs a FILE to write the lines to")

    async def work(engine: Engine) -> int:
        now = engine.rules.clock.now()
        selection = Selection(tag=tag, table=table, since=instant(since, now), until=instant(until, now))
        detail = {"act": "export", "database": database}
        await engine.rules.audit.record("CHANGE_LOG", realm="", outcome="ok", actor=ACTOR, detail=detail)
        lines = engine.changes.export(lambda log: every(engine, log, selection, realm, oldest_first=True), database)
        if file is None:
            return await _write(None, lines)
        return await _write(file, lines)

    count = with_engine(project, work)
    if file is not None:
        reply(as_json, {"file": str(file), "changes": count}, f"{count} changes written to {file}")


def _sentences(done: Verified) -> str:
    lines = [found.text for found in done.findings]
    if done.faults > len(done.findings):
        lines.append(f"and {done.faults - len(done.findings)} more")
    word = "whole" if done.sound else "NOT whole"
    lines.append(
        f"the log is {word}: {done.changes} changes under {done.head.place} seals, the last {done.head.mac.hex()}"
    )
    if done.removed:
        lines.append(f"changes up to {done.removed} were removed because they were old")
    if done.erased:
        lines.append(f"{done.erased} changes without what the records held")
    waiting = done.unsealed
    if waiting is not None:
        lines.append(
            f"not sealed yet: {waiting.changes} changes, {waiting.first} to {waiting.last}, since {iso(waiting.oldest)}"
        )
    return "\n".join(lines)


async def _write(file: Path | None, lines: AsyncIterator[bytes]) -> int:
    """Write the lines; how many changes they are."""
    count = -1
    try:
        if file is None:
            async for line in lines:
                sys.stdout.write(line.decode())
                count += 1
            return count
        with _private(file) as out:
            async for line in lines:
                out.write(line)
                count += 1
    except OSError as error:
        raise ExportUnwritten(f"{file or 'the export'} cannot be written: {error.strerror}") from None
    return count


def _on_a_line(row: dict[str, Any]) -> dict[str, Any]:
    """A change in a table; a statement or note of several lines would tear it apart."""
    content = row["content"]
    return flat({**row, "content": " ".join(content.split()) if isinstance(content, str) else content})


def _private(file: Path) -> IO[bytes]:
    """``file`` to write; nobody else may read it, because it holds what records held."""
    file.touch(mode=0o600)
    return file.open("wb")
