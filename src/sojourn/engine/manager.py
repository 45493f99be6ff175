"""The session manager: counts, ceilings, statistics and the acts of an operator, over the sessions of all realms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Literal, NamedTuple

from sojourn.core.clock import SECOND
from sojourn.core.errors import BadRequest, SojournError
from sojourn.core.json import Json
from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.engine.activity import Running
from sojourn.engine.listing import Found, Kind, Listing, Page, Place, Row, Wanted
from sojourn.engine.rules import Rules
from sojourn.model.realm import Realm
from sojourn.model.session import End
from sojourn.stores.base import Count, Counted, Described

_log = logging.getLogger(__name__)

#: How long :meth:`SessionManager.clean_up` waits by default, in milliseconds.
CLEAN_UP_WITHIN = 30_000

_LIVE = Wanted()


class StatefulRealm(BadRequest):
    """The sessions of this realm are stateful."""

    code = "realm.stateful"


class Counts(NamedTuple):
    """How many sessions there are."""

    #: Each realm with its live sessions by kind of principal; kinds of which there are none are left out.
    by_realm: Sequence[tuple[Realm, Mapping[Kind, int]]]
    stateful: int
    stateless: int
    #: Sessions that this process made for its own short work; they are in neither of the others.
    standalone: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.stateful + self.stateless + self.standalone


class Statistics(NamedTuple):
    """One session, as :meth:`SessionManager.get_statistics` shows it. Instants and durations in milliseconds."""

    #: Whether it has passed its limits since it was read.
    expired: bool
    #: Public id.
    id: str
    creation: int
    last_access: int
    #: Idle limit, 0 = none.
    max_inactive_time: int
    #: How long it may live in all.
    max_life_time: int
    environment_type: Literal["stateful", "stateless", "standalone"]
    #: Name of the realm.
    realm: str
    #: Kind of the session store.
    persistence: str
    #: Name of the account, or the subject of an external principal.
    user: str
    in_use: bool


class SessionManager:
    """Looks at and ends the sessions of all realms of the project.

    What executes *in use* is known for this process alone; everything else is read from the stores that all processes
    share. Acts are audited, with ``actor`` as who acted, before they are done.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._listing = Listing(rules.store, rules.clock, rules.sessions.standalone)
        self._cleaning: asyncio.Task[int] | None = None

    # --- how many ---

    async def counts(self) -> Counts:
        """Sessions by realm and kind. Those past their limits may count until they are swept."""
        counted: dict[str, dict[Kind, int]] = {}
        for realm_id, kind, live in await self._count():
            counted.setdefault(realm_id, {})[kind] = live
        by_realm = [(realm, counted.get(realm.id, {})) for realm in self._rules.realms.all()]
        stateful = sum(sum(kinds.values()) for realm, kinds in by_realm if realm.stateful)
        stateless = sum(sum(kinds.values()) for realm, kinds in by_realm if not realm.stateful)
        return Counts(by_realm, stateful, stateless, standalone=len(self._rules.sessions.standalone.all()))

    async def sessions_count(self) -> int:
        """All sessions, of any kind and state."""
        return (await self.counts()).total

    async def stateful_sessions_count(self) -> int:
        """Sessions of stateful realms."""
        return (await self.counts()).stateful

    async def stateless_sessions_count(self) -> int:
        """Sessions of stateless realms."""
        return (await self.counts()).stateless

    async def standalone_sessions_count(self) -> int:
        """Sessions that the engine made for its own short work, in this process; they have no record and no list."""
        return (await self.counts()).standalone

    @property
    def max_stateful_sessions_count(self) -> int:
        """Ceiling of stateful sessions, 0 = none."""
        return self._rules.settings.sessions.max_stateful

    @property
    def max_stateless_sessions_count(self) -> int:
        """Ceiling of stateless sessions, 0 = none."""
        return self._rules.settings.sessions.max_stateless

    @property
    def in_use_sessions_count(self) -> int:
        """Sessions that execute in this process now."""
        return len({running.sid for running in self.in_use()})

    # --- which ---

    def in_use(self) -> Sequence[Running]:
        """What executes in this process now, the longest first."""
        known = {realm.id for realm in self._rules.realms.all()}
        return [running for running in self._rules.activity.in_use() if running.realm in known]

    def get_session_thread_id(self, sid: str) -> int:
        """Id of the worker that executes for the session in this process; 0 when it is idle or unknown."""
        return next((running.worker for running in self.in_use() if running.sid == sid), 0)

    async def page(self, realms: Sequence[Realm], wanted: Wanted, after: Place | None = None, limit: int = 50) -> Page:
        """A piece of the list of sessions, see :meth:`Listing.page`."""
        return await self._listing.page(realms, wanted, after, limit)

    def every(self, realms: Sequence[Realm], wanted: Wanted = _LIVE) -> AsyncIterator[Row]:
        """The whole list, read a piece at a time."""
        return self._listing.every(realms, wanted)

    async def find(self, sid: str, realms: Sequence[Realm] | None = None) -> Found | None:
        """A session by its public id, alive or ended; None when none of ``realms`` (default: all) knows it."""
        return await self._listing.find(self._rules.realms.all() if realms is None else realms, sid)

    async def get_statistics(self) -> AsyncIterator[Statistics]:
        """One row for each live session of any realm."""
        in_use = {running.sid for running in self.in_use()}
        store = self._rules.store
        persistence = store.contract().name if isinstance(store, Described) else type(store).__name__
        async for realm, session, _ in self.every(self._rules.realms.all()):
            yield Statistics(
                expired=self._rules.clock.now() >= session.dies_at,
                id=session.id,
                creation=session.created,
                last_access=session.last,
                max_inactive_time=session.idle,
                max_life_time=session.absolute - session.created,
                environment_type="standalone" if session.standalone else realm.config.environment_type,
                realm=realm.name,
                persistence=persistence,
                user=session.identity.subject or session.identity.user_name,
                in_use=session.id in in_use,
            )

    # --- acts ---

    async def drop_session(self, sid: str, *, actor: str, text: str = "") -> End | None:
        """End a session, reason ``dropped``: every handle of it is dead when this returns.

        Gives its *first* end, which is another one when it had ended before; None for an unknown id.
        """
        found = await self.find(sid)
        if found is None:
            return None
        return await self._rules.sessions.end_by_id(found.realm, sid, "dropped", actor=actor, rule=text)

    async def drop_stateless_sessions(self, realm: str, *, actor: str, text: str = "") -> int:
        """End every session of the stateless realm that is not in use in this process; how many.

        Raises ``RealmUnknown``, :class:`StatefulRealm`.
        """
        place = self._rules.realms.get(realm)
        if place is None:
            raise RealmUnknown(f"there is no realm {realm!r}")
        if place.stateful:
            raise StatefulRealm
        await self._audited("dropStatelessSessions", actor, place, rule=text)
        ended = 0
        async for row in self.every([place]):
            if not row.session.standalone and self.get_session_thread_id(row.session.id) == 0:
                end = await self._rules.sessions.end_by_id(place, row.session.id, "dropped", actor=actor, rule=text)
                ended += end is not None
        return ended

    async def abort_session(self, sid: str, *, actor: str) -> int:
        """Ask what executes for the session in this process to break off where it waits; how many executions.

        The session itself lives on. A call of the operating system or of a foreign library is not broken off.
        """
        running = next((running for running in self.in_use() if running.sid == sid), None)
        if running is None:
            return 0
        await self._audited("abortSession", actor, self._rules.realms.by_id(running.realm), sid)
        return self._rules.activity.abort(sid)

    async def clean_up(
        self,
        *,
        wait: bool = True,
        timeout: int = CLEAN_UP_WITHIN,  # noqa: ASYNC109 - the name that the reference gives it
        actor: str,
    ) -> bool:
        """Sweep everything that is past its limits now, as the engine does by itself every few seconds.

        Args:
            wait: Whether to wait for its end.
            timeout: How long to wait, in milliseconds; then it goes on without the caller.
            actor: Who asked for it.

        Returns:
            Whether it had finished when this returned. A second call meanwhile joins the first.
        """
        await self._audited("cleanUp", actor)
        if self._cleaning is None or self._cleaning.done():
            self._cleaning = asyncio.create_task(self._rules.upkeep.sweeper.round())
            self._cleaning.add_done_callback(_told)
        if not wait:
            return False
        done, _ = await asyncio.wait([self._cleaning], timeout=timeout / SECOND)
        return bool([task.result() for task in done])

    async def _audited(self, act: str, actor: str, realm: Realm | None = None, sid: str = "", rule: str = "") -> None:
        detail: dict[str, Json] = {"act": act, **({"rule": rule} if rule else {})}
        place = realm.id if realm else ""
        await self._rules.audit.record("ADMIN", realm=place, outcome="ok", actor=actor, session=sid, detail=detail)

    async def _count(self) -> Sequence[Count]:
        if isinstance(self._rules.store, Counted):
            return await self._rules.store.count(self._rules.clock.now())
        counted: dict[tuple[str, Kind], int] = {}
        async for row in self.every(self._rules.realms.all()):
            at = row.realm.id, row.session.identity.kind
            counted[at] = counted.get(at, 0) + (not row.session.standalone)
        return [Count(realm, kind, live) for (realm, kind), live in counted.items()]


def _told(task: asyncio.Task[int]) -> None:
    """Nobody may be waiting any more when it fails."""
    if not task.cancelled() and isinstance(error := task.exception(), SojournError):
        _log.warning("a clean-up could not be finished: %s", error.code)
