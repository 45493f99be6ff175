"""The lives of standalone sessions: how they begin, are found again, are checked and end.

What they are for, and as whom they act: :mod:`sojourn.engine.standalone`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, cast

from msgspec.structs import replace

from sojourn.core.clock import Clock
from sojourn.core.errors import SessionEnded, SessionUnknown, StaleSession, Unavailable
from sojourn.core.ids import new_handle
from sojourn.engine.access import Access, Transient, effective_scope
from sojourn.engine.audit.log import Audit
from sojourn.engine.ends.ends import Ends
from sojourn.engine.fences import Fence
from sojourn.engine.realms import Realms
from sojourn.model.realm import Realm
from sojourn.model.scope import NO_SCOPE
from sojourn.model.session import Device, End, EndReason, Identity, Session
from sojourn.model.user import Account

#: Sessions that one session may have made that live on when their work is done.
MOST_LASTING: Final = 8

#: How many ends are remembered, for who comes back to a session.
_REMEMBERED: Final = 1_000

Recheck = Callable[[Access], Awaitable[None]]


class TooManyStandalone(Unavailable):
    """This session has made as many standalone sessions as it may, and all of them are in use."""

    code = "session.standalone_limit"


class Standing:
    """One standalone session while it lives."""

    __slots__ = ("delegated", "held", "lasting", "lent", "maker", "realm_id", "session", "what")

    def __init__(self, session: Session, maker: Access | None, what: str, *, lasting: bool) -> None:
        #: What would be its record.
        self.session = session
        self.realm_id = session.realm
        #: The session that made it, as it was then; None: the engine itself did.
        self.maker = maker
        #: What it is for, for who looks: ``script ufs:/report.js``.
        self.what = what
        #: Whether its maker can come back to it.
        self.lasting = lasting
        #: Whether somebody works with it, also when it does not execute at the moment.
        self.held = False
        #: Whether its user is that of its maker.
        self.lent = False
        #: Whether what its user may do is narrower than that user's own session.
        self.delegated = False


class Standings:
    """The standalone sessions of this process as they begin, are found again and end; ``busy`` says whether one executes now."""

    def __init__(
        self, *, fence: Fence, realms: Realms, ends: Ends, audit: Audit, clock: Clock, busy: Callable[[str], bool]
    ) -> None:
        self._fence = fence
        self._realms = realms
        self._ends = ends
        self._audit = audit
        self._clock = clock
        self._busy = busy
        self._all: dict[str, Standing] = {}
        self._ended: dict[str, End] = {}
        ends.listen(self._end_made_by)

    # --- its life ---

    async def begin(self, realm: Realm, *, maker: Access | None, what: str, lasting: bool = False) -> Access:
        """A new session of nobody in ``realm``; it counts for no limit.

        Args:
            realm: Where it is to live; whether ``maker`` may open one there is for the caller to say.
            maker: The session for which it does its work: it ends with that. None: the engine's own.
            what: What it is for, for who looks.
            lasting: Whether its maker can come back to it by :meth:`reopen`, within the realm's limits of a session. Of
                these the one that was idle for the longest time ends where there are more than :data:`MOST_LASTING`.

        Raises:
            TooManyStandalone: All of those are in use.
        """
        now, nobody = self._clock.now(), Identity()
        self._sweep(now)
        if lasting and maker is not None:
            self._make_room(maker.session.id)
        session = Session(
            id=new_handle().id,
            realm=realm.id,
            secret=b"",
            identity=nobody,
            device=Device() if maker is None else maker.session.device,
            fences=await self._fence.now(realm, nobody),
            created=now,
            last=now,
            idle=realm.session_idle,
            absolute=now + realm.session_lifetime,
            epoch=1,
        )
        standing = self._all[session.id] = Standing(session, maker, what, lasting=lasting)
        return await self._access(realm, standing)

    async def reopen(self, maker: Access, sid: str) -> Access:
        """A lasting session that ``maker`` made, with the rights that its user has now; the access counts as use.

        Raises ``SessionUnknown`` alike for one that has ended, that never was and that another session made, also for one
        that this session made under another login.
        """
        standing = self._living(sid)
        if standing is None or not standing.lasting or not _same_login(standing.maker, maker):
            raise SessionUnknown("there is no session with this id that this session has made through a ScriptRunner")
        standing.maker = maker
        session = replace(standing.session, last=self._clock.now())
        if standing.lent:
            # What its user may do has perhaps become less.
            session = replace(session, identity=replace(session.identity, scope=tuple(sorted(maker.scope))))
        standing.session = session
        if not standing.lent:
            return await self._access(self._realm(standing), standing)
        delegated = maker.delegated or maker.realm.id != standing.realm_id
        opened = await self._access(self._realm(standing), standing, delegated=delegated)
        return replace(opened, read_only=maker.read_only)

    async def check(self, access: Access, recheck: Recheck) -> None:
        """Raise unless the session lives, has this epoch, and so has who made it; ``recheck`` looks at that one.

        ``SessionEnded`` with the reason, ``SessionUnknown``, ``StaleSession``.
        """
        standing = self._same(access)
        if standing.maker is not None:
            await recheck(standing.maker)
        await self._passed(self._realm(standing), standing)

    def touch(self, sid: str) -> None:
        """It is used now."""
        standing = self._all.get(sid)
        if standing is not None:
            standing.session = replace(standing.session, last=self._clock.now())

    def set_idle(self, access: Access, limit: int) -> None:
        """Give it another idle limit in milliseconds, > 0; raises as :meth:`check`."""
        standing = self._same(access)
        standing.session = replace(standing.session, idle=limit, last=self._clock.now())

    def end(self, sid: str, reason: EndReason, *, actor: str = "", rule: str = "") -> End | None:
        """End it, with all that it has made: what executes for it is broken off. None when it does not live."""
        if sid not in self._all:
            return None
        end = End(reason, self._clock.now(), actor=actor, rule=rule)
        self._ended[sid] = end
        while len(self._ended) > _REMEMBERED:
            del self._ended[next(iter(self._ended))]
        del self._all[sid]
        self._ends.tell(sid)
        return end

    async def drop(self, sid: str, reason: EndReason, *, actor: str, rule: str = "") -> End | None:
        """End it as an operator, which is audited first; None when it does not live."""
        standing = self._living(sid)
        if standing is None:
            return None
        await self._audit.record(
            "SESSION_END",
            realm=standing.realm_id,
            outcome="ok",
            actor=actor,
            session=sid,
            detail={"reason": reason, "rule": rule, "for": standing.what},
        )
        return self.end(sid, reason, actor=actor, rule=rule)

    # --- which ---

    def find(self, sid: str) -> Standing | None:
        """The session with this public id, while it lives."""
        return self._living(sid)

    def all(self) -> Sequence[Standing]:
        """Those that live, the oldest first."""
        self._sweep(self._clock.now())
        return tuple(self._all.values())

    async def look(self) -> None:
        """End those that a fence has overtaken: their account, their realm or all sessions were ended."""
        for standing in self.all():
            with suppress(SessionEnded):
                await self._passed(self._realm(standing), standing)

    async def _access(self, realm: Realm, standing: Standing, *, delegated: bool | None = None) -> Access:
        """What its user may do now."""
        account = await self._passed(realm, standing)
        if delegated is not None:
            standing.delegated = delegated
        session = standing.session
        actor = await self._fence.actor_scopes(realm, session.identity) if session.identity.actor_key else None
        return Access(
            realm=realm,
            session=session,
            fields={},
            via="python",
            scope=effective_scope(session, account, None, actor) if session.identity.principal else NO_SCOPE,
            delegated=standing.delegated,
            account=account,
            transient=Transient(),
        )

    async def _passed(self, realm: Realm, standing: Standing) -> Account | None:
        try:
            return await self._fence.check(realm, standing.session)
        except SessionEnded as ended:
            self.end(standing.session.id, cast("EndReason", ended.reason))
            raise

    # --- all of them ---

    def _realm(self, standing: Standing) -> Realm:
        realm = self._realms.by_id(standing.realm_id)
        if realm is None:
            self.end(standing.session.id, "realm-removed")
            raise self._ended[standing.session.id].error()
        return realm

    def _same(self, access: Access) -> Standing:
        sid = access.session.id
        standing = self._living(sid)
        if standing is None:
            end = self._ended.get(sid)
            raise SessionUnknown if end is None else end.error()
        if standing.session.epoch != access.session.epoch:
            raise StaleSession(standing.session.epoch)
        return standing

    def _living(self, sid: str) -> Standing | None:
        standing = self._all.get(sid)
        return None if standing is None or self._over(standing, self._clock.now()) else standing

    def _over(self, standing: Standing, now: int) -> bool:
        session = standing.session
        if now < session.dies_at or self._busy(session.id):
            return False
        self.end(session.id, "absolute" if now >= session.absolute else "idle")
        return True

    def _sweep(self, now: int) -> None:
        for standing in tuple(self._all.values()):
            self._over(standing, now)

    def _make_room(self, maker: str) -> None:
        mine = [one for one in self._all.values() if one.lasting and one.maker and one.maker.session.id == maker]
        if len(mine) < MOST_LASTING:
            return
        idle = sorted(
            (one.session.last, one.session.id) for one in mine if not one.held and not self._busy(one.session.id)
        )
        if not idle:
            raise TooManyStandalone
        self.end(idle[0][1], "session-limit", rule="runners")

    def _end_made_by(self, sid: str) -> None:
        for child, standing in tuple(self._all.items()):
            if standing.maker is not None and standing.maker.session.id == sid:
                self.end(child, "logout")


def _same_login(known: Access | None, now: Access) -> bool:
    """Whether both are the same session under the same login; what has no id is never the same as anything."""
    if known is None or not now.session.id:
        return False
    return (known.session.id, known.session.epoch) == (now.session.id, now.session.epoch)
