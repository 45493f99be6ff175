"""``sojourn sessions``: ending them, at once or with notice, and cleaning up."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.described import told_end
from sojourn.cli.durations import parse_duration
from sojourn.cli.engine import ACTOR, found_session, known_account, known_realm, wanted_realms, with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, refusals, reply, reply_rows
from sojourn.cli.users import MAIN, DirectoryOption
from sojourn.core.clock import iso
from sojourn.core.errors import NotFound, SessionUnknown
from sojourn.engine.ends.drops import DropRequest
from sojourn.model.realm import Realm
from sojourn.model.session import ANONYMOUS_KEY

ReasonOption = Annotated[str, typer.Option("--reason", metavar="T", help="Why; operators and the user read it.")]
AfterOption = Annotated[str, typer.Option("--after", metavar="TIME", help="Until then: 90s, 3m, 1h …")]
NoticeOption = Annotated[str, typer.Option("--reason", metavar="T", help="What the user is told.")]

_COLUMNS = ("session", "realm", "requester", "reason", "dropsAt")


class NothingToCancel(NotFound):
    """Nobody asked for the end of this session."""

    code = "session.no_drop"


@refusals
def end(
    sid: Annotated[str | None, typer.Argument(metavar="[ID]", help="Public id of the session.")] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="U", help="All sessions of this account.")] = None,
    realm: Annotated[
        str | None, typer.Option("--realm", metavar="R", help="With --user only those in this realm; else with --all.")
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="With --realm: all of it, whoever they belong to.")] = False,
    everything: Annotated[
        bool, typer.Option("--everything", help="All sessions of all realms, operators too.")
    ] = False,
    reason: ReasonOption = "",
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """End one session, all of an account, of a realm, or everything; every handle of them is dead when this returns."""
    alone = sid is not None or everything
    if (sid is not None) + (user is not None) + everyone + everything != 1 or (alone and realm is not None):
        raise typer.BadParameter(
            "name one session, or one account with --user, or one realm with --realm R --all, or --everything"
        )
    if everyone and realm is None:
        raise typer.BadParameter("--all needs --realm")

    async def work(engine: Engine) -> dict[str, Any]:
        if sid is not None:
            return await _end_one(engine, sid, reason)
        if everything:
            ended = await engine.rules.sessions.end_everything("ended-everywhere", actor=ACTOR, rule=reason)
            return {"sessionsEnded": ended}
        place = known_realm(engine, realm) if realm else None
        if user is not None:
            return await _end_user(engine, place, directory, user, reason)
        assert place is not None
        ended = await engine.rules.sessions.end_realm(place, "ended-everywhere", actor=ACTOR, rule=reason)
        return {"realm": place.name, "sessionsEnded": ended}

    done = with_engine(project, work)
    whose = f" of {user}" if user is not None else f" of realm {realm}" if realm else ""
    reply(as_json, done, f"ended: {done['reason']}" if sid else f"{done['sessionsEnded']} sessions{whose} ended")


@refusals
def drop(
    sid: Annotated[str, typer.Argument(metavar="ID", help="Public id of the session.")],
    reason: NoticeOption = "",
    after: AfterOption = "3m",
    cancel: Annotated[bool, typer.Option("--cancel", help="Let it live after all.")] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """End a session with notice; its user is told why until then. A running engine carries it out, or the next to start."""
    notice = parse_duration(after)

    async def work(engine: Engine) -> dict[str, Any]:
        if cancel:
            if not await engine.rules.drops.cancel(sid, actor=ACTOR):
                raise NothingToCancel
            return {"session": sid, "cancelled": True}
        found = await engine.session_manager.find(sid)
        request = found and await engine.rules.drops.request(
            found.realm, sid, reason, actor_key=ANONYMOUS_KEY, actor=ACTOR, after=notice
        )
        if found is None or request is None:
            raise SessionUnknown("there is no live session with this id; `sojourn sessions why` knows ended ones")
        return _described(found.realm, request)

    done = with_engine(project, work)
    reply(as_json, done, "the session lives on" if cancel else f"the session ends at {done['dropsAt']}")


@refusals
def drops(
    realm: Annotated[str | None, typer.Option("--realm", metavar="R", help="Only in this realm.")] = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List the sessions that will be ended, at most 200 of each realm."""

    async def work(engine: Engine) -> list[dict[str, Any]]:
        return [
            _described(place, request)
            for place in wanted_realms(engine, realm)
            for request in await engine.rules.drops.list(place)
        ]

    reply_rows(as_json, with_engine(project, work), _COLUMNS)


@refusals
def cleanup(
    timeout: Annotated[str, typer.Option("--timeout", metavar="TIME", help="How long to wait.")] = "30s",
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Sweep now what is past its limits; a running engine does so by itself every few seconds."""
    within = parse_duration(timeout)

    async def work(engine: Engine) -> dict[str, Any]:
        finished = await engine.session_manager.clean_up(timeout=within, actor=ACTOR)
        return {"finished": finished, "swept": engine.rules.upkeep.sweeper.handled}

    done = with_engine(project, work)
    reply(as_json, done, f"{done['swept']} sessions swept" + ("" if done["finished"] else ", more is due"))
    if not done["finished"]:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """The commands of this module."""
    for command in (end, drop, drops, cleanup):
        app.command()(command)


async def _end_one(engine: Engine, sid: str, reason: str) -> dict[str, Any]:
    found = await found_session(engine, sid)
    ended = found and await engine.rules.sessions.end_by_id(found.realm, sid, "dropped", actor=ACTOR, rule=reason)
    if ended is None:
        raise SessionUnknown("there is no session with this id")
    return {"id": sid, **told_end(ended)}


async def _end_user(engine: Engine, realm: Realm | None, directory: str, user: str, reason: str) -> dict[str, Any]:
    account = await known_account(engine, directory, user)
    ended = await engine.rules.sessions.end_all(realm, account.key, "dropped", actor=ACTOR, rule=reason)
    return {"user": account.name, **({"realm": realm.name} if realm else {}), "sessionsEnded": ended}


def _described(realm: Realm, request: DropRequest) -> dict[str, Any]:
    return {
        "session": request.session,
        "realm": realm.name,
        "requester": request.requester,
        "reason": request.reason,
        "requestedAt": iso(request.requested_at),
        "dropsAt": iso(request.drops_at),
    }
