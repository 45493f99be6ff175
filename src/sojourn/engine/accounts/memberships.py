"""Who is in which group and has which role: the statements, each within the caller's transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, select

from sojourn.core.errors import Conflict
from sojourn.engine.accounts.directory import EVERYONE, Assignee, GroupKind, known_group
from sojourn.engine.database import schema

_log = logging.getLogger(__name__)

_table, _member = schema.user_group, schema.membership


class GroupCycle(Conflict):
    """A group cannot be in itself, neither directly nor through others."""

    code = "group.cycle"


class RoleNested(Conflict):
    """A role is in nothing: accounts and groups have it."""

    code = "group.role_nested"


class EveryoneFixed(Conflict):
    """The group of everyone cannot be deleted and is in no other group; it may have roles."""

    code = "group.everyone"


class Group(NamedTuple):
    """One group or role."""

    key: int
    directory: str
    name: str
    kind: GroupKind = "group"


def known(connection: Connection, directory: str, name: str) -> Group:
    """The group or role of that name; raises ``GroupUnknown``."""
    key = known_group(connection, directory, name)
    return Group(*connection.execute(selected().where(_table.c.key == key)).one())


def join(connection: Connection, member: Assignee, directory: str, groups: Iterable[str]) -> Sequence[str]:
    """Put ``member`` into each of ``groups`` where it is not yet; into which. Raises as :meth:`~sojourn.engine.accounts.groups.Groups.join`."""
    last = connection.execute(select(func.coalesce(func.max(_member.c.position), 0)).where(of(member))).scalar_one()
    inside = set(connection.execute(select(_member.c.user_group).where(of(member))).scalars())
    joined = []
    for name in groups:
        target = known(connection, directory, name)
        if target.key in inside:
            continue
        _check_fits(connection, member, target)
        last, values = last + 1, {"account": member.account, "member_group": member.user_group}
        connection.execute(insert(_member).values(user_group=target.key, position=last, **values))
        inside.add(target.key)
        joined.append(name)
    return joined


def groups_of(connection: Connection, account: int, *, everyone: bool = False) -> Sequence[Group]:
    """As :meth:`~sojourn.engine.accounts.groups.Groups.of`."""
    directory = connection.execute(select(schema.account.c.directory).where(schema.account.c.key == account)).scalar()
    if directory is None:
        return ()
    found = {group.key: group for group in _above(connection, Assignee("", account, None), directory)}
    if everyone:
        live = (_table.c.directory == directory, _table.c.kind == EVERYONE, _table.c.live_name.is_not(None))
        for row in connection.execute(selected().where(*live)):
            found.setdefault(row.key, Group(*row))
    return [group for group in found.values() if group.kind != "role"]


def roles_of(connection: Connection, account: int) -> Sequence[Group]:
    """As :meth:`~sojourn.engine.accounts.groups.Groups.roles`."""
    groups = groups_of(connection, account, everyone=True)
    holders = [Assignee("", account, None), *(Assignee(one.name, None, one.key, one.kind) for one in groups)]
    found: dict[int, Group] = {}
    for holder in holders:
        for row in _direct(connection, holder):
            if row.kind == "role" and row.live_name is not None:
                found.setdefault(row.key, Group(*row[:4]))
    return list(found.values())


def _above(connection: Connection, member: Assignee, directory: str) -> Iterator[Group]:
    """The groups and roles over ``member``, depth-first, each once. What a foreign tool spoiled is skipped and logged."""
    seen: set[int] = set()
    waiting = [iter(_direct(connection, member))]
    while waiting:
        row = next(waiting[-1], None)
        if row is None:
            waiting.pop()
        elif row.key is None or row.live_name is None or row.directory != directory:
            _log.warning("the membership %d names no group of the directory; it is skipped", row.membership)
        elif row.key not in seen:
            seen.add(row.key)
            group = Group(*row[:4])
            yield group
            if group.kind == "group":
                waiting.append(iter(_direct(connection, Assignee(group.name, None, group.key))))


def _direct(connection: Connection, member: Assignee) -> Sequence[Row[*tuple[Any, ...]]]:
    columns = (_table.c.key, _table.c.directory, _table.c.name, _table.c.kind, _table.c.live_name)
    wanted = select(*columns, _member.c.key.label("membership")).select_from(
        _member.outerjoin(_table, _member.c.user_group == _table.c.key)
    )
    return connection.execute(wanted.where(of(member)).order_by(_member.c.position, _member.c.key)).all()


def members_of(connection: Connection, group: int) -> Sequence[Assignee]:
    """As ``Groups.members``."""
    user = schema.account
    accounts = select(user.c.name, user.c.key).join(_member, _member.c.account == user.c.key)
    groups = select(_table.c.name, _table.c.key, _table.c.kind).join(_member, _member.c.member_group == _table.c.key)
    found = [
        *(Assignee(name, key, None) for name, key in connection.execute(accounts.where(_member.c.user_group == group))),
        *(
            Assignee(name, None, key, kind)
            for name, key, kind in connection.execute(groups.where(_member.c.user_group == group))
        ),
    ]
    return sorted(found, key=lambda one: (one.name, one.key))


def _check_fits(connection: Connection, member: Assignee, target: Group) -> None:
    if member.kind == "role":
        raise RoleNested
    if member.kind == EVERYONE and target.kind != "role":
        raise EveryoneFixed
    if member.user_group is not None and target.kind == "group":
        over = _above(connection, Assignee("", None, target.key), target.directory)
        if member.user_group in (target.key, *(one.key for one in over)):
            raise GroupCycle


def selected() -> Select[*tuple[Any, ...]]:
    """The columns of a :class:`Group`."""
    return select(_table.c.key, _table.c.directory, _table.c.name, _table.c.kind)


def of(member: Assignee) -> ColumnElement[bool]:
    """The memberships of ``member``."""
    if member.account is not None:
        return _member.c.account == member.account
    return _member.c.member_group == member.user_group
