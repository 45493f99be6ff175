"""``sojourn scopes``: what accounts and groups may do."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.engine import ACTOR, known_realm, with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, refusals, reply, reply_rows
from sojourn.cli.users import MAIN, DirectoryOption
from sojourn.engine.lookups import EVERYWHERE

app = typer.Typer(help="Scopes of users, groups and roles: grant, revoke, list.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="User, group or role.")]
ScopeArgument = Annotated[str, typer.Argument(metavar="SCOPE", help="The scope.")]
RealmOption = Annotated[str | None, typer.Option("--realm", metavar="R", help="Only in this realm; default: in all.")]


@app.command()
@refusals
def grant(
    name: NameArgument,
    scope: ScopeArgument,
    realm: RealmOption = None,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Give a scope; it holds from the next request on."""

    async def work(engine: Engine) -> bool:
        place = known_realm(engine, realm).id if realm else EVERYWHERE
        return await engine.rules.grants.grant(name, scope, place, directory=directory, actor=ACTOR)

    changed = with_engine(project, work)
    reply(as_json, _change(name, scope, realm, changed), f"{name} has {scope}" + ("" if changed else " already"))


@app.command()
@refusals
def revoke(
    name: NameArgument,
    scope: ScopeArgument,
    realm: RealmOption = None,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Take a grant away; it is gone with the next request."""

    async def work(engine: Engine) -> bool:
        place = known_realm(engine, realm).id if realm else EVERYWHERE
        return await engine.rules.grants.revoke(name, scope, place, directory=directory, actor=ACTOR)

    changed = with_engine(project, work)
    text = f"taken {scope} from {name}" if changed else f"{name} had no such grant"
    reply(as_json, _change(name, scope, realm, changed), text)


@app.command("list")
@refusals
def list_(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="User, group or role; default: all.")] = None,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List direct grants."""

    async def work(engine: Engine) -> list[dict[str, Any]]:
        found = await engine.rules.grants.list(name, directory=directory)
        names = {realm.id: realm.name for realm in engine.rules.realms.all()}
        return [
            {
                "name": grant.assignee,
                "kind": grant.kind,
                "scope": grant.scope,
                "realm": names.get(grant.realm, grant.realm),
                "product": grant.product,
            }
            for grant in found
        ]

    reply_rows(as_json, with_engine(project, work), ("name", "kind", "scope", "realm", "product"))


def _change(name: str, scope: str, realm: str | None, changed: bool) -> dict[str, Any]:
    return {"name": name, "scope": scope, "realm": realm or EVERYWHERE, "changed": changed}
