"""A project of a site, made once; each test has a copy."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.contrib.portal import Portal
from sojourn.core.clock import HOUR, MINUTE, ManualClock
from sojourn.identity.password import Cost, PasswordHasher
from tests.contrib import django_settings

__all__ = ["django_settings"]

PASSWORD = "seven quiet otters at dawn"
REALMS = {
    "main": {"sessionTrackingEnabled": True, "sessionIdle": 30 * MINUTE, "sessionLifetime": 8 * HOUR},
    "other": {"sessionTrackingEnabled": True},
    "plain": {},
    "common": {"sessionTrackingEnabled": True, "globalSession": "user"},
}


@pytest.fixture(scope="session")
def made_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "site"
    folder.mkdir()
    (folder / "sojourn.toml").write_text('[keys]\nmasterKeyFile = "../master.key"\n')
    for name, config in REALMS.items():
        (folder / "realms" / name).mkdir(parents=True)
        (folder / "realms" / name / "realm.json").write_text(json.dumps(config))
    asyncio.run(_make(folder))
    return folder


async def _make(folder: Path) -> None:
    project = load_project(folder, {})
    await install(project.settings)
    async with Engine.open(project, hasher=cheap()) as engine:
        await engine.rules.users.add("main", "ana", PASSWORD)


def cheap() -> PasswordHasher:
    return PasswordHasher(Cost(memory=8, passes=1), workers=1)


@pytest.fixture
def folder(made_site: Path, tmp_path: Path) -> Path:
    """A project folder of this test's own."""
    shutil.copytree(made_site.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / made_site.name


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def portal(folder: Path, clock: ManualClock) -> Iterator[Portal]:
    """A portal to an engine on SQLite whose clock stands still."""
    opened = Portal(lambda: Engine.open(load_project(folder, {}), clock=clock, hasher=cheap()))
    yield opened
    opened.close()
