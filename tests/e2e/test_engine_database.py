"""Two processes on one engine database on PostgreSQL: what one changes, the other obeys at its very next request."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.conftest import EXAMPLE, PASSWORD, Client, Shop, login
from tests.e2e.pair import Pair, refused, two_engines
from tests.e2e.process import EngineProcess, environment
from tests.e2e.process import sojourn as cli
from tests.patience import HANGS
from tests.servers import nursery
from tests.servers.postgres import PostgresServer
from tests.servers.valkey import ValkeyServer

#: Makes one change through the rules of an engine, and is killed when the commit has been acknowledged: nothing that
#: comes after it, the ends of sessions above all, ever happens.
KILLED = """
import asyncio, os, signal, sys
from sojourn.bootstrap import Engine
from sojourn.engine.database import EngineDatabase

async def main(folder, act, name):
    async with Engine.open(folder, recover=False) as engine:
        rules = engine.rules
        account = await rules.users.find("main", name)
        write = rules.db.write

        async def deadly(work):
            await write(work)
            os.kill(os.getpid(), signal.SIGKILL)

        rules.db.write = deadly
        if act == "disable":
            await rules.users.set_state(account.key, "disabled")
        elif act == "delete":
            await rules.users.delete(account.key)
        elif act == "scope":
            await rules.grants.revoke(name, "cart.write")
        else:
            await rules.api_keys.revoke(engine.realm("acme"), name)

asyncio.run(main(*sys.argv[1:]))
"""


#: Accounts of the tests, each for one of them.
GUESTS = ("sue", "guest-disable", "guest-delete", "kim", "leo", "max", "pam")

FURNISH = """
import asyncio, json, sys
from sojourn.bootstrap import Engine

async def main(folder, password, *names):
    async with Engine.open(folder, recover=False) as engine:
        rules = engine.rules
        for name in names:
            await rules.users.add("main", name, password)
            for scope in ("cart.read", "cart.write"):
                await rules.grants.grant(name, scope)
        keys = [await rules.api_keys.add(name, engine.realm("acme")) for name in ("web", "second")]
        print(json.dumps([key.text for key in keys]))

asyncio.run(main(*sys.argv[1:]))
"""


class Nodes(NamedTuple):
    """Two processes, and the server of their engine database."""

    shop: Shop
    #: A second API key.
    second: str
    engines: tuple[EngineProcess, EngineProcess]
    server: PostgresServer

    def guest(self, name: str) -> list[Client]:
        """An account, logged in at the first process, as a client of each."""
        guest = login(self.shop, self.engines[0], name)
        clients = [guest._replace(engine=engine) for engine in self.engines]
        assert [client.add("A1").status for client in clients] == [200, 200]
        return clients

    def killed_after(self, act: str, name: str) -> None:
        """A third process makes a change and is killed right after its commit."""
        done = program(self.shop, KILLED, act, name)
        assert done.returncode == -signal.SIGKILL, done.stderr

    def wait_until(self, *, ready: bool) -> None:
        Pair(self.shop, self.engines, self.server, "").wait_until(ready=ready)


def program(shop: Shop, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of Python beside the engines."""
    return nursery.run(["-c", text, str(shop.folder), *arguments], environment(shop.home), timeout=HANGS)


def new_shop(home: Path, stores: Mapping[str, str]) -> tuple[Shop, str]:
    """A shop whose stores are given in the environment before there is a file, as an operator does; and a second key."""
    folder, variables = home / "project", {f"SOJOURN_STORES_{name.upper()}": url for name, url in stores.items()}
    done = cli(home, "init", str(folder), variables=variables)
    assert done.returncode == 0, done.stderr
    lines = ["[server]", 'publicUrl = "http://127.0.0.1:8420"', "[stores]"]
    (folder / "sojourn.toml").write_text("\n".join(lines + [f'{name} = "{url}"' for name, url in stores.items()]))
    for part in ("realms", "pipelines"):
        shutil.copytree(EXAMPLE / part, folder / part, dirs_exist_ok=True)
    shop = Shop(folder, home, "")
    done = program(shop, FURNISH, PASSWORD, "ana", *GUESTS)
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)
    return shop._replace(key=first), second


@pytest.fixture(scope="module", params=["postgresql", "valkey"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Two processes with the sessions on another server than the engine database."""
    database, sessions = PostgresServer(), PostgresServer() if request.param == "postgresql" else ValkeyServer()
    try:
        database.start()
        if isinstance(sessions, ValkeyServer):
            sessions.start("always")
        else:
            sessions.start()
        shop, key = new_shop(tmp_path_factory.mktemp("nodes"), {"engine": database.url, "session": sessions.url})
        with two_engines(shop) as engines:
            yield Nodes(shop, key, engines, database)
    finally:
        database.remove()
        sessions.remove()


def test_a_scope_that_is_removed_is_gone_at_the_next_request_of_each_process(nodes: Nodes) -> None:
    clients = nodes.guest("sue")
    nodes.killed_after("scope", "sue")
    assert [client.add("B2").status for client in clients] == [403, 403]
    assert [client.view().status for client in clients] == [200, 200]


@pytest.mark.parametrize(("act", "reason"), [("disable", "user-disabled"), ("delete", "user-deleted")])
def test_an_account_that_is_shut_is_out_though_the_process_died_before_it_ended_anything(
    nodes: Nodes, act: str, reason: str
) -> None:
    clients = nodes.guest(f"guest-{act}")
    nodes.killed_after(act, f"guest-{act}")
    for client in clients:
        answer = client.view()
        assert (answer.status, answer.json().get("reason")) == (401, reason)
        credentials = {"userName": f"guest-{act}", "password": PASSWORD}
        assert client.engine.post("/pipeline/acme/v1/login", credentials, nodes.shop.headers()).status == 401


def test_an_api_key_that_is_revoked_opens_nothing_any_more(nodes: Nodes) -> None:
    shop = nodes.shop._replace(key=nodes.second)
    clients = [login(shop, engine, "kim") for engine in nodes.engines]
    nodes.killed_after("apikey", "second")
    assert [client.view().status for client in clients] == [401, 401]


def test_a_logout_at_one_process_and_an_end_by_an_operator_hold_at_the_other(nodes: Nodes) -> None:
    one, other = nodes.guest("leo")
    assert other.logout().status == 200
    assert one.view().json()["reason"] == "logout"
    again = login(nodes.shop, nodes.engines[1], "leo")
    nodes.shop.run("sessions", "end", "--user", "leo")
    for engine in nodes.engines:
        assert again._replace(engine=engine).view().status == 401


def test_without_the_engine_database_all_is_503_until_it_is_back(nodes: Nodes) -> None:
    clients = nodes.guest("max")
    processes = [engine.pid for engine in nodes.engines]
    for stop in (nodes.server.stop, nodes.server.kill):
        stop()
        nodes.wait_until(ready=False)
        for client in clients:
            refused(client.engine, lambda _, client=client: client.view())  # type: ignore[misc]
            refused(client.engine, lambda _, client=client: client.add("C3"))  # type: ignore[misc]
            refused(client.engine, lambda engine: engine.get("/health/ready"))
        nodes.server.start()
        nodes.wait_until(ready=True)
        assert [client.view().status for client in clients] == [200, 200]
    assert [engine.pid for engine in nodes.engines if engine.running] == processes


def test_an_engine_database_that_does_not_answer_is_503_in_time(nodes: Nodes) -> None:
    (client, _) = nodes.guest("pam")
    nodes.server.pause()
    try:
        refused(client.engine, lambda _: client.view())
    finally:
        nodes.server.resume()
    nodes.wait_until(ready=True)
    assert client.view().status == 200


def test_commands_work_on_it(nodes: Nodes) -> None:
    migrated, events = nodes.shop.run("store", "migrate"), nodes.shop.run("audit", "list")
    assert isinstance(migrated, dict)
    assert set(migrated) == {"session", "engine", "application"}
    assert events
    metrics = nodes.engines[0].get("/metrics", admin=True)
    assert b"sojourn_engine_database_delay_seconds 0.0" in metrics.body
