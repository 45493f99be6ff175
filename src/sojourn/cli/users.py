"""``sojourn users``: the accounts of a project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.engine import ACTOR, known_account, shortest_password, with_engine
from sojourn.cli.output import (
    HERE,
    JsonOption,
    PasswordOption,
    ProjectOption,
    read_password,
    refusals,
    reply,
    reply_record,
    reply_rows,
)
from sojourn.engine.security.actors import HOST
from sojourn.model.scope import parse_scopes
from sojourn.model.user import Account, AccountState, fold

app = typer.Typer(help="Accounts: add, list, lock, disable, delete.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="User name or mail address.")]
DirectoryOption = Annotated[str, typer.Option("--directory", metavar="D", help="Directory of the account.")]
MAIN = "main"

_COLUMNS = ("name", "email", "state", "signatureValid", "groups", "roles", "scopes")


@app.command()
@refusals
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new account; no @.")],
    email: Annotated[str, typer.Option("--email", metavar="E", help="Mail address.")] = "",
    group: Annotated[
        list[str] | None, typer.Option("--group", metavar="G", help="Group, made if new; repeatable.")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option("--role", metavar="R", help="Role, made if new; repeatable.")
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", metavar="S", help="Scope in every realm; repeatable.")
    ] = None,
    password_stdin: PasswordOption = False,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Add an account; its password is asked for, or read from standard input."""
    scopes = parse_scopes(scope or ())
    password = read_password(password_stdin)

    async def work(engine: Engine) -> dict[str, Any]:
        rules = engine.rules
        await _make_missing(engine, directory, group or [], "group")
        await _make_missing(engine, directory, role or [], "role")
        account = await rules.users.add(
            directory,
            name,
            password,
            email,
            [*(group or ()), *(role or ())],
            min_length=shortest_password(engine, directory),
            actor=ACTOR,
        )
        for word in scopes:
            await rules.grants.grant(name, word, directory=directory, actor=ACTOR)
        return await described(engine, account)

    made = with_engine(project, work)
    reply(as_json, made, f"account {made['name']} added")


@app.command("list")
@refusals
def list_(directory: DirectoryOption = MAIN, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """List the accounts."""

    async def work(engine: Engine) -> list[dict[str, Any]]:
        return [await described(engine, account) for account in await engine.rules.users.list(directory)]

    reply_rows(as_json, with_engine(project, work), _COLUMNS)


@app.command()
@refusals
def show(
    name: NameArgument, directory: DirectoryOption = MAIN, project: ProjectOption = HERE, as_json: JsonOption = False
) -> None:
    """Show one account."""

    async def work(engine: Engine) -> dict[str, Any]:
        return await described(engine, await known_account(engine, directory, name))

    reply_record(as_json, with_engine(project, work))


def _set_state(
    name: str, state: AccountState, directory: str, project: Path, as_json: bool, *, ends: bool = False
) -> None:
    async def work(engine: Engine) -> dict[str, Any]:
        account = await known_account(engine, directory, name)
        changed = await engine.rules.users.set_state(account.key, state, ACTOR)
        ended = await engine.rules.sessions.end_all(None, account.key, "user-disabled", actor=ACTOR) if ends else 0
        return await described(engine, changed) | {"sessionsEnded": ended}

    reply(as_json, with_engine(project, work), f"account {name} is {state}")


@app.command()
@refusals
def lock(
    name: NameArgument, directory: DirectoryOption = MAIN, project: ProjectOption = HERE, as_json: JsonOption = False
) -> None:
    """Stop new logins; live sessions go on."""
    _set_state(name, "locked", directory, project, as_json)


@app.command()
@refusals
def unlock(
    name: NameArgument, directory: DirectoryOption = MAIN, project: ProjectOption = HERE, as_json: JsonOption = False
) -> None:
    """Allow logins again."""
    _set_state(name, "active", directory, project, as_json)


@app.command()
@refusals
def disable(
    name: NameArgument, directory: DirectoryOption = MAIN, project: ProjectOption = HERE, as_json: JsonOption = False
) -> None:
    """Stop logins and end all sessions of the account."""
    _set_state(name, "disabled", directory, project, as_json, ends=True)


@app.command()
@refusals
def enable(
    name: NameArgument, directory: DirectoryOption = MAIN, project: ProjectOption = HERE, as_json: JsonOption = False
) -> None:
    """Make a disabled account active again; its old sessions stay ended."""
    _set_state(name, "active", directory, project, as_json)


@app.command()
@refusals
def passwd(
    name: NameArgument,
    password_stdin: PasswordOption = False,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Set a new password and end all sessions of the account."""
    password = read_password(password_stdin)

    async def work(engine: Engine) -> dict[str, Any]:
        account = await known_account(engine, directory, name)
        changed = await engine.rules.passwords.set(HOST, account.key, password)
        ended = await engine.rules.sessions.end_all(None, account.key, "password-changed", actor=ACTOR)
        return await described(engine, changed) | {"sessionsEnded": ended}

    reply(as_json, with_engine(project, work), f"password of {name} set; its sessions are ended")


@app.command()
@refusals
def delete(
    name: NameArgument, directory: DirectoryOption = MAIN, project: ProjectOption = HERE, as_json: JsonOption = False
) -> None:
    """Delete the account and end all its sessions; its key is never used again."""

    async def work(engine: Engine) -> dict[str, Any]:
        account = await known_account(engine, directory, name)
        await engine.rules.users.delete(account.key, ACTOR)
        ended = await engine.rules.sessions.end_all(None, account.key, "user-deleted", actor=ACTOR)
        return {"key": account.key, "name": account.name, "sessionsEnded": ended}

    reply(as_json, with_engine(project, work), f"account {name} deleted")


async def _make_missing(engine: Engine, directory: str, names: Sequence[str], kind: Literal["group", "role"]) -> None:
    groups = engine.rules.users.groups
    known = {fold(found.name) for found in await groups.list(directory=directory)}
    for name in names:
        if fold(name) not in known:
            await groups.add(name, kind=kind, directory=directory, actor=HOST)


async def described(engine: Engine, account: Account) -> dict[str, Any]:
    """An account with its groups and roles and what it was granted itself."""
    grants = await engine.rules.grants.list(account.name, directory=account.directory)
    return {
        "key": account.key,
        "name": account.name,
        "email": account.email,
        "directory": account.directory,
        "state": account.state,
        "accountType": account.account_type,
        "signatureValid": account.intact,
        "groups": [group.name for group in await engine.rules.users.groups.of(account.key)],
        "roles": [role.name for role in await engine.rules.users.groups.roles(account.key)],
        "scopes": sorted({grant.scope for grant in grants}),
    }
