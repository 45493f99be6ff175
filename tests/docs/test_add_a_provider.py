"""The page on identity providers: its file is a project's file without a problem, its commands are commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sojourn.cli.app import app
from sojourn.config.project import load_project

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "add-a-provider.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_file_of_the_page_has_no_problem(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    for folder in ("providers", "realms/acme"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "sojourn.toml").write_text("")
    (tmp_path / "realms" / "acme" / "realm.json").write_text('{"sessionTrackingEnabled": true}')
    (tmp_path / "providers" / "corp.yaml").write_text(text)
    project = load_project(tmp_path, {})
    assert project.notes == ()
    config = project.providers["corp"].config
    assert (config.issuer, config.realms, config.title) == ("https://login.corp.example", ("acme",), "Corp account")


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines()])
def test_the_commands_of_the_page_are_commands(line: str) -> None:
    words = line.partition("#")[0].split()
    assert words[0] == "sojourn"
    assert CliRunner().invoke(app, [*words[1:3], "--help"]).exit_code == 0
