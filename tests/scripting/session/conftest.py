"""An engine on real files, and executions in it without a worker: what a script would ask, asked of the host."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import sojourn.scripting.api  # noqa: F401 - declares what scripts see
from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.core.clock import ManualClock, SystemClock
from sojourn.engine.access import Access, Transient
from sojourn.engine.live import Session
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model.scope import NO_SCOPE
from sojourn.model.session import Device, Identity
from sojourn.model.session import Session as Record
from sojourn.scripting.dispatch import Dispatcher
from sojourn.scripting.exchange import Exchange, ScriptRequest
from sojourn.scripting.order import Order
from sojourn.scripting.response import ScriptResponse
from sojourn.scripting.run import Kept, Run
from sojourn.scripting.runtime import Runtime, Script, Worker
from sojourn.scripting.service import Scripts
from tests.scripting.conftest import Running

PASSWORD = "correct horse battery"
REALMS: dict[str, dict[str, Any]] = {
    "acme": {"environmentType": "stateful", "application": 77},
    "shop": {"sessionTrackingEnabled": True},
    "desk": {"environmentType": "stateful", "freshLogin": 60_000},
}


@pytest.fixture(scope="session")
def made_desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the accounts anna and ben; made once."""
    folder = tmp_path_factory.mktemp("desk") / "project"
    folder.mkdir()
    (folder / "sojourn.toml").write_text('[keys]\nmasterKeyFile = "../master.key"\n')
    for name, config in REALMS.items():
        (folder / "realms" / name).mkdir(parents=True)
        (folder / "realms" / name / "realm.json").write_text(json.dumps(config))
    (folder / "realms" / "acme" / "globals.json").write_text('{"colour": "red"}')
    (folder / "scripts").mkdir()
    for name in ("a", "b"):
        (folder / "scripts" / f"{name}.js").write_text(f"'{name}'\n")
    asyncio.run(_make(folder))
    return folder


async def _make(folder: Path) -> None:
    project = load_project(folder, {})
    await install(project.settings)
    async with Engine.open(project, hasher=cheap()) as engine:
        for name, scopes in (("anna", ("cart.read", "cart.write")), ("ben", ("engine.manageSessions",))):
            await engine.rules.users.add("main", name, PASSWORD, email=f"{name}@example.org")
            for scope in scopes:
                await engine.rules.grants.grant(name, scope)


def cheap() -> PasswordHasher:
    return PasswordHasher(Cost(memory=8, passes=1), workers=1)


@pytest.fixture
def clock() -> ManualClock:
    """The present, which scripts see too."""
    return ManualClock(SystemClock().now())


@pytest.fixture
async def engine(made_desk: Path, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Engine]:
    shutil.copytree(made_desk.parent, tmp_path, dirs_exist_ok=True)
    project = load_project(tmp_path / made_desk.name, {})
    async with Engine.open(project, clock=clock, hasher=cheap(), recover=False) as opened:
        yield opened


class Desk:
    """One execution."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._dispatcher = Dispatcher(run)

    async def __call__(self, function: str, *args: Any) -> Any:
        return await self._dispatcher.call(function, args)

    def again(self) -> Desk:
        """The next execution of the same session in the same environment."""
        run = self.run
        return Desk(desk_run(run.rules, run.session, run.kept, run.scripts))


def desk_run(rules: Any, session: Session, kept: Kept | None = None, scripts: Any = ("ufs:/a.js",)) -> Run:
    return Run(rules=rules, session=session, execution_key="k", scripts=scripts, kept=kept or Kept(), runtime="ije")


def request() -> Exchange:
    """A request that is being served."""
    return Exchange(request=ScriptRequest(method="GET", path="/"), response=ScriptResponse(most=1_000))


Open = Callable[..., Awaitable[Desk]]


@pytest.fixture
def open_desk(engine: Engine) -> Open:
    """An execution of a new session of nobody, in a realm, with the scripts that run."""

    async def opened(realm: str = "acme", *, scripts: Any = ("ufs:/a.js",), recorded: bool = True) -> Desk:
        rules, place = engine.rules, engine.realm(realm)
        if recorded:
            begun = await rules.sessions.begin(place, Identity(), Device(address="192.0.2.7", client="c-1"))
            access = await rules.sessions.open(place, begun.handle, "cookie")
            return Desk(desk_run(rules, Session(rules, access, begun.handle), scripts=scripts))
        now = rules.clock.now()
        nobody = Record(
            id="",
            realm=place.id,
            secret=b"",
            identity=Identity(),
            device=Device(),
            created=now,
            last=now,
            absolute=now + 1_000_000,
            epoch=0,
        )
        access = Access(
            realm=place,
            session=nobody,
            fields={},
            via="python",
            scope=NO_SCOPE,
            delegated=False,
            account=None,
            transient=Transient(),
        )
        return Desk(desk_run(rules, Session(rules, access), scripts=scripts))

    return opened


@pytest.fixture
async def desk(open_desk: Open) -> Desk:
    """An execution of nobody's session in acme."""
    return await open_desk()


@pytest.fixture
async def annas(desk: Desk) -> Desk:
    """The same, logged in as anna."""
    assert await desk("Session.login", "anna", PASSWORD) is True
    return desk


class Scripted:
    """A session whose scripts run in a real worker, one after the other in one environment."""

    def __init__(self, desk: Desk, js: Running, runtime: str) -> None:
        self.desk = desk
        self.run = desk.run
        self.run.runtime = runtime
        self._js = js
        js.host = Dispatcher(desk.run)  # type: ignore[assignment]

    async def __call__(self, code: str) -> Any:
        """The last value of a script."""
        return await self._js(code)


@pytest.fixture
def scripted(desk: Desk, js: Running, runtime: Runtime) -> Scripted:
    """Nobody's session in acme, for scripts."""
    return Scripted(desk, js, runtime.name)


class Lent:
    """A runtime that outlives the service that borrows it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.name = runtime.name

    async def open(self, limits: Any) -> Worker:
        return await self._runtime.open(limits)

    async def close(self) -> None:
        """Others use it."""


class Theatre:
    """Sessions of one engine, and their scripts."""

    def __init__(self, engine: Engine, scripts: Scripts, clock: ManualClock) -> None:
        self.engine = engine
        self.scripts = scripts
        self.clock = clock

    async def session(self, realm: str = "acme") -> Session:
        """A new session of nobody."""
        place = self.engine.realm(realm)
        begun = await self.engine.rules.sessions.begin(place, Identity(), Device(address="192.0.2.7", client="c-1"))
        access = await self.engine.rules.sessions.open(place, begun.handle, "cookie")
        return Session(self.engine.rules, access, begun.handle)

    async def play(self, session: Session, code: str, *, uri: str = "ufs:/a.js", **order: Any) -> Any:
        """The value of a script."""
        made = Order(
            session=session, task=Script(code, uri), execution_key="k", what="test", **{"scripts": (uri,), **order}
        )
        return (await self.scripts.execute(made)).value


@pytest.fixture
async def stage(engine: Engine, runtime: Runtime, clock: ManualClock) -> AsyncIterator[Theatre]:
    for realm in engine.rules.realms.all():
        assert realm.config.runtime in {"ije", "v8"}

    async def lent() -> Any:
        return Lent(runtime)

    # Every realm runs on the runtime of this test.
    scripts = Scripts(engine.rules, {"ije": lent, "v8": lent}, engine.databases)
    yield Theatre(engine, scripts, clock)
    await scripts.close()
