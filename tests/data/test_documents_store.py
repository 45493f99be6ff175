"""Object stores, on every database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, select

from sojourn.bootstrap import Engine
from sojourn.core.clock import HOUR, ManualClock
from sojourn.core.errors import SessionEnded
from sojourn.core.json import Json
from sojourn.data import schema
from sojourn.data.documents.matching import BadQuery
from sojourn.data.documents.records import (
    MAX_INSERT,
    BadDocument,
    DocumentExists,
    Place,
    StoreIsExclusive,
    Which,
)
from sojourn.data.documents.store import Documents
from sojourn.data.documents.updating import BadUpdate
from sojourn.data.port import Backend
from sojourn.data.terms import Author

pytestmark = pytest.mark.anyio

ANA = Author(user_key=7, user_name="ana", session="s1", realm="acme", address="192.0.2.7", execution_key="e1", tag="t1")
ORDERS = Place("acme", "orders")
EVERY = Which(query={})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def documents(backend: Backend, clock: ManualClock) -> Documents:
    return Documents(backend, clock)


async def logged(backend: Backend) -> list[Any]:
    def work(connection: Connection) -> list[Any]:
        return list(connection.execute(select(schema.change).order_by(schema.change.c.number)).mappings())

    return await backend.read(work)


async def test_what_was_stored_is_found_by_id_and_by_query(documents: Documents) -> None:
    stored: dict[str, Json] = {"total": 10, "tags": ["a"], "ship": {"city": "Recife"}}
    assert await documents.insert(ANA, ORDERS, [stored], object_id="A-1") == ["A-1"]
    assert await documents.find(ORDERS, Which("A-1")) == [{**stored, "_oId": "A-1"}]
    assert await documents.find(ORDERS, Which(query={"ship.city": "Recife"})) == [{**stored, "_oId": "A-1"}]
    assert await documents.find(ORDERS, Which(query={"_oId": "A-1"})) == [{**stored, "_oId": "A-1"}]
    assert await documents.find(ORDERS, Which("A-2")) == []
    assert await documents.find(ORDERS, Which(query={"total": 11})) == []


async def test_an_object_store_belongs_to_its_realm(documents: Documents) -> None:
    await documents.insert(ANA, ORDERS, [{"n": 1}])
    assert await documents.find(Place("other", "orders"), EVERY) == []
    assert await documents.find(Place("acme", "bills"), EVERY) == []
    assert len(await documents.find(ORDERS, EVERY)) == 1


async def test_limit_skip_and_order(documents: Documents) -> None:
    rows: list[Json] = [{"n": 2, "w": "b"}, {"n": 1, "w": "b"}, {"n": 3, "w": "a"}, {"w": None}]
    await documents.insert(ANA, ORDERS, rows, exclusive=False)

    async def numbers(**options: Any) -> list[Json]:
        return [one.get("n") for one in await documents.find(ORDERS, EVERY, **options)]

    assert await numbers() == [2, 1, 3, None]
    assert await numbers(order={"n": 1}) == [None, 1, 2, 3]
    assert await numbers(order={"n": -1}, limit=2) == [3, 2]
    assert await numbers(order={"w": 1, "n": -1}) == [None, 3, 2, 1]
    assert await numbers(skip=1, limit=2) == [1, 3]
    with pytest.raises(BadQuery):
        await numbers(order={"n": 2})


async def test_an_id_stands_for_one_document_where_the_store_is_unique(documents: Documents) -> None:
    await documents.insert(ANA, ORDERS, [{"n": 1}], object_id="A-1")
    with pytest.raises(DocumentExists):
        await documents.insert(ANA, ORDERS, [{"n": 2}], object_id="A-1")
    await documents.insert(ANA, ORDERS, [{"n": 3}], object_id="A-1", upsert=True)
    assert await documents.find(ORDERS, EVERY) == [{"n": 3, "_oId": "A-1"}]
    with pytest.raises(StoreIsExclusive):
        await documents.insert(ANA, ORDERS, [{"n": 4}, {"n": 5}], exclusive=False)


async def test_an_id_stands_for_many_where_it_is_not(documents: Documents) -> None:
    for number in (1, 2):
        await documents.insert(ANA, ORDERS, [{"n": number}], object_id="A-1", exclusive=False)
    assert [one["n"] for one in await documents.find(ORDERS, Which("A-1"))] == [1, 2]


async def test_a_change_counts_the_documents_that_are_different(documents: Documents) -> None:
    await documents.insert(ANA, ORDERS, [{"n": 1}, {"n": 2}], exclusive=False)
    assert await documents.update(ANA, ORDERS, Which(query={"n": {"$gt": 0}}), {"$set": {"paid": True}}) == 2
    assert await documents.update(ANA, ORDERS, Which(query={"n": 1}), {"$set": {"paid": True}}) == 0
    assert await documents.update(ANA, ORDERS, Which(query={"n": 9}), {"$set": {"paid": True}}) == 0
    with pytest.raises(BadUpdate):
        await documents.update(ANA, ORDERS, EVERY, {"$inc": {"paid": 1}})


async def test_an_upsert_makes_what_the_query_means(documents: Documents) -> None:
    wanted = Which(query={"sku": "x", "left": {"$lt": 5}})
    assert await documents.update(ANA, ORDERS, wanted, {"$inc": {"left": 3}}, upsert=True) == 1
    assert await documents.update(ANA, ORDERS, Which("A-1"), {"n": 1}, upsert=True) == 1
    first, second = await documents.find(ORDERS, EVERY)
    assert first == {"sku": "x", "left": 3, "_oId": first["_oId"]}
    assert second == {"n": 1, "_oId": "A-1"}


async def test_of_the_same_changes_at_once_one_counts(documents: Documents) -> None:
    await documents.insert(ANA, ORDERS, [{"state": "open"}], object_id="A-1")
    taken = [
        documents.update(ANA, ORDERS, Which(query={"state": "open"}), {"$set": {"state": "taken"}}) for _ in range(8)
    ]
    assert sorted(await asyncio.gather(*taken)) == [0] * 7 + [1]


async def test_no_increment_of_many_at_once_is_lost(documents: Documents) -> None:
    added = [documents.update(ANA, ORDERS, Which("n"), {"$inc": {"n": 1}}, upsert=True) for _ in range(20)]
    assert await asyncio.gather(*added) == [1] * 20
    assert await documents.find(ORDERS, EVERY) == [{"n": 20, "_oId": "n"}]


async def test_what_is_deleted_is_gone(documents: Documents) -> None:
    await documents.insert(ANA, ORDERS, [{"n": 1}, {"n": 2}, {"n": 3}], exclusive=False)
    assert await documents.delete(ANA, ORDERS, Which(query={"n": {"$gte": 2}})) == 2
    assert await documents.delete(ANA, ORDERS, Which(query={"n": {"$gte": 2}})) == 0
    assert [one["n"] for one in await documents.find(ORDERS, EVERY)] == [1]


async def test_what_expires_is_not_there_and_its_id_is_free(documents: Documents, clock: ManualClock) -> None:
    await documents.insert(ANA, ORDERS, [{"n": 1}], object_id="A-1", expires_in=HOUR)
    clock.advance(HOUR - 1)
    assert len(await documents.find(ORDERS, EVERY)) == 1
    clock.advance(1)
    assert await documents.find(ORDERS, EVERY) == []
    assert await documents.update(ANA, ORDERS, Which("A-1"), {"$set": {"n": 2}}) == 0
    await documents.insert(ANA, ORDERS, [{"n": 3}], object_id="A-1", expires_in=HOUR)
    clock.advance(HOUR)
    assert await documents.sweep() == 1
    assert await documents.sweep() == 0


async def test_what_is_isolated_only_its_execution_sees(documents: Documents) -> None:
    mine, yours = Place("acme", "orders", "e1"), Place("acme", "orders", "e2")
    await documents.insert(ANA, mine, [{"n": 1}], object_id="A-1")
    await documents.insert(ANA, yours, [{"n": 2}], object_id="A-1")
    assert [one["n"] for one in await documents.find(mine, EVERY)] == [1]
    assert await documents.find(ORDERS, EVERY) == []
    assert await documents.delete(ANA, yours, EVERY) == 1
    assert len(await documents.find(mine, EVERY)) == 1


async def test_every_change_has_its_row_in_the_log(documents: Documents, backend: Backend) -> None:
    await documents.insert(ANA, ORDERS, [{"n": 1}], object_id="A-1")
    await documents.update(ANA, ORDERS, Which("A-1"), {"$inc": {"n": 1}})
    await documents.update(ANA, ORDERS, Which("A-1"), {"$set": {"n": 2}})
    await documents.delete(ANA, ORDERS, Which("A-1"))
    rows = await logged(backend)
    assert [row["kind"] for row in rows] == ["INSERT", "UPDATE", "DELETE"]
    assert {(row["tag"], row["user_name"], row["table_name"]) for row in rows} == {("t1", "ana", "sojourn_document")}
    assert rows[1]["before"] == '{"content":"{\\"n\\":1}"}'
    assert rows[1]["after"] == '{"content":"{\\"n\\":2}"}'
    assert [row["version"] for row in rows] == [1, 2, 3]


async def test_a_guard_that_raises_leaves_nothing(documents: Documents, backend: Backend) -> None:
    async def ended() -> None:
        raise SessionEnded("logout")

    with pytest.raises(SessionEnded):
        await documents.insert(ANA, ORDERS, [{"n": 1}], guard=ended)
    assert await documents.find(ORDERS, EVERY) == []
    assert await logged(backend) == []


@pytest.mark.parametrize("document", [None, [], "text", {"n": "x" * 1_000_001}])
async def test_what_is_no_document_is_refused(documents: Documents, document: Json) -> None:
    with pytest.raises(BadDocument):
        await documents.insert(ANA, ORDERS, [document])


async def test_limits_of_an_insert(documents: Documents) -> None:
    with pytest.raises(BadDocument):
        await documents.insert(ANA, ORDERS, [{}] * (MAX_INSERT + 1), exclusive=False)
    with pytest.raises(BadDocument):
        await documents.insert(ANA, ORDERS, [{}, {}], object_id="A-1", exclusive=False)
    with pytest.raises(BadDocument):
        await documents.insert(ANA, Place("acme", "x" * 101), [{}])
    with pytest.raises(BadDocument):
        await documents.insert(ANA, ORDERS, [{}], object_id="\n")


async def test_numbers_keep_their_digits(documents: Documents) -> None:
    from decimal import Decimal

    exact: dict[str, Json] = {"big": 12345678901234567890, "exact": Decimal("0.12345678901234567890")}
    await documents.insert(ANA, ORDERS, [exact], object_id="A-1")
    (found,) = await documents.find(ORDERS, Which("A-1"))
    assert found == {**exact, "_oId": "A-1"}


async def test_the_upkeep_of_the_engine_sweeps(engine: Engine) -> None:
    backend, clock = await engine.databases.named(), engine.rules.clock
    await Documents(backend, clock).insert(ANA, ORDERS, [{"n": 1}, {"n": 2}], exclusive=False, expires_in=1)
    while clock.now() <= (await _last_change(backend)) + 1:
        await asyncio.sleep(0.001)
    await engine.rules.upkeep.chore()
    rows = await backend.read(lambda c: c.execute(select(schema.document.c.number)).all())
    assert rows == []


async def _last_change(backend: Backend) -> int:
    return max(int(row["at"]) for row in await logged(backend))
