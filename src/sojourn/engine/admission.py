"""Who may come in: the sessions of one account, the anonymous ones of one address block, and all together.

The session store never admits more than a limit, and evicts nobody. Who shall make room is decided here, and a session
that has to go ends as every session ends: journal, audit log, store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeVar
from weakref import WeakValueDictionary

from sojourn.config.addresses import is_loopback
from sojourn.config.settings import SessionSettings
from sojourn.core.clock import Clock
from sojourn.core.errors import LoginBusy, StaleSession, Unavailable
from sojourn.engine.audit.log import Audit
from sojourn.engine.ceilings import AnonymousLimit, CeilingReached, Ceilings
from sojourn.engine.ends.ends import Ends
from sojourn.engine.realms import Realms
from sojourn.model.realm import Realm
from sojourn.model.session import Device, End, Identity, Rotation, Session, owner_of
from sojourn.stores.base import SessionLimit, SessionStore

__all__ = ["Admission", "AnonymousLimit", "CeilingReached"]

#: How often room is made for one session before it is given up. Within one process one at a time makes room for an
#: owner, so that only other processes, and whoever finds a free place at once, can take it away.
_TRIES = 64

T = TypeVar("T")


class _Quota(NamedTuple):
    """How many sessions of one owner may live, and what happens at that number."""

    most: int | None
    policy: Literal["deny", "evict-oldest", "evict-idle"]
    #: What the tombstone of an evicted session names.
    rule: str


_NO_QUOTA = _Quota(None, "deny", "")


class Admission:
    """Lets sessions begin, and change their owner, within the limits."""

    def __init__(
        self,
        *,
        store: SessionStore,
        ends: Ends,
        realms: Realms,
        audit: Audit,
        settings: SessionSettings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._ends = ends
        self._audit = audit
        self._settings = settings
        self._clock = clock
        self._ceilings = Ceilings(store=store, ends=ends, realms=realms, settings=settings, clock=clock)
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def create(self, realm: Realm, session: Session, fields: Mapping[str, str]) -> None:
        """Add ``session`` to the store.

        Raises ``SessionLimit`` where ``maxSessionsPerUser`` is reached and the policy is *deny*; :class:`AnonymousLimit`;
        :class:`CeilingReached`; ``LoginBusy`` when others took the room that was made, time and again; ``FieldLimit``.
        """

        async def act(most: int | None) -> None:
            await self._store.create(session, fields, self._clock.now(), most=most)

        identity, device = session.identity, session.device
        try:
            async with self._ceilings.place(realm, identity):
                await self._within(realm, identity, device, act)
        except (AnonymousLimit, CeilingReached) as error:
            await self._audit.refused(error.code, device.address, realm=realm.id, actor=identity.user_name)
            raise

    async def rotate(self, realm: Realm, session: Session, to: Rotation) -> Session:
        """Rotate ``session``. Where that gives it another owner, the limit of the new one holds as for :meth:`create`."""

        async def act(most: int | None) -> Session:
            return await self._store.rotate(realm.id, session.id, session.epoch, to, self._clock.now(), most=most)

        if owner_of(to.identity, to.device) == session.owner:
            return await act(None)
        rotated = await self._within(realm, to.identity, to.device, act)
        self._ceilings.moved(realm, session.identity, to.identity)
        return rotated

    async def _within(
        self, realm: Realm, identity: Identity, device: Device, act: Callable[[int | None], Awaitable[T]]
    ) -> T:
        quota = self._quota(realm, identity, device)
        try:
            return await act(quota.most)
        except SessionLimit:
            if quota.policy == "deny":
                await self._denied(realm, identity, device)
                raise
        owner = owner_of(identity, device)
        async with self._turns.setdefault((realm.id, owner), asyncio.Lock()):
            for _ in range(_TRIES):
                try:
                    return await act(quota.most)
                except SessionLimit as full:
                    await self._evict(realm, full.live, quota)
        raise _given_up(identity)

    def _quota(self, realm: Realm, identity: Identity, device: Device) -> _Quota:
        """External principals have none.

        Nor have clients whose address says nothing, because it is not known or is this machine's (a proxy that tells
        none, a test): all the world would be one block.
        """
        config = realm.config
        if identity.kind == "account":
            return _Quota(config.max_sessions_per_user, config.session_limit_policy, config.session_limit_policy)
        if identity.kind == "anonymous" and device.address and not is_loopback(device.address):
            return _Quota(self._settings.anonymous_per_address or None, "evict-idle", "anonymousPerAddress")
        return _NO_QUOTA

    async def _evict(self, realm: Realm, live: Sequence[Session], quota: _Quota) -> None:
        """End as many of ``live`` as have to go; more than one where the limit was lowered."""
        too_many = len(live) - (quota.most or 0) + 1
        going = sorted(live, key=_idleness) if quota.policy == "evict-idle" else live
        for session in going[:too_many]:
            try:
                ended = await self._ends.write(session, End("session-limit", self._clock.now(), rule=quota.rule))
            except StaleSession:
                # It has another identity now, and counts for somebody else or anew.
                continue
            if ended is not None and ended.now:
                self._ceilings.ended(realm, session.identity)

    async def _denied(self, realm: Realm, identity: Identity, device: Device) -> None:
        await self._audit.record(
            "LOGIN_FAIL",
            realm=realm.id,
            outcome="refused",
            actor=identity.user_name,
            address=device.address,
            detail={"cause": SessionLimit.code, "userName": identity.user_name},
        )


def _idleness(session: Session) -> tuple[int, int, str]:
    return session.last, session.created, session.id


def _given_up(identity: Identity) -> Unavailable:
    return AnonymousLimit() if identity.kind == "anonymous" else LoginBusy()
