"""Grants: an account, a group or a role has a scope in one realm, or in all of them.

A grant that a product shipped cannot be revoked; it goes when the product is withdrawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from sojourn.core.clock import Clock
from sojourn.core.errors import Conflict, NotFound
from sojourn.core.json import Json
from sojourn.engine.accounts.directory import MAIN, Assignee, AssigneeKind, assignee
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.security.actors import Actor, Guard, as_actor, unguarded
from sojourn.model.scope import parse_scope

_table, _account, _group = schema.scope_grant, schema.account, schema.user_group


class RealmUnknown(NotFound):
    """There is no such realm."""

    code = "realm.unknown"


class GrantShipped(Conflict):
    """A product shipped this grant; it cannot be revoked."""

    code = "scope.shipped"


class Grant(NamedTuple):
    """One grant."""

    #: Name of the user, group or role.
    assignee: str
    kind: AssigneeKind
    scope: str
    #: Immutable id of the realm, or ``*``.
    realm: str
    #: The product that shipped it, empty for a grant of an operator.
    product: str = ""


class Grants:
    """Gives and takes scopes. What an account has in the end says ``Snapshot.account``; it holds at the next check.

    Who may grant is for the caller to decide: the host may grant all, reserved scopes included.
    """

    def __init__(self, db: EngineDatabase, audit: Audit, clock: Clock) -> None:
        self._db = db
        self._audit = audit
        self._clock = clock

    async def grant(
        self,
        name: str,
        scope: str,
        realm: str = EVERYWHERE,
        *,
        directory: str = MAIN,
        actor: Actor | str = "",
        guard: Guard = unguarded,
        product: str = "",
    ) -> bool:
        """Give ``scope`` to the user, group or role ``name`` in the realm with the id ``realm``; False when it had it.

        With ``product`` the grant is one that this product ships, also where it was an operator's before. ``guard`` is
        asked first, in the same transaction. Raises ``BadScope``, ``UserUnknown``, ``RealmUnknown``.
        """
        parse_scope(scope)

        def work(connection: Connection) -> bool:
            guard(connection)
            who = assignee(connection, directory, name)
            _check_realm(connection, realm)
            found = connection.execute(select(_table.c.key, _table.c.product).where(_is(who, scope, realm))).first()
            if found is not None and (not product or found.product):
                return False
            if found is not None:
                connection.execute(update(_table).where(_table.c.key == found.key).values(product=product))
            else:
                columns = {"account": who.account, "user_group": who.user_group, "scope": scope, "realm": realm}
                connection.execute(insert(_table).values(created=self._clock.now(), product=product, **columns))
            self._audited(connection, "granted", _grant(who, scope, realm, product), actor)
            return found is None

        return await self._db.write(work)

    async def revoke(
        self,
        name: str,
        scope: str,
        realm: str = EVERYWHERE,
        *,
        directory: str = MAIN,
        actor: Actor | str = "",
        guard: Guard = unguarded,
    ) -> bool:
        """Take exactly this grant away; False when there was none.

        ``guard`` is asked first, in the same transaction. Raises ``BadScope``, ``UserUnknown``, ``GrantShipped``.
        """
        parse_scope(scope)

        def work(connection: Connection) -> bool:
            guard(connection)
            who = assignee(connection, directory, name)
            found = connection.execute(select(_table.c.key, _table.c.product).where(_is(who, scope, realm))).first()
            if found is None:
                return False
            if found.product:
                raise GrantShipped(f"the product {found.product!r} shipped this grant; it cannot be revoked")
            connection.execute(delete(_table).where(_table.c.key == found.key))
            self._audited(connection, "revoked", _grant(who, scope, realm), actor)
            return True

        return await self._db.write(work)

    async def withdraw(self, product: str, *, actor: Actor | str = "") -> int:
        """Take away all that ``product`` has shipped, because the product goes; how many grants that was."""

        def work(connection: Connection) -> int:
            gone = connection.execute(
                delete(_table).where(_table.c.product == product, _table.c.product != "")
            ).rowcount
            detail: dict[str, Json] = {"act": "withdrawn", "product": product, "grants": gone}
            row = self._audit.row("SCOPE_CHANGE", realm="", outcome="ok", detail=detail, **as_actor(actor).audited)
            connection.execute(row)
            return gone

        return await self._db.write(work)

    async def list(self, name: str | None = None, *, directory: str = MAIN) -> Sequence[Grant]:
        """The direct grants of a user, group or role, or of the whole directory. Raises ``UserUnknown``."""
        return await self._db.read(lambda connection: _listed(connection, directory, name))

    def _audited(self, connection: Connection, act: str, grant: Grant, actor: Actor | str) -> None:
        detail: dict[str, Json] = {"act": act, "name": grant.assignee, "scope": grant.scope, "realm": grant.realm}
        if grant.product:
            detail["product"] = grant.product
        within = "" if grant.realm == EVERYWHERE else grant.realm
        row = self._audit.row("SCOPE_CHANGE", realm=within, outcome="ok", detail=detail, **as_actor(actor).audited)
        connection.execute(row)


def _grant(who: Assignee, scope: str, realm: str, product: str = "") -> Grant:
    return Grant(who.name, who.kind, scope, realm, product)


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
    columns = (named, _group.c.kind, _table.c.scope, _table.c.realm, _table.c.product)
    wanted = select(*columns).select_from(
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
    return [Grant(found, kind or "user", scope, realm, product) for found, kind, scope, realm, product in rows]
