"""What ``TransactionLog`` and ``DBTracker`` of ``prelude/transaction_log.js`` ask of the host."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from sqlalchemy import Connection, select

from sojourn.data import schema
from sojourn.data.port import Key
from sojourn.data.selecting import MOST_NUMBERS, NothingSelected, Selection, conditions
from sojourn.data.tracker import Tracker, Trackers
from sojourn.data.undo import Policy
from sojourn.engine.security.declared import ANYONE
from sojourn.model.change import ChangeKind
from sojourn.scripting.api.databases import connection_of
from sojourn.scripting.declare import BadArgument, HostClass, exposed, static
from sojourn.scripting.values import UNDEFINED, Value

T = TypeVar("T")

_USER: Final = "a user who is logged in on the connection"
_CHANGES: Final = f"{_USER}; not where a page of another site has caused the request; for changes of other sessions `database.undoChanges`"
_SECOND: Final = 1_000


class _Options(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Options of ``query``, ``undoLog`` and ``redoLog``."""

    start_date: datetime | None = None
    end_date: datetime | None = None
    start_time: str | None = None
    end_time: str | None = None
    table_class: str = ""
    record_key: int | str | list[int | str] | None = None
    user_key: int | list[int] | None = None
    version: int | list[int] | None = None
    log_type: ChangeKind | list[ChangeKind] | None = None
    tag: str = ""
    numbers: Annotated[list[int], msgspec.Meta(max_length=MOST_NUMBERS)] | None = None
    on_conflict: Policy = "abort"
    all: bool = False


class _Tracker(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A tracker as the worker holds it: whether it is active is known here."""

    id: str
    pool_id: int | None = None
    auto_undo: bool = False
    max_active_time: int = 0
    active: bool = False


@exposed("Changes", role="internal")
class Changes(HostClass):
    """The change log of a connection, by the number of the connection: 0 is the default one."""

    @static("find(connection: number, options: any): number[]", ANYONE, also=_USER)
    async def find(self, connection: int, options: Any) -> Value:
        """Numbers of the changes that are meant, the oldest first. Throws ``NothingSelected``."""
        selection = _selection(_options(options))
        if not (selection.versions or selection.since is not None or selection.keys or selection.tag):
            raise NothingSelected("name a version, a start date, the key of a record or a tag")
        selection.check()
        undo = await connection_of(self.run, connection).undo()
        number, kind = schema.change.c.number, schema.change.c.kind
        # Fields of sessions are not in the view.
        query = select(number).where(conditions(selection), kind != "FIELD").order_by(number).limit(MOST_NUMBERS)

        def work(at: Connection) -> list[Value]:
            return list(at.execute(query).scalars())

        return await undo.backend.read(work)

    @static("undo(connection: number, options: any, redo: boolean): number", ANYONE, also=_CHANGES)
    async def undo(self, connection: int, options: Any, redo: bool) -> int:  # noqa: FBT001
        """Take changes back, or make them anew; the version, 0 for nothing."""
        given = _options(options)
        undo = await connection_of(self.run, connection).undo()
        act = undo.redo if redo else undo.undo
        return (await act(_selection(given), given.on_conflict)).version

    # --- trackers ---

    @static("openTracker(connection: number, id: string, poolId: number | null): object", ANYONE, also=_USER)
    async def open_tracker(self, connection: int, tracker_id: str, pool_id: int | None) -> Value:
        """A tracker as it stands. Throws ``BadTracker``, ``ForeignChanges``."""
        return _shown(await self._trackers(connection).open(tracker_id, pool_id))

    @static("startTracker(connection: number, tracker: any): object", ANYONE, also=_CHANGES)
    async def start_tracker(self, connection: int, tracker: Any) -> Value:
        """Track from now on."""
        trackers, found = await self._meant(connection, tracker)
        await trackers.start(found)
        return _shown(found)

    @static("keepTracker(connection: number, tracker: any): object", ANYONE, also=_CHANGES)
    async def keep_tracker(self, connection: int, tracker: Any) -> Value:
        """Keep what was set."""
        trackers, found = await self._meant(connection, tracker)
        await trackers.keep(found)
        return _shown(found)

    @static("finishTracker(connection: number, tracker: any): object", ANYONE, also=_CHANGES)
    async def finish_tracker(self, connection: int, tracker: Any) -> Value:
        """Track no more."""
        trackers, found = await self._meant(connection, tracker)
        await trackers.finish(found)
        return _shown(found)

    @static("undoTracker(connection: number, tracker: any): number", ANYONE, also=_CHANGES)
    async def undo_tracker(self, connection: int, tracker: Any) -> int:
        """Take back what was changed under it; the version, 0 for nothing."""
        trackers, found = await self._meant(connection, tracker)
        return await trackers.undo_changes(found)

    @static("finishAbandoned(connection: number): number", ANYONE, also=f"{_CHANGES}: `database.undoChanges`")
    async def finish_abandoned(self, connection: int) -> int:
        """Finish the trackers of the realm that are active for too long; how many there were."""
        return await self._trackers(connection).finish_abandoned()

    async def _meant(self, connection: int, given: Any) -> tuple[Trackers, Tracker]:
        """The tracker as it stands, with what the script has set."""
        sent = _converted(given, _Tracker, "a tracker")
        trackers = self._trackers(connection)
        found = await trackers.open(sent.id, sent.pool_id)
        found.auto_undo, found.max_active = sent.auto_undo, sent.max_active_time
        return trackers, found

    def _trackers(self, connection: int) -> Trackers:
        return Trackers(connection_of(self.run, connection), self.run.rules.clock)


def _shown(tracker: Tracker) -> Value:
    return {
        "id": tracker.id,
        "poolId": tracker.pool,
        "autoUndo": tracker.auto_undo,
        "maxActiveTime": tracker.max_active,
        "active": tracker.active,
    }


def _options(given: Any) -> _Options:
    if not isinstance(given, dict):
        raise BadArgument("the options are an object")
    named = {name: value for name, value in given.items() if value is not None and value != UNDEFINED}
    return _converted(named, _Options, "the options")


def _converted(given: Any, kind: type[T], what: str) -> T:
    try:
        return msgspec.convert(given, kind, builtin_types=(datetime,))
    except msgspec.ValidationError as error:
        raise BadArgument(f"{what}: {error}") from None


def _selection(given: _Options) -> Selection:
    return Selection(
        tag=given.tag,
        users=_several(given.user_key),
        since=_instant(given.start_date, given.start_time, "start"),
        until=_end(given),
        versions=_several(given.version),
        table=given.table_class,
        keys=_keys(given.record_key),
        kinds=_several(given.log_type),
        numbers=None if given.numbers is None else tuple(given.numbers),
        everyone=given.all,
    )


def _several(given: T | list[T] | None) -> tuple[T, ...]:
    if given is None:
        return ()
    return tuple(given) if isinstance(given, list) else (given,)


def _keys(given: int | str | list[int | str] | None) -> tuple[Key, ...]:
    return _several(given)


def _end(given: _Options) -> int | None:
    """The first instant that is not meant any more: an end belongs to what it ends."""
    found = _instant(given.end_date, given.end_time, "end")
    if found is None:
        return None
    return found + (1 if given.end_time is None else _SECOND)


def _instant(day: datetime | None, at: str | None, what: Literal["start", "end"]) -> int | None:
    if day is None:
        if at is not None:
            raise BadArgument(f"{what}Time goes with {what}Date")
        return None
    if at is not None:
        try:
            hour = time.fromisoformat(at)
        except ValueError:
            raise BadArgument(f"{what}Time is a time of day: HH:MM:SS") from None
        day = datetime.combine(day.astimezone(UTC).date(), hour.replace(tzinfo=None), UTC)
    return round(day.timestamp() * _SECOND)
