"""Opening a PostgreSQL store: the schema, what is refused, proxies, replicas, and what a check says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sojourn.bootstrap import open_store
from sojourn.core.errors import StoreBusy, StoreCorrupt, StoreReadOnly, StoreUnavailable, StoreVersion
from sojourn.model.field import increment, put
from sojourn.stores.libpq import connecting
from sojourn.stores.postgres import Migrated, PostgresStore, migrate, schema
from sojourn.stores.postgres.schema import SCHEMA
from sojourn.testing.law import ALICE, HERE, LOGOUT, T, created, refused, texts
from tests.servers.pooler import transaction_pooler
from tests.servers.postgres import PostgresServer, name_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fresh(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The URL of a database without the schema."""
    url = postgres_server.new_database()
    yield url
    postgres_server.drop_database(url)


async def test_many_stores_may_open_a_new_database_at_once(fresh: str) -> None:
    stores = await asyncio.gather(*(open_store(fresh) for _ in range(6)))
    session = await created(stores[0])
    for store in stores:
        await store.change(HERE, session.id, 1, [increment("n")], T)
    assert await texts(stores[-1], session) == {"n": "6"}
    for store in stores:
        assert isinstance(store, PostgresStore)
        await store.close()


async def test_a_migration_says_what_it_found(fresh: str, postgres_server: PostgresServer) -> None:
    assert [await migrate(fresh), await migrate(fresh)] == [Migrated(0, SCHEMA), Migrated(SCHEMA, SCHEMA)]
    postgres_server.run("DROP TABLE sojourn.version", database=name_of(fresh))
    with pytest.raises(StoreCorrupt, match="something else"):
        await migrate(fresh)


async def test_a_schema_that_the_operator_made_is_filled_without_the_right_to_make_any(
    fresh: str, postgres_server: PostgresServer
) -> None:
    postgres_server.run("DROP ROLE IF EXISTS modest", "CREATE ROLE modest LOGIN")
    modest = fresh.replace("tests@", "modest@")
    with pytest.raises(StoreUnavailable):
        await PostgresStore.open(modest)
    postgres_server.run("CREATE SCHEMA sojourn AUTHORIZATION modest", database=name_of(fresh))
    store = await PostgresStore.open(modest)
    session = await created(store, {"x": "1"})
    assert await texts(store, session) == {"x": "1"}
    assert (await store.mark()).run
    await store.check()
    await store.close()


async def test_a_newer_schema_is_refused_when_it_says_so_and_served_when_it_allows_it(
    postgres_database: str, postgres_server: PostgresServer
) -> None:
    store = await PostgresStore.open(postgres_database)
    where = name_of(postgres_database)
    try:
        postgres_server.run(f"UPDATE sojourn.version SET schema = {SCHEMA + 1}", database=where)
        other = await PostgresStore.open(postgres_database)
        assert ("warning", "schema") in [finding[:2] for finding in await other.check()]
        await other.close()
        postgres_server.run(f"UPDATE sojourn.version SET min_writer = {SCHEMA + 1}", database=where)
        await refused(StoreVersion, store.ping())
        await refused(StoreVersion, PostgresStore.open(postgres_database))
    finally:
        postgres_server.run(f"UPDATE sojourn.version SET schema = {SCHEMA}, min_writer = 1", database=where)
        await store.close()


async def test_a_schema_of_version_1_is_upgraded_beside_engines_that_go_on(
    fresh: str, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(schema, "SCHEMA", 1)
        older.setattr(schema, "_STEPS", schema._STEPS[:1])
        before = await PostgresStore.open(fresh)
    session = await created(before, {"x": "1"})
    assert await migrate(fresh) == Migrated(1, SCHEMA)
    store = await PostgresStore.open(fresh)
    assert await texts(store, session) == {"x": "1"}
    assert await store.put("code", "1", T + 1, T) is True
    await before.change(HERE, session.id, 1, [put("x", "2")], T)
    assert await texts(store, session) == {"x": "2"}
    versions = postgres_server.run("SELECT * FROM sojourn.version", database=name_of(fresh))
    assert versions == [(True, SCHEMA, 1, 1)], "engines of version 1 may read and write"
    assert postgres_server.run("SELECT handled FROM sojourn.sj1_sweep(0, 50)", database=name_of(fresh)) == [(0,)]
    for one in (before, store):
        await one.close()


async def test_a_process_whose_functions_are_gone_stops_writing(fresh: str, postgres_server: PostgresServer) -> None:
    store = await PostgresStore.open(fresh)
    session = await created(store, {"x": "1"})
    put_gone = "DROP FUNCTION sojourn.sj1_put"
    postgres_server.run(put_gone, database=name_of(fresh))
    await refused(StoreVersion, store.change(HERE, session.id, 1, [put("x", "2")], T))
    assert await texts(store, session) == {"x": "1"}
    postgres_server.run("DROP SCHEMA sojourn CASCADE", database=name_of(fresh))
    await refused(StoreCorrupt, store.load(HERE, session.id, T))
    await store.close()


@pytest.mark.parametrize(
    "damage", ["about = 'x'", "about = '{\"identity\":5}'", "ended = 'x', ended_at = 1", "tokens = '{x}'"]
)
async def test_what_cannot_be_read_is_corrupt_and_never_an_empty_session(
    postgres_database: str, postgres_server: PostgresServer, damage: str
) -> None:
    store = await PostgresStore.open(postgres_database)
    session = await created(store, {"x": "1"})
    postgres_server.run(f"UPDATE sojourn.session SET {damage}", database=name_of(postgres_database))
    if damage.startswith("ended"):
        await refused(StoreCorrupt, store.why(HERE, session.id, T))
        await refused(StoreCorrupt, store.end(HERE, session.id, LOGOUT, T))
    else:
        await refused(StoreCorrupt, store.load(HERE, session.id, T))
        await refused(StoreCorrupt, store.list(HERE, ALICE, T))
    await store.close()


@pytest.mark.parametrize(
    ("setting", "reason"),
    [("default_transaction_isolation = 'serializable'", "READ COMMITTED"), ("lock_timeout = '1ms'", "")],
)
async def test_a_database_that_begins_transactions_otherwise_is_refused(
    fresh: str, postgres_server: PostgresServer, setting: str, reason: str
) -> None:
    postgres_server.run(f"ALTER DATABASE {name_of(fresh)} SET {setting}")
    store = await PostgresStore.open(fresh)
    if reason:
        with pytest.raises(StoreUnavailable, match=reason):
            await store.ping()
    else:
        await store.ping()
    await store.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://tests:hidden@127.0.0.1:1/x", "cannot be reached"),
        ("postgresql://tests:hidden@127.0.0.1/x?sojourn=1", "understands"),
        ("postgresql://tests:hidden@127.0.0.1/x?connect_timeout=z", "understands"),
        ("postgresql://tests:hidden@[", "understands"),
    ],
)
async def test_a_url_that_leads_nowhere_is_told_without_its_password(url: str, reason: str) -> None:
    with pytest.raises(StoreUnavailable, match=reason) as refusal:
        await open_store(url)
    assert "hidden" not in str(refusal.value)


async def test_session_data_never_cross_a_network_in_the_clear(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "is_loopback", lambda _host: False)
    with pytest.raises(StoreUnavailable, match="without TLS"):
        await PostgresStore.open(postgres_database)


async def test_a_proxy_that_pools_transactions_is_no_obstacle(
    postgres_database: str, postgres_server: PostgresServer
) -> None:
    async with transaction_pooler(postgres_server.port) as port:
        store = await PostgresStore.open(postgres_database.replace(f":{postgres_server.port}/", f":{port}/"))
        session = await created(store)
        changes = (store.change(HERE, session.id, 1, [increment("n"), put(f"f{i % 9}", "1")], T) for i in range(60))
        await asyncio.gather(*changes)
        for _ in range(5):
            assert (await texts(store, session))["n"] == "60"
        assert await store.end(HERE, session.id, LOGOUT, T) is not None
        assert not store._lanes._named, "the proxy has never given another line"
        await store.close()


async def test_a_replica_is_refused_and_a_promoted_one_is_another_run(postgres_server: PostgresServer) -> None:
    url = postgres_server.new_database()
    store = await PostgresStore.open(url)
    session = await created(store, {"x": "1"})
    before = await store.mark()
    replica = postgres_server.replica()
    replica.start()
    try:
        there = replica.url_of(name_of(url))
        await refused(StoreReadOnly, PostgresStore.open(there))
        assert "warning" in [finding.level for finding in await store.check() if finding.what == "replicas"]
        replica.run("SELECT pg_promote()")
        promoted = await PostgresStore.open(there)
        after = await promoted.mark()
        assert after[:2] == before[:2]
        assert after.run != before.run
        assert await texts(promoted, session) == {"x": "1"}
        await promoted.close()
    finally:
        replica.remove()
        await store.close()
        postgres_server.drop_database(url)


async def test_nothing_that_began_before_a_failover_is_served_after_it(postgres_server: PostgresServer) -> None:
    primary = PostgresServer()
    primary.start()
    replica: PostgresServer | None = None
    try:
        first = await PostgresStore.open(primary.url)
        session = await created(first, {"x": "1"})
        await first.close()
        replica = primary.replica()
        replica.start()
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{replica.port}"
        store = await PostgresStore.open(primary.url.replace(f"127.0.0.1:{primary.port}", hosts))
        rung: list[str] = []
        store.on_another_run(lambda: rung.append("rung"))
        assert await texts(store, session) == {"x": "1"}
        primary.kill()
        await refused(StoreUnavailable, store.load(HERE, session.id, T))
        replica.run("SELECT pg_promote()")
        assert not rung
        await refused(StoreUnavailable, store.load(HERE, session.id, T))
        assert rung == ["rung"]
        assert await texts(store, session) == {"x": "1"}
        assert rung == ["rung"]
        await store.close()
    finally:
        primary.remove()
        if replica is not None:
            replica.remove()


async def test_a_check_tells_what_a_server_does_not_promise(postgres_database: str) -> None:
    store = await PostgresStore.open(postgres_database)
    levels = {finding.what: finding.level for finding in await store.check()}
    assert levels == {
        "server": "ok",
        "role": "ok",
        "schema": "ok",
        "fsync": "failure",
        "full_page_writes": "failure",
        "synchronous_commit": "failure",
        "replicas": "ok",
        "isolation": "ok",
        "read only": "ok",
        "encoding": "ok",
        "autovacuum": "ok",
        "TLS": "ok",
        "clock": "ok",
    }
    assert "may be lost" in store.contract().durability
    await store.close()


async def test_an_upgrade_waits_two_seconds_for_whoever_is_at_it(fresh: str, postgres_server: PostgresServer) -> None:
    with postgres_server.connected(name_of(fresh)) as other:
        other.execute("SELECT pg_advisory_lock(1399810670)")
        await refused(StoreBusy, PostgresStore.open(fresh))
    await (await PostgresStore.open(fresh)).close()
