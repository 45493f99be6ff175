"""What ``store check`` and the contract say of a Valkey server, and that the documented rights are enough."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sojourn.bootstrap import open_store
from sojourn.core.errors import OutcomeUnknown, StoreUnavailable
from sojourn.model.field import increment, merge, put
from sojourn.stores.base import Finding
from sojourn.stores.valkey import ValkeyStore
from sojourn.testing.law import ALICE, HERE, LOGOUT, T, a_rotation, a_session, created, refused
from tests.servers.valkey import ValkeyCluster, ValkeyServer

pytestmark = pytest.mark.anyio

_PAGE = Path(__file__).parents[2] / "docs" / "howto" / "use-valkey.md"


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    yield server
    server.remove()


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[ValkeyStore]:
    store = await ValkeyStore.open(url)
    try:
        yield store
    finally:
        await store.close()


async def _levels(store: ValkeyStore) -> dict[str, str]:
    return {finding.what: finding.level for finding in await store.check()}


@pytest.mark.parametrize(
    ("appendfsync", "level", "promise"),
    [
        ("always", "ok", "on the server's disk"),
        ("everysec", "warning", "two seconds"),
        ("no", "warning", "had not written"),
        ("", "failure", "none"),
    ],
)
async def test_the_contract_follows_the_append_only_file(
    server: ValkeyServer, appendfsync: str, level: str, promise: str
) -> None:
    server.start(appendfsync)
    async with _opened(server.url) as store:
        contract = store.contract()
        assert promise in contract.durability
        assert contract.facts["server"].startswith("valkey ")
        found = await _levels(store)
        assert found["appendfsync" if appendfsync else "appendonly"] == level
        assert (found["role"], found["replicas"], found["clock"], found["TLS"]) == ("ok", "ok", "ok", "ok")
        assert (found["maxmemory-policy"], found["user"]) == ("ok", "warning")


async def test_a_server_that_forgets_is_a_failure(server: ValkeyServer) -> None:
    server.start("always")
    async with _opened(server.url) as store:
        server.run("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        found = {finding.what: finding for finding in await store.check()}
        assert found["maxmemory-policy"].level == "failure"
        assert "noeviction" in found["maxmemory-policy"].text


async def test_what_the_user_may_not_read_is_told_as_unknown(server: ValkeyServer) -> None:
    server.start("always")
    server.run("ACL", "SETUSER", "shop", "on", ">word", "~sj:*", "+@all", "-config", "-acl")
    async with _opened(f"valkey://shop:word@127.0.0.1:{server.port}") as store:
        found = {finding.what: finding for finding in await store.check()}
        assert found["appendfsync"].level == found["user"].level == "warning"
        assert found["maxmemory-policy"].level == "ok"
        assert isinstance(found["appendfsync"], Finding)
        assert "word" not in repr(found)


async def test_the_documented_rights_are_enough_for_every_act(server: ValkeyServer) -> None:
    server.start("always")
    await _with_rights(server, f"valkey://shop:word@127.0.0.1:{server.port}")


async def test_the_documented_rights_are_enough_in_a_cluster(valkey_cluster: ValkeyCluster) -> None:
    valkey_cluster.flush()
    for server in valkey_cluster.servers:
        _give_rights(server)
    await _with_rights(valkey_cluster.servers[0], valkey_cluster.url.replace("://", "://shop:word@"))


def _give_rights(server: ValkeyServer) -> None:
    (line,) = re.findall(r"^ACL SETUSER (.+)$", _PAGE.read_text(), re.MULTILINE)
    words = line.replace("sojourn", "shop").replace("PASSWORD", "word").split()
    assert server.run("ACL", "SETUSER", *words) == b"+OK\r\n"


async def _with_rights(server: ValkeyServer, url: str) -> None:
    _give_rights(server)
    async with _opened(url) as store:
        session, ended = await created(store, {"x": "1"}), await created(store)
        await store.change(HERE, session.id, 1, [put("x", "2"), increment("n"), merge("m", "{}")], T, idle=900)
        await store.change_bag(HERE, session.id, 1, [put("x", "2")], T, idle=9)
        await store.read_bag(HERE, ALICE, T)
        await store.rotate(HERE, session.id, 1, a_rotation(keep=frozenset()), T, most=3)
        await store.create(a_session(), {}, T, most=3)
        await store.end(HERE, ended.id, LOGOUT, T)
        await store.list(HERE, None, T)
        await store.list_ended(HERE, ALICE)
        await store.sweep(T + 5_000)
        await store.drop_bag(HERE, ALICE)
        await store.adopt("here")
        await store.advance()
        await store.mark()
        await store.count(T)
        await store.time()
        await store.ping()
        assert "failure" not in {finding.level for finding in await store.check() if finding.what != "appendonly"}
        assert (await _levels(store))["user"] == "ok"


async def test_ends_wait_for_replicas_where_the_url_says_so() -> None:
    server = ValkeyServer("--repl-diskless-sync-delay", "0")
    server.start("always")
    replica = ValkeyServer("--replicaof", "127.0.0.1", str(server.port))
    try:
        async with _opened(f"{server.url}?wait=1") as store:
            alone, session = await created(store), await created(store)
            await refused(OutcomeUnknown, store.end(HERE, alone.id, LOGOUT, T))
            assert await store.load(HERE, alone.id, T) is None
            replica.start("no")
            while not re.search(
                rb"state=online,offset=(\d+),.*master_repl_offset:\1\r", _replication(server), re.DOTALL
            ):
                await asyncio.sleep(0.01)
            assert await store.end(HERE, session.id, LOGOUT, T) is not None
            assert (await _levels(store))["replicas"] == "ok"
        async with _opened(server.url) as store:
            assert (await _levels(store))["replicas"] == "warning"
            assert "failover" in store.contract().durability
    finally:
        replica.remove()
        server.remove()


def _replication(server: ValkeyServer) -> bytes:
    return server.run("INFO", "replication")


async def test_a_cluster_tells_each_node(valkey_cluster_url: str) -> None:
    async with _opened(valkey_cluster_url) as store:
        found = await store.check()
        assert len([finding for finding in found if finding.what == "server"]) == 3
        assert [finding.level for finding in found if finding.what == "cluster"] == ["ok"]
        assert store.contract().facts["primaries"] == "3"


async def test_a_url_opens_the_store_and_says_which_package_is_missing(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(valkey_url)
    assert isinstance(store, ValkeyStore)
    await store.close()
    monkeypatch.setitem(sys.modules, "sojourn.stores.valkey", None)
    with pytest.raises(StoreUnavailable, match=r"sojourn\[valkey\]"):
        await open_store(valkey_url)
