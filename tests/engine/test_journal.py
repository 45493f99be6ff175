"""The end journal: what is replayed onto a session store that went back."""

import pytest
from sqlalchemy import Connection

from sojourn.engine.database import EngineDatabase
from sojourn.engine.facts import Facts
from sojourn.engine.journal import EndJournal
from sojourn.model.session import TOMBSTONE_FOR

pytestmark = pytest.mark.anyio


async def add(db: EngineDatabase, journal: EndJournal, sid: str, at: int, lives_until: int = 0) -> None:
    def work(connection: Connection) -> None:
        journal.add(connection, sid, "r1", 3, at=at, reason="logout", lives_until=lives_until)

    await db.write(work)


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
    before = facts.current()
    await add(db, journal, "a", 1)
    assert facts.current() is before
