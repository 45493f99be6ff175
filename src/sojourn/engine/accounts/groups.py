"""Groups and roles. A member has what its groups have and what its roles are; circles are refused.

A group holds accounts and groups; a role is a named set of grants that accounts and groups have and that is in nothing.
In each directory one group is everyone: all its accounts are in it, and nobody has to be put there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from sqlalchemy import Connection, delete, insert, or_, update

from sojourn.core.clock import Clock
from sojourn.engine.accounts import memberships
from sojourn.engine.accounts.directory import EVERYONE, MAIN, Assignee, assignee, free_name, known_group, new_key
from sojourn.engine.accounts.memberships import EveryoneFixed, Group
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.security.actors import Actor, Guard, as_actor, unguarded
from sojourn.model.user import check_user_name, fold

_table, _member = schema.user_group, schema.membership


class Groups:
    """Makes groups and roles and says who is in them; names are those of one directory.

    Each change asks its ``guard`` first, in its own transaction.
    """

    def __init__(self, db: EngineDatabase, audit: Audit, clock: Clock) -> None:
        self._db = db
        self._audit = audit
        self._clock = clock

    async def add(
        self,
        name: str,
        groups: Iterable[str] = (),
        *,
        kind: Literal["group", "role"] = "group",
        directory: str = MAIN,
        actor: Actor | str = "",
        guard: Guard = unguarded,
    ) -> Group:
        """A new group within ``groups``, most important first, or a new role.

        Raises ``NameTaken``, ``BadAccount``, ``GroupUnknown``, ``RoleNested``.
        """
        check_user_name(name)

        def work(connection: Connection) -> Group:
            guard(connection)
            key = new_key(connection, directory, name)
            values = {"key": key, "directory": directory, "name": name, "live_name": fold(name), "kind": kind}
            connection.execute(insert(_table).values(**values, created=self._clock.now()))
            memberships.join(connection, Assignee(name, None, key, kind), directory, groups)
            self._audited(connection, "created", Group(key, directory, name, kind), actor)
            return Group(key, directory, name, kind)

        return await self._db.write(work)

    async def delete(
        self, name: str, *, directory: str = MAIN, actor: Actor | str = "", guard: Guard = unguarded
    ) -> None:
        """Delete a group or role with its memberships and grants; the name is free again.

        Raises ``GroupUnknown``, ``EveryoneFixed``.
        """

        def work(connection: Connection) -> None:
            guard(connection)
            group = memberships.known(connection, directory, name)
            if group.kind == EVERYONE:
                raise EveryoneFixed
            of = or_(_member.c.user_group == group.key, _member.c.member_group == group.key)
            connection.execute(delete(_member).where(of))
            connection.execute(delete(schema.scope_grant).where(schema.scope_grant.c.user_group == group.key))
            connection.execute(update(_table).where(_table.c.key == group.key).values(live_name=None))
            free_name(connection, group.key)
            self._audited(connection, "deleted", group, actor)

        await self._db.write(work)

    async def join(
        self,
        member: str,
        groups: Iterable[str],
        *,
        directory: str = MAIN,
        actor: Actor | str = "",
        guard: Guard = unguarded,
    ) -> None:
        """Put the user or group ``member`` into ``groups``, or give it these roles, after those it has; where it is, it stays.

        Raises ``UserUnknown``, ``GroupUnknown``, ``GroupCycle``, ``RoleNested``, ``EveryoneFixed``; then nothing is
        changed.
        """

        def work(connection: Connection) -> None:
            guard(connection)
            who = assignee(connection, directory, member)
            for name in memberships.join(connection, who, directory, groups):
                self._audited(connection, "joined", memberships.known(connection, directory, name), actor, who.name)

        await self._db.write(work)

    async def leave(
        self,
        member: str,
        group: str,
        *,
        directory: str = MAIN,
        actor: Actor | str = "",
        guard: Guard = unguarded,
    ) -> None:
        """Take the user or group ``member`` out of ``group``; nothing happens when it is not in it."""

        def work(connection: Connection) -> None:
            guard(connection)
            who, target = assignee(connection, directory, member), memberships.known(connection, directory, group)
            if connection.execute(
                delete(_member).where(memberships.of(who), _member.c.user_group == target.key)
            ).rowcount:
                self._audited(connection, "left", target, actor, who.name)

        await self._db.write(work)

    async def list(self, *, directory: str = MAIN) -> Sequence[Group]:
        """All groups and roles of the directory, by name."""
        wanted = memberships.selected().where(_table.c.directory == directory, _table.c.live_name.is_not(None))
        wanted = wanted.order_by(_table.c.name, _table.c.key)
        return await self._db.read(lambda connection: [Group(*row) for row in connection.execute(wanted)])

    async def get(self, key: int) -> Group | None:
        """The group or role with ``key``; None when unknown or deleted."""
        wanted = memberships.selected().where(_table.c.key == key, _table.c.live_name.is_not(None))

        def work(connection: Connection) -> Group | None:
            row = connection.execute(wanted).one_or_none()
            return Group(*row) if row else None

        return await self._db.read(work)

    async def members(self, name: str, *, directory: str = MAIN) -> Sequence[Assignee]:
        """Who is directly in a group or has a role, by name; of everyone, those who were put into it.

        Raises ``GroupUnknown``.
        """
        return await self._db.read(
            lambda connection: memberships.members_of(connection, known_group(connection, directory, name))
        )

    async def of(self, account: int, *, everyone: bool = False) -> Sequence[Group]:
        """The groups of an account in order of priority, depth-first, each at its first occurrence.

        With ``everyone`` that group comes last, unless the account or one of its groups was put into it earlier.
        """
        return await self._db.read(lambda connection: memberships.groups_of(connection, account, everyone=everyone))

    async def roles(self, account: int) -> Sequence[Group]:
        """The roles of an account, its own before those of its groups, each once."""
        return await self._db.read(lambda connection: memberships.roles_of(connection, account))

    def _audited(
        self, connection: Connection, act: str, group: Group, actor: Actor | str, member: str | None = None
    ) -> None:
        detail = {"act": act, "name": group.name, "kind": group.kind, "directory": group.directory}
        if member is not None:
            detail["member"] = member
        row = self._audit.row("GROUP_CHANGE", realm="", outcome="ok", detail=detail, **as_actor(actor).audited)
        connection.execute(row)
