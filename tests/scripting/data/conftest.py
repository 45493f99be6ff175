"""One engine with users over a database, on each kind of database, and scripts of its sessions on each runtime."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.config.project import load_project
from sojourn.engine.live import Session
from sojourn.model.session import Device, Identity
from sojourn.scripting.order import Order
from sojourn.scripting.runtime import Runtime, Script
from sojourn.scripting.service import Scripts
from tests.data.conftest import (
    PASSWORD,
    cheap,
    database_kind,
    empty_postgres,
    made_file,
    made_postgres,
    made_project,
)
from tests.scripting.session.conftest import Lent

__all__ = ["database_kind", "made_file", "made_postgres", "made_project"]

#: Keys of records: each test has its own.
_keys = itertools.count(1_000, 100)

#: ``rows(sql, parameters?)``: plain rows; ``code(f)``: what a function throws.
HELP = """
var rows = (sql, given) => database.query(sql, given).getRows();
var code = (f) => { try { f(); return 'nothing'; } catch (e) { return e.code ?? e.name; } };
"""


@pytest.fixture(scope="module")
async def data_engine(
    made_project: Path,
    database_kind: str,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    anyio_backend: str,
) -> AsyncIterator[Engine]:
    """An engine with the users and tables of ``tests/data``, for all tests of a module."""
    folder = tmp_path_factory.mktemp("scripts") / "project"
    shutil.copytree(made_project, folder)
    shutil.copy(made_project.parent / "master.key", folder.parent)
    (folder / "scripts").mkdir(exist_ok=True)
    (folder / "scripts" / "a.js").write_text("'a'\n")
    environment = {}
    if database_kind == "postgresql":
        environment["SOJOURN_STORES_APPLICATION"] = empty_postgres(request, "scripts")
    async with Engine.open(load_project(folder, environment), hasher=cheap(), recover=False) as opened:
        yield opened


@pytest.fixture(scope="module")
async def data_scripts(data_engine: Engine, runtime: Runtime) -> AsyncIterator[Scripts]:
    """Executes scripts of that engine on the runtime."""

    async def lent() -> Any:
        return Lent(runtime)

    scripts = Scripts(data_engine.rules, {"ije": lent, "v8": lent}, data_engine.databases)
    yield scripts
    await scripts.close()


class Player:
    """A session whose scripts a test runs, and keys that no other test uses."""

    def __init__(self, engine: Engine, scripts: Scripts, session: Session) -> None:
        self.engine = engine
        self.session = session
        self.key = next(_keys)
        self._scripts = scripts

    async def __call__(self, code: str, *, execution: str = "k", **order: Any) -> Any:
        """What a script says in JSON: the value of the function with this body. ``K`` is the first key of the test."""
        value = await self.raw(
            f"{HELP}\nvar K = {self.key};\nJSON.stringify((() => {{ {code}\n }})())", execution, **order
        )
        return json.loads(value) if isinstance(value, str) else None

    async def raw(self, whole: str, execution: str = "k", **order: Any) -> Any:
        """The last value of a script."""
        made = Order(session=self.session, task=Script(whole, "ufs:/a.js"), execution_key=execution, what="test",
                     **{"scripts": ("ufs:/a.js",), **order})  # fmt: skip
        return (await self._scripts.execute(made)).value


Players = Callable[..., Awaitable[Player]]


@pytest.fixture
def player(data_engine: Engine, data_scripts: Scripts) -> Players:
    """Begins a session: ``player("anna")``, ``player("")`` for nobody."""

    async def begin(user: str = "anna", realm: str = "shop") -> Player:
        place = data_engine.realm(realm)
        begun = await data_engine.rules.sessions.begin(place, Identity(), Device(address="192.0.2.7", client="c-1"))
        session = await data_engine.session(realm, str(begun.handle))
        if user:
            assert await session.login(user, PASSWORD)
        return Player(data_engine, data_scripts, session)

    return begin
