"""Passwords of accounts: checking, setting, changing one's own."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection

from sojourn.core.clock import Clock
from sojourn.core.errors import Forbidden, LoginBusy, TooManyTries
from sojourn.core.ids import SessionHandle
from sojourn.engine.access import Access
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.passwords.notices import Notices
from sojourn.engine.passwords.records import Kept, Others, PasswordRecords
from sojourn.engine.passwords.reset import OURS, Letter, PasswordResets
from sojourn.engine.passwords.throttling import NO_DEVICE, ShownDevice, Throttling
from sojourn.engine.realms import Realms
from sojourn.engine.security.actors import Actor, Actors, Guard, unguarded
from sojourn.engine.security.rights import Rights
from sojourn.engine.sessions import Sessions
from sojourn.engine.tokens.authtokens import newest
from sojourn.identity.rules import PasswordRule
from sojourn.model.realm import Realm
from sojourn.model.session import Session
from sojourn.model.user import Account, account_principal
from sojourn.stores.base import Cursor

#: Sessions read at once.
_PAGE = 200

#: Who has it may set the password of an account whose scopes it has.
CHANGE_SCOPE = "security.changeUserPassword"


class WrongPassword(Forbidden):
    """This is not the present password."""

    code = "password.wrong"


class Changed(NamedTuple):
    """A password that its own user has changed."""

    session: Session
    #: The new handle of the session that changed it, shown once; every handle of before is dead.
    handle: SessionHandle
    account: Account


class Passwords:
    """The passwords of the accounts of all directories. Accounts given back here carry no scopes."""

    def __init__(
        self,
        *,
        records: PasswordRecords,
        throttling: Throttling,
        actors: Actors,
        sessions: Sessions,
        realms: Realms,
        resets: PasswordResets,
        notices: Notices,
        db: EngineDatabase,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._records = records
        self._throttling = throttling
        self._actors = actors
        self._sessions = sessions
        self._realms = realms
        self._resets = resets
        self._notices = notices
        self._db = db
        self._audit = audit
        self._clock = clock

    def rule(self, directory: str) -> PasswordRule:
        """What a new password of an account of ``directory`` must be: the strictest of the realms that it opens."""
        return self._records.rule(directory)

    async def check(self, directory: str, user_id: str, password: str) -> Account | None:
        """The account when ``password`` is its own, whatever its state; None for every other reason, in the same time.

        Not throttled: whatever answers clients goes through :class:`~sojourn.engine.passwords.credentials.Credentials`. The
        ``auth_epoch`` of the answer is of the moment before the check. Raises ``LoginBusy``.
        """
        kept = await self._records.check(directory, user_id, password)
        return kept.account if kept else None

    async def set(self, actor: Actor, key: int, password: str) -> Account:
        """Set the password of an account: all its sessions end, all its tokens are revoked.

        Of another account ``actor`` needs ``security.changeUserPassword`` and every scope that the account has; of the own
        one, :meth:`change` keeps the session. Raises ``InsufficientScope``, ``DelegatedHandle``, ``UserUnknown``,
        ``WeakPassword``, ``LoginBusy``.
        """
        guard: Guard = unguarded
        if actor.key != key or actor.delegated:
            await self._actors.check_over(actor, CHANGE_SCOPE, key)
            if not actor.host:
                guard = Rights(self._realms).over_account(actor, key, CHANGE_SCOPE)
        account = await self._records.set(actor, key, password, guard=guard)
        await self._notices.password_changed(account)
        return account

    async def change(
        self, access: Access, old: str | None, new: str, *, address: str = "", device: ShownDevice = NO_DEVICE
    ) -> Changed:
        """Change the own password: this session goes on with a new secret, all others of the account end.

        AuthTokens that those sessions have asked for are revoked, the rest stays.

        ``old`` None is for code of ours that acts in the session; a client shows the present password. Raises
        ``DelegatedHandle``, ``FreshLoginRequired``, ``CrossSiteWrite``, :class:`WrongPassword`, ``WeakPassword``,
        ``PasswordMoved``, ``TooManyTries``, ``LoginBusy``; ``SessionEnded`` when this session ended meanwhile.
        """
        access.writable()
        access.own(self._clock.now())
        assert access.account is not None
        await self._sessions.check(access)
        address = address or access.session.device.address
        kept = await self._proved(access, old, address, device)
        order = (await self._records.order(kept, new))._replace(over=kept.stored)
        session, account = access.session, access.account
        actor = Actor(account.name, account.key, session=session.id, address=address)

        last = await self._db.read(newest)
        others = Others(session.id, last, await self._others(account, session.id))

        def work(connection: Connection) -> Account:
            changed = self._records.replace(connection, order, actor, others)
            self._records.audited(connection, changed, actor, "changed", access.realm.id)
            return changed

        changed = await self._db.write(work)
        try:
            begun = await self._sessions.rotate(
                access, session.identity, session.device, keep=None, authenticated=changed
            )
        finally:
            await self._records.clear(changed.key, actor)
        await self._notices.password_changed(changed, access.realm.id, address)
        return Changed(begun.session, begun.handle, changed)

    async def start_reset(self, realm: Realm, user_name: str, address: str = "") -> None:
        """See :meth:`~sojourn.engine.passwords.reset.PasswordResets.start`."""
        await self._resets.start(realm, user_name, address)

    async def start_reset_for(self, actor: Actor, key: int, letter: Letter = OURS) -> None:
        """See :meth:`~sojourn.engine.passwords.reset.PasswordResets.start_for`."""
        await self._resets.start_for(actor, key, letter)

    async def finish_reset(self, realm: Realm, user_name: str, code: str, new: str, address: str = "") -> Account:
        """See :meth:`~sojourn.engine.passwords.reset.PasswordResets.finish`."""
        return await self._resets.finish(realm, user_name, code, new, address)

    async def _others(self, account: Account, sid: str) -> Collection[str]:
        """The public ids of the live sessions of an account without this one."""
        found: set[str] = set()
        for realm in (*self._realms.all(), self._realms.operators):
            after: Cursor | None = None
            while page := await self._sessions.list(realm, account_principal(account.key), after=after, limit=_PAGE):
                found.update(session.id for session in page)
                after = (page[-1].created, page[-1].id)
        return found - {sid}

    async def _proved(self, access: Access, old: str | None, address: str, device: ShownDevice) -> Kept:
        """What is kept for the account, once ``old`` has proved who asks."""
        assert access.account is not None
        realm, account = access.realm, access.account
        if old is None:
            return await self._records.get(account.key)
        try:
            tried = await self._throttling.admit("login", realm, account.name, address, device)
        except TooManyTries as error:
            await self._audit.refused(error.code, address, realm=realm.id, actor=account.name)
            raise
        try:
            kept = await self._records.check_of(account.key, old)
        except LoginBusy:
            await tried.withdraw()
            raise
        if kept is None:
            raise WrongPassword
        await tried.succeeded()
        return kept
