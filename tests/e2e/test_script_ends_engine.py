"""``engine.exit`` and ``engine.restart`` in a served engine: with one process and with several, and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.process import EngineProcess, running, sojourn
from tests.e2e.test_serving import eventually
from tests.patience import HANGS

SCRIPTS = {
    "who": "`${engine.instanceId} ${engine.startTime.getTime()}`",
    "exit": "engine.exit(7); 'leaving'",
    "restart": "engine.restart(); 'coming back'",
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A project whose administrator may end the engine, and what shows that it is the administrator who asks."""
    home = tmp_path_factory.mktemp("ending")
    folder = home / "project"
    made = json.loads(sojourn(home, "init", str(folder), "--json").stdout)
    (folder / "realms" / "ops").mkdir(parents=True)
    (folder / "realms" / "ops" / "realm.json").write_text("{}")
    for part in ("routes", "scripts"):
        (folder / part).mkdir(exist_ok=True)
    for name, code in SCRIPTS.items():
        (folder / "scripts" / f"{name}.js").write_text(code)
    routes = [
        {"path": f"/{name}", "method": ["GET", "POST"], "script": f"ufs:/{name}.js", "requiresAuth": name != "who"}
        for name in SCRIPTS
    ]
    (folder / "routes" / "ops.yaml").write_text(json.dumps({"realm": "ops", "routes": routes}))
    granted = sojourn(home, "scopes", "grant", "admin", "engine.shutdown", "--realm", "ops", "--project", str(folder))
    assert granted.returncode == 0, granted.stderr
    return home, {"userName": made["admin"], "password": made["password"]}


def asked(engine: EngineProcess, login: dict[str, str], path: str) -> str:
    """What the script at ``path`` answers the administrator."""
    token = engine.post("/realms/ops/login", login).json()["token"]
    answer = engine.request("POST", path, {}, {"authorization": f"Bearer {token}"})
    assert answer.status == 200, answer
    return answer.body.decode()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_script_starts_the_engine_anew_in_the_same_process_and_ends_it_with_a_code(
    office: tuple[Path, dict[str, str]], workers: str
) -> None:
    home, login = office
    engine = EngineProcess(home / "project", home, "serve", "--workers", workers)
    with running(engine):
        before, pid = engine.get("/who").body, engine.pid
        assert asked(engine, login, "/restart") == "coming back"
        eventually(lambda: "starting anew" in engine.log.read_text())
        engine.wait_until_ready()
        assert engine.get("/who").body.split()[0] != before.split()[0]
        assert (engine.pid, engine.running) == (pid, True)
        assert asked(engine, login, "/exit") == "leaving"
        assert engine.ended() == 7
    assert "Traceback" not in engine.log.read_text()
    engine.log.unlink()


def test_on_the_command_line_there_is_no_server_to_end(office: tuple[Path, dict[str, str]]) -> None:
    home, _ = office
    done = sojourn(
        home, "scripts", "run", "ufs:/exit.js", "--realm", "ops", "--user", "admin", "--project", str(home / "project"),
        timeout=HANGS,
    )  # fmt: skip
    assert done.returncode == 1
    assert "NotServing" in done.stderr
