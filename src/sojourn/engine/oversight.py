"""Sessions by their public id and by whom they belong to: what operators, users and the engine itself see and end."""

from __future__ import annotations

from collections.abc import Sequence

from sojourn.core.clock import Clock
from sojourn.core.errors import StaleSession
from sojourn.core.ids import SessionHandle
from sojourn.engine.check import Check
from sojourn.engine.ends.ends import Ends
from sojourn.engine.fields.bag import SharedBags
from sojourn.engine.standalone import StandaloneSessions
from sojourn.model.realm import Realm
from sojourn.model.session import End, EndReason, Loaded, Session, Tombstone
from sojourn.model.user import Account, account_principal
from sojourn.stores.base import Cursor, SessionStore

#: What the tombstone says of a session that its own user ended from another one.
_BY_OWNER = "by its user, at another login"


class Oversight:
    """The part of :class:`~sojourn.engine.sessions.Sessions` that needs no handle. Who may, the callers decide."""

    def __init__(
        self,
        *,
        store: SessionStore,
        ends: Ends,
        check: Check,
        bags: SharedBags,
        standalone: StandaloneSessions,
        clock: Clock,
    ) -> None:
        self._store = store
        self._ends = ends
        self._check = check
        self._bags = bags
        #: Sessions without a record that the engine makes for its own work.
        self.standalone = standalone
        self._clock = clock

    async def end_by_id(self, realm: Realm, sid: str, reason: EndReason, *, actor: str, rule: str = "") -> End | None:
        """End a session as an operator; the *first* end when it was dead before, None when it is unknown."""
        standing = self.standalone.find(sid)
        if standing is not None and standing.realm_id == realm.id:
            return await self.standalone.drop(sid, reason, actor=actor, rule=rule)
        return await self._ends.by_id(realm.id, sid, End(reason, self._clock.now(), actor, rule))

    async def end_all(
        self, realm: Realm | None, account_key: int, reason: EndReason, *, actor: str, rule: str = ""
    ) -> int:
        """End all sessions of an account, see :meth:`Ends.all_of`; how many lived.

        Its shared bags go with them, except when only its password was changed.
        """
        ended = await self._ends.all_of(realm, account_key, End(reason, self._clock.now(), actor, rule))
        await self.standalone.look()
        return ended

    async def end_own(self, realm: Realm, account: Account, sid: str, *, address: str = "") -> bool:
        """End a live session of ``account`` at its own wish; False when ``sid`` is none of its sessions in ``realm``."""
        loaded = await self._store.load(realm.id, sid, self._clock.now())
        if loaded is None or loaded.session.principal != account_principal(account.key):
            return False
        try:
            ended = await self._ends.write(loaded.session, End("dropped", self._clock.now(), rule=_BY_OWNER), address)
        except StaleSession:
            return False
        return ended is not None and ended.now

    async def end_realm(self, realm: Realm, reason: EndReason, *, actor: str, rule: str = "") -> int:
        """End all sessions of a realm, anonymous ones too; how many were ended."""
        ended = await self._ends.all_of_realm(realm.id, End(reason, self._clock.now(), actor, rule))
        await self.standalone.look()
        return ended

    async def end_everything(self, reason: EndReason, *, actor: str, rule: str = "") -> int:
        """End all sessions of this engine; how many were ended."""
        ended = await self._ends.everything(End(reason, self._clock.now(), actor, rule))
        await self.standalone.look()
        return ended

    async def list(
        self, realm: Realm, principal: str | None = None, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Session]:
        """Live sessions, of one principal or of all, ordered by (created, id)."""
        return await self._store.list(realm.id, principal, self._clock.now(), after=after, limit=limit)

    async def show(self, realm: Realm, sid: str) -> Loaded | None:
        """A live session by its public id, with the fields that it has."""
        loaded = await self._store.load(realm.id, sid, self._clock.now())
        return loaded and Loaded(loaded.session, await self._bags.fields(realm, loaded))

    async def why(self, realm: Realm, sid: str) -> Tombstone | None:
        """The tombstone of an ended session by its public id; for operators and the session's own user."""
        return await self._check.tombstone(realm, sid)

    async def why_for(self, realm: Realm, handle: SessionHandle) -> End | None:
        """Why a session ended, for who shows its last secret; None for anybody else."""
        return await self._check.why_for(realm, handle)
