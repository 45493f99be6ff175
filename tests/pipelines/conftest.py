"""A real engine on SQLite with two accounts, and the gate to its pipelines."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.core.clock import ManualClock
from sojourn.identity.password import Cost, PasswordHasher
from tests.pipelines.flows import generate, make, plan, step
from tests.pipelines.gate import PASSWORD, Gate


@pytest.fixture(scope="session")
def made_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with its keys and two accounts; made once."""
    folder = tmp_path_factory.mktemp("made") / "project"
    folder.mkdir()
    (folder / "sojourn.toml").write_text('[keys]\nmasterKeyFile = "../master.key"\n')
    for name in ("acme", "beta"):
        (folder / "realms" / name).mkdir(parents=True)
        (folder / "realms" / name / "realm.json").write_text(json.dumps({}))
    (folder / "realms" / "acme" / "globals.json").write_text(json.dumps({"shop": "Corner"}))
    asyncio.run(_make(folder))
    return folder


async def _make(folder: Path) -> None:
    project = load_project(folder, {})
    await install(project.settings)
    async with Engine.open(project, hasher=_cheap()) as engine:
        for name in ("ana", "ben"):
            await engine.rules.users.add("main", name, PASSWORD)
            await engine.rules.grants.grant(name, "cart.read")
            await engine.rules.grants.grant(name, "cart.write")


def _cheap() -> PasswordHasher:
    return PasswordHasher(Cost(memory=8, passes=1), workers=1)


@pytest.fixture
def folder(made_project: Path, tmp_path: Path) -> Path:
    """A project of this test's own."""
    shutil.copytree(made_project.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / made_project.name


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def engine(folder: Path, clock: ManualClock) -> AsyncIterator[Engine]:
    async with Engine.open(load_project(folder, {}), clock=clock, hasher=_cheap()) as opened:
        yield opened


@pytest.fixture
def gate(engine: Engine) -> Gate:
    return Gate(engine)


@pytest.fixture
async def token(gate: Gate) -> str:
    """A token of the account ana."""
    return await account_token(gate, "ana")


@pytest.fixture
async def other(gate: Gate) -> str:
    """A token of the account ben."""
    return await account_token(gate, "ben")


async def account_token(gate: Gate, name: str) -> str:
    gate.deploy(plan(step("login"), generate(), name="login"))
    return (await gate.call("login", {"userName": name, "password": PASSWORD})).token


@pytest.fixture
async def external(gate: Gate) -> str:
    """A token of the external principal u-7."""
    gate.deploy(plan(make({"sub": "u-7", "plan": "gold"}), generate(), name="partner", grants=["A", "B"]))
    return (await gate.call("partner")).token
