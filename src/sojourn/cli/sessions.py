"""``sojourn sessions``: who is logged in, how many, and why one ended."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sojourn.bootstrap import Engine
from sojourn.cli import session_ends
from sojourn.cli.described import described, told_end, who
from sojourn.cli.engine import found_session, known_account, wanted_realms, with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, note, refusals, reply, reply_record, reply_rows
from sojourn.cli.users import MAIN, DirectoryOption
from sojourn.core.errors import SessionUnknown
from sojourn.engine.listing import Kind, Page, Wanted
from sojourn.model.user import account_principal

app = typer.Typer(help="Live and ended sessions: list, show, why, stats, end, drop.", no_args_is_help=True)

SessionArgument = Annotated[str, typer.Argument(metavar="ID", help="Public id of the session.")]
RealmOption = Annotated[str | None, typer.Option("--realm", metavar="R", help="Only in this realm.")]
UserOption = Annotated[str | None, typer.Option("--user", metavar="U", help="Only of this account.")]
KindOption = Annotated[
    str | None, typer.Option("--kind", metavar="K", help="Only of this kind: anonymous, account or external.")
]
EndedOption = Annotated[bool, typer.Option("--ended", help="Those that ended in the last 30 days instead.")]
OperatorsOption = Annotated[bool, typer.Option("--operators", help="Those of operators at the admin listener instead.")]
LimitOption = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1_000_000, help="At most so many.")]

_LIVE = ("id", "realm", "user", "created", "last", "endsAt", "address")
_ENDED = ("id", "realm", "user", "created", "reason", "at", "actor", "rule")
_KINDS: dict[str | None, Kind | None] = {
    None: None,
    "anonymous": "anonymous",
    "account": "account",
    "external": "external",
}
_PAGE = 200


@app.command("list")
@refusals
def list_(
    realm: RealmOption = None,
    user: UserOption = None,
    kind: KindOption = None,
    ended: EndedOption = False,
    operators: OperatorsOption = False,
    limit: LimitOption = 1_000,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List live sessions, or with --ended those that ended."""
    if operators and realm is not None:
        raise typer.BadParameter("operators are in no realm of the project")
    if kind not in _KINDS:
        raise typer.BadParameter("a kind is anonymous, account or external")

    async def work(engine: Engine) -> tuple[list[dict[str, Any]], bool]:
        owner = account_principal((await known_account(engine, directory, user)).key) if user else None
        wanted = Wanted(owner, _KINDS[kind], ended=ended)
        realms = [engine.rules.realms.operators] if operators else wanted_realms(engine, realm)
        rows: list[dict[str, Any]] = []
        page = Page((), None)
        # One more than is shown, to know whether there is more.
        while len(rows) <= limit:
            most = min(_PAGE, limit + 1 - len(rows))
            page = await engine.session_manager.page(realms, wanted, page.next, most)
            rows += [described(row.realm, row.session) | told_end(row.end) for row in page.rows]
            if page.next is None:
                break
        return rows[:limit], len(rows) > limit

    rows, more = with_engine(project, work)
    reply_rows(as_json, rows, _ENDED if ended else _LIVE)
    if more:
        note(f"these are the first {limit}; --limit shows more")


@app.command()
@refusals
def show(sid: SessionArgument, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Show a live session; of its fields only names and versions."""

    async def work(engine: Engine) -> dict[str, Any]:
        found = await found_session(engine, sid)
        loaded = await engine.rules.sessions.show(found.realm, sid) if found else None
        if found is None or loaded is None:
            raise SessionUnknown("there is no live session with this id; `sojourn sessions why` knows ended ones")
        fields = {name: field.version for name, field in sorted(loaded.fields.items())}
        return described(found.realm, loaded.session) | {"fields": fields}

    reply_record(as_json, with_engine(project, work))


@app.command()
@refusals
def why(sid: SessionArgument, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Say why a session ended, when, by whom and by which rule."""

    async def work(engine: Engine) -> dict[str, Any]:
        found = await found_session(engine, sid)
        if found is None:
            raise SessionUnknown("nothing is known of this id; tombstones are kept for 30 days")
        about = {"id": sid, "realm": found.realm.name, "user": who(found.session)}
        return about | (told_end(found.tombstone.end) if found.tombstone else {"reason": "alive"})

    reply_record(as_json, with_engine(project, work))


@app.command()
@refusals
def stats(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Count live sessions by realm and kind, beside the ceilings of the engine."""

    async def work(engine: Engine) -> dict[str, Any]:
        manager = engine.session_manager
        counts = await manager.counts()
        empty = {kind: 0 for kind in _KINDS if kind}
        realms = [
            {"realm": realm.name, "stateful": realm.stateful, **empty, **kinds} for realm, kinds in counts.by_realm
        ]
        return {
            "realms": realms,
            "stateful": counts.stateful,
            "maxStateful": manager.max_stateful_sessions_count,
            "stateless": counts.stateless,
            "maxStateless": manager.max_stateless_sessions_count,
            "standalone": counts.standalone,
            "total": counts.total,
        }

    document = with_engine(project, work)
    if as_json:
        reply(as_json, document, "")
        return
    reply_rows(as_json, document.pop("realms"), ("realm", "stateful", "anonymous", "account", "external"))
    print()
    reply_record(as_json, document)


session_ends.add_to(app)
