"""``sojourn sessions``: who is logged in, end it, why it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.engine import ACTOR, known_account, wanted_realms, with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, refusals, reply, reply_record, reply_rows
from sojourn.cli.users import MAIN, DirectoryOption
from sojourn.core.clock import iso
from sojourn.core.errors import SessionUnknown
from sojourn.model.realm import Realm
from sojourn.model.session import End, Session, Tombstone
from sojourn.model.user import account_principal

app = typer.Typer(help="Live and ended sessions: list, show, end, why.", no_args_is_help=True)

SessionArgument = Annotated[str, typer.Argument(metavar="ID", help="Public id of the session.")]
RealmOption = Annotated[str | None, typer.Option("--realm", metavar="R", help="Only in this realm.")]
UserOption = Annotated[str | None, typer.Option("--user", metavar="U", help="Only of this account.")]

_PAGE = 200


@app.command("list")
@refusals
def list_(
    realm: RealmOption = None,
    user: UserOption = None,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List live sessions."""

    async def work(engine: Engine) -> list[dict[str, Any]]:
        principal = account_principal((await known_account(engine, directory, user)).key) if user else None
        rows: list[dict[str, Any]] = []
        for place in wanted_realms(engine, realm):
            rows += [_described(place, session) for session in await _all(engine, place, principal)]
        return rows

    reply_rows(as_json, with_engine(project, work), ("id", "realm", "user", "created", "last", "endsAt", "address"))


@app.command()
@refusals
def show(sid: SessionArgument, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Show a live session; of its fields only names and versions."""

    async def work(engine: Engine) -> dict[str, Any]:
        for place in engine.rules.realms.all():
            loaded = await engine.rules.sessions.show(place, sid)
            if loaded:
                fields = {name: field.version for name, field in sorted(loaded.fields.items())}
                return _described(place, loaded.session) | {"fields": fields}
        raise SessionUnknown("there is no live session with this id; `sojourn sessions why` knows ended ones")

    reply_record(as_json, with_engine(project, work))


@app.command()
@refusals
def end(
    sid: Annotated[str | None, typer.Argument(metavar="[ID]", help="Public id of the session.")] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="U", help="All sessions of this account.")] = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="T", help="Told to operators; the user reads 'dropped'.")
    ] = "",
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """End one session, or all of an account; every handle of it is dead when this returns."""
    if (sid is None) == (user is None):
        raise typer.BadParameter("name one session, or one account with --user")

    async def end_one(engine: Engine) -> dict[str, Any]:
        for place in engine.rules.realms.all():
            ended = await engine.rules.sessions.end_by_id(place, str(sid), "dropped", actor=ACTOR, rule=reason)
            if ended:
                return {"id": sid, **_why(ended)}
        raise SessionUnknown("there is no session with this id")

    async def end_all(engine: Engine) -> dict[str, Any]:
        account = await known_account(engine, directory, str(user))
        count = await engine.rules.sessions.end_all(None, account.key, "dropped", actor=ACTOR)
        return {"user": account.name, "sessionsEnded": count}

    done = with_engine(project, end_one if sid else end_all)
    reply(as_json, done, f"ended: {done['reason']}" if sid else f"{done['sessionsEnded']} sessions of {user} ended")


@app.command()
@refusals
def why(sid: SessionArgument, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Say why a session ended, when, and by whom."""

    async def work(engine: Engine) -> dict[str, Any]:
        for place in engine.rules.realms.all():
            found: Tombstone | None = await engine.rules.sessions.why(place, sid)
            if found:
                return {"id": sid, "realm": place.name, "user": _who(found.session), **_why(found.end)}
            if await engine.rules.sessions.show(place, sid):
                return {"id": sid, "realm": place.name, "reason": "alive"}
        raise SessionUnknown("nothing is known of this id; tombstones are kept for 30 days")

    reply_record(as_json, with_engine(project, work))


async def _all(engine: Engine, realm: Realm, principal: str | None) -> Sequence[Session]:
    found: list[Session] = []
    while True:
        after = (found[-1].created, found[-1].id) if found else None
        page = await engine.rules.sessions.list(realm, principal, after=after, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found


def _described(realm: Realm, session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "realm": realm.name,
        "user": _who(session),
        "created": iso(session.created),
        "last": iso(session.last),
        "endsAt": iso(session.dies_at),
        "address": session.device.address,
        "tokens": len(session.tokens),
    }


def _who(session: Session) -> str:
    identity = session.identity
    return f"{identity.subject} (external: {identity.space})" if identity.space else identity.user_name


def _why(end: End) -> dict[str, Any]:
    return {"reason": end.reason, "at": iso(end.at), "actor": end.actor, "rule": end.rule}
