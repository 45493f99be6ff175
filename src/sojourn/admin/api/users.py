"""Accounts: who they are, what state they are in, what they have."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from sojourn.admin.answers import Done
from sojourn.admin.inputs import MOST_IN_A_PAGE, Name
from sojourn.admin.operation import Asked, Needs, operation
from sojourn.admin.shapes import Nothing, Shape
from sojourn.core.errors import InsufficientScope
from sojourn.engine.accounts.directory import GroupUnknown, NameTaken, UserUnknown
from sojourn.engine.accounts.records import AccountTampered
from sojourn.engine.accounts.users import ExternalAuthorizer
from sojourn.engine.security.actors import Actor
from sojourn.model.user import Account, AccountState, AccountType, BadAccount

VIEW = Needs(right="viewUsers")
MANAGE = Needs(right="manageUsers", also="all that the account has, in every realm of its directory")
ADD = Needs(right="manageUsers", also="all that the groups, and everyone, give, in every realm of the directory")

Key = Annotated[int, Meta(description="Of accounts, groups and roles together; never used twice.")]
Directory = Annotated[Name, Meta(description="Directory of the accounts.")]
Email = Annotated[str, Meta(max_length=254, pattern=r"^[^\x00]*$", description="Mail address, empty for none.")]


class AccountInfo(Shape, frozen=True, kw_only=True):
    """An account."""

    key: Key
    name: str
    email: Email
    directory: Directory
    state: AccountState
    account_type: AccountType
    signature_valid: Annotated[
        bool,
        Meta(description="Whether the engine wrote the record last; one that was changed from outside is unusable."),
    ]


class Holding(Shape, frozen=True, kw_only=True):
    """A scope that an account has, by itself or through groups and roles."""

    scope: str
    realm: Annotated[str, Meta(description="Name of the realm, `*` for every one.")]


class UserDetail(Shape, frozen=True, kw_only=True):
    """An account with what it is in and what it has, as far as the operator may see."""

    user: AccountInfo
    groups: Annotated[list[str], Meta(description="By priority, depth-first; everyone is not named.")]
    roles: list[str]
    scopes: list[Holding]


class UserPage(Shape, frozen=True, kw_only=True):
    """One page of accounts by key."""

    users: list[AccountInfo]
    next: Annotated[int | None, Meta(description="`after` of the next page; null when that was all.")]


class UsersQuery(Shape, frozen=True, kw_only=True):
    """Which accounts."""

    directory: Directory = "main"
    user: Annotated[Name, Meta(description="Name or mail address: this account only.")] | None = None
    after: Annotated[int, Meta(ge=0, le=2**53, description="`next` of the page before.")] = 0
    limit: Annotated[int, Meta(ge=1, le=MOST_IN_A_PAGE, description="Accounts in one page.")] = 50


class NewUser(Shape, frozen=True, kw_only=True):
    """A new account. It has no password: an identity provider lets it in, or the host gives it one."""

    name: Name
    directory: Directory = "main"
    email: Email = ""
    groups: Annotated[
        tuple[Name, ...], Meta(max_length=100, description="Groups and roles, most important first.")
    ] = ()


class NewEmail(Shape, frozen=True, kw_only=True):
    """Another mail address."""

    email: Email


class NewState(Shape, frozen=True, kw_only=True):
    """Another state. `disabled` and `expired` end all sessions; `locked` stops new logins only."""

    state: AccountState


class NewType(Shape, frozen=True, kw_only=True):
    """What the account is for."""

    account_type: AccountType


@operation("GET", "/users", needs=VIEW, query=UsersQuery, answer=UserPage)
async def list_users(asked: Asked[UsersQuery, Nothing]) -> UserPage:
    """List the accounts of a directory, by key; a directory of which the operator may see no realm has none."""
    query, users = asked.query, asked.plane.rules.users
    if not asked.plane.rules.rights.sees(actor(asked), query.directory):
        return UserPage(users=[], next=None)
    if query.user is not None:
        found = await users.find(query.directory, query.user)
        return UserPage(users=[described(found)] if found else [], next=None)
    page = await users.page(query.directory, query.after, query.limit)
    last = page[-1].key if len(page) == query.limit else None
    return UserPage(users=[described(account) for account in page], next=last)


@operation("GET", "/users/{user}", needs=VIEW, answer=UserDetail, raises=(UserUnknown,))
async def show_user(asked: Asked[Nothing, Nothing]) -> UserDetail:
    """Show one account with its groups, roles and scopes; of realms that the operator may not see, nothing."""
    return await _detail(asked, await seen(asked))


@operation(
    "POST",
    "/users",
    needs=ADD,
    body=NewUser,
    answer=AccountInfo,
    raises=(BadAccount, NameTaken, GroupUnknown, InsufficientScope),
)
async def create_user(asked: Asked[Nothing, NewUser]) -> AccountInfo:
    """Make an account."""
    body, rules, who = asked.body, asked.plane.rules, actor(asked)
    guard = rules.rights.adds(who, body.directory, body.groups)
    made = await rules.users.add(body.directory, body.name, None, body.email, body.groups, actor=who, guard=guard)
    return described(made)


@operation(
    "POST",
    "/users/{user}/email",
    needs=MANAGE,
    body=NewEmail,
    answer=AccountInfo,
    raises=(UserUnknown, BadAccount, NameTaken, AccountTampered, InsufficientScope),
)
async def change_email(asked: Asked[Nothing, NewEmail]) -> AccountInfo:
    """Give an account another mail address."""
    account, rules, who = await seen(asked), asked.plane.rules, actor(asked)
    guard = rules.rights.over_account(who, account.key)
    return described(await rules.users.set_email(account.key, asked.body.email, who, guard=guard))


@operation(
    "POST",
    "/users/{user}/state",
    needs=MANAGE,
    body=NewState,
    answer=AccountInfo,
    raises=(UserUnknown, AccountTampered, ExternalAuthorizer, InsufficientScope),
)
async def change_state(asked: Asked[Nothing, NewState]) -> AccountInfo:
    """Lock, unlock, disable, enable or expire an account."""
    account, rules, who = await seen(asked), asked.plane.rules, actor(asked)
    guard = rules.rights.over_account(who, account.key)
    return described(await rules.users.set_state(account.key, asked.body.state, who, guard=guard))


@operation(
    "POST",
    "/users/{user}/type",
    needs=MANAGE,
    body=NewType,
    answer=AccountInfo,
    raises=(UserUnknown, AccountTampered, InsufficientScope),
)
async def change_type(asked: Asked[Nothing, NewType]) -> AccountInfo:
    """Say what an account is for."""
    account, rules, who = await seen(asked), asked.plane.rules, actor(asked)
    guard = rules.rights.over_account(who, account.key)
    return described(await rules.users.set_type(account.key, asked.body.account_type, who, guard=guard))


@operation("DELETE", "/users/{user}", needs=MANAGE, answer=Done, raises=(UserUnknown, InsufficientScope))
async def delete_user(asked: Asked[Nothing, Nothing]) -> Done:
    """Delete an account: its sessions end, what it has goes, its name is free, its key is never used again."""
    account, rules, who = await seen(asked), asked.plane.rules, actor(asked)
    await rules.users.delete(account.key, who, guard=rules.rights.over_account(who, account.key))
    return Done()


def actor(asked: Asked[Any, Any]) -> Actor:
    """Who asks, as one who acts on accounts."""
    return asked.acting.actor(asked.call.arrival.address)


async def seen(asked: Asked[Any, Any]) -> Account:
    """The account that the path names; raises ``UserUnknown`` also for one that the operator may not see."""
    account = await asked.plane.rules.users.get(int(asked.path["user"]))
    if account is None or not asked.plane.rules.rights.sees(actor(asked), account.directory):
        raise UserUnknown
    return account


def described(account: Account) -> AccountInfo:
    """An account without what it has."""
    return AccountInfo(
        key=account.key,
        name=account.name,
        email=account.email,
        directory=account.directory,
        state=account.state,
        account_type=account.account_type,
        signature_valid=account.intact,
    )


async def _detail(asked: Asked[Nothing, Nothing], account: Account) -> UserDetail:
    rules = asked.plane.rules
    names = {realm.id: realm.name for realm in asked.realms} | {"*": "*"}
    held = await (await rules.facts.current()).held(account.key)
    scopes = [
        Holding(scope=scope, realm=names[realm]) for realm, words in held.items() if realm in names for scope in words
    ]
    return UserDetail(
        user=described(account),
        groups=[group.name for group in await rules.users.groups.of(account.key)],
        roles=[role.name for role in await rules.users.groups.roles(account.key)],
        scopes=sorted(scopes, key=lambda one: (one.realm, one.scope)),
    )
