"""A real engine on SQLite behind the real application, driven in this process."""

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
from sojourn.http.application import Application
from sojourn.identity.password import Cost, PasswordHasher
from tests.http.wire_client import Client
from tests.read_once import pipelines_once

PASSWORD = "seven quiet otters at dawn"
GOOD = {"userName": "ana", "password": PASSWORD}
REALMS = {
    "acme": {},
    "web": {"sessionTrackingEnabled": True},
    "shop": {"sessionTrackingEnabled": True},
    "desk": {"environmentType": "stateful", "sessionTrackingEnabled": False},
    "kiosk": {"environmentType": "stateful", "sessionTrackingEnabled": False, "sidInQuery": True},
    "embedded": {"sessionTrackingEnabled": True, "crossSiteClients": True},
    "hosted": {"hosts": ["hosted.example"]},
    "keys": {"apiKeyInQuery": True},
    "till": {"environmentType": "stateful"},
    "portal": {"environmentType": "stateful", "crossSiteClients": True},
    "known": {"sessionTrackingEnabled": True, "clientTrackingEnabled": True},
    "fresh": {"refreshLifetime": 86_400_000},
    "tracked": {"refreshLifetime": 86_400_000, "sessionTrackingEnabled": True},
    "device": {"refreshLifetime": 86_400_000, "clientTrackingEnabled": True},
    "two": {"sessionTrackingEnabled": True, "maxSessionsPerUser": 2},
}


@pytest.fixture(scope="session")
def made_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with its keys and the accounts ana and ben; made once."""
    folder = tmp_path_factory.mktemp("made") / "project"
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
    async with Engine.open(project, hasher=_cheap()) as engine:
        for name in ("ana", "ben"):
            await engine.rules.users.add("main", name, PASSWORD)


def _cheap() -> PasswordHasher:
    return PasswordHasher(Cost(memory=8, passes=1), workers=1)


@pytest.fixture
def pipelines() -> Path | None:
    """The folder of the project's pipelines; modules that need none override it, reading them takes time."""
    return Path(__file__).parent / "pipelines"


@pytest.fixture
def folder(made_project: Path, tmp_path: Path, pipelines: Path | None) -> Path:
    """A project of this test's own."""
    shutil.copytree(made_project.parent, tmp_path, dirs_exist_ok=True)
    project = tmp_path / made_project.name
    if pipelines is not None:
        shutil.copytree(pipelines, project / "pipelines")
    return project


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def engine(folder: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    """An open engine."""
    monkeypatch.setattr("sojourn.bootstrap.engine.load_pipelines", pipelines_once)
    async with Engine.open(load_project(folder, {}), clock=clock, hasher=_cheap()) as opened:
        yield opened


@pytest.fixture
def app(engine: Engine) -> Application:
    return engine.application()


@pytest.fixture
def client(app: Application) -> Client:
    return Client(app)


@pytest.fixture
async def key(engine: Engine) -> tuple[str, str]:
    """The header of an API key that opens every pipeline of acme."""
    made = await engine.rules.api_keys.add("web", engine.realm("acme"))
    return ("apikey", made.text)


@pytest.fixture
async def token(client: Client) -> tuple[str, str]:
    """The header of ana's token in acme."""
    return await bearer(client, "ana")


async def bearer(client: Client, name: str, realm: str = "acme") -> tuple[str, str]:
    """The header of a fresh token of ``name``."""
    answer = await client.post(f"/realms/{realm}/login", value={"userName": name, "password": PASSWORD})
    assert answer.status == 200, answer
    return ("authorization", f"Bearer {answer.json()['token']}")
