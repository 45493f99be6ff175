"""Who somebody at an identity provider is here: (issuer, subject) -> account. Nothing else ever identifies.

An identity belongs to one account of a directory; an account may have several.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, insert, select

from sojourn.core.clock import Clock
from sojourn.core.errors import Conflict, NotFound, StaleSession
from sojourn.core.json import Json
from sojourn.engine.access import Access
from sojourn.engine.accounts.directory import UserUnknown
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase, RowConflict, schema
from sojourn.engine.security.actors import Actor, Guard, unguarded
from sojourn.model.user import Account

_table, _account = schema.external_identity, schema.account


class IdentityTaken(Conflict):
    """This identity belongs to another account."""

    code = "identity.taken"


class IdentityUnknown(NotFound):
    """The account has no such identity."""

    code = "identity.unknown"


class LastIdentity(Conflict):
    """The account has no password: without this identity nobody could log in as it."""

    code = "identity.last"


class ExternalIdentity(NamedTuple):
    """One identity of an account."""

    #: Never used twice.
    key: int
    #: Key of the account.
    account: int
    issuer: str
    subject: str
    #: Name of who linked it.
    linked_by: str
    #: When, milliseconds since 1970.
    created: int


class ExternalIdentities:
    """Links and unlinks. Who may is for the caller to decide."""

    def __init__(self, db: EngineDatabase, audit: Audit, clock: Clock) -> None:
        self._db = db
        self._audit = audit
        self._clock = clock

    async def find(self, directory: str, issuer: str, subject: str) -> int | None:
        """The key of the account that ``subject`` of ``issuer`` is in ``directory``; None when nobody linked it."""
        return await self._db.read(lambda connection: _found(connection, directory, issuer, subject))

    async def of(self, account_key: int) -> Sequence[ExternalIdentity]:
        """The identities of an account, oldest first."""
        wanted = _selected().where(_table.c.account == account_key).order_by(_table.c.key)
        return await self._db.read(lambda connection: [_read(row) for row in connection.execute(wanted)])

    async def link(
        self, account: Account, issuer: str, subject: str, actor: Actor, guard: Guard = unguarded
    ) -> ExternalIdentity:
        """Say that ``subject`` of ``issuer`` is ``account``; the present one when that is so already.

        ``guard`` is asked first, in the same transaction. Raises :class:`IdentityTaken`, ``UserUnknown``.
        """

        def work(connection: Connection) -> ExternalIdentity:
            guard(connection)
            _check_alive(connection, account.key)
            known = _found(connection, account.directory, issuer, subject)
            if known is not None and known != account.key:
                raise IdentityTaken
            if known is None:
                # The account that had it may have been deleted: its husk keeps nothing.
                gone = delete(_table).where(_is(account.directory, issuer, subject))
                connection.execute(gone)
                made = {"account": account.key, "directory": account.directory, "issuer": issuer, "subject": subject}
                connection.execute(insert(_table).values(**made, linked_by=actor.name, created=self._clock.now()))
                self._audited(connection, "linked", account, (issuer, subject), actor)
            wanted = _selected().where(_is(account.directory, issuer, subject))
            return _read(connection.execute(wanted).one())

        try:
            return await self._db.write(work)
        except RowConflict as error:
            # Another process was faster by a moment.
            if await self.find(account.directory, issuer, subject) == account.key:
                return next(one for one in await self.of(account.key) if (one.issuer, one.subject) == (issuer, subject))
            raise IdentityTaken from error

    async def unlink(self, account: Account, key: int, actor: Actor, guard: Guard = unguarded) -> ExternalIdentity:
        """Take an identity away from ``account``; the sessions that it opened are for the caller to end.

        Raises :class:`IdentityUnknown`, :class:`LastIdentity`.
        """

        def work(connection: Connection) -> ExternalIdentity:
            guard(connection)
            mine = {one.key: one for one in map(_read, connection.execute(_of(account.key)))}
            if key not in mine:
                raise IdentityUnknown
            has_password = select(_account.c.password).where(_account.c.key == account.key)
            if len(mine) == 1 and connection.execute(has_password).scalar_one_or_none() is None:
                raise LastIdentity
            connection.execute(delete(_table).where(_table.c.key == key))
            self._audited(connection, "unlinked", account, (mine[key].issuer, mine[key].subject), actor)
            return mine[key]

        return await self._db.write(work)

    def _audited(
        self, connection: Connection, act: str, account: Account, identity: tuple[str, str], actor: Actor
    ) -> None:
        issuer, subject = identity
        detail: dict[str, Json] = {"act": act, "userName": account.name, "issuer": issuer, "subject": subject}
        row = self._audit.row("IDENTITY_CHANGE", realm="", outcome="ok", detail=detail, **actor.audited)
        connection.execute(row)


def held_by(connection: Connection, directory: str, issuer: str, subject: str) -> int | None:
    """The key of the account to which an identity is linked; until the transaction ends, nobody unlinks it."""
    wanted = select(_table.c.account).where(_is(directory, issuer, subject)).with_for_update()
    return connection.execute(wanted).scalar_one_or_none()


def as_it_was(access: Access) -> Guard:
    """Let a session link to its account only while nothing has ended all sessions of that account.

    A link is a way in that outlives its session, so who has lost the account keeps none by one that was under way. The
    guard raises ``StaleSession``.
    """

    def guard(connection: Connection) -> None:
        epoch = select(_account.c.auth_epoch).where(_account.c.key == access.session.identity.user_key)
        if connection.execute(epoch).scalar_one_or_none() != access.session.fences.account:
            raise StaleSession(access.session.epoch)

    return guard


def _check_alive(connection: Connection, key: int) -> None:
    alive = select(_account.c.key).where(_account.c.key == key, _account.c.state != "deleted")
    if connection.execute(alive).first() is None:
        raise UserUnknown


def _found(connection: Connection, directory: str, issuer: str, subject: str) -> int | None:
    wanted = (
        select(_table.c.account)
        .join(_account, _account.c.key == _table.c.account)
        .where(_is(directory, issuer, subject), _account.c.state != "deleted")
    )
    return connection.execute(wanted).scalar_one_or_none()


def _is(directory: str, issuer: str, subject: str) -> ColumnElement[bool]:
    return and_(_table.c.directory == directory, _table.c.issuer == issuer, _table.c.subject == subject)


def _selected() -> Select[*tuple[Any, ...]]:
    return select(*(_table.c[name] for name in ExternalIdentity._fields))


def _of(account_key: int) -> Select[*tuple[Any, ...]]:
    return _selected().where(_table.c.account == account_key)


def _read(row: Row[*tuple[Any, ...]]) -> ExternalIdentity:
    return ExternalIdentity._make(row)
