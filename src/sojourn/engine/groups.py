"""Groups of accounts and of groups. A member has what its groups have; circles are refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from sojourn.core.clock import Clock
from sojourn.core.errors import Conflict
from sojourn.engine.audit import Audit
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.directory import MAIN, Assignee, assignee, check_free, known_group
from sojourn.model.user import check_user_name, fold

_table, _member = schema.user_group, schema.membership


class GroupCycle(Conflict):
    """A group cannot be in itself, neither directly nor through others."""

    code = "group.cycle"


class Group(NamedTuple):
    """One group."""

    key: int
    directory: str
    name: str


class Groups:
    """Makes groups and says who is in them; names are those of one directory."""

    def __init__(self, db: EngineDatabase, audit: Audit, clock: Clock) -> None:
        self._db = db
        self._audit = audit
        self._clock = clock

    async def add(self, name: str, groups: Iterable[str] = (), *, directory: str = MAIN, actor: str = "") -> Group:
        """A new group within ``groups``, most important first. Raises ``NameTaken``, ``BadAccount``, ``GroupUnknown``."""
        check_user_name(name)

        def work(connection: Connection) -> Group:
            key = insert_group(connection, directory, name, self._clock.now())
            join(connection, Assignee(name, None, key), directory, groups)
            self._audited(connection, "created", name, directory, actor)
            return Group(key, directory, name)

        return await self._db.write(work)

    async def delete(self, name: str, *, directory: str = MAIN, actor: str = "") -> None:
        """Delete a group with its memberships and grants; the name is free again. Raises ``GroupUnknown``."""

        def work(connection: Connection) -> None:
            key = known_group(connection, directory, name)
            grants = schema.scope_grant
            connection.execute(delete(_member).where(or_(_member.c.user_group == key, _member.c.member_group == key)))
            connection.execute(delete(grants).where(grants.c.user_group == key))
            connection.execute(update(_table).where(_table.c.key == key).values(live_name=None))
            self._audited(connection, "deleted", name, directory, actor)

        await self._db.write(work)

    async def join(self, member: str, groups: Iterable[str], *, directory: str = MAIN, actor: str = "") -> None:
        """Put the user or group ``member`` into ``groups``, after those it is in; where it is already, it stays.

        Raises ``UserUnknown``, ``GroupUnknown``, ``GroupCycle``; then nothing is changed.
        """

        def work(connection: Connection) -> None:
            join(connection, assignee(connection, directory, member), directory, groups)
            self._audited(connection, "joined", member, directory, actor)

        await self._db.write(work)

    async def leave(self, member: str, group: str, *, directory: str = MAIN, actor: str = "") -> None:
        """Take the user or group ``member`` out of ``group``; nothing happens when it is not in it."""

        def work(connection: Connection) -> None:
            who, key = assignee(connection, directory, member), known_group(connection, directory, group)
            connection.execute(delete(_member).where(_of(who), _member.c.user_group == key))
            self._audited(connection, "left", member, directory, actor)

        await self._db.write(work)

    async def list(self, *, directory: str = MAIN) -> Sequence[Group]:
        """All groups of the directory, by name."""
        wanted = select(_table.c.key, _table.c.directory, _table.c.name)
        wanted = wanted.where(_table.c.directory == directory, _table.c.live_name.is_not(None)).order_by(_table.c.name)
        return await self._db.read(lambda connection: [Group(*row) for row in connection.execute(wanted)])

    async def of(self, account: int) -> Sequence[Group]:
        """The groups of an account: in order of priority, depth-first, each at its first occurrence."""
        member = Assignee("", account, None)
        return await self._db.read(lambda connection: groups_above(connection, member))

    def _audited(self, connection: Connection, act: str, name: str, directory: str, actor: str) -> None:
        detail = {"act": act, "name": name, "directory": directory}
        connection.execute(self._audit.row("GROUP_CHANGE", realm="", outcome="ok", actor=actor, detail=detail))


def insert_group(connection: Connection, directory: str, name: str, now: int) -> int:
    """Add the row of a group; its key. Raises ``NameTaken``."""
    check_free(connection, directory, name)
    values = {"directory": directory, "name": name, "live_name": fold(name), "created": now}
    key: int = connection.execute(insert(_table).values(values).returning(_table.c.key)).scalar_one()
    return key


def join(connection: Connection, member: Assignee, directory: str, groups: Iterable[str]) -> None:
    """Put ``member`` into each of ``groups`` where it is not yet; raises ``GroupUnknown``, ``GroupCycle``."""
    last = connection.execute(select(func.coalesce(func.max(_member.c.position), 0)).where(_of(member))).scalar_one()
    inside = set(connection.execute(select(_member.c.user_group).where(_of(member))).scalars())
    for name in groups:
        key = known_group(connection, directory, name)
        if key in inside:
            continue
        if member.user_group is not None:
            _check_no_circle(connection, member.user_group, key)
        last, values = last + 1, {"account": member.account, "member_group": member.user_group}
        connection.execute(insert(_member).values(user_group=key, position=last, **values))
        inside.add(key)


def groups_above(connection: Connection, member: Assignee) -> Sequence[Group]:
    """The groups that ``member`` is in: by priority, depth-first, each at its first occurrence."""
    found: dict[int, Group] = {}
    for group in _direct(connection, member):
        if group.key not in found:
            found[group.key] = group
            for above in groups_above(connection, Assignee(group.name, None, group.key)):
                found.setdefault(above.key, above)
    return tuple(found.values())


def _check_no_circle(connection: Connection, member: int, group: int) -> None:
    above = groups_above(connection, Assignee("", None, group))
    if member in (group, *(one.key for one in above)):
        raise GroupCycle


def _direct(connection: Connection, member: Assignee) -> Sequence[Group]:
    wanted = select(_table.c.key, _table.c.directory, _table.c.name)
    wanted = wanted.join(_member, _member.c.user_group == _table.c.key).where(_of(member)).order_by(_member.c.position)
    return [Group(*row) for row in connection.execute(wanted)]


def _of(member: Assignee) -> ColumnElement[bool]:
    if member.account is not None:
        return _member.c.account == member.account
    return _member.c.member_group == member.user_group
