"""The commands of the page about files of scripts, one after the other on a fresh project."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sojourn.cli.app import app
from tests.docs.test_pages import blocks


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert CliRunner().invoke(app, ["init", str(tmp_path / "shop")]).exit_code == 0
    monkeypatch.chdir(tmp_path / "shop")
    Path("app").mkdir()
    Path("app/main.js").write_text("'hello'\n")
    said = []
    for line in "".join(blocks("docs/howto/deploy-scripts.md", "sh")).splitlines():
        done = CliRunner().invoke(app, line.split()[1:])
        assert done.exit_code == 0, (line, done.output)
        said.append(done.output)
    assert Path("copy/start.js").read_text() == "'hello'\n"
    assert "vfs:/shared/app/start.js" in said[8]
    assert said[10].count("DEPLOY") >= 4
