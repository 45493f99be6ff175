"""Groups and roles: who is in them, who has them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from sojourn.admin.answers import Done
from sojourn.admin.api.users import VIEW, Directory, Key, actor
from sojourn.admin.inputs import Name
from sojourn.admin.operation import Asked, Needs, operation
from sojourn.admin.shapes import Nothing, Shape
from sojourn.core.errors import InsufficientScope
from sojourn.engine.accounts.directory import GroupUnknown, NameTaken, UserUnknown, assignee_by_key
from sojourn.engine.accounts.memberships import EveryoneFixed, Group, GroupCycle, RoleNested
from sojourn.model.user import BadAccount

MANAGE = Needs(right="manageUsers", also="all that the group or role gives, in every realm of its directory")
JOIN = Needs(
    right="manageUsers", also="all that the group or role gives and the member has, in every realm of its directory"
)


class GroupShown(Shape, frozen=True, kw_only=True):
    """A group or role."""

    key: Key
    name: str
    kind: Literal["group", "role", "everyone"]
    directory: Directory


class Groups(Shape, frozen=True, kw_only=True):
    """Groups and roles by name."""

    groups: list[GroupShown]


class Member(Shape, frozen=True, kw_only=True):
    """Who is in a group or has a role."""

    key: Key
    name: str
    kind: Literal["user", "group", "role", "everyone"]


class GroupDetail(Shape, frozen=True, kw_only=True):
    """A group or role with its direct members; of everyone, those who were put into it for their order of groups."""

    group: GroupShown
    members: list[Member]


class GroupsQuery(Shape, frozen=True, kw_only=True):
    """Which groups and roles."""

    directory: Directory = "main"


class NewGroup(Shape, frozen=True, kw_only=True):
    """A new group or role."""

    name: Name
    directory: Directory = "main"
    kind: Literal["group", "role"] = "group"
    groups: Annotated[tuple[Name, ...], Meta(max_length=100, description="Groups it is in, and roles it has.")] = ()


class NewMember(Shape, frozen=True, kw_only=True):
    """Who joins."""

    member: Annotated[Name, Meta(description="Name of a user or group, or mail address of a user.")]


@operation("GET", "/groups", needs=VIEW, query=GroupsQuery, answer=Groups)
async def list_groups(asked: Asked[GroupsQuery, Nothing]) -> Groups:
    """List the groups and roles of a directory; one of which the operator may see no realm has none."""
    rules, directory = asked.plane.rules, asked.query.directory
    if not rules.rights.sees(actor(asked), directory):
        return Groups(groups=[])
    return Groups(groups=[_described(group) for group in await rules.users.groups.list(directory=directory)])


@operation("GET", "/groups/{group}", needs=VIEW, answer=GroupDetail, raises=(GroupUnknown,))
async def show_group(asked: Asked[Nothing, Nothing]) -> GroupDetail:
    """Show a group or role with its members."""
    group = await _seen(asked)
    members = await asked.plane.rules.users.groups.members(group.name, directory=group.directory)
    return GroupDetail(
        group=_described(group), members=[Member(key=one.key, name=one.name, kind=one.kind) for one in members]
    )


@operation(
    "POST",
    "/groups",
    needs=MANAGE,
    body=NewGroup,
    answer=GroupShown,
    raises=(BadAccount, NameTaken, GroupUnknown, RoleNested, InsufficientScope),
)
async def create_group(asked: Asked[Nothing, NewGroup]) -> GroupShown:
    """Make a group or role."""
    body, rules, who = asked.body, asked.plane.rules, actor(asked)
    guard = rules.rights.adds(who, body.directory, body.groups)
    made = await rules.users.groups.add(
        body.name, body.groups, kind=body.kind, directory=body.directory, actor=who, guard=guard
    )
    return _described(made)


@operation(
    "DELETE",
    "/groups/{group}",
    needs=MANAGE,
    answer=Done,
    raises=(GroupUnknown, EveryoneFixed, InsufficientScope),
)
async def delete_group(asked: Asked[Nothing, Nothing]) -> Done:
    """Delete a group or role with its memberships and grants."""
    group, rules, who = await _seen(asked), asked.plane.rules, actor(asked)
    guard = rules.rights.over_group(who, group.directory, group.name)
    await rules.users.groups.delete(group.name, directory=group.directory, actor=who, guard=guard)
    return Done()


@operation(
    "POST",
    "/groups/{group}/members",
    needs=JOIN,
    body=NewMember,
    answer=Done,
    raises=(GroupUnknown, UserUnknown, GroupCycle, RoleNested, EveryoneFixed, InsufficientScope),
)
async def join_group(asked: Asked[Nothing, NewMember]) -> Done:
    """Put a user or group into a group, or give it a role, after those it has."""
    group, rules, who, member = await _seen(asked), asked.plane.rules, actor(asked), asked.body.member
    guard = rules.rights.joins(who, group.directory, member, [group.name])
    await rules.users.groups.join(member, [group.name], directory=group.directory, actor=who, guard=guard)
    return Done()


@operation(
    "DELETE",
    "/groups/{group}/members/{member}",
    needs=JOIN,
    answer=Done,
    raises=(GroupUnknown, UserUnknown, InsufficientScope),
)
async def leave_group(asked: Asked[Nothing, Nothing]) -> Done:
    """Take a user or group out of a group, or a role from it."""
    group, rules, who, key = await _seen(asked), asked.plane.rules, actor(asked), int(asked.path["member"])
    found = await rules.db.read(lambda connection: assignee_by_key(connection, group.directory, key))
    guard = rules.rights.joins(who, group.directory, found.name, [group.name])
    await rules.users.groups.leave(found.name, group.name, directory=group.directory, actor=who, guard=guard)
    return Done()


async def _seen(asked: Asked[Any, Any]) -> Group:
    """The group or role that the path names; raises ``GroupUnknown`` also for one that the operator may not see."""
    rules = asked.plane.rules
    group = await rules.users.groups.get(int(asked.path["group"]))
    if group is None or not rules.rights.sees(actor(asked), group.directory):
        raise GroupUnknown
    return group


def _described(group: Group) -> GroupShown:
    return GroupShown(key=group.key, name=group.name, kind=group.kind, directory=group.directory)
