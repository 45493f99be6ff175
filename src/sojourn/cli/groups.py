"""``sojourn groups``: groups and roles, and who is in them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.engine import with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, refusals, reply, reply_record, reply_rows
from sojourn.cli.users import MAIN
from sojourn.engine.accounts.directory import GroupUnknown
from sojourn.engine.accounts.memberships import Group
from sojourn.engine.security.actors import HOST
from sojourn.model.user import fold

app = typer.Typer(help="Groups and roles: add, list, show, join, leave, delete.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Group or role.")]
MemberArgument = Annotated[str, typer.Argument(metavar="MEMBER", help="User (name or mail address) or group.")]
DirectoryOption = Annotated[str, typer.Option("--directory", metavar="D", help="Directory of the group.")]


@app.command()
@refusals
def add(
    name: NameArgument,
    role: Annotated[bool, typer.Option("--role", help="A role: a named set of grants, in nothing itself.")] = False,
    group: Annotated[
        list[str] | None, typer.Option("--group", metavar="G", help="Group it is in, or role it has; repeatable.")
    ] = None,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Make a group or role."""

    async def work(engine: Engine) -> dict[str, Any]:
        kind: Literal["group", "role"] = "role" if role else "group"
        groups = engine.rules.users.groups
        return _described(await groups.add(name, group or (), kind=kind, directory=directory, actor=HOST))

    made = with_engine(project, work)
    reply(as_json, made, f"{made['kind']} {name} added")


@app.command("list")
@refusals
def list_(directory: DirectoryOption = MAIN, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """List the groups and roles."""

    async def work(engine: Engine) -> list[dict[str, Any]]:
        return [_described(group) for group in await engine.rules.users.groups.list(directory=directory)]

    reply_rows(as_json, with_engine(project, work), ("name", "kind", "key"))


@app.command()
@refusals
def show(
    name: NameArgument, directory: DirectoryOption = MAIN, project: ProjectOption = HERE, as_json: JsonOption = False
) -> None:
    """Show one group or role with its members and what was granted to it."""

    async def work(engine: Engine) -> dict[str, Any]:
        groups, wanted = engine.rules.users.groups, fold(name)
        found = [one for one in await groups.list(directory=directory) if fold(one.name) == wanted]
        if not found:
            raise GroupUnknown(f"there is no group {name!r}")
        grants = await engine.rules.grants.list(found[0].name, directory=directory)
        members = await groups.members(name, directory=directory)
        shown = {"members": [one.name for one in members], "scopes": sorted({grant.scope for grant in grants})}
        return _described(found[0]) | shown

    reply_record(as_json, with_engine(project, work))


@app.command()
@refusals
def join(
    name: NameArgument,
    member: MemberArgument,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Put a user or group into a group, or give it a role."""

    async def work(engine: Engine) -> None:
        await engine.rules.users.groups.join(member, [name], directory=directory, actor=HOST)

    with_engine(project, work)
    reply(as_json, {"group": name, "member": member}, f"{member} is in {name}")


@app.command()
@refusals
def leave(
    name: NameArgument,
    member: MemberArgument,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Take a user or group out of a group, or a role from it."""

    async def work(engine: Engine) -> None:
        await engine.rules.users.groups.leave(member, name, directory=directory, actor=HOST)

    with_engine(project, work)
    reply(as_json, {"group": name, "member": member}, f"{member} is not in {name}")


@app.command()
@refusals
def delete(
    name: NameArgument, directory: DirectoryOption = MAIN, project: ProjectOption = HERE, as_json: JsonOption = False
) -> None:
    """Delete a group or role with its memberships and grants."""

    async def work(engine: Engine) -> None:
        await engine.rules.users.groups.delete(name, directory=directory, actor=HOST)

    with_engine(project, work)
    reply(as_json, {"name": name, "deleted": True}, f"{name} deleted")


def _described(group: Group) -> dict[str, Any]:
    return {"key": group.key, "name": group.name, "kind": group.kind, "directory": group.directory}
