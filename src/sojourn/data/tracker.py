"""Trackers (``DBTracker``): what is changed between start and finish can be taken back as a whole.

While a tracker is active its id is the ``trackingId`` of the connection, so what it tracks is what has that tag in the
change log. It can be opened again by its id, in another session too.
"""

from __future__ import annotations

import uuid
from typing import Final

import msgspec
from sqlalchemy import Connection, insert, select, update

from sojourn.core.clock import HOUR, Clock
from sojourn.core.errors import BadRequest, InsufficientScope
from sojourn.data import schema
from sojourn.data.database import Database
from sojourn.data.selecting import Selection
from sojourn.data.terms import UNDO_CHANGES
from sojourn.data.undo import Policy, Undo
from sojourn.data.undo_report import ForeignChanges

#: How long a tracker is active before it counts as abandoned, in milliseconds, where nobody says otherwise.
MAX_ACTIVE: Final = 48 * HOUR

#: The longest that anybody may say: ten years.
MOST_ACTIVE: Final = 87_600 * HOUR

#: Characters of an id.
MAX_ID: Final = 100

_table = schema.tracker


class TrackerInactive(BadRequest):
    """This tracker has not been started, or is finished."""

    code = "tracker.inactive"


class BadTracker(BadRequest):
    """The id of a tracker has 1 to 100 printable characters, the time that it may be active is positive, ten years at most."""

    code = "tracker.malformed"


class Tracker(msgspec.Struct, kw_only=True):
    """One tracker; see :func:`open_tracker`."""

    id: str
    #: A number under which the caller finds his trackers together; nothing depends on it.
    pool: int | None = None
    #: Whether the changes are taken back when it is finished.
    auto_undo: bool = False
    #: Milliseconds; then it counts as abandoned.
    max_active: int = MAX_ACTIVE
    active: bool = False


class Trackers:
    """The trackers of one connection's database. Every method raises as ``Database.query``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def open(self, tracker_id: str = "", pool: int | None = None) -> Tracker:
        """The tracker with that id as it stands, or a new one, not yet started; without an id it gets one.

        Raises :class:`BadTracker`, ``ForeignChanges`` for one of another user without ``database.undoChanges``.
        """
        if len(tracker_id) > MAX_ID or not tracker_id.isprintable():
            raise BadTracker
        undo = await self._database.undo()
        query = select(_table).where(_table.c.id == tracker_id)
        row = await undo.backend.read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            return Tracker(id=tracker_id or uuid.uuid4().hex.upper(), pool=pool)
        self._check(undo, row.realm, row.user_key)
        return Tracker(
            id=row.id,
            pool=row.pool,
            auto_undo=bool(row.auto_undo),
            max_active=row.max_active,
            active=row.finished is None,
        )

    async def start(self, tracker: Tracker) -> None:
        """Track from now on what this connection changes; a tracker that is active elsewhere goes on here too."""
        if not 0 < tracker.max_active <= MOST_ACTIVE:
            raise BadTracker
        undo, now = await self._database.undo(), self._clock.now()
        author = undo.who.author
        values = {"auto_undo": tracker.auto_undo, "max_active": tracker.max_active, "pool": tracker.pool}

        def work(connection: Connection) -> None:
            mine = _table.c.id == tracker.id
            row = connection.execute(select(_table).where(mine)).one_or_none()
            if row is None:
                made = {"id": tracker.id, "realm": author.realm, "user_key": author.user_key, "started": now}
                connection.execute(insert(_table).values(**made, **values))
                return
            self._check(undo, row.realm, row.user_key)
            again = {} if row.finished is None else {"started": now, "finished": None}
            connection.execute(update(_table).where(mine).values(**values, **again))

        await undo.backend.write(work, undo.who.guard)
        tracker.active = True
        self._database.tracking_id = tracker.id

    async def keep(self, tracker: Tracker) -> None:
        """Keep what was set of a tracker that is active."""
        if tracker.active:
            if not 0 < tracker.max_active <= MOST_ACTIVE:
                raise BadTracker
            await self._update(await self._database.undo(), tracker)

    async def finish(self, tracker: Tracker) -> None:
        """Track no more; with ``auto_undo`` take the changes back first, and stay active where that is not possible.

        Raises :class:`TrackerInactive`, ``UndoConflicts``.
        """
        if not tracker.active:
            raise TrackerInactive
        if tracker.auto_undo:
            await self.undo_changes(tracker)
        await self._update(await self._database.undo(), tracker, finished=self._clock.now())
        tracker.active = False
        if self._database.tracking_id == tracker.id:
            self._database.tracking_id = ""

    async def undo_changes(self, tracker: Tracker, on_conflict: Policy = "abort") -> int:
        """Take back what was changed under it; the version of that, 0 for nothing. Raises ``UndoConflicts``."""
        undo = await self._database.undo()
        return (await undo.undo(Selection(tag=tracker.id, everyone=True), on_conflict)).version

    async def finish_abandoned(self) -> int:
        """Finish all trackers of the realm that are active for too long; how many they were.

        Where they say so the changes of their user are taken back, but for what somebody else has changed since: the audit
        log says how much that was. Raises ``InsufficientScope`` without ``database.undoChanges``.
        """
        undo, now = await self._database.undo(), self._clock.now()
        if UNDO_CHANGES not in undo.who.scope:
            raise InsufficientScope
        table = _table.c
        query = select(table.id, table.pool, table.user_key, table.auto_undo, table.max_active).where(
            table.finished.is_(None), table.realm == undo.who.author.realm, table.started + table.max_active < now
        )
        abandoned = await undo.backend.read(lambda connection: connection.execute(query).all())
        count = 0
        for row in abandoned:
            tracker = Tracker(id=row.id, pool=row.pool, max_active=row.max_active, active=True)
            if row.auto_undo and not await self._taken_back(tracker.id, row.user_key):
                continue
            tracker.auto_undo = bool(row.auto_undo)
            await self._update(undo, tracker, finished=now)
            count += 1
        return count

    async def _taken_back(self, tracker_id: str, user_key: int) -> bool:
        """Take back what the user of an abandoned tracker has changed under it, and nobody else: its id was his choice, and
        may be the tag of what others have done. False where part of that was done in another realm: then it stays active.
        """
        undo = await self._database.undo()
        try:
            await undo.undo(Selection(tag=tracker_id, users=(user_key,)), "skip")
        except ForeignChanges:
            return False
        return True

    async def _update(self, undo: Undo, tracker: Tracker, finished: int | None = None) -> None:
        change = update(_table).where(_table.c.id == tracker.id)
        values = change.values(auto_undo=tracker.auto_undo, max_active=tracker.max_active, finished=finished)
        await undo.backend.write(lambda connection: connection.execute(values).rowcount, undo.who.guard)

    @staticmethod
    def _check(undo: Undo, realm: str, user_key: int) -> None:
        author = undo.who.author
        if realm != author.realm or not (user_key == author.user_key or UNDO_CHANGES in undo.who.scope):
            raise ForeignChanges
