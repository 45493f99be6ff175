from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sojourn.cli.app import app
from tests.cli.conftest import Line


def test_init_prints_the_administrator_once_and_the_project_is_fine(tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    done = CliRunner().invoke(app, ["init", str(folder), "--json"])
    made = json.loads(done.stdout)
    assert set(made) == {"project", "admin", "password"}
    assert CliRunner().invoke(app, ["check", str(folder)]).exit_code == 0
    on_disk = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert made["password"].encode() not in on_disk


def test_the_master_key_lies_outside_of_the_project_for_its_owner_only(line: Line, tmp_path: Path) -> None:
    keys = list((tmp_path / "home").rglob("*.key"))
    assert len(keys) == 1
    assert stat.S_IMODE(keys[0].stat().st_mode) == 0o600
    assert not list(line.project.rglob("*.key"))
    assert stat.S_IMODE((line.project / "var").stat().st_mode) == 0o700


def test_without_its_master_key_the_engine_refuses_to_open(line: Line, tmp_path: Path) -> None:
    next((tmp_path / "home").rglob("*.key")).unlink()
    done = line.run("users", "list", "--json")
    assert (done.exit_code, json.loads(done.stdout)["code"]) == (1, "keys.master_missing")


def test_init_leaves_a_folder_alone_that_has_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert done.exit_code == 1
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert not (tmp_path / "sojourn.toml").exists()


def test_check_names_every_problem_of_settings_realms_and_pipelines(line: Line) -> None:
    (line.project / "pipelines" / "bad.yaml").write_text(
        "pipeline: bad\nversion: '1.0'\nrealm: acme\ntrigger: {type: rest, methods: [GET]}\nflow:\n"
        "  - step: g\n    component: session-management\n    params: {operation: PUT, sessionType: GLOBAL, fields: [a]}\n"
    )
    found = CliRunner().invoke(app, ["check", str(line.project), "--json"])
    assert found.exit_code == 1
    problems = json.loads(found.stdout)["problems"]
    errors = [problem for problem in problems if problem["severity"] == "error"]
    assert [(error["file"], error["line"]) for error in errors] == [("pipelines/bad.yaml", 6)]
    (line.project / "realms" / "acme" / "zz.json").write_text('{"sessionIdel": 1}')
    lines = CliRunner().invoke(app, ["check", str(line.project)]).stdout.splitlines()
    assert "realms/acme/zz.json:1: unknown key 'sessionIdel', did you mean 'sessionIdle'?" in lines


@pytest.mark.parametrize("command", [["users", "list"], ["sessions", "list"], ["pipelines", "list"]])
def test_a_broken_project_is_refused_by_every_command_with_file_and_line(line: Line, command: list[str]) -> None:
    (line.project / "sojourn.toml").write_text("[server]\nprot = 1\n")
    done = line.run(*command)
    assert done.exit_code == 1
    assert "sojourn.toml:2: server: unknown key 'prot', did you mean 'port'?" in done.stderr


def test_check_tells_of_a_realm_whose_runtime_is_not_installed(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    (line.project / "realms" / "fast").mkdir()
    (line.project / "realms" / "fast" / "realm.json").write_text('{"runtime": "v8"}')
    monkeypatch.setitem(sys.modules, "deno", None)
    (found,) = line.json("check")["problems"]
    assert (found["file"], found["severity"]) == ("realms/fast", "warning")
    assert "pip install 'sojourn[v8]'" in found["message"]
