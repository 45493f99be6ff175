"""The command line in this process, on a project of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import sojourn
from sojourn.cli.app import app
from tests.read_once import command_tree, pipelines_once

EXAMPLE = Path(sojourn.__file__).parent / "examples" / "shop"


class Line:
    """Runs commands on one project."""

    def __init__(self, project: Path) -> None:
        self.project = project

    def run(self, *arguments: str, stdin: str = "") -> Result:
        """A command as it is typed, with --project."""
        return CliRunner().invoke(app, [*arguments, "--project", str(self.project)], input=stdin)

    def json(self, *arguments: str, stdin: str = "") -> Any:
        """The JSON document of a command that must succeed; standard output is exactly that."""
        result = self.run(*arguments, "--json", stdin=stdin)
        assert result.exit_code == 0, result.output
        assert len(result.stdout.splitlines()) == 1
        return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who has nothing but this folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands read the same pipelines and make the same tree of themselves again and again."""
    monkeypatch.setattr("typer.testing._get_command", command_tree)
    monkeypatch.setattr("sojourn.bootstrap.engine.load_pipelines", pipelines_once)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a project as ``init`` makes it, the realms and pipelines of the shop in it; made once."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HOME", str(folder / "home"))
        environment.delenv("XDG_CONFIG_HOME", raising=False)
        done = CliRunner().invoke(app, ["init", str(folder / "project")])
    assert done.exit_code == 0, done.output
    for part in ("realms", "pipelines"):
        shutil.copytree(EXAMPLE / part, folder / "project" / part, dirs_exist_ok=True)
    return folder


@pytest.fixture
def line(made: Path, tmp_path: Path) -> Line:
    """A project of this test's own."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return Line(tmp_path / "project")
