"""Scripts in a served engine: what the end of the engine leaves behind, and several processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.process import EngineProcess, running, sojourn
from tests.e2e.test_serving import children, eventually

SCRIPTS = {
    "hello": "`hello from ${session.realm}`",
    "long": "for (;;) {}",
    "count": "globalThis.count = (globalThis.count ?? 0) + 1",
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with three routes to scripts."""
    home = tmp_path_factory.mktemp("office")
    folder = home / "project"
    assert sojourn(home, "init", str(folder), "--json").returncode == 0
    (folder / "realms" / "open").mkdir(parents=True)
    (folder / "realms" / "open" / "realm.json").write_text('{"scriptCpu": 60000}')
    for part in ("routes", "scripts"):
        (folder / part).mkdir(exist_ok=True)
    for name, code in SCRIPTS.items():
        (folder / "scripts" / f"{name}.js").write_text(code)
    routes = [{"path": f"/{name}", "method": ["GET"], "realm": "open", "script": f"ufs:/{name}.js"} for name in SCRIPTS]
    (folder / "routes" / "office.yaml").write_text(json.dumps({"routes": routes}))
    return home


def test_an_end_in_haste_breaks_off_what_runs_and_leaves_no_process(office: Path) -> None:
    engine = EngineProcess(office / "project", office)
    with running(engine), ThreadPoolExecutor(1) as threads:
        assert engine.get("/hello").body == b"hello from open"
        answer = threads.submit(engine.get, "/long")
        eventually(lambda: b'state="running"} 1.0' in engine.get("/metrics", admin=True).body)
        family = descendants(engine.pid)
        assert len(family) >= 2
        os.kill(engine.pid, signal.SIGTERM)
        eventually(lambda: "draining" in engine.log.read_text())
        assert engine.terminate() == 0
        assert answer.exception() is not None or answer.result().status == 503
        eventually(lambda: not any(map(alive, family)))
    assert "Traceback" not in engine.log.read_text()


def test_an_engine_that_was_killed_leaves_no_process(office: Path) -> None:
    engine = EngineProcess(office / "project", office)
    with running(engine), ThreadPoolExecutor(1) as threads:
        answer = threads.submit(engine.get, "/long")
        eventually(lambda: b'state="running"} 1.0' in engine.get("/metrics", admin=True).body)
        family = descendants(engine.pid)
        engine.kill()
        assert isinstance(answer.exception(), OSError)
        eventually(lambda: not any(map(alive, family)))


def test_several_processes_execute_scripts_of_stateless_realms(office: Path) -> None:
    engine = EngineProcess(office / "project", office, "serve", "--workers", "2")
    with running(engine):
        eventually(lambda: len(children(engine)) == 2)
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda _: engine.get("/count"), range(24)))
        assert {(answer.status, answer.body) for answer in answers} == {(200, b"1")}
        assert engine.terminate() == 0
    assert "Traceback" not in engine.log.read_text()


def descendants(pid: int) -> set[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found, fresh = set[int](), {pid}
    while fresh:
        fresh = {child for child, parent in pairs if parent in fresh}
        found |= fresh
    return found


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
