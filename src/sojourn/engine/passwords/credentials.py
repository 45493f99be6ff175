"""One check of user name and password for every way in: throttled, uniform in its answers, and the lock of an account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from sojourn.core.clock import Clock
from sojourn.core.errors import Forbidden, LoginBusy, TooManyTries
from sojourn.core.json import Json
from sojourn.engine.accounts.users import Users
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.facts import Facts
from sojourn.engine.passwords.notices import Notices
from sojourn.engine.passwords.records import Kept, PasswordRecords
from sojourn.engine.passwords.throttling import NO_DEVICE, ShownDevice, Throttling, Try
from sojourn.engine.security.actors import Actor
from sojourn.model.realm import Realm
from sojourn.model.user import Account

#: Asked last, after the right password; whom it does not admit is refused like everybody else.
Admit = Callable[[Account], Awaitable[bool]]


class AccountUnusable(Forbidden):
    """This account cannot be used."""

    code = "user.unusable"


class PasswordExpired(AccountUnusable):
    """The password is too old: choose a new one."""

    code = "password.expired"


class Shown(NamedTuple):
    """What is shown for a login."""

    user_name: str
    password: str
    address: str = ""
    device: ShownDevice = NO_DEVICE
    #: The password from now on, for who has to change it; None = no wish.
    new_password: str | None = None

    def __repr__(self) -> str:
        return f"Shown({self.user_name!r}, …)"


class Credentials:
    """Checks user names and passwords."""

    def __init__(
        self,
        *,
        records: PasswordRecords,
        users: Users,
        throttling: Throttling,
        facts: Facts,
        notices: Notices,
        db: EngineDatabase,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._records = records
        self._users = users
        self._throttling = throttling
        self._facts = facts
        self._notices = notices
        self._db = db
        self._audit = audit
        self._clock = clock

    async def check(
        self, realm: Realm, shown: Shown, *, admit: Admit | None = None, tells: bool = False
    ) -> Account | None:
        """The account, with its scopes in ``realm``, when it may log in there with this password.

        None alike, and in the same time, for an unknown user, a wrong password, an account that is not active and one
        without the realm's ``loginScope``. ``tells`` is for code of ours, never for an answer to a client: then
        ``AccountUnusable`` is raised where the password was right and the account is locked, disabled or expired.

        Raises ``PasswordExpired`` where the right password is older than the realm's ``passwordMaxAge`` and no new one was
        shown, ``WeakPassword`` for the new one, ``TooManyTries``, ``LoginBusy`` and ``StoreUnavailable``.
        """
        tried = await self._admitted_try(realm, shown)
        try:
            kept = await self._records.check(realm.config.directory, shown.user_name, shown.password, known=tried.known)
        except LoginBusy:
            await tried.withdraw()
            raise
        if kept is None:
            await self._count_failed(realm, shown)
            return None
        account = await self.admitted(realm, kept.account, tells=tells)
        if account is None or (admit is not None and not await admit(account)):
            return None
        await tried.succeeded()
        if realm.config.max_tries_before_lock:
            await self._throttling.forget_failed(realm, shown.user_name)
        return await self._renewed(realm, kept, account, shown)

    async def admitted(self, realm: Realm, found: Account, *, tells: bool = False) -> Account | None:
        """``found`` with its scopes in ``realm`` when it may log in there now; ``tells`` as :meth:`check`."""
        present = await (await self._facts.current()).account(realm, found.key)
        if present is None:
            return None
        if not present.intact:
            detail: dict[str, Json] = {"userName": present.name}
            await self._audit.refused("user.tampered", "", realm=realm.id, actor=present.name, detail=detail)
            return None
        if present.state != "active":
            if tells:
                raise AccountUnusable
            return None
        needed = realm.config.login_scope
        if needed is not None and needed not in present.scopes:
            return None
        # The authEpoch stays that of the moment before the check.
        return msgspec.structs.replace(found, scopes=present.scopes)

    async def _admitted_try(self, realm: Realm, shown: Shown) -> Try:
        try:
            return await self._throttling.admit("login", realm, shown.user_name, shown.address, shown.device)
        except TooManyTries as error:
            await self._audit.refused(error.code, shown.address, realm=realm.id)
            raise

    async def _renewed(self, realm: Realm, kept: Kept, account: Account, shown: Shown) -> Account:
        """The account under its new password, where one is due or shown."""
        oldest = realm.config.password_max_age
        due = oldest > 0 and self._clock.now() - kept.set_at >= oldest
        if shown.new_password is None:
            if due:
                raise PasswordExpired
            return account
        order = (await self._records.order(kept, shown.new_password))._replace(over=kept.stored)
        actor = Actor(account.name, account.key, address=shown.address)

        def work(connection: Connection) -> Account:
            changed = self._records.replace(connection, order, actor)
            self._records.audited(connection, changed, actor, "changed at login", realm.id)
            return changed

        changed = await self._db.write(work)
        await self._records.clear(account.key, actor)
        await self._notices.password_changed(changed, realm.id, shown.address)
        return msgspec.structs.replace(changed, scopes=account.scopes)

    async def _count_failed(self, realm: Realm, shown: Shown) -> None:
        """Count the failure towards the lock, and lock where the realm says so."""
        most = realm.config.max_tries_before_lock
        if not most or await self._throttling.failed_in_a_row(realm, shown.user_name) < most:
            return
        account = await self._users.find(realm.config.directory, shown.user_name)
        if account is not None and account.state == "active":
            await self._users.set_state(account.key, "locked")
            # Who unlocks it gives it a new row.
            await self._throttling.forget_failed(realm, shown.user_name)
