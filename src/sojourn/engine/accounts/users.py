"""Accounts: who can log in. Of passwords ``passwords`` knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete

from sojourn.core.clock import Clock
from sojourn.core.errors import Conflict
from sojourn.core.json import Json
from sojourn.engine.accounts.directory import (
    MAIN,
    Assignee,
    NameTaken,
    account_key,
    ensure_everyone,
    free_name,
    new_key,
)
from sojourn.engine.accounts.groups import Groups
from sojourn.engine.accounts.memberships import join
from sojourn.engine.accounts.records import Accounts, selected
from sojourn.engine.audit.log import Audit, Kind
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.ends.ends import Ends
from sojourn.engine.passwords.notices import Notices
from sojourn.engine.passwords.records import PasswordRecords
from sojourn.engine.security.actors import Actor, Guard, as_actor, unguarded
from sojourn.identity.password import MIN_LENGTH
from sojourn.model.session import End, EndReason
from sojourn.model.user import Account, AccountState, AccountType, BadAccount, check_email, check_user_name, fold

_table = schema.account

#: States that end all that lives, when an account comes into them.
_ENDING = frozenset({"disabled", "expired"})

#: The reason of those ends.
_DISABLED: EndReason = "user-disabled"


class ExternalAuthorizer(Conflict):
    """This account has no password here: its identity provider says when it expires."""

    code = "user.external"


#: What an account has beside its record, and nobody needs when it is gone.
_PERSONAL = (
    schema.membership,
    schema.scope_grant,
    schema.password_mark,
    schema.password_history,
    schema.external_identity,
)


class Users:
    """The accounts of all directories. Accounts given back here carry no scopes: those depend on the realm.

    Each change asks its ``guard`` first, in its own transaction.
    """

    def __init__(
        self,
        db: EngineDatabase,
        accounts: Accounts,
        passwords: PasswordRecords,
        audit: Audit,
        clock: Clock,
        *,
        ends: Ends | None = None,
        notices: Notices | None = None,
    ) -> None:
        """With ``ends`` the sessions that an act here ends are gone from the store too when the act returns."""
        self._db = db
        self._ends = ends
        self._accounts = accounts
        self._passwords = passwords
        self._notices = notices
        self._audit = audit
        self._clock = clock
        #: Groups and roles of the same directories.
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
        actor: Actor | str = "",
        guard: Guard = unguarded,
    ) -> Account:
        """A new active account in ``groups``, which may be roles too; without a password nobody can log in as it.

        Raises ``BadAccount``, ``WeakPassword``, ``NameTaken``, ``GroupUnknown``, ``LoginBusy``.
        """
        _check_names(name, email)
        stored = None if password is None else await self._passwords.hashed(password, (name, email), min_length)

        def work(connection: Connection) -> Account:
            guard(connection)
            _check_mail_free(connection, directory, email)
            ensure_everyone(connection, directory, self._clock.now())
            key = new_key(connection, directory, name)
            named = {"key": key, "directory": directory, "name": name, "live_name": fold(name)}
            mailed = {"email": email, "live_email": fold(email) or None}
            account = self._accounts.insert(connection, {**named, **mailed, "password": stored})
            join(connection, Assignee(name, key, None), directory, groups)
            self._audited(connection, "USER_CHANGE", "created", name, actor)
            return account

        return await self._db.write(work)

    async def get(self, key: int) -> Account | None:
        """The account with ``key``; None when unknown or deleted."""
        found = await self._db.read(lambda connection: self._accounts.get(connection, key))
        return found.account if found else None

    async def find(self, directory: str, user_id: str) -> Account | None:
        """The account with that name or mail address; None when there is none."""
        found = await self._db.read(lambda connection: self._accounts.find(connection, directory, user_id))
        return found.account if found else None

    async def list(self, directory: str = MAIN) -> Sequence[Account]:
        """All accounts of the directory that were not deleted, by name."""
        wanted = selected().where(_table.c.directory == directory).order_by(_table.c.name, _table.c.key)
        return await self._db.read(
            lambda connection: [self._accounts.record(row).account for row in connection.execute(wanted)]
        )

    async def page(self, directory: str, after: int, limit: int) -> Sequence[Account]:
        """At most ``limit`` accounts of the directory by key, those with a key above ``after``."""
        wanted = selected().where(_table.c.directory == directory, _table.c.key > after).order_by(_table.c.key)
        return await self._db.read(
            lambda connection: [self._accounts.record(row).account for row in connection.execute(wanted.limit(limit))]
        )

    async def has_password(self, key: int) -> bool:
        """Whether the account has a password here; without one only an identity provider can let it in."""
        found = await self._db.read(lambda connection: self._accounts.get(connection, key))
        return found is not None and found.password is not None

    async def set_state(
        self, key: int, state: AccountState, actor: Actor | str = "", *, guard: Guard = unguarded
    ) -> Account:
        """Lock, disable, expire or activate. Disabling and expiring end all sessions; a lock only stops new logins.

        Raises ``UserUnknown``; ``AccountTampered`` for a record that was changed from outside, which can be disabled only;
        :class:`ExternalAuthorizer` for *expired* and an account without a password.
        """
        who, rule = as_actor(actor), "" if state == "disabled" else state

        def work(connection: Connection) -> bool:
            guard(connection)
            before = self._accounts.known(connection, key)
            if state == "expired" and before.password is None:
                raise ExternalAuthorizer
            ends = state in _ENDING and before.account.state not in _ENDING
            if ends or (state == "disabled" and not before.account.intact):
                values = {"state": state}
                self._accounts.end(connection, key, _DISABLED, values=values, actor=who.name, rule=rule)
            else:
                self._accounts.change(connection, key, {"state": state})
            kind = _kind_of_change(before.account.state, state)
            self._audited(connection, kind, state, before.account.name, who)
            return ends

        if await self._db.write(work):
            await self._clear(key, End(_DISABLED, self._clock.now(), who.name, rule))
        return await self._known(key)

    async def set_type(
        self, key: int, account_type: AccountType, actor: Actor | str = "", *, guard: Guard = unguarded
    ) -> Account:
        """Say what the account is for. Raises ``UserUnknown``, ``AccountTampered``."""
        return await self._change(key, {"account_type": account_type}, account_type, actor, guard)

    async def set_email(self, key: int, email: str, actor: Actor | str = "", *, guard: Guard = unguarded) -> Account:
        """Give the account another mail address; empty takes it away. Both addresses are told.

        Raises ``BadAccount``, ``NameTaken``, ``UserUnknown``, ``AccountTampered``.
        """
        _check_mail(email)

        def free(connection: Connection) -> None:
            guard(connection)
            account = self._accounts.known(connection, key).account
            if fold(email) != fold(account.email):
                _check_mail_free(connection, account.directory, email)

        values, before = {"email": email, "live_email": fold(email) or None}, await self.get(key)
        changed = await self._change(key, values, "email", actor, free)
        if self._notices is not None and before is not None and before.email != email:
            await self._notices.mail_changed(changed, before.email, email)
        return changed

    async def vouch(self, key: int, actor: Actor | str = "") -> bool:
        """Sign the record of an account as it stands; False when nothing was wrong with it. For the host only.

        Raises ``UserUnknown``.
        """

        def work(connection: Connection) -> bool:
            done = self._accounts.vouch(connection, key)
            if done:
                name = self._accounts.known(connection, key).account.name
                self._audited(connection, "USER_CHANGE", "vouched for", name, actor)
            return done

        return await self._db.write(work)

    async def delete(self, key: int, actor: Actor | str = "", *, guard: Guard = unguarded) -> None:
        """Delete the account: sessions end, grants, memberships and identities go, the name is free, the key stays used.

        Raises ``UserUnknown``.
        """
        who = as_actor(actor)

        def work(connection: Connection) -> None:
            guard(connection)
            account = self._accounts.known(connection, key).account
            for table in _PERSONAL:
                connection.execute(delete(table).where(table.c.account == key))
            erased = {"state": "deleted", "live_name": None, "email": "", "live_email": None, "password": None}
            self._accounts.end(connection, key, "user-deleted", values=erased, actor=who.name)
            free_name(connection, key)
            self._audited(connection, "USER_CHANGE", "deleted", account.name, who)

        await self._db.write(work)
        await self._clear(key, End("user-deleted", self._clock.now(), who.name))

    async def _known(self, key: int) -> Account:
        return (await self._db.read(lambda connection: self._accounts.known(connection, key))).account

    async def _change(
        self, key: int, values: Mapping[str, str | None], act: str, actor: Actor | str, guard: Guard
    ) -> Account:
        def work(connection: Connection) -> Account:
            guard(connection)
            changed = self._accounts.change(connection, key, values)
            self._audited(connection, "USER_CHANGE", act, changed.name, actor)
            return changed

        return await self._db.write(work)

    async def _clear(self, key: int, end: End) -> None:
        if self._ends is not None:
            await self._ends.clear_later(key, end)

    def _audited(self, connection: Connection, kind: Kind, act: str, name: str, actor: Actor | str) -> None:
        detail: dict[str, Json] = {"act": act, "name": name}
        row = self._audit.row(kind, realm="", outcome="ok", detail=detail, **as_actor(actor).audited)
        connection.execute(row)


def _check_names(name: str, email: str) -> None:
    check_user_name(name)
    _check_mail(email)
    if "@" in fold(name):
        raise BadAccount("a user name contains no @, in no script")


def _check_mail(email: str) -> None:
    check_email(email)
    if email and "@" not in fold(email):
        raise BadAccount("this is not an e-mail address")


def _check_mail_free(connection: Connection, directory: str, email: str) -> None:
    if email and account_key(connection, directory, email) is not None:
        raise NameTaken("this mail address is taken")


def _kind_of_change(before: AccountState, after: AccountState) -> Kind:
    if after == "locked":
        return "USER_LOCK"
    return "USER_UNLOCK" if before == "locked" and after == "active" else "USER_CHANGE"
