"""Standalone sessions: those that the engine makes for its own short work, a script that another script runs for one.

They have a public id, an identity and an epoch like every session, and no record: no handle leads to them, they keep no
fields, no other process knows them, and a restart ends them. They are listed and audited, and count for no limit. Whoever
made one is needed for it to live: it ends with that session, and with its login.
"""

from __future__ import annotations

from msgspec.structs import replace

from sojourn.core.errors import Forbidden, SessionEnded
from sojourn.engine.access import Access
from sojourn.engine.standings import Standing, Standings
from sojourn.model.realm import Realm
from sojourn.model.session import Identity, Session
from sojourn.model.user import Account, account_identity


class NotAdmittedThere(Forbidden):
    """The user of this session cannot be the user of a session in that realm."""

    code = "session.not_admitted_there"


class StandaloneSessions(Standings):
    """The standalone sessions of this process, and as whom they act."""

    async def lend(self, access: Access, lender: Access) -> Access:
        """Give the session the user of ``lender``, with at most its scope; a new epoch.

        Raises :class:`NotAdmittedThere` in a realm where that user cannot be, and as :meth:`check`.
        """
        standing = self._same(access)
        realm, identity = self._realm(standing), lender.session.identity
        elsewhere = lender.realm.id != realm.id
        if elsewhere and lender.kind == "external":
            raise NotAdmittedThere
        identity = replace(identity, full_scope=False, scope=tuple(sorted(lender.scope)), token_key="")
        try:
            account = await self._fence.check(realm, await self._as(realm, standing.session, identity, lender.account))
        except SessionEnded:
            # It is the user that cannot be here: who it was before stays.
            raise NotAdmittedThere from None
        needed = realm.config.login_scope if elsewhere else None
        if needed is not None and account is not None and needed not in account.scopes:
            raise NotAdmittedThere
        await self._take(standing, identity, lender.account)
        opened = await self._access(realm, standing, delegated=lender.delegated or elsewhere)
        standing.maker, standing.lent = lender, True
        if identity.principal:
            await self._told(standing, lender)
        # What another site's page may not do by the lender's session, it may not do by this one.
        return replace(opened, read_only=lender.read_only)

    async def adopt(self, before: Access, after: Access) -> Access:
        """The session of ``before`` as whom ``after``, which was opened without a record, acts for; a new epoch."""
        standing = self._same(before)
        await self._take(standing, replace(after.session.identity, token_key=""), after.account)
        standing.lent = False
        opened = await self._access(self._realm(standing), standing, delegated=after.delegated)
        return replace(opened, via=after.via)

    async def become(self, access: Access, account: Account) -> Access:
        """Give the session the user ``account`` at the word of the host, with all that it may do; a new epoch.

        Raises :class:`NotAdmittedThere` for one that cannot be used there, and as :meth:`check`.
        """
        standing = self._same(access)
        realm, identity = self._realm(standing), account_identity(account, self._clock.now())
        try:
            await self._fence.check(realm, await self._as(realm, standing.session, identity, account))
        except SessionEnded:
            raise NotAdmittedThere from None
        await self._take(standing, identity, account)
        session, detail = standing.session, {"by": "host", "for": standing.what}
        await self._audit.record(
            "REMOTE_LOGIN", realm=realm.id, outcome="ok", actor=account.name, session=session.id, detail=detail
        )
        return await self._access(realm, standing, delegated=False)

    # --- the inner side ---

    async def _take(self, standing: Standing, identity: Identity, account: Account | None) -> None:
        session = await self._as(self._realm(standing), standing.session, identity, account)
        standing.session = replace(session, epoch=session.epoch + 1)

    async def _as(self, realm: Realm, session: Session, identity: Identity, account: Account | None) -> Session:
        return replace(session, identity=identity, fences=await self._fence.now(realm, identity, account))

    async def _told(self, standing: Standing, lender: Access) -> None:
        await self._audit.record(
            "REMOTE_LOGIN",
            realm=standing.realm_id,
            outcome="ok",
            actor=lender.session.identity.user_name,
            session=standing.session.id,
            address=lender.session.device.address,
            detail={"by": "session", "of": lender.session.id, "for": standing.what},
        )
