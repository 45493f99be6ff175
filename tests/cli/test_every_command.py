"""What holds for each command alike."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sojourn.cli.app import app
from tests.cli.conftest import Line

#: Each command with arguments that it takes.
COMMANDS = {
    "users add": ["eve"],
    "users list": [],
    "users show": ["admin"],
    "users lock": ["admin"],
    "users unlock": ["admin"],
    "users disable": ["admin"],
    "users enable": ["admin"],
    "users passwd": ["admin"],
    "users delete": ["admin"],
    "users email": ["admin", "admin@example.org"],
    "users reset": ["admin"],
    "users type": ["admin", "support"],
    "users sign": ["admin"],
    "groups add": ["staff"],
    "groups list": [],
    "groups show": ["everyone"],
    "groups join": ["everyone", "admin"],
    "groups leave": ["everyone", "admin"],
    "scopes grant": ["admin", "cart.read"],
    "scopes revoke": ["admin", "cart.read"],
    "scopes list": [],
    "apikeys add": ["web", "--realm", "acme"],
    "apikeys list": [],
    "keys list": [],
    "keys rotate": ["--realm", "acme"],
    "keys rekey": [],
    "tokens issue": ["--user", "admin", "--realm", "acme", "--scope", ""],
    "tokens list": [],
    "providers list": [],
    "providers identities": ["admin"],
    "sessions list": [],
    "sessions end": ["--user", "admin"],
    "sessions stats": [],
    "sessions drops": [],
    "sessions cleanup": [],
    "audit list": [],
    "audit export": [os.devnull],
    "audit erase": ["--user", "nobody"],
    "changes list": [],
    "changes verify": [],
    "changes accept": ["--reason", "restored"],
    "changes erase": ["--word", "ana"],
    "changes export": [os.devnull],
    "scripts list": [],
    "scripts show": ["/shared/x.js"],
    "scripts push": [__file__, "/shared/x.js"],
    "scripts pull": ["/shared/x.js", "pulled"],
    "scripts move": ["/shared/x.js", "/shared/y.js"],
    "scripts delete": ["/shared/x.js"],
    "scripts versions": ["/shared/x.js"],
    "scripts restore": ["1", "1"],
    "scripts check": [],
    "data query": ["SELECT 1 AS one"],
    "data tables": [],
    "data define": ["CREATE TABLE made (key INTEGER PRIMARY KEY)"],
    "store check": [],
    "store migrate": [],
    "pipelines list": [],
    "pipelines test": ["login.yaml"],
}
PASSWORD = "four plain words of ours"
NOTHING_THERE = {f"scripts {act}" for act in ("show", "pull", "move", "delete", "versions", "restore")}
FAILS = {"pipelines test", "users reset", *NOTHING_THERE}


def _typed(command: str) -> list[str]:
    extra = ["--password-stdin"] if command in {"users add", "users passwd"} else []
    return [*command.split(), *COMMANDS[command], *extra]


@pytest.mark.parametrize(
    "command",
    [
        *COMMANDS,
        "init",
        "check",
        "serve",
        "demo",
        "attest",
        "pipelines components",
        "scripts run",
        "scripts debug",
        "changes show",
        "data roles",
        "sessions why",
        "sessions drop",
        "keys revoke",
        "tokens revoke",
        "providers show",
        "providers enable",
        "providers disable",
        "providers test",
        "providers secret",
        "providers link",
        "providers unlink",
    ],
)
def test_it_explains_itself(command: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), "--help"])
    assert done.exit_code == 0
    assert "Usage:" in done.output


@pytest.mark.parametrize("command", COMMANDS)
def test_with_json_standard_output_is_one_document(line: Line, command: str) -> None:
    done = line.run(*_typed(command), "--json", stdin=PASSWORD)
    assert done.exit_code == (1 if command in FAILS else 0), done.output
    json.loads(done.stdout)
    assert PASSWORD not in done.output


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_that_does_not_exist_is_a_usage_error(line: Line, command: str) -> None:
    done = line.run(*_typed(command), "--nothing", stdin=PASSWORD)
    assert done.exit_code == 2
    assert done.stdout == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_is_no_project_is_named(tmp_path: Path, command: str) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = Line(empty).run(*_typed(command), "--json", stdin=PASSWORD)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["code"] == "config.invalid"
    assert "sojourn.toml:1:" in done.stderr
    assert list(empty.iterdir()) == []


def test_without_a_terminal_a_password_has_to_come_from_standard_input(line: Line) -> None:
    done = line.run("users", "add", "eve")
    assert done.exit_code == 2
    assert "--password-stdin" in done.stderr
