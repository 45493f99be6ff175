"""kill -9 of the real engine: what it acknowledged is there, what it ended stays ended."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException

import pytest

from tests.e2e.conftest import Client, Shop, login
from tests.e2e.process import EngineProcess, running
from tests.patience import HANGS

WRITERS = 8


def write_until_killed(client: Client, acknowledged: list[int], number: int) -> None:
    """Counts up in a cart of its own; remembers the last number that the engine acknowledged."""
    count = 0
    try:
        while client.add(f"W{number}", count).status == 200:
            acknowledged[number] = count
            count += 1
    except (OSError, HTTPException):
        pass


def kill_under_load(shop: Shop, engine: EngineProcess, after: float) -> tuple[list[Client], list[int], Client]:
    """Kill the engine after a moment of writing; gives the writers, what they were told, and a client that logged out."""
    clients = [login(shop, engine) for _ in range(WRITERS)]
    gone = login(shop, engine)
    acknowledged = [-1] * WRITERS
    killer = threading.Timer(after, engine.kill)
    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write_until_killed, c, acknowledged, n) for n, c in enumerate(clients)]
        assert gone.logout().status == 200
        until = time.monotonic() + HANGS
        while max(acknowledged) < 1:  # the moment begins when they write
            assert time.monotonic() < until
            time.sleep(0.01)
        killer.start()
        for writer in writers:
            writer.result()
    killer.join()
    return clients, acknowledged, gone


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 8))])
def test_every_acknowledged_put_is_there_after_kill_9_and_no_logout_comes_back(shop: Shop, seed: int) -> None:
    engine = shop.engine()
    with running(engine):
        clients, acknowledged, gone = kill_under_load(shop, engine, random.Random(seed).uniform(0.05, 0.6))
    assert max(acknowledged) > 0
    with running(engine):
        for client, last in zip(clients, acknowledged, strict=True):
            answer = client.view()
            assert answer.status == 200
            assert answer.json()["cart"].get("qty", -1) >= last
        assert gone.view().json()["reason"] == "logout"


def test_a_terminated_engine_drains_and_exits_with_zero(shop: Shop) -> None:
    engine = shop.engine()
    with running(engine):
        client = login(shop, engine)
        client.add("A1")
        assert engine.terminate() == 0
    with running(engine):
        assert client.view().json()["cart"]["sku"] == "A1"


def test_a_session_store_put_back_from_a_copy_does_not_bring_a_logout_back(shop: Shop) -> None:
    engine = shop.engine()
    with running(engine):
        client = login(shop, engine)
        client.add("A1")
        engine.terminate()
    state = shop.folder / "var" / "state.db"
    copy = state.read_bytes()
    with running(engine):
        assert client.logout().status == 200
        engine.terminate()
    for leftover in ("state.db-wal", "state.db-shm"):
        (state.parent / leftover).unlink(missing_ok=True)
    state.write_bytes(copy)
    with running(engine):
        assert client.view().json()["reason"] == "logout"
