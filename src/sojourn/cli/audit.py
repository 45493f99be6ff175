"""``sojourn audit``: who did what, when, from where, with what outcome; export, and erasure of a person."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.engine import ACTOR, known_realm, with_engine
from sojourn.cli.instants import instant
from sojourn.cli.output import HERE, JsonOption, ProjectOption, note, refusals, reply, reply_rows
from sojourn.cli.users import MAIN, DirectoryOption
from sojourn.core.errors import SojournError
from sojourn.core.json import encode_text
from sojourn.engine.audit.log import AuditPlace, Wanted
from sojourn.engine.audit.query import described

app = typer.Typer(help="The audit log: list, export, erase a person.", no_args_is_help=True)

#: The name under which the engine's own events are asked for.
ENGINE = "-"

_SOME_TIME = "An instant, or so long ago: 2026-11-21T22:40:00Z, 90m, 7d …"
SinceOption = Annotated[str | None, typer.Option("--since", metavar="TIME", help=f"Not before. {_SOME_TIME}")]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="TIME", help=f"Before. {_SOME_TIME}")]
KindOption = Annotated[list[str] | None, typer.Option("--kind", metavar="K", help="Of this log type; repeatable.")]
RealmOption = Annotated[
    str | None, typer.Option("--realm", metavar="R", help="Of this realm; - for the engine's own events.")
]
ActorOption = Annotated[str, typer.Option("--actor", metavar="NAME", help="By this account, or host.")]
SessionOption = Annotated[str, typer.Option("--session", metavar="ID", help="Of this session.")]
AddressOption = Annotated[str, typer.Option("--address", metavar="BLOCK", help="From there: 192.0.2.7, 192.0.2.0/24 …")]
OutcomeOption = Annotated[str, typer.Option("--outcome", metavar="O", help="ok, failed or refused.")]
CauseOption = Annotated[str, typer.Option("--cause", metavar="CODE", help="Refused for this cause.")]
TextOption = Annotated[str, typer.Option("--text", metavar="T", help="With this somewhere in the detail.")]
LimitOption = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1_000_000, help="At most so many.")]

_COLUMNS = ("at", "kind", "outcome", "realm", "actor", "session", "address", "detail")
_PAGE = 500


class ExportFile(SojournError):
    """The file of the export cannot be written."""

    code = "audit.export"


@app.command("list")
@refusals
def list_(
    since: SinceOption = None,
    until: UntilOption = None,
    kind: KindOption = None,
    realm: RealmOption = None,
    actor: ActorOption = "",
    session: SessionOption = "",
    address: AddressOption = "",
    outcome: OutcomeOption = "",
    cause: CauseOption = "",
    text: TextOption = "",
    limit: LimitOption = 100,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List events, the newest first."""
    wanted = Wanted(
        kinds=frozenset(kind or ()),
        outcome=outcome,
        actor=actor,
        session=session,
        address=address,
        cause=cause,
        text=text,
    )

    async def work(engine: Engine) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        async for event in _events(engine, wanted, since, until, realm):
            if len(rows) > limit:
                break
            rows.append(event)
        return rows

    rows = with_engine(project, work)
    shown = rows[:limit]
    reply_rows(as_json, shown if as_json else [_flat(row) for row in shown], _COLUMNS)
    if len(rows) > limit:
        note(f"these are the newest {limit}; --limit shows more")


@app.command()
@refusals
def export(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Default: standard output.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    kind: KindOption = None,
    realm: RealmOption = None,
    actor: ActorOption = "",
    session: SessionOption = "",
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write events as JSON lines, the oldest first; with --json a FILE is needed and their number is printed."""
    if as_json and file is None:
        raise typer.BadParameter("--json needs a FILE to write the lines to")
    wanted = Wanted(kinds=frozenset(kind or ()), actor=actor, session=session, oldest_first=True)

    async def work(engine: Engine) -> int:
        await engine.rules.audit.record(
            "ADMIN", realm="", outcome="ok", actor=ACTOR, detail={"act": "exportAudit", "actor": actor}
        )
        if file is None:
            return await _write(sys.stdout, _events(engine, wanted, since, until, realm))
        try:
            # Nobody else may read it: it names people and addresses.
            file.touch(mode=0o600)
            with file.open("w", encoding="utf-8") as out:
                return await _write(out, _events(engine, wanted, since, until, realm))
        except OSError as error:
            raise ExportFile(f"{file} cannot be written: {error.strerror}") from None

    count = with_engine(project, work)
    if file is not None:
        reply(as_json, {"file": str(file), "events": count}, f"{count} events written to {file}")


@app.command()
@refusals
def erase(
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="Name of the account, or the subject.")],
    also: Annotated[
        list[str] | None, typer.Option("--also", metavar="NAME", help="Another name or mail address; repeatable.")
    ] = None,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Erase a person from the audit log: names and addresses are gone, that something was done stays.

    The account may be there or not; its mail address goes too while it is. This cannot be undone.
    """

    async def work(engine: Engine) -> int:
        account = await engine.rules.users.find(directory, user)
        known = [account.name, account.email or ""] if account else []
        return await engine.rules.audit_keeping.erase([user, *(also or ()), *known], actor=ACTOR)

    count = with_engine(project, work)
    reply(as_json, {"events": count}, f"erased from {count} events")


async def _events(
    engine: Engine, wanted: Wanted, since: str | None, until: str | None, realm: str | None
) -> AsyncIterator[dict[str, Any]]:
    """Every event that is wanted, read a page at a time."""
    now, audit = engine.rules.clock.now(), engine.rules.audit
    wanted = wanted._replace(since=instant(since, now), until=instant(until, now), realms=_realms(engine, realm))
    place: AuditPlace | None = None
    while True:
        page = await audit.query(wanted, after=place, limit=_PAGE)
        names = await audit.names(page.events)
        for event in page.events:
            yield described(event, names)
        if page.next is None:
            return
        place = page.next


async def _write(out: IO[str], events: AsyncIterator[dict[str, Any]]) -> int:
    count = 0
    async for event in events:
        out.write(encode_text(event) + "\n")
        count += 1
    return count


def _realms(engine: Engine, name: str | None) -> frozenset[str] | None:
    if name is None:
        return None
    if name == ENGINE:
        return frozenset({"", engine.rules.realms.operators.id})
    return frozenset({known_realm(engine, name).id})


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"detail": encode_text(row["detail"])}
