"""How the engine is run: several processes, changed files, signals, wrong addresses."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e.conftest import Client, Shop, login
from tests.e2e.process import EngineProcess, running, sojourn
from tests.patience import HANGS


def eventually(holds: Callable[[], bool]) -> None:
    """Wait for a fact that comes true by itself; fails when it does not."""
    deadline = time.monotonic() + HANGS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def children(engine: EngineProcess) -> set[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(engine.pid)], capture_output=True, text=True, check=False
    )
    return {int(pid) for pid in listed.stdout.split()}


def test_two_workers_share_every_session(shop: Shop) -> None:
    engine = shop.engine("--workers", "2")
    with running(engine):
        eventually(lambda: len(children(engine)) == 2)
        clients = [login(shop, engine) for _ in range(4)]
        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda n: clients[n % 4].add(f"W{n}").status, range(80)))
        assert done == [200] * 80
        assert all(client.view().json()["cart"]["sku"].startswith("W") for client in clients)
        assert clients[0].logout().status == 200
        assert [clients[0].view().status for _ in range(20)] == [401] * 20
        assert engine.terminate() == 0
    assert "Traceback" not in engine.log.read_text()


def test_a_worker_that_dies_is_started_again(shop: Shop) -> None:
    engine = shop.engine("--workers", "2")
    with running(engine):
        eventually(lambda: len(children(engine)) == 2)
        before = children(engine)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: len(children(engine) - {victim}) == 2)
        client = login(shop, engine)
        assert client.add("A1").status == 200
        assert engine.terminate() == 0


def test_several_workers_with_a_stateful_realm_are_refused_with_the_reason(shop: Shop) -> None:
    (shop.folder / "realms" / "acme" / "zz.json").write_text('{"environmentType": "stateful"}')
    done = sojourn(shop.home, "serve", str(shop.folder), "--workers", "2")
    assert done.returncode == 1
    assert "stateful" in done.stderr


def test_an_address_that_is_taken_is_said_in_one_line(shop: Shop, engine: EngineProcess) -> None:
    done = sojourn(shop.home, "serve", str(shop.folder), "--port", str(engine.port))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"cannot listen on 127.0.0.1:{engine.port}" in done.stderr


HELLO = """\
pipeline: hello
version: "1.0"
realm: acme
trigger: {{type: rest, methods: [GET]}}
flow:
  - {{step: reply, component: json-generator, params: {{json: {{hello: "{name}"}}}}}}
"""


def hello(engine: EngineProcess) -> object:
    answer = engine.get("/pipeline/acme/v1/hello")
    return answer.json().get("hello")


def test_changed_files_are_read_again_and_bad_ones_leave_the_last_good_version(shop: Shop) -> None:
    file = Path(shop.folder) / "pipelines" / "hello.yaml"
    file.write_text(HELLO.format(name="one"))
    engine = shop.engine("--reload")
    with running(engine):
        client = login(shop, engine)
        assert hello(engine) == "one"
        file.write_text(HELLO.format(name="two"))
        eventually(lambda: hello(engine) == "two")
        file.write_text("pipeline: hello\nnothing: here\n")
        eventually(lambda: engine.get("/health/ready", admin=True).json()["project"] != [])
        stale = engine.get("/health/ready", admin=True).json()["project"]
        assert stale[0].startswith("pipelines/hello.yaml:")
        assert hello(engine) == "two"
        file.write_text(HELLO.format(name="three"))
        eventually(lambda: hello(engine) == "three")
        assert engine.get("/health/ready", admin=True).json()["project"] == []
        assert client.view().status == 200


def test_the_admin_listener_has_metrics_and_the_application_listener_has_not(
    engine: EngineProcess, ana: Client
) -> None:
    ana.view()
    text = engine.get("/metrics", admin=True).body.decode()
    assert "sojourn_http_requests_total" in text
    for path in ("/metrics", "/api/v1/sessions", "/api/openapi.json", "/console"):
        assert engine.get(path).status == 404
