"""Grants: who has which scope, in which realm."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from sojourn.admin.api.users import VIEW, Directory, actor
from sojourn.admin.inputs import Name
from sojourn.admin.operation import Asked, Needs, operation
from sojourn.admin.shapes import Nothing, Shape
from sojourn.core.errors import BadScope, InsufficientScope
from sojourn.engine.accounts.directory import UserUnknown
from sojourn.engine.accounts.grants import GrantShipped, RealmUnknown
from sojourn.engine.lookups import EVERYWHERE

PERMISSIONS = Needs(right="permissions", also="the scope itself, where it is granted or revoked")

Assignee = Annotated[Name, Meta(description="Name of a user, group or role, or mail address of a user.")]
Place = Annotated[
    str, Meta(pattern=r"^(\*|[a-z0-9][a-z0-9_-]{0,59})$", description="Name of a realm, `*` for every one.")
]
Scope = Annotated[str, Meta(min_length=1, max_length=100)]


class Granted(Shape, frozen=True, kw_only=True):
    """A grant."""

    assignee: str
    kind: Literal["user", "group", "role", "everyone"]
    scope: str
    realm: Place
    product: Annotated[
        str, Meta(description="What shipped it and keeps it from being revoked; empty for an operator's.")
    ]


class GrantList(Shape, frozen=True, kw_only=True):
    """Grants by who has them."""

    grants: list[Granted]


class ScopesQuery(Shape, frozen=True, kw_only=True):
    """Whose grants."""

    directory: Directory = "main"
    assignee: Assignee | None = None


class Grant(Shape, frozen=True, kw_only=True):
    """A grant to be made or taken away."""

    assignee: Assignee
    scope: Scope
    realm: Place = EVERYWHERE
    directory: Directory = "main"


class GrantChange(Shape, frozen=True, kw_only=True):
    """What became of it."""

    changed: Annotated[bool, Meta(description="False when it was so already.")]


@operation("GET", "/scopes", needs=VIEW, query=ScopesQuery, answer=GrantList, raises=(UserUnknown,))
async def list_grants(asked: Asked[ScopesQuery, Nothing]) -> GrantList:
    """List direct grants of a directory, or of one user, group or role, in the realms that the operator may see."""
    rules, query = asked.plane.rules, asked.query
    if not rules.rights.sees(actor(asked), query.directory):
        return GrantList(grants=[])
    names = {realm.id: realm.name for realm in asked.realms} | {EVERYWHERE: EVERYWHERE}
    found = await rules.grants.list(query.assignee, directory=query.directory)
    return GrantList(
        grants=[
            Granted(assignee=one.assignee, kind=one.kind, scope=one.scope, realm=names[one.realm], product=one.product)
            for one in found
            if one.realm in names
        ]
    )


@operation(
    "POST",
    "/scopes/grant",
    needs=PERMISSIONS,
    body=Grant,
    answer=GrantChange,
    raises=(UserUnknown, RealmUnknown, BadScope, InsufficientScope),
)
async def grant_scope(asked: Asked[Nothing, Grant]) -> GrantChange:
    """Give a scope; it holds from the next request on."""
    body, rules, who, place = asked.body, asked.plane.rules, actor(asked), _place(asked)
    guard = rules.rights.gives(who, body.scope, place)
    changed = await rules.grants.grant(
        body.assignee, body.scope, place, directory=body.directory, actor=who, guard=guard
    )
    return GrantChange(changed=changed)


@operation(
    "POST",
    "/scopes/revoke",
    needs=PERMISSIONS,
    body=Grant,
    answer=GrantChange,
    raises=(UserUnknown, RealmUnknown, BadScope, GrantShipped, InsufficientScope),
)
async def revoke_scope(asked: Asked[Nothing, Grant]) -> GrantChange:
    """Take exactly this grant away; it is gone with the next request."""
    body, rules, who, place = asked.body, asked.plane.rules, actor(asked), _place(asked)
    guard = rules.rights.gives(who, body.scope, place)
    changed = await rules.grants.revoke(
        body.assignee, body.scope, place, directory=body.directory, actor=who, guard=guard
    )
    return GrantChange(changed=changed)


def _place(asked: Asked[Any, Grant]) -> str:
    """The realm's id; raises ``RealmUnknown`` also for one in which the operator grants nothing."""
    name = asked.body.realm
    found = [realm.id for realm in asked.realms if realm.name == name]
    if name != EVERYWHERE and not found:
        raise RealmUnknown
    return EVERYWHERE if name == EVERYWHERE else found[0]
