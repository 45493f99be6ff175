"""The tutorial "Your first stateful script", word for word: its files, its commands, what it says they print."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.process import EngineProcess, environment, running

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "first-script.md"
FILE = re.compile(r"`desk/([\w./]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CALLS = re.compile(
    r"^```sh\n([^\n]*(?:ask |ask\(\))[^`]*?)^```$(?:\n\n^```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL
)


def sojourn(engine: EngineProcess, *arguments: str, typed: str = "") -> None:
    command = [engine.arguments[0], "-m", "sojourn", *arguments]
    done = subprocess.run(
        command, input=typed, env=engine.environment, cwd=engine.home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tutorial calls curl")
def test_the_tutorial_of_scripts_works_as_it_is_written(tmp_path: Path) -> None:
    text = PAGE.read_text()
    engine = EngineProcess(tmp_path / "desk", tmp_path)
    sojourn(engine, "init", "desk")
    sojourn(engine, "users", "add", "ana", "--project", "desk", "--password-stdin", typed="four plain words of ours")
    files = FILE.findall(text)
    assert len(files) == 5
    for name, content in files:
        (tmp_path / "desk" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "desk" / name).write_text(content)
    sojourn(engine, "check", "desk")
    calls = CALLS.findall(text)
    assert len(calls) == 3
    script = "".join(commands for commands, _ in calls).replace(":8420", f":{engine.port}")
    with running(engine):
        done = subprocess.run(
            ["sh", "-c", script], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False
        )
    assert (done.stdout, done.stderr) == ("".join(printed for _, printed in calls), "")
