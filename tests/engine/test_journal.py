"""The end journal: what is replayed onto a session store that went back."""

import pytest
from sqlalchemy import Connection, insert, text

from sojourn.core.clock import ManualClock
from sojourn.core.errors import StoreUnavailable
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.ends.journal import EndJournal
from sojourn.engine.facts import Facts
from sojourn.engine.watch.marks import StoreMarks
from sojourn.model.session import TOMBSTONE_FOR
from sojourn.stores.base import Mark

pytestmark = pytest.mark.anyio


async def add(db: EngineDatabase, journal: EndJournal, sid: str, at: int, lives_until: int = 0) -> int:
    def work(connection: Connection) -> int:
        return journal.add(connection, sid, "r1", 3, at=at, reason="logout", lives_until=lives_until)

    return await db.write(work)


async def test_ends_come_back_in_the_order_of_writing_page_by_page(db: EngineDatabase, journal: EndJournal) -> None:
    for sid, at in (("a", 10), ("b", 30), ("c", 20), ("d", 30)):
        await add(db, journal, sid, at)
    entries = await journal.since(20)
    assert [(entry.sid, entry.realm, entry.epoch, entry.at, entry.reason) for entry in entries] == [
        ("b", "r1", 3, 30, "logout"),
        ("c", "r1", 3, 20, "logout"),
        ("d", "r1", 3, 30, "logout"),
    ]
    first = await journal.since(20, limit=2)
    assert list(first) + list(await journal.since(20, after=first[-1].key)) == list(entries)
    assert list(await journal.since(31)) == []


async def test_an_end_of_a_transaction_that_failed_is_not_in_the_journal(
    db: EngineDatabase, journal: EndJournal
) -> None:
    def work(connection: Connection) -> None:
        journal.add(connection, "a", "r1", 1, at=1, reason="logout")
        raise KeyError

    with pytest.raises(KeyError):
        await db.write(work)
    assert list(await journal.since(0)) == []


async def test_an_end_stays_thirty_days_and_longer_where_the_session_could_still_live(
    db: EngineDatabase, journal: EndJournal
) -> None:
    await add(db, journal, "short", 1_000)
    await add(db, journal, "long", 1_000, lives_until=1_000 + TOMBSTONE_FOR + 7)
    assert await journal.prune(1_000 + TOMBSTONE_FOR - 1) == 0
    assert await journal.prune(1_000 + TOMBSTONE_FOR) == 1
    assert [entry.sid for entry in await journal.since(0)] == ["long"]
    assert await journal.prune(1_000 + TOMBSTONE_FOR + 7) == 1


async def test_pruning_takes_a_bounded_number(db: EngineDatabase, journal: EndJournal) -> None:
    for number in range(5):
        await add(db, journal, f"s{number}", number)
    assert [await journal.prune(2 * TOMBSTONE_FOR, most=2) for _ in range(4)] == [2, 2, 1, 0]


async def test_an_end_leaves_the_cached_facts_alone(db: EngineDatabase, journal: EndJournal, facts: Facts) -> None:
    before = await facts.current()
    await add(db, journal, "a", 1)
    assert await facts.current() is before


async def test_a_confirmed_end_carries_the_noting_under_which_it_was_confirmed(
    db: EngineDatabase, journal: EndJournal, clock: ManualClock
) -> None:
    marks = StoreMarks(db)
    keys = [await add(db, journal, sid, 10) for sid in ("a", "b", "c")]
    journal.confirm(keys[:1])
    await journal.flush()
    noted = await marks.note(Mark("here", 1), clock.now(), era=0)
    journal.confirm(keys[:2])
    await journal.flush()
    assert [entry.sid for entry in await journal.confirmed_at(0)] == ["a"]
    assert [entry.sid for entry in await journal.confirmed_at(noted.number)] == ["b"]
    assert [entry.sid for entry in await journal.unconfirmed(11)] == ["c"]
    assert list(await journal.unconfirmed(10)) == []
    assert list(await journal.notings(0, noted.number)) == [0, noted.number]
    assert list(await journal.notings(1, noted.number)) == [noted.number]
    assert list(await journal.notings(0, noted.number - 1)) == [0]
    assert journal.confirmations == 3


async def test_confirmations_that_could_not_be_written_are_written_the_next_time(
    db: EngineDatabase, journal: EndJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await add(db, journal, "a", 10)
    journal.confirm([key])
    with monkeypatch.context() as patch:
        patch.setattr(db, "write", away)
        with pytest.raises(StoreUnavailable):
            await journal.flush()
    assert [entry.sid for entry in await journal.unconfirmed(11)] == ["a"]
    await journal.flush()
    assert list(await journal.unconfirmed(11)) == []


async def away(_work: object) -> None:
    raise StoreUnavailable


async def test_a_mark_is_noted_upwards_and_begins_anew_when_the_store_went_back(
    db: EngineDatabase, clock: ManualClock
) -> None:
    marks = StoreMarks(db)
    assert await marks.read() is None
    await marks.note(Mark("here", 5, "run"), clock.now(), era=0)
    assert (await marks.note(Mark("here", 3, "run"), clock.now(), era=0)).counter == 5
    began = await marks.begin_era(Mark("here", 2, "other"), clock.now())
    assert (began.number, began.era, began.counter, began.run) == (3, 1, 2, "other")
    late = await marks.note(Mark("here", 9, "run"), clock.now(), era=0)
    assert late == began == await marks.read()


async def test_no_start_reads_the_whole_journal(db: EngineDatabase) -> None:
    """All questions of a start go through the index on ``confirmed``."""

    def fill(connection: Connection) -> None:
        # Of an empty table every index is as good as any other.
        end = {"realm": "r1", "epoch": 3, "at": 1, "reason": "logout", "keep_until": 9_000}
        rows = [{**end, "sid": f"s{number}", "confirmed": number} for number in range(500)]
        connection.execute(insert(schema.end_journal), rows)
        connection.execute(text("ANALYZE end_journal"))

    await db.write(fill)

    def plans(connection: Connection) -> list[str]:
        postgres = connection.dialect.name == "postgresql"
        explain = "EXPLAIN" if postgres else "EXPLAIN QUERY PLAN"
        if postgres:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        wanted = ("confirmed IS NULL AND at < 9", "confirmed = 7")
        asked = [f"SELECT key FROM end_journal WHERE {each} AND key > 0 ORDER BY key" for each in wanted]
        asked.append("SELECT DISTINCT confirmed FROM end_journal WHERE confirmed BETWEEN 7 AND 71 ORDER BY confirmed")
        return [str(connection.execute(text(f"{explain} {each}")).all()) for each in asked]

    for plan in await db.read(plans):
        assert "ix_end_journal_confirmed" in plan
        assert "TEMP B-TREE" not in plan
