"""``sojourn users email``, ``reset``, ``type`` and ``sign``: what the record of an account says, and whether it is to be believed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.engine import known_account, with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, refusals, reply
from sojourn.cli.users import MAIN, DirectoryOption, NameArgument, described
from sojourn.engine.accounts.adoption import tampered
from sojourn.engine.accounts.users import Users
from sojourn.engine.security.actors import HOST
from sojourn.model.user import Account


@refusals
def email(
    name: NameArgument,
    address: Annotated[str, typer.Argument(metavar="EMAIL", help="The new address; empty for none.")],
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Give the account another mail address."""
    changed = _changed(name, directory, project, lambda users, key: users.set_email(key, address, HOST))
    reply(as_json, changed, f"mail address of {name} changed")


@refusals
def reset(
    name: NameArgument, directory: DirectoryOption = MAIN, project: ProjectOption = HERE, as_json: JsonOption = False
) -> None:
    """Mail a code for a new password to the account."""

    async def work(engine: Engine) -> dict[str, Any]:
        account = await known_account(engine, directory, name)
        await engine.rules.passwords.start_reset_for(HOST, account.key)
        await engine.rules.mailer.idle()
        return await described(engine, account)

    reply(as_json, with_engine(project, work), f"a code for {name} is handed over; the audit log tells if it was not")


@refusals
def type_(
    name: NameArgument,
    account_type: Annotated[
        Literal["standard", "support"], typer.Argument(metavar="TYPE", help="standard or support.")
    ],
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Say what the account is for."""
    changed = _changed(name, directory, project, lambda users, key: users.set_type(key, account_type, HOST))
    reply(as_json, changed, f"account {name} is of type {account_type}")


@refusals
def sign(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="User name or mail address.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All accounts, of all directories.")] = False,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Vouch for the record of an account that was changed from outside, as it stands now. Look at it first."""
    if (name is None) != every:
        raise typer.BadParameter("name an account, or say --all")

    async def work(engine: Engine) -> list[str]:
        rules = engine.rules
        if name is not None:
            keys = {f"{directory}/{name}": (await known_account(engine, directory, name)).key}
        else:
            found = [one.split("/", 1) for one in await tampered(rules.db, rules.accounts)]
            keys = {f"{of}/{user}": (await known_account(engine, of, user)).key for of, user in found}
        return [named for named, key in keys.items() if await rules.users.vouch(key, HOST)]

    signed = with_engine(project, work)
    reply(as_json, {"signed": signed}, "\n".join(f"signed {one}" for one in signed) or "nothing had to be signed")


def add_to(app: typer.Typer) -> None:
    """Make these commands of ``app``."""
    app.command()(email)
    app.command()(reset)
    app.command("type")(type_)
    app.command()(sign)


def _changed(
    name: str, directory: str, project: Path, act: Callable[[Users, int], Awaitable[Account]]
) -> dict[str, Any]:
    """The account of that name after ``act``."""

    async def work(engine: Engine) -> dict[str, Any]:
        account = await known_account(engine, directory, name)
        return await described(engine, await act(engine.rules.users, account.key))

    return with_engine(project, work)
