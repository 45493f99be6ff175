"""The files of a project with the realms acme and beta, without any runtime."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.engine.files.deploying import Write
from sojourn.engine.security.actors import HOST
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model.file_path import parse_path
from sojourn.model.realm import Realm
from sojourn.scripting.files import Sources
from sojourn.scripting.modules import Modules

PASSWORD = "seven quiet otters at dawn"

Put = Callable[..., Awaitable[int]]


@pytest.fixture(scope="session")
def made_files_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose ``scripts`` is laid over ``more``; made once."""
    folder = tmp_path_factory.mktemp("made") / "project"
    for name in ("realms/acme", "realms/beta", "scripts", "more"):
        (folder / name).mkdir(parents=True)
    settings = '[keys]\nmasterKeyFile = "../master.key"\n[scripts]\nroots = ["scripts", "more", "absent"]\n'
    (folder / "sojourn.toml").write_text(settings)
    for realm in ("acme", "beta"):
        (folder / "realms" / realm / "realm.json").write_text("{}")
    asyncio.run(_make(folder))
    return folder


async def _make(folder: Path) -> None:
    project = load_project(folder, {})
    await install(project.settings)
    async with Engine.open(project, hasher=_cheap(), recover=False) as engine:
        for name in ("ana", "ben"):
            await engine.rules.users.add("main", name, PASSWORD)


def _cheap() -> PasswordHasher:
    return PasswordHasher(Cost(memory=8, passes=1), workers=1)


@pytest.fixture
def folder(made_files_project: Path, tmp_path: Path) -> Path:
    """A project of this test's own."""
    shutil.copytree(made_files_project.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / made_files_project.name


@pytest.fixture
async def engine(folder: Path) -> AsyncIterator[Engine]:
    async with Engine.open(load_project(folder, {}), hasher=_cheap(), recover=False) as engine:
        yield engine


@pytest.fixture
def put(engine: Engine) -> Put:
    """Writes a file of ``vfs:`` as the host does: ``await put("/acme/x.js", "1")`` -> its key."""

    async def write(path: str, text: str = "1", mime: str = "") -> int:
        wanted = Write(parse_path(path, "vfs"), text.encode(), mime)
        return (await engine.rules.files.deploying.write([wanted], HOST))[0].key

    return write


@pytest.fixture
def scripts(folder: Path) -> Path:
    """The first root."""
    return folder / "scripts"


@pytest.fixture
def acme(engine: Engine) -> Realm:
    return engine.realm("acme")


@pytest.fixture
def beta(engine: Engine) -> Realm:
    return engine.realm("beta")


@pytest.fixture
def sources(engine: Engine) -> Sources:
    return Sources(engine.rules.files)


@pytest.fixture
def modules(sources: Sources) -> Modules:
    return Modules(sources)
