"""Grants: an account or a group has a scope in one realm, or in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select

from sojourn.core.clock import Clock
from sojourn.core.errors import NotFound
from sojourn.engine.audit import Audit
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.directory import MAIN, Assignee, assignee
from sojourn.engine.lookups import EVERYWHERE
from sojourn.model.scope import parse_scope

_table, _account, _group = schema.scope_grant, schema.account, schema.user_group


class RealmUnknown(NotFound):
    """There is no such realm."""

    code = "realm.unknown"


class Grant(NamedTuple):
    """One grant."""

    #: Name of the user or group.
    assignee: str
    #: Whether it is a group.
    is_group: bool
    scope: str
    #: Immutable id of the realm, or ``*``.
    realm: str


class Grants:
    """Gives and takes scopes. What an account has in the end says ``Snapshot.account``; it holds at the next check.

    Who may grant is for the caller to decide: the host may grant all, reserved scopes included.
    """

    def __init__(self, db: EngineDatabase, audit: Audit, clock: Clock) -> None:
        self._db = db
        self._audit = audit
        self._clock = clock

    async def grant(
        self, name: str, scope: str, realm: str = EVERYWHERE, *, directory: str = MAIN, actor: str = ""
    ) -> bool:
        """Give ``scope`` to the user or group ``name`` in the realm with the id ``realm``; False when it had it.

        Raises ``BadScope``, ``UserUnknown``, ``RealmUnknown``.
        """
        parse_scope(scope)

        def work(connection: Connection) -> bool:
            who = assignee(connection, directory, name)
            _check_realm(connection, realm)
            if connection.execute(select(_table.c.key).where(_is(who, scope, realm))).first():
                return False
            columns = {"account": who.account, "user_group": who.user_group, "scope": scope, "realm": realm}
            connection.execute(insert(_table).values(created=self._clock.now(), **columns))
            self._audited(connection, "granted", _grant(who, scope, realm), actor)
            return True

        return await self._db.write(work)

    async def revoke(
        self, name: str, scope: str, realm: str = EVERYWHERE, *, directory: str = MAIN, actor: str = ""
    ) -> bool:
        """Take exactly this grant away; False when there was none. Raises ``BadScope``, ``UserUnknown``."""
        parse_scope(scope)

        def work(connection: Connection) -> bool:
            who = assignee(connection, directory, name)
            if not connection.execute(delete(_table).where(_is(who, scope, realm))).rowcount:
                return False
            self._audited(connection, "revoked", _grant(who, scope, realm), actor)
            return True

        return await self._db.write(work)

    async def list(self, name: str | None = None, *, directory: str = MAIN) -> Sequence[Grant]:
        """The direct grants of a user or group, or of the whole directory. Raises ``UserUnknown``."""
        return await self._db.read(lambda connection: _listed(connection, directory, name))

    def _audited(self, connection: Connection, act: str, grant: Grant, actor: str) -> None:
        detail = {"act": act, "name": grant.assignee, "scope": grant.scope, "realm": grant.realm}
        within = "" if grant.realm == EVERYWHERE else grant.realm
        connection.execute(self._audit.row("SCOPE_CHANGE", realm=within, outcome="ok", actor=actor, detail=detail))


def _grant(who: Assignee, scope: str, realm: str) -> Grant:
    return Grant(who.name, who.user_group is not None, scope, realm)


def _check_realm(connection: Connection, realm: str) -> None:
    table = schema.realm
    known = select(table.c.key).where(table.c.id == realm, table.c.live_name.is_not(None))
    if realm != EVERYWHERE and connection.execute(known).first() is None:
        raise RealmUnknown


def _is(who: Assignee, scope: str, realm: str) -> ColumnElement[bool]:
    column = _table.c.account == who.account if who.account is not None else _table.c.user_group == who.user_group
    return and_(column, _table.c.scope == scope, _table.c.realm == realm)


def _listed(connection: Connection, directory: str, name: str | None) -> Sequence[Grant]:
    named = func.coalesce(_account.c.name, _group.c.name)
    wanted = select(named, _group.c.key.is_not(None), _table.c.scope, _table.c.realm).select_from(
        _table.outerjoin(_account, _account.c.key == _table.c.account).outerjoin(
            _group, _group.c.key == _table.c.user_group
        )
    )
    wanted = wanted.where(func.coalesce(_account.c.directory, _group.c.directory) == directory)
    if name is not None:
        who = assignee(connection, directory, name)
        wanted = wanted.where(
            _account.c.key == who.account if who.account is not None else _group.c.key == who.user_group
        )
    rows = connection.execute(wanted.order_by(named, _table.c.scope, _table.c.realm))
    return [Grant(found, bool(is_group), scope, realm) for found, is_group, scope, realm in rows]
