"""Real servers that are put back to an older copy, or succeeded by a replica that lacks the last writes, under an engine."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sojourn.core.errors import SessionEnded, Unavailable
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.engine.watch import watch as watching
from sojourn.model.session import Device
from sojourn.model.user import Account, account_identity
from sojourn.stores.postgres import PostgresStore
from sojourn.stores.valkey import ValkeyStore
from tests.engine.sessions.conftest import PASSWORD, Start, realm_of
from tests.patience import HANGS
from tests.servers.postgres import PostgresServer
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.anyio


async def two_sessions(rules: Rules) -> tuple[Begun, Begun]:
    anna: Account = await rules.users.add("main", "anna", PASSWORD)
    await rules.watch.start()
    begun = [await rules.sessions.begin(realm_of(rules), account_identity(anna, 0), Device()) for _ in range(2)]
    await rules.watch.look()
    return begun[0], begun[1]


async def end(rules: Rules, begun: Begun) -> None:
    await rules.sessions.end_by_id(realm_of(rules), begun.session.id, "dropped", actor="root")
    await rules.watch.look()


async def serves_again(rules: Rules) -> None:
    async with asyncio.timeout(HANGS):
        await rules.watch.look()
        while not rules.watch.serving:
            await asyncio.sleep(0.05)
            await rules.watch.look()


async def opened(rules: Rules, begun: Begun) -> str:
    """``alive``, why it ended, or that nothing is served."""
    try:
        await rules.sessions.open(realm_of(rules), begun.handle, "cookie")
    except SessionEnded as ended:
        return ended.reason
    except Unavailable:
        return "refused"
    return "alive"


class Twins:
    """A server, and a replica that is on the same port when it takes its place."""

    def __init__(self) -> None:
        self.primary = ValkeyServer()
        self.replica = ValkeyServer()
        self._copy = self.primary.folder.with_name(self.primary.folder.name + "-copy")

    def start(self) -> None:
        self.primary.start("always")

    def copy(self) -> None:
        self.primary.stop()
        shutil.copytree(self.primary.folder, self._copy, ignore=shutil.ignore_patterns("socket"))
        self.primary.start("always")

    def put_back(self) -> None:
        self._replace(self._copy)

    def follow(self) -> None:
        """Make the replica, and cut it off when it has everything."""
        self.replica.start("always")
        self.replica.run("REPLICAOF", "127.0.0.1", self.primary.port)
        while b"master_link_status:up" not in self.replica.run("INFO", "replication"):
            pass
        self.primary.run("WAIT", 1, 10_000)
        self.replica.run("REPLICAOF", "NO", "ONE")

    def promote(self) -> None:
        """The primary dies, and the replica answers in its place."""
        self.replica.stop()
        self._replace(self.replica.folder)

    def _replace(self, folder: Path) -> None:
        self.primary.kill()
        shutil.rmtree(self.primary.folder)
        shutil.copytree(folder, self.primary.folder, ignore=shutil.ignore_patterns("socket"))
        self.primary.start("always")

    def remove(self) -> None:
        self.primary.remove()
        self.replica.remove()
        shutil.rmtree(self._copy, ignore_errors=True)


@pytest.fixture
def twins() -> Iterator[Twins]:
    made = Twins()
    made.start()
    yield made
    made.remove()


@pytest.fixture
async def on_valkey(twins: Twins, start: Start) -> AsyncIterator[Rules]:
    store = await ValkeyStore.open(twins.primary.url)
    yield await start(memory=store)
    await store.close()


@pytest.mark.parametrize(("prepare", "happen"), [("copy", "put_back"), ("follow", "promote")])
async def test_valkey_that_went_back_has_nothing_alive_that_ended(
    on_valkey: Rules, twins: Twins, prepare: str, happen: str
) -> None:
    gone, kept = await two_sessions(on_valkey)
    await asyncio.to_thread(getattr(twins, prepare))
    await serves_again(on_valkey)
    before = on_valkey.watch.recoveries
    await end(on_valkey, gone)
    on_valkey.ends.recent._ended.clear()
    await asyncio.to_thread(getattr(twins, happen))
    await serves_again(on_valkey)
    assert on_valkey.watch.recoveries == before + 1
    assert on_valkey.watch.replayed == 1
    assert await opened(on_valkey, gone) == "dropped"
    assert await opened(on_valkey, kept) == "alive"


async def test_valkey_that_is_stopped_is_red_and_green_again_without_a_restart(on_valkey: Rules, twins: Twins) -> None:
    gone, kept = await two_sessions(on_valkey)
    await asyncio.to_thread(twins.primary.kill)
    await on_valkey.watch.look()
    assert "store" in on_valkey.watch.causes()
    assert await opened(on_valkey, kept) == "refused"
    with pytest.raises(Unavailable):
        await on_valkey.sessions.end_by_id(realm_of(on_valkey), gone.session.id, "dropped", actor="root")
    await asyncio.to_thread(twins.primary.start, "always")
    await serves_again(on_valkey)
    assert on_valkey.watch.causes() == {}
    assert await opened(on_valkey, kept) == "alive"


@pytest.mark.parametrize(("prepare", "happen"), [("copy", "put_back"), ("follow", "promote")])
async def test_valkey_that_went_back_serves_nothing_even_before_the_next_look(
    on_valkey: Rules, twins: Twins, prepare: str, happen: str
) -> None:
    gone, _ = await two_sessions(on_valkey)
    await asyncio.to_thread(getattr(twins, prepare))
    await serves_again(on_valkey)
    await end(on_valkey, gone)
    on_valkey.ends.recent._ended.clear()
    await asyncio.to_thread(getattr(twins, happen))
    await answers_again(on_valkey.store)
    assert await opened(on_valkey, gone) == "refused"
    await serves_again(on_valkey)
    assert await opened(on_valkey, gone) == "dropped"


async def test_another_run_of_valkey_is_looked_at_without_waiting_for_the_next_second(
    on_valkey: Rules, twins: Twins, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, kept = await two_sessions(on_valkey)
    monkeypatch.setattr(watching, "LOOK_EVERY", 3600.0)
    watch = asyncio.create_task(on_valkey.watch.run())
    await asyncio.to_thread(twins.primary.restart, "always")
    async with asyncio.timeout(HANGS):
        while not on_valkey.watch.recoveries or not on_valkey.watch.serving:
            await asyncio.sleep(0.01)
    assert await opened(on_valkey, kept) == "alive"
    watch.cancel()
    await asyncio.wait([watch])


async def answers_again(store: object) -> None:
    assert isinstance(store, ValkeyStore)
    async with asyncio.timeout(HANGS):
        while True:
            with suppress(Unavailable):
                return await store.ping()
            await asyncio.sleep(0.01)


class Database:
    """One database, its copy, and the act of an operator who restores it."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.url = server.new_database()
        self._name = self.url.rpartition("/")[2]
        self._copy = f"{self._name}_copy"

    def copy(self) -> None:
        self._leave(f"CREATE DATABASE {self._copy} STRATEGY file_copy TEMPLATE {self._name}")

    def put_back(self) -> None:
        self._server.run(
            f"DROP DATABASE {self._name} WITH (FORCE)", f"ALTER DATABASE {self._copy} RENAME TO {self._name}"
        )

    def remove(self) -> None:
        self._server.run(*(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in (self._name, self._copy)))

    def _leave(self, then: str) -> None:
        """Nobody may be connected to what is copied."""
        self._server.run(
            f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name}'",
            f"DO $$ BEGIN WHILE EXISTS (SELECT FROM pg_stat_activity WHERE datname = '{self._name}') LOOP"
            " PERFORM pg_sleep(0.01); END LOOP; END $$",
            then,
            f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true",
        )


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[Database]:
    made = Database(postgres_server)
    yield made
    made.remove()


async def test_postgresql_that_was_put_back_has_nothing_alive_that_ended(database: Database, start: Start) -> None:
    store = await PostgresStore.open(database.url)
    rules: Any = await start(memory=store)
    gone, kept = await two_sessions(rules)
    await asyncio.to_thread(database.copy)
    await serves_again(rules)
    await end(rules, gone)
    rules.ends.recent._ended.clear()
    await asyncio.to_thread(database.put_back)
    await serves_again(rules)
    assert (rules.watch.recoveries, rules.watch.replayed) == (1, 1)
    assert await opened(rules, gone) == "dropped"
    assert await opened(rules, kept) == "alive"
    await store.close()
