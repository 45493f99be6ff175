"""Writing ends: journal and audit log in one transaction of the engine database, then the session store, then done.

The audit row says ``ok`` before the store is asked, because an act is audited before it is acknowledged. Where the store
then refuses or cannot be asked, a second row of the same kind says so, and whose row it ``corrects``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard, TypeVar

from sqlalchemy import Connection, Insert

from sojourn.core.clock import Clock
from sojourn.core.errors import SojournError, StaleSession, Unavailable
from sojourn.engine.audit.log import Audit, Outcome
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.ends.journal import ROTATED, EndJournal
from sojourn.engine.ends.recent import RecentEnds
from sojourn.model.session import End, Session
from sojourn.stores.base import Ended, SessionStore

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Paged(NamedTuple):
    """The outcome of ending one page of sessions."""

    ended: int
    #: Those that had become others meanwhile; they are to be looked at again.
    stale: Sequence[Session]


class _Noted(NamedTuple):
    """What stands of an end before the store is told."""

    #: Key of its row in the end journal.
    entry: int
    #: Key of its row in the audit log.
    event: int


class Endings:
    """Writes ends of single sessions and of pages of them."""

    def __init__(
        self, *, store: SessionStore, journal: EndJournal, audit: Audit, db: EngineDatabase, clock: Clock
    ) -> None:
        self._store = store
        self._journal = journal
        self._audit = audit
        self._db = db
        self._clock = clock
        self._under_way: set[asyncio.Task[Any]] = set()
        #: What ended in this process lately.
        self.recent = RecentEnds()
        #: How many sessions this process ended, by reason.
        self.counted: Counter[str] = Counter()
        #: Are told the public id of each session that this process has ended.
        self.listeners: list[Callable[[str], object]] = []

    def tell(self, sid: str) -> None:
        """Tell the listeners that a session has ended."""
        for listener in self.listeners:
            listener(sid)

    async def one(self, session: Session, end: End, address: str = "") -> Ended | None:
        """See :meth:`sojourn.engine.ends.ends.Ends.write`."""
        return await self._to_the_end(self._one(session, end, address))

    async def page(self, sessions: Sequence[Session], end: End) -> Paged:
        """End ``sessions``: one transaction for all of them, then each in the store, with the epoch of its record.

        Once begun it is done to the end, even when the caller is cancelled. Raises what the store raised when it could
        not be told of every one.
        """
        return await self._to_the_end(self._page(sessions, end))

    async def rotated(self, session: Session) -> None:
        """Note that the epoch of this record is dead, although its session goes on; before the new handle is shown."""
        await self._dead(session, End("restored", self._clock.now()), ROTATED)

    async def expired(self, session: Session, end: End) -> None:
        """See :meth:`sojourn.engine.ends.ends.Ends.expired`."""
        if self.recent.denies(session) is None:
            await self._dead(session, end, end.reason)

    async def _dead(self, session: Session, end: End, reason: str) -> None:
        """Note what the store has done already."""
        sid, epoch, lives_until = session.id, session.epoch, session.absolute

        def note(connection: Connection) -> int:
            return self._journal.add(
                connection, sid, session.realm, epoch, at=end.at, reason=reason, lives_until=lives_until
            )

        self._journal.confirm([await self._db.append(note)])
        self.recent.add(sid, epoch, end, self._clock.now())

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.info("an end could not be completed: %s", type(task.exception()).__name__)

    async def _one(self, session: Session, end: End, address: str) -> Ended | None:
        (noted,) = await self._note([session], end, address)
        outcome = await self._tell(session, end)
        await self._settle([(session, noted, outcome)], end, address)
        if isinstance(outcome, SojournError):
            raise outcome
        return outcome

    async def _page(self, sessions: Sequence[Session], end: End) -> Paged:
        noted = await self._note(sessions, end, "")
        outcomes = await asyncio.gather(*(self._tell(session, end) for session in sessions))
        await self._settle(list(zip(sessions, noted, outcomes, strict=True)), end, "")
        for outcome in outcomes:
            if _in_doubt(outcome):
                raise outcome
        stale = [session for session, how in zip(sessions, outcomes, strict=True) if isinstance(how, StaleSession)]
        return Paged(sum(_was_done(outcome) for outcome in outcomes), stale)

    async def _note(self, sessions: Sequence[Session], end: End, address: str) -> Sequence[_Noted]:
        rows = [self._row(session, end, "ok", address).returning(schema.audit_event.c.key) for session in sessions]

        def note(connection: Connection) -> Sequence[_Noted]:
            events = [int(connection.execute(row).scalar_one()) for row in rows]
            entries = [self._journaled(connection, session, end) for session in sessions]
            return [_Noted(*keys) for keys in zip(entries, events, strict=True)]

        return await self._db.append(note)

    def _journaled(self, connection: Connection, session: Session, end: End) -> int:
        return self._journal.add(
            connection,
            session.id,
            session.realm,
            session.epoch,
            at=end.at,
            reason=end.reason,
            lives_until=session.absolute,
            actor=end.actor,
            rule=end.rule,
        )

    async def _tell(self, session: Session, end: End) -> Ended | SojournError | None:
        now = self._clock.now()
        try:
            return await self._store.end(session.realm, session.id, end, now, epoch=session.epoch)
        except SojournError as error:
            return error

    async def _settle(
        self, outcomes: Sequence[tuple[Session, _Noted, Ended | SojournError | None]], end: End, address: str
    ) -> None:
        corrections = []
        for session, noted, outcome in outcomes:
            if not _in_doubt(outcome):
                self._journal.confirm([noted.entry])
            if _was_done(outcome):
                self.recent.add(session.id, session.epoch, end, self._clock.now())
                self.counted[end.reason] += 1
                self.tell(session.id)
            else:
                how: Outcome = "failed" if _in_doubt(outcome) else "refused"
                more: dict[str, str | int] = {**_cause(outcome), "corrects": noted.event}
                corrections.append(self._row(session, end, how, address, more))
        await self._correct(corrections)

    async def _correct(self, rows: Sequence[Insert]) -> None:
        def write(connection: Connection) -> None:
            for row in rows:
                connection.execute(row)

        if rows:
            try:
                await self._db.append(write)
            except Unavailable:
                # What failed is told to the caller all the same.
                _log.warning("%d ends that were not done are in the audit log as done", len(rows))

    def _row(
        self, session: Session, end: End, outcome: Outcome, address: str, more: Mapping[str, str | int] | None = None
    ) -> Insert:
        return self._audit.row(
            "LOGOUT" if end.reason == "logout" else "SESSION_END",
            realm=session.realm,
            outcome=outcome,
            actor=end.actor or session.identity.subject or session.identity.user_name,
            session=session.id,
            address=address,
            detail={**told(end), **(more or {})},
        )


def told(end: End) -> dict[str, str]:
    """What the audit log says of an end beside its actor."""
    return {"reason": end.reason, **({"rule": end.rule} if end.rule else {})}


def _was_done(outcome: Ended | SojournError | None) -> bool:
    return isinstance(outcome, Ended) and outcome.now


def _in_doubt(outcome: Ended | SojournError | None) -> TypeGuard[SojournError]:
    """Whether the session may live on: whatever the store raised but this one, it has not said that the epoch is dead."""
    return isinstance(outcome, SojournError) and not isinstance(outcome, StaleSession)


def _cause(outcome: Ended | SojournError | None) -> Mapping[str, str]:
    if _in_doubt(outcome):
        return {"cause": outcome.code, "left": "to the end journal"}
    if isinstance(outcome, SojournError):
        return {"cause": outcome.code}
    return {"cause": "ended before", "first": outcome.end.reason} if outcome else {"cause": "session.unknown"}
