"""The blocks of the page about limits, each run with the realm or the settings that stand before it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.config.scaffold import write_project
from tests.docs.test_pages import blocks

PAGE = "docs/howto/limit-sessions.md"
SAID = ["2 sessions live\nTrue\n", "45 minutes\nat most 60\n", "['A1', 'B2']\n{'orders': 1}\n"]


async def prepare(folder: Path, realm: str) -> None:
    write_project(folder)
    (folder / "realms" / "main" / "realm.json").write_text(realm)
    project = load_project(folder, os.environ)
    assert [str(note) for note in project.notes] == []
    await install(project.settings)
    async with Engine.open(project) as engine:
        await engine.rules.users.add("main", "ana", "her password", min_length=8)


@pytest.mark.parametrize(("number", "said"), list(enumerate(SAID)))
def test_the_python_of_the_page_runs_in_the_realm_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    asyncio.run(prepare(tmp_path / "shop", blocks(PAGE, "json")[number]))
    code = blocks(PAGE, "python")[number]
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, said), done.stderr


def test_the_settings_of_the_page_are_settings(tmp_path: Path) -> None:
    write_project(tmp_path / "shop")
    (text,) = blocks(PAGE, "toml")
    (tmp_path / "shop" / "sojourn.toml").write_text(text)
    sessions = load_project(tmp_path / "shop", {}).settings.sessions
    assert (sessions.max_stateless, sessions.anonymous_share, sessions.anonymous_per_address) == (200_000, 10, 50)
