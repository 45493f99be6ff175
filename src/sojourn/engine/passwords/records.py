"""What is kept of passwords: the hash, its age, the former ones. A password hash never leaves this module."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from sojourn.core.clock import DAY, Clock
from sojourn.core.errors import Conflict
from sojourn.core.json import Json
from sojourn.engine.accounts.directory import UserUnknown
from sojourn.engine.accounts.records import Accounts, Record
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.ends.ends import Ends
from sojourn.engine.realms import Realms
from sojourn.engine.security.actors import Actor, Guard, unguarded
from sojourn.engine.tokens.authtokens import revoke_all_of, revoke_of_sessions
from sojourn.identity.password import PasswordHasher, WeakPassword
from sojourn.identity.rules import PasswordRule
from sojourn.model.session import End
from sojourn.model.user import Account

_mark, _history = schema.password_mark, schema.password_history


class PasswordMoved(Conflict):
    """The password was changed by somebody else meanwhile; log in again."""

    code = "password.moved"


class Kept(NamedTuple):
    """A password that was checked, as a proof for replacing it."""

    account: Account
    #: When it was set, in milliseconds since 1970.
    set_at: int
    #: The stored form; nothing else than this module looks at it.
    stored: str | None

    def __repr__(self) -> str:
        return f"Kept({self.account.name!r}, …)"


class Order(NamedTuple):
    """A new password that passed its rules, to be written by :meth:`PasswordRecords.replace`."""

    key: int
    stored: str
    #: How many former passwords the directory remembers.
    history: int
    #: The hash that must still be there; None = whatever is there.
    over: str | None = None

    def __repr__(self) -> str:
        return f"Order({self.key}, …)"


class Others(NamedTuple):
    """The sessions that a change of the own password ends, seen from the one that goes on."""

    #: Public id of the session that goes on.
    kept: str
    #: Key of the AuthToken that was the newest before the others were listed.
    newest: int
    #: Public ids of the others.
    listed: Collection[str]


class PasswordRecords:
    """The passwords of the accounts of all directories. Accounts given back here carry no scopes."""

    def __init__(
        self,
        db: EngineDatabase,
        accounts: Accounts,
        hasher: PasswordHasher,
        audit: Audit,
        clock: Clock,
        *,
        realms: Realms,
        ends: Ends | None = None,
    ) -> None:
        """With ``ends`` the sessions that an act here ends are gone from the store too when the act returns."""
        self._db = db
        self._accounts = accounts
        self._ends = ends
        self._hasher = hasher
        self._audit = audit
        self._clock = clock
        self._realms = realms

    def rule(self, directory: str) -> PasswordRule:
        """What a new password of an account of ``directory`` must be: the strictest of the realms that it opens."""
        configs = [realm.config for realm in self._realms.all() if realm.config.directory == directory]
        if not configs:
            return PasswordRule()
        ages = [config.password_max_age for config in configs if config.password_max_age]
        tries = [config.max_tries_before_lock for config in configs if config.max_tries_before_lock]
        return PasswordRule(
            min_length=max(config.password_min_length for config in configs),
            history=max(config.password_history for config in configs),
            change_interval=max(1, min(ages) // DAY) if ages else 0,
            max_tries_before_lock=min(tries, default=0),
        )

    async def hashed(self, password: str, names: Sequence[str], min_length: int) -> str:
        """The stored form of the first password of the account that has ``names``. Raises ``WeakPassword``, ``LoginBusy``."""
        self._hasher.check_new(password, names=names, min_length=min_length)
        return await self._hasher.hash(password)

    async def check(self, directory: str, user_id: str, password: str, *, known: bool = False) -> Kept | None:
        """The account when ``password`` is its own, whatever its state; None for every other reason, in the same time.

        The ``auth_epoch`` of the answer is of the moment before the check: a session made under it is dead when the
        password was changed meanwhile. ``known``: a device tries that the account knows. Raises ``LoginBusy``.
        """
        return await self._checked(await self.find(directory, user_id), password, known=known)

    async def check_of(self, key: int, password: str) -> Kept | None:
        """The same for the account with ``key``."""
        return await self._checked(
            await self._db.read(lambda connection: self._get(connection, key)), password, known=True
        )

    async def find(self, directory: str, user_id: str) -> Kept | None:
        """What is kept for the account of a name or mail address, None without one: one read in either case."""
        return await self._db.read(lambda connection: self._found(connection, directory, user_id))

    async def get(self, key: int) -> Kept:
        """What is kept for the account with ``key``. Raises ``UserUnknown``."""
        return await self._db.read(lambda connection: self._known(connection, key))

    async def order(self, kept: Kept, password: str, *, same: bool = False) -> Order:
        """Check a new password of an account by the rule of its directory, and hash it.

        With ``same`` False it cannot be the one that is ``kept``. Raises ``WeakPassword``, ``LoginBusy``.
        """
        account, rule = kept.account, self.rule(kept.account.directory)
        self._hasher.check_rule(password, rule, (account.name, account.email))
        before = [] if kept.stored is None or (same and not rule.history) else [kept.stored]
        if rule.history:
            before += await self._db.read(lambda connection: _former(connection, account.key, rule.history))
        if await self._hasher.fits_any(before, password):
            raise WeakPassword("used", "this password was used for this account before; choose another one")
        return Order(account.key, await self._hasher.hash(password), rule.history)

    async def set(
        self, actor: Actor, key: int, password: str, *, act: str = "set", guard: Guard = unguarded
    ) -> Account:
        """Set the password of an account, which ends all its sessions and revokes its tokens.

        ``guard`` is asked in the same transaction, after the password has been hashed, which takes its time. Raises ``UserUnknown``, ``WeakPassword``, ``LoginBusy``.
        """
        order = await self.order(await self.get(key), password, same=True)

        def work(connection: Connection) -> Account:
            guard(connection)
            changed = self.replace(connection, order, actor)
            self.audited(connection, changed, actor, act)
            return changed

        changed = await self._db.write(work)
        await self.clear(key, actor)
        return changed

    def replace(self, connection: Connection, order: Order, actor: Actor, others: Others | None = None) -> Account:
        """Write the new password within the caller's transaction, and end all sessions but the one that ``others`` spares.

        With it all AuthTokens are revoked; with ``others`` only those that these sessions have asked for.
        Raises ``UserUnknown``, and ``PasswordMoved`` when the one that it replaces is not the one that was checked.
        """
        before, now = self._accounts.known(connection, order.key), self._clock.now()
        if order.over is not None and before.password != order.over:
            raise PasswordMoved
        self._accounts.change(connection, order.key, {"password": order.stored})
        self._accounts.end(connection, order.key, "password-changed", actor=_by(actor, order.key))
        _remember(connection, order, before.password, now)
        connection.execute(delete(_mark).where(_mark.c.account == order.key))
        connection.execute(
            insert(_mark).values(account=order.key, set_at=now, kept_session=others.kept if others else "")
        )
        if others is None:
            revoke_all_of(connection, order.key, now, "password-changed")
        else:
            revoke_of_sessions(
                connection, order.key, others.listed, now, "password-changed", but=others.kept, after=others.newest
            )
        return self._accounts.known(connection, order.key).account

    def audited(self, connection: Connection, account: Account, actor: Actor, act: str, realm: str = "") -> None:
        """Write PASSWORD_CHANGE within the caller's transaction."""
        detail: dict[str, Json] = {"act": act, "name": account.name}
        row = self._audit.row("PASSWORD_CHANGE", realm=realm, outcome="ok", detail=detail, **actor.audited)
        connection.execute(row)

    async def clear(self, key: int, actor: Actor) -> None:
        """End in the store what the raised fence has ended already."""
        if self._ends is not None:
            await self._ends.clear_later(key, End("password-changed", self._clock.now(), _by(actor, key)))

    async def _checked(self, found: Kept | None, password: str, *, known: bool) -> Kept | None:
        stored = found.stored if found else None
        fits = await self._hasher.verify(stored, password, known=known)
        if not fits or found is None or stored is None:
            return None
        if self._hasher.needs_rehash(stored):
            return found._replace(stored=await self._rehash(found.account.key, stored, password))
        return found

    async def _rehash(self, key: int, stored: str, password: str) -> str:
        fresh = await self._hasher.hash(password)

        def work(connection: Connection) -> bool:
            found = self._accounts.get(connection, key)
            # Only over the very hash that was checked: a password set meanwhile stays.
            if found is None or found.password != stored or not found.account.intact:
                return False
            self._accounts.change(connection, key, {"password": fresh})
            return True

        return fresh if await self._db.write(work) else stored

    def _found(self, connection: Connection, directory: str, user_id: str) -> Kept | None:
        return _kept(connection, self._accounts.find(connection, directory, user_id))

    def _get(self, connection: Connection, key: int) -> Kept | None:
        return _kept(connection, self._accounts.get(connection, key))

    def _known(self, connection: Connection, key: int) -> Kept:
        found = self._get(connection, key)
        if found is None:
            raise UserUnknown
        return found


def _by(actor: Actor, key: int) -> str:
    """Who ended the sessions: nobody else where the account itself did."""
    return "" if actor.key == key else actor.name


def _remember(connection: Connection, order: Order, stored: str | None, now: int) -> None:
    """Keep the replaced password while the directory asks for that, and no more of them than it asks for."""
    mine = _history.c.account == order.key
    if stored is not None and order.history:
        connection.execute(insert(_history).values(account=order.key, password=stored, replaced_at=now))
    kept = select(_history.c.key).where(mine).order_by(_history.c.key.desc()).limit(order.history)
    connection.execute(delete(_history).where(mine, _history.c.key.not_in(connection.execute(kept).scalars().all())))


def _former(connection: Connection, key: int, most: int) -> list[str]:
    wanted = select(_history.c.password).where(_history.c.account == key).order_by(_history.c.key.desc()).limit(most)
    return list(connection.execute(wanted).scalars().all())


def _kept(connection: Connection, record: Record | None) -> Kept | None:
    if record is None:
        return None
    marked = select(_mark.c.set_at).where(_mark.c.account == record.account.key)
    made = select(schema.account.c.created).where(schema.account.c.key == record.account.key)
    set_at = connection.execute(marked).scalar_one_or_none()
    return Kept(record.account, connection.execute(made).scalar_one() if set_at is None else set_at, record.password)
