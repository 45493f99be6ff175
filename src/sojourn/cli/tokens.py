"""``sojourn tokens``: the AuthTokens of a project."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.durations import parse_duration
from sojourn.cli.engine import ACTOR, known_account, known_realm, with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, refusals, reply, reply_rows
from sojourn.core.clock import iso
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.security.actors import HOST
from sojourn.engine.tokens.authtokens import Listed
from sojourn.model.token import AuthToken

app = typer.Typer(help="AuthTokens: issue, list, revoke.", no_args_is_help=True)

_HOST = HOST._replace(name=ACTOR)
_COLUMNS = ("key", "user", "realm", "scope", "description", "expires", "lastUsed", "uses")

DirectoryOption = Annotated[str, typer.Option("--directory", metavar="D", help="Directory of the account.")]


@app.command()
@refusals
def issue(
    user: Annotated[str, typer.Option("--user", metavar="U", help="Whom it acts for: user name or mail address.")],
    scope: Annotated[str, typer.Option("--scope", metavar='"A B"', help="What it may do: words, and ufs:/ scripts.")],
    realm: Annotated[
        str | None, typer.Option("--realm", metavar="R", help="Where; '*' = everywhere. Default: the only realm.")
    ] = None,
    expires: Annotated[
        str, typer.Option("--expires", metavar="T", help="For how long: 30d, 12h …; never = until it is revoked.")
    ] = "30d",
    description: Annotated[str, typer.Option("--description", metavar="T", help="What it is for.")] = "",
    data: Annotated[str, typer.Option("--data", metavar="D", help="Opaque text that is kept with it.")] = "",
    directory: DirectoryOption = "main",
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Authorize a token for a user and print it, once. Its scope is a part of what the user may do."""
    life = None if expires == "never" else parse_duration(expires)

    async def work(engine: Engine) -> dict[str, Any]:
        rules = engine.rules
        where, within = _place(engine, realm, directory)
        account = await known_account(engine, within, user)
        until = None if life is None else rules.clock.now() + life
        token = AuthToken(scope, data, expires=until, description=description)
        done = await rules.auth_tokens.authorize(_HOST, account, token, where)
        return {"key": done.key, "token": done.text, "scope": token.scope, "expires": _when(token.expires)}

    done = with_engine(project, work)
    reply(as_json, done, done["token"])


@app.command("list")
@refusals
def list_(
    user: Annotated[str | None, typer.Option("--user", metavar="U", help="Only of this user.")] = None,
    directory: DirectoryOption = "main",
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List the tokens that were not revoked, with their last use; never their texts."""

    async def work(engine: Engine) -> list[dict[str, Any]]:
        rules = engine.rules
        account = await known_account(engine, directory, user) if user else None
        found = await rules.auth_tokens.list(account.key if account else None)
        names = {key: await rules.users.get(key) for key in {one.record.account for one in found}}
        now = rules.clock.now()
        return [
            _described(engine, one, known.name if (known := names[one.record.account]) else "", now) for one in found
        ]

    reply_rows(as_json, with_engine(project, work), _COLUMNS)


@app.command()
@refusals
def revoke(
    key: Annotated[int, typer.Argument(metavar="KEY", help="Key of the token, see `sojourn tokens list`.")],
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Refuse a token, and what it has authorized itself, from the next request on; sessions that it logged in end."""

    async def work(engine: Engine) -> dict[str, Any]:
        return {"key": key, "revoked": await engine.rules.auth_tokens.revoke(_HOST, key)}

    done = with_engine(project, work)
    reply(as_json, done, f"token {key} revoked" if done["revoked"] else f"token {key} was revoked before")


def _place(engine: Engine, realm: str | None, directory: str) -> tuple[str, str]:
    """Immutable id of the realm, or ``*``, and the directory of its accounts."""
    if realm == EVERYWHERE:
        return EVERYWHERE, directory
    realms = engine.rules.realms.all()
    if realm is None and len(realms) != 1:
        raise typer.BadParameter("name the realm with --realm, or '*' for every one")
    found = known_realm(engine, realm) if realm is not None else realms[0]
    return found.id, found.config.directory


def _described(engine: Engine, one: Listed, user: str, now: int) -> dict[str, Any]:
    record, used = one.record, one.used
    realm = engine.rules.realms.by_id(record.realm)
    return {
        "key": record.key,
        "user": user,
        "realm": realm.name if realm else record.realm,
        "scope": record.scope,
        "description": record.description,
        "data": record.data,
        "created": iso(record.created),
        "expires": _when(record.expires),
        "expired": record.dead(now) == "expired",
        "parent": record.parent,
        "lastUsed": _when(used.last),
        "uses": used.uses,
        "lastAddress": used.address,
    }


def _when(at: int | None) -> str | None:
    return None if at is None else iso(at)
