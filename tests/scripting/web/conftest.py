"""A real engine with real workers behind the real application; one for each runtime."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import Engine, install
from sojourn.config.project import Project, load_project
from sojourn.core.clock import ManualClock
from sojourn.http.application import Application
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.scripting.routes.table import load_routes
from tests.http.wire_client import Answer, Client, Pair
from tests.scripting.conftest import RUNTIMES

PASSWORD = "seven quiet otters at dawn"
#: What a page of our own adds; a browser says it by itself.
OURS = ("sec-fetch-site", "same-origin")
FOREIGN = ("sec-fetch-site", "cross-site")
SCOPES = {"ana": ("a", "b", "c", "orders.read"), "ben": ("a", "d")}
REALMS: dict[str, dict[str, Any]] = {
    "api": {},
    "web": {"sessionTrackingEnabled": True},
    "till": {"environmentType": "stateful"},
    "desk": {"environmentType": "stateful", "sessionTrackingEnabled": False},
    "kiosk": {"environmentType": "stateful", "sessionTrackingEnabled": False, "sidInQuery": True},
    "portal": {"environmentType": "stateful", "crossSiteClients": True},
    "packed": {"httpCompressionEnabled": True, "sessionTrackingEnabled": True},
    "small": {"scriptOutput": 1024, "scriptCpu": 200},
    "aged": {"cleanupEnvironment": False, "maxLifeTime": 3_600_000, "maxInactiveTime": 0},
    "forever": {"cleanupEnvironment": False, "maxLifeTime": 0, "maxInactiveTime": 0},
    "known": {"environmentType": "stateful", "clientTrackingEnabled": True},
}


class Site:
    """One engine with its routes, which tests add to."""

    def __init__(self, engine: Engine, app: Application, clock: ManualClock) -> None:
        self.engine = engine
        self.app = app
        self.clock = clock
        self.client = Client(app)
        self._numbers = itertools.count(1)
        self._routes: list[dict[str, Any]] = []

    @property
    def folder(self) -> Path:
        return self.engine.project.settings.project

    def script(self, code: str, name: str = "") -> str:
        """A new script; its URI."""
        name = name or f"t{next(self._numbers)}.js"
        (self.folder / "scripts" / name).write_text(code)
        return f"ufs:/{name}"

    def route(self, code: str = "", **route: Any) -> str:
        """A new route to a new script; its path."""
        if "controller" in route:
            route["controller"] = self.script(route["controller"])
            return self.path_to(**route)
        return self.path_to(self.script(code), **route)

    def path_to(self, script: str | None = None, **route: Any) -> str:
        """A new route to a script that is there; its path."""
        path = f"/t{next(self._numbers)}"
        given = {"realm": "api", "method": ["GET", "POST"], **({"script": script} if script else {}), **route}
        given["path"] = path + given.pop("under", "")
        self._routes.append(given)
        (self.folder / "routes" / "tests.yaml").write_text(json.dumps({"routes": self._routes}))
        self.redeploy()
        return path

    def redeploy(self) -> None:
        """Serve the routes as the files are now."""
        self.app.deploy(self.engine.deployment, load_routes(self._project()))

    async def get(self, path: str, *headers: Pair) -> Answer:
        return await self.client.get(path, OURS, *headers)

    async def post(self, path: str, *headers: Pair, value: Any = None) -> Answer:
        return await self.client.post(path, OURS, *headers, value=value)

    async def login(self, realm: str, name: str = "ana") -> Answer:
        answer = await self.client.post(f"/realms/{realm}/login", value={"userName": name, "password": PASSWORD})
        assert answer.status == 200, answer
        return answer

    async def bearer(self, realm: str, name: str = "ana") -> Pair:
        return ("authorization", f"Bearer {(await self.login(realm, name)).json()['token']}")

    def _project(self) -> Project:
        return load_project(self.folder, {})


def told(answer: Answer) -> tuple[int, object, object]:
    body = answer.json()
    assert set(body) <= {"message", "code", "executionKey", "solution", "reason"}
    assert body["executionKey"]
    return answer.status, body["message"], body["code"]


def hasher() -> PasswordHasher:
    return PasswordHasher(Cost(memory=8, passes=1), workers=1)


@pytest.fixture(scope="session")
def made_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the accounts ana and ben."""
    folder = tmp_path_factory.mktemp("site") / "project"
    for place in ("routes", "scripts"):
        (folder / place).mkdir(parents=True)
    (folder / "sojourn.toml").write_text('[keys]\nmasterKeyFile = "../master.key"\n')
    for name, config in REALMS.items():
        (folder / "realms" / name).mkdir(parents=True)
        (folder / "realms" / name / "realm.json").write_text(json.dumps(config))
    asyncio.run(_make(folder))
    return folder


async def _make(folder: Path) -> None:
    project = load_project(folder, {})
    await install(project.settings)
    async with Engine.open(project, hasher=hasher(), recover=False) as engine:
        for name, scopes in SCOPES.items():
            await engine.rules.users.add("main", name, PASSWORD)
            for scope in scopes:
                await engine.rules.grants.grant(name, scope)


@pytest.fixture(scope="session", params=RUNTIMES)
def runtime_name(request: pytest.FixtureRequest) -> str:
    """``ije``, ``v8``."""
    return str(request.param)


@pytest.fixture(scope="module")
async def site(made_site: Path, runtime_name: str, anyio_backend: str) -> AsyncIterator[Site]:
    """The engine of one runtime, with all realms."""
    for name, config in REALMS.items():
        text = json.dumps({**config, "runtime": runtime_name})
        (made_site / "realms" / name / "realm.json").write_text(text)
    clock = ManualClock()
    async with Engine.open(load_project(made_site, {}), clock=clock, hasher=hasher()) as engine:
        yield Site(engine, engine.application(), clock)
