"""Accounts: who can log in. Of passwords ``passwords`` knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from sojourn.core.clock import Clock
from sojourn.core.json import Json
from sojourn.engine import epochs
from sojourn.engine.audit import Audit, Kind
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.directory import (
    MAIN,
    Assignee,
    NameTaken,
    UserUnknown,
    account_key,
    ensure_everyone,
    free_name,
    new_key,
)
from sojourn.engine.ends import Ends
from sojourn.engine.groups import Groups
from sojourn.engine.memberships import join
from sojourn.engine.passwords import Passwords
from sojourn.identity.password import MIN_LENGTH
from sojourn.model.session import End, EndReason
from sojourn.model.user import Account, AccountState, BadAccount, check_email, check_user_name, fold

_table = schema.account


class Users:
    """The accounts of all directories. Accounts given back here carry no scopes: those depend on the realm."""

    def __init__(
        self, db: EngineDatabase, passwords: Passwords, audit: Audit, clock: Clock, ends: Ends | None = None
    ) -> None:
        """With ``ends`` the sessions that an act here ends are gone from the store too when the act returns."""
        self._db = db
        self._ends = ends
        self._passwords = passwords
        self._audit = audit
        self._clock = clock
        #: Groups of the same directories.
        self.groups = Groups(db, audit, clock)

    async def add(
        self,
        directory: str,
        name: str,
        password: str | None,
        email: str = "",
        groups: Iterable[str] = (),
        *,
        min_length: int = MIN_LENGTH,
        actor: str = "",
    ) -> Account:
        """A new active account; without a password nobody can log in as it.

        Raises ``BadAccount``, ``WeakPassword``, ``NameTaken``, ``GroupUnknown``, ``LoginBusy``.
        """
        _check_names(name, email)
        stored = None if password is None else await self._passwords.hashed(password, (name, email), min_length)

        def work(connection: Connection) -> Account:
            key = self._insert(connection, directory, name, email, stored)
            join(connection, Assignee(name, key, None), directory, groups)
            self._audited(connection, "USER_CHANGE", "created", name, actor)
            return Account(key=key, directory=directory, name=name, email=email)

        return await self._db.write(work)

    async def get(self, key: int) -> Account | None:
        """The account with ``key``; None when unknown or deleted."""
        return await self._db.read(lambda connection: _account(connection, key))

    async def find(self, directory: str, user_id: str) -> Account | None:
        """The account with that name or mail address; None when there is none."""
        return await self._db.read(lambda connection: _found(connection, directory, user_id))

    async def list(self, directory: str = MAIN) -> Sequence[Account]:
        """All accounts of the directory that were not deleted, by name."""
        wanted = _selected().where(_table.c.directory == directory).order_by(_table.c.name, _table.c.key)
        return await self._db.read(lambda connection: [_read(row) for row in connection.execute(wanted).all()])

    async def set_state(self, key: int, state: AccountState, actor: str = "") -> Account:
        """Lock, disable, expire or activate. Disabling ends all sessions; a lock only stops new logins.

        Raises ``UserUnknown``.
        """

        def work(connection: Connection) -> Account:
            before = _known(connection, key)
            self._set(connection, key, {"state": state})
            if state == "disabled" and before.state != "disabled":
                epochs.raise_account_epoch(connection, key, "user-disabled", actor=actor)
            kind = _kind_of_change(before.state, state)
            self._audited(connection, kind, state, before.name, actor)
            return _known(connection, key)

        account = await self._db.write(work)
        if state == "disabled":
            await self._clear(key, "user-disabled", actor)
        return account

    async def delete(self, key: int, actor: str = "") -> None:
        """Delete the account: sessions end, grants and memberships go, the name is free again, the key stays used.

        Raises ``UserUnknown``.
        """

        def work(connection: Connection) -> None:
            account = _known(connection, key)
            for table in (schema.membership, schema.scope_grant):
                connection.execute(delete(table).where(table.c.account == key))
            erased = {"state": "deleted", "live_name": None, "email": "", "live_email": None, "password": None}
            self._set(connection, key, erased)
            free_name(connection, key)
            epochs.raise_account_epoch(connection, key, "user-deleted", actor=actor)
            self._audited(connection, "USER_CHANGE", "deleted", account.name, actor)

        await self._db.write(work)
        await self._clear(key, "user-deleted", actor)

    async def _clear(self, key: int, reason: EndReason, actor: str) -> None:
        if self._ends is not None:
            await self._ends.clear_later(key, End(reason, self._clock.now(), actor))

    def _insert(self, connection: Connection, directory: str, name: str, email: str, password: str | None) -> int:
        if email and account_key(connection, directory, email) is not None:
            raise NameTaken("this mail address is taken")
        now = self._clock.now()
        ensure_everyone(connection, directory, now)
        key = new_key(connection, directory, name)
        values = {
            "key": key,
            "directory": directory,
            "name": name,
            "live_name": fold(name),
            "email": email,
            "live_email": fold(email) or None,
            "password": password,
            "state": "active",
            "created": now,
            "changed": now,
        }
        connection.execute(insert(_table).values(values))
        return key

    def _set(self, connection: Connection, key: int, values: Mapping[str, str | None]) -> None:
        live = (_table.c.key == key, _table.c.state != "deleted")
        if connection.execute(update(_table).where(*live).values(changed=self._clock.now(), **values)).rowcount != 1:
            raise UserUnknown

    def _audited(self, connection: Connection, kind: Kind, act: str, name: str, actor: str) -> None:
        detail: dict[str, Json] = {"act": act, "name": name}
        connection.execute(self._audit.row(kind, realm="", outcome="ok", actor=actor, detail=detail))


def _check_names(name: str, email: str) -> None:
    check_user_name(name)
    check_email(email)
    if "@" in fold(name) or (email and "@" not in fold(email)):
        raise BadAccount("a user name contains no @, in no script")


def _kind_of_change(before: AccountState, after: AccountState) -> Kind:
    if after == "locked":
        return "USER_LOCK"
    return "USER_UNLOCK" if before == "locked" and after == "active" else "USER_CHANGE"


def _selected() -> Select[*tuple[Any, ...]]:
    columns = (_table.c.key, _table.c.directory, _table.c.name, _table.c.email, _table.c.state, _table.c.auth_epoch)
    return select(*columns).where(_table.c.state != "deleted")


def _read(row: Row[*tuple[Any, ...]]) -> Account:
    return Account(**row._asdict())


def _account(connection: Connection, key: int) -> Account | None:
    row = connection.execute(_selected().where(_table.c.key == key)).one_or_none()
    return _read(row) if row else None


def _found(connection: Connection, directory: str, user_id: str) -> Account | None:
    key = account_key(connection, directory, user_id)
    return None if key is None else _account(connection, key)


def _known(connection: Connection, key: int) -> Account:
    found = _account(connection, key)
    if found is None:
        raise UserUnknown
    return found
