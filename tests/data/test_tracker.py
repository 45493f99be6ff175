"""Trackers: what is changed between start and finish, taken back as a whole; reopened, and abandoned."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, update

from sojourn.bootstrap import Engine
from sojourn.core.clock import HOUR
from sojourn.core.errors import InsufficientScope
from sojourn.data import schema
from sojourn.data.database import Database
from sojourn.data.terms import Modified, TableChanges
from sojourn.data.tracker import MAX_ACTIVE, BadTracker, Tracker, TrackerInactive, Trackers
from sojourn.data.undo_report import ForeignChanges, UndoConflicts
from sojourn.scripting.run import Kept
from tests.data.conftest import Enter, product

pytestmark = pytest.mark.anyio


async def opened(engine: Engine, enter: Enter, user: str = "ben") -> tuple[Database, Trackers]:
    database = engine.database(await enter(user), terms=Kept(tracking_id="of the session"))
    return database, Trackers(database, engine.rules.clock)


async def insert(database: Database, *keys: int) -> None:
    rows = [product(key) for key in keys]
    await database.apply_updates([TableChanges(table="product", inserted=rows)])


async def keys(database: Database) -> list[object]:
    return [row["iKey"] for row in await database.query('SELECT "iKey" FROM product ORDER BY 1')]


async def test_what_was_changed_between_start_and_finish_is_taken_back(engine: Engine, enter: Enter) -> None:
    database, trackers = await opened(engine, enter)
    await insert(database, 1)
    tracker = await trackers.open()
    assert (tracker.active, tracker.max_active, MAX_ACTIVE) == (False, 172_800_000, 172_800_000)
    await trackers.start(tracker)
    assert database.tracking_id == tracker.id
    await insert(database, 2)
    await trackers.finish(tracker)
    assert database.tracking_id == "of the session"
    await insert(database, 3)
    assert await keys(database) == [1, 2, 3]
    version = await database.version()
    assert await trackers.undo_changes(tracker) > version
    assert await keys(database) == [1, 3]
    assert await trackers.undo_changes(tracker) == 0


async def test_auto_undo_takes_it_back_at_the_finish_or_stays_active(engine: Engine, enter: Enter) -> None:
    database, trackers = await opened(engine, enter)
    tracker = await trackers.open("T-1")
    tracker.auto_undo = True
    await trackers.start(tracker)
    await insert(database, 1, 2)
    other, _ = await opened(engine, enter, "anna")
    change = Modified(1, {}, {"stock": 5})
    await other.apply_updates([TableChanges(table="product", modified=[change])])
    with pytest.raises(UndoConflicts):
        await trackers.finish(tracker)
    assert (tracker.active, (await trackers.open("T-1")).active) == (True, True)
    back = Modified(1, {}, {"stock": 0})
    await other.apply_updates([TableChanges(table="product", modified=[back])])
    tracker.auto_undo = False
    await trackers.keep(tracker)
    await trackers.finish(tracker)
    assert await keys(database) == [1, 2]
    with pytest.raises(TrackerInactive):
        await trackers.finish(tracker)


async def test_a_tracker_is_opened_again_by_its_id_in_another_session(engine: Engine, enter: Enter) -> None:
    database, trackers = await opened(engine, enter)
    first = await trackers.open(pool=7)
    first.auto_undo, first.max_active = True, HOUR
    await trackers.start(first)
    await insert(database, 1)
    _, again = await opened(engine, enter)
    found = await again.open(first.id)
    assert found == first
    with pytest.raises(ForeignChanges):
        await again.undo_changes(found)
    operator, theirs = await opened(engine, enter, "anna")
    await theirs.finish(await theirs.open(first.id))
    assert await keys(operator) == []
    assert not (await again.open(first.id)).active


async def test_the_tracker_of_another_user_takes_a_scope(engine: Engine, enter: Enter) -> None:
    _, trackers = await opened(engine, enter, "anna")
    tracker = await trackers.open("of anna")
    await trackers.start(tracker)
    _, theirs = await opened(engine, enter)
    with pytest.raises(ForeignChanges):
        await theirs.open("of anna")
    with pytest.raises(ForeignChanges):
        await theirs.start(Tracker(id="of anna"))
    with pytest.raises(InsufficientScope):
        await theirs.finish_abandoned()


async def test_abandoned_trackers_are_finished_and_taken_back_where_they_say_so(engine: Engine, enter: Enter) -> None:
    database, trackers = await opened(engine, enter)
    for name, undone, key in (("keeps", False, 1), ("undoes", True, 2), ("fresh", True, 3)):
        tracker = await trackers.open(name)
        tracker.auto_undo = undone
        await trackers.start(tracker)
        await insert(database, key)
    table = schema.tracker
    old = update(table).where(table.c.id != "fresh").values(started=table.c.started - MAX_ACTIVE - HOUR)

    def grow_old(connection: Connection) -> None:
        connection.execute(old)

    await (await engine.databases.named("main")).write(grow_old)
    _, operator = await opened(engine, enter, "anna")
    assert await operator.finish_abandoned() == 2
    assert await keys(database) == [1, 3]
    assert await operator.finish_abandoned() == 0
    states = [(await trackers.open(name)).active for name in ("keeps", "undoes", "fresh")]
    assert states == [False, False, True]


async def _abandon(engine: Engine) -> None:
    def grow_old(connection: Connection) -> None:
        connection.execute(update(schema.tracker).values(started=schema.tracker.c.started - MAX_ACTIVE - HOUR))

    await (await engine.databases.named("main")).write(grow_old)


async def test_an_abandoned_tracker_takes_back_nothing_of_others_who_had_its_tag_before(
    engine: Engine, enter: Enter
) -> None:
    imported = engine.database(await enter("carla"), terms=Kept(tracking_id="import-7"))
    await insert(imported, 1)
    database, trackers = await opened(engine, enter)
    await trackers.start(Tracker(id="import-7", auto_undo=True))
    await insert(database, 2)
    await _abandon(engine)
    _, operator = await opened(engine, enter, "anna")
    assert await operator.finish_abandoned() == 1
    assert await keys(database) == [1]


async def test_an_abandoned_tracker_of_two_realms_does_not_hold_up_the_others(engine: Engine, enter: Enter) -> None:
    desk = engine.database(await enter("ben", "desk"), terms=Kept(tracking_id="both"))
    await insert(desk, 1)
    database, trackers = await opened(engine, enter)
    for name, key in (("both", 2), ("mine", 3)):
        await trackers.start(Tracker(id=name, auto_undo=True))
        await insert(database, key)
    await _abandon(engine)
    _, operator = await opened(engine, enter, "anna")
    assert await operator.finish_abandoned() == 1
    assert await keys(database) == [1, 2]
    assert (await trackers.open("both")).active


@pytest.mark.parametrize("tracker_id", ["x" * 101, "a\nb"])
async def test_an_id_is_a_short_printable_text(engine: Engine, enter: Enter, tracker_id: str) -> None:
    _, trackers = await opened(engine, enter)
    with pytest.raises(BadTracker):
        await trackers.open(tracker_id)


async def test_the_time_of_a_tracker_is_positive(engine: Engine, enter: Enter) -> None:
    _, trackers = await opened(engine, enter)
    for limit in (0, 2**62):
        with pytest.raises(BadTracker):
            await trackers.start(Tracker(id="T", max_active=limit))
