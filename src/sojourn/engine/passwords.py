"""Passwords of accounts: checking, setting. A password hash never leaves this module."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from sojourn.core.clock import Clock
from sojourn.engine.accounts import Accounts
from sojourn.engine.actors import Actor
from sojourn.engine.audit import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.ends import Ends
from sojourn.identity.password import MIN_LENGTH, PasswordHasher
from sojourn.model.session import End
from sojourn.model.user import Account


class Passwords:
    """The passwords of the accounts of all directories. Accounts given back here carry no scopes."""

    def __init__(
        self,
        db: EngineDatabase,
        accounts: Accounts,
        hasher: PasswordHasher,
        audit: Audit,
        clock: Clock,
        *,
        ends: Ends | None = None,
    ) -> None:
        """With ``ends`` the sessions that an act here ends are gone from the store too when the act returns."""
        self._db = db
        self._accounts = accounts
        self._ends = ends
        self._hasher = hasher
        self._audit = audit
        self._clock = clock

    async def hashed(self, password: str, names: Sequence[str], min_length: int = MIN_LENGTH) -> str:
        """The stored form of a new password of the account that has ``names``. Raises ``WeakPassword``, ``LoginBusy``."""
        self._hasher.check_new(password, names=names, min_length=min_length)
        return await self._hasher.hash(password)

    async def check(self, directory: str, user_id: str, password: str) -> Account | None:
        """The account when ``password`` is its own, whatever its state; None for every other reason, in the same time.

        The ``auth_epoch`` of the answer is of the moment before the check: a session made under it is dead when the
        password was changed meanwhile. Raises ``LoginBusy``.
        """
        found = await self._db.read(lambda connection: self._accounts.find(connection, directory, user_id))
        stored = found.password if found else None
        fits = await self._hasher.verify(stored, password)
        if not fits or found is None or stored is None:
            return None
        if self._hasher.needs_rehash(stored):
            await self._rehash(found.account.key, stored, password)
        return found.account

    async def set(self, actor: Actor, key: int, password: str, *, min_length: int = MIN_LENGTH) -> Account:
        """Set the password of an account, which ends all its sessions.

        Raises ``UserUnknown``, ``WeakPassword``, ``LoginBusy``, ``AccountTampered``.
        """
        account = (await self._db.read(lambda connection: self._accounts.known(connection, key))).account
        stored = await self.hashed(password, (account.name, account.email), min_length)

        def work(connection: Connection) -> Account:
            self._accounts.change(connection, key, {"password": stored})
            self._accounts.end(connection, key, "password-changed", actor=actor.name)
            changed = self._accounts.known(connection, key).account
            connection.execute(
                self._audit.row(
                    "PASSWORD_CHANGE",
                    realm="",
                    outcome="ok",
                    actor=actor.name,
                    session=actor.session,
                    address=actor.address,
                    detail={"act": "set", "name": changed.name},
                )
            )
            return changed

        changed = await self._db.write(work)
        if self._ends is not None:
            await self._ends.clear_later(key, End("password-changed", self._clock.now(), actor.name))
        return changed

    async def _rehash(self, key: int, stored: str, password: str) -> None:
        fresh = await self._hasher.hash(password)

        def work(connection: Connection) -> None:
            found = self._accounts.get(connection, key)
            # Only over the very hash that was checked: a password set meanwhile stays.
            if found is not None and found.password == stored and found.account.intact:
                self._accounts.change(connection, key, {"password": fresh})

        await self._db.write(work)
