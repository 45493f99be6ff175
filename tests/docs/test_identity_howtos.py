"""The commands of the pages about accounts, tokens, keys and the audit log do what the pages say."""

from __future__ import annotations

import asyncio
import os
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sojourn.bootstrap import Engine, install
from sojourn.cli.app import app
from sojourn.config.project import load_project
from sojourn.config.scaffold import write_project
from tests.contrib.conftest import cheap
from tests.docs.test_pages import blocks

PASSWORD = "seven quiet otters at dawn"
HOWTO = "docs/howto"


async def _prepare(folder: Path) -> None:
    write_project(folder)
    (folder / "realms" / "acme").mkdir()
    (folder / "realms" / "acme" / "realm.json").write_text("{}")
    project = load_project(folder, os.environ)
    await install(project.settings)
    async with Engine.open(project, recover=False, hasher=cheap()) as engine:
        for name in ("ana", "ola"):
            await engine.rules.users.add("main", name, PASSWORD)
        await engine.rules.grants.grant("ana", "cart.read", engine.realm("acme").id)
        await engine.login("acme", "ana", PASSWORD)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    asyncio.run(_prepare(tmp_path / "shop"))
    return tmp_path / "shop"


def commands(page: str) -> list[list[str]]:
    """The calls of ``sojourn`` in the shell blocks of a page, in order."""
    lines = "\n".join(blocks(f"{HOWTO}/{page}.md", "sh")).splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("sojourn ")]


def run(command: list[str], **names: str) -> str:
    """The output of one command that succeeds, on the project where it names none."""
    words = [names.get(word, word) for word in command]
    if "--project" not in words:
        words += ["--project", "shop"]
    if words[:2] == ["users", "add"]:
        words.append("--password-stdin")
    done = CliRunner().invoke(app, words, input=f"{PASSWORD}\n")
    assert done.exit_code == 0, (words, done.output)
    return done.output


@pytest.mark.usefixtures("shop")
def test_manage_users() -> None:
    listed = commands("manage-users")
    assert len(listed) > 12
    # The page tells of everything that can be done to eve; here she is not deleted before the rest was done.
    (delete,) = [command for command in listed if command[:2] == ["users", "delete"]]
    said = {" ".join(command): run(command) for command in listed if command != delete}
    assert "signatureValid" in said["users show eve"]
    assert "cart.write" not in said["scopes list eve"]
    assert run(delete)


@pytest.mark.usefixtures("shop")
def test_delegate_and_respond() -> None:
    (issue,) = commands("delegate-to-a-job")
    assert run(issue).startswith("sjt_")
    shown = run(["tokens", "list", "--user", "ana"])
    assert "nightly report" in shown
    assert run(["tokens", "revoke", "1"])
    ended = run(["sessions", "end", "--user", "ana"])
    assert ended.startswith("1 session")


@pytest.mark.usefixtures("shop")
def test_rotate_keys() -> None:
    listed = commands("rotate-keys")
    assert [command[:2] for command in listed] == [
        ["keys", "list"],
        ["keys", "rotate"],
        ["keys", "revoke"],
        ["keys", "rekey"],
    ]
    kid = run(listed[0]).splitlines()[1].split()[0]
    assert "is published and signs at" in run(listed[1])
    assert f"key {kid} revoked" in run(listed[2], KID=kid)
    assert "the old key is kept" in run(listed[3])


@pytest.mark.usefixtures("shop")
def test_the_audit_log() -> None:
    listed = commands("audit")
    said = [run(command, ID="A" * 43) for command in listed]
    assert "USER_CHANGE" in said[0]
    assert "ana" in said[0]
    assert "events written to events.jsonl" in "".join(said)
    assert Path("events.jsonl").stat().st_mode & 0o077 == 0
    assert "ana" not in run(["audit", "list"])
