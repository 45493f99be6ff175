"""The files of a project with the realms acme and beta, without any runtime."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model.realm import Realm
from sojourn.scripting.files import Sources
from sojourn.scripting.modules import Modules


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project; ``scripts`` is laid over ``more``."""
    project = tmp_path / "project"
    for name in ("realms/acme", "realms/beta", "scripts", "more"):
        (project / name).mkdir(parents=True)
    settings = '[keys]\nmasterKeyFile = "../master.key"\n[scripts]\nroots = ["scripts", "more", "absent"]\n'
    (project / "sojourn.toml").write_text(settings)
    for realm in ("acme", "beta"):
        (project / "realms" / realm / "realm.json").write_text("{}")
    return project


@pytest.fixture
async def engine(folder: Path) -> AsyncIterator[Engine]:
    project = load_project(folder, {})
    await install(project.settings)
    async with Engine.open(
        project, hasher=PasswordHasher(Cost(memory=8, passes=1), workers=1), recover=False
    ) as engine:
        yield engine


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
