"""The tour of the page about operators, run by sh and curl against an engine that serves."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sojourn.admin.application import admin_application
from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.config.scaffold import write_project
from tests.docs.test_pages import ROOT, blocks
from tests.e2e.process import EngineProcess, environment, running
from tests.http.wire_client import Client
from tests.patience import HANGS

PAGE = "docs/howto/manage-sessions.md"


async def prepare(folder: Path) -> None:
    write_project(folder)
    project = load_project(folder, os.environ)
    await install(project.settings)
    async with Engine.open(project, recover=False) as engine:
        await engine.rules.users.add("main", "ana", "her password", min_length=8)
        assert await engine.login("main", "ana", "her password") is not None


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tour needs curl")
def test_the_tour_shows_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    asyncio.run(prepare(tmp_path / "shop"))
    with running(EngineProcess(tmp_path / "shop", tmp_path)) as engine:
        prelude = f'set -e\nsojourn() {{ "{sys.executable}" -m sojourn "$@"; }}\n'
        # Each answer on a line of its own.
        script = prelude + 'curl() { command curl "$@"; echo; }\n' + "\n".join(blocks(PAGE, "sh"))
        done = subprocess.run(
            ["sh", "-c", script.replace(":8421", f":{engine.admin_port}")],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=HANGS,
            env=environment(tmp_path),
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, ""), done
    me, listed, shown, counted, drop, drops, cancelled, ended, why, out = [
        json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")
    ]
    assert [place["realm"] for place in me["realms"]] == ["main"]
    (session,) = listed["sessions"]
    assert (session["user"]["name"], shown["session"]["id"]) == ("ana", session["id"])
    assert counted["total"] == 1
    assert (drop["reason"], drops["drops"]) == ("we close in three minutes", [drop])
    assert (cancelled, out) == ({"done": True}, {"done": True})
    assert (ended["end"]["reason"], ended["end"]["rule"], why["end"]) == ("dropped", "lost phone", ended["end"])


def test_the_metrics_of_the_page_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    named = set(re.findall(r"`(sojourn_\w+)", (ROOT / PAGE).read_text()))
    assert len(named) > 15

    async def told() -> str:
        await prepare(tmp_path / "shop")
        async with Engine.open(tmp_path / "shop") as engine:
            app = engine.application()
            admin = Client(
                admin_application(engine.rules, app, engine.changes), host="127.0.0.1:8421", server=("127.0.0.1", 8421)
            )
            return (await admin.get("/metrics")).body.decode()

    shown = set(re.findall(r"^# TYPE (\w+)", asyncio.run(told()), re.MULTILINE))
    # The client library leaves the suffix of counters out of their type line or not, by its version.
    assert {name.removesuffix("_total") for name in named} <= {name.removesuffix("_total") for name in shown}
