"""One engine with real workers for all tests here, on each runtime; a test has a session of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.core.ids import new_execution_key
from sojourn.engine.live import Session
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model.session import Device, Identity
from sojourn.scripting.order import Executed, Order
from sojourn.scripting.runtime import RuntimeName, Script
from sojourn.scripting.values import Value
from tests.scripting.conftest import RUNTIMES

PASSWORD = "correct horse battery"

REALMS: dict[str, dict[str, Any]] = {
    "shop": {},
    "desk": {"environmentType": "stateful", "runnersFrom": ["shop"]},
    "loose": {"cleanupEnvironment": False, "runnersFrom": ["shop"]},
    "closed": {},
    "tight": {"scriptCpu": 400},
    "staff": {"loginScope": "staff.only", "runnersFrom": ["shop"]},
}

SCRIPTS = {
    "sum.js": "a + b",
    "area.js": "var runs = (typeof runs === 'undefined' ? 0 : runs) + 1;\nfunction area(w, h) { return w * h; }\nruns",
    "who.js": "`${session.userName} ${session.userKey} ${session.scope} ${session.hasRequest()} ${session.realm}`",
    "object.js": "({ a: 1 })",
    "strict.js": "'use strict';\nconst by = 2;\nfunction twice(n) { return n * by; }\nby",
    "promise.js": "Promise.resolve(7)",
    "burn.js": "const end = Date.now() + ms; while (Date.now() < end); logger.info('burnt'); 1",
    "burn_deep.js": "executeScript('ufs:/burn.js', 'ms', ms); executeScript('ufs:/burn.js', 'ms', ms)",
    "loop.js": "for (;;);",
    "broken.js": "function f() {\n  throw new RangeError('too far');\n}\nf()",
    "again.js": "const r = new ScriptRunner('ufs:/again.js'); r.run()",
    "count.js": "var n = (typeof n === 'undefined' ? 0 : n) + 1; n",
    "logout.js": "session.logout(); session.userName",
    "end.js": "session.setTimeout(0); 'ended'",
    "outer.js": "executeScript('ufs:/inner.js')",
    "inner.js": "session.scriptURI + ' ' + session.userName",
    "nap.js": "new Promise((done) => setTimeout(() => done('rested'), ms))",
    "token.js": "session.loginByAuthToken(token); session.userName",
}


@pytest.fixture(scope="session", params=RUNTIMES)
def runtime_name(request: pytest.FixtureRequest) -> RuntimeName:
    """The runtime of all realms, and of the runners."""
    name: RuntimeName = request.param
    return name


@pytest.fixture(scope="session")
def runner_project(tmp_path_factory: pytest.TempPathFactory, runtime_name: RuntimeName) -> Path:
    """A project with the accounts anna and ben."""
    folder = tmp_path_factory.mktemp("runner") / "project"
    folder.mkdir()
    (folder / "sojourn.toml").write_text(
        '[keys]\nmasterKeyFile = "../master.key"\n[scripts]\nwarmIje = 1\nwarmV8 = 1\n'
    )
    for name, config in REALMS.items():
        (folder / "realms" / name).mkdir(parents=True)
        (folder / "realms" / name / "realm.json").write_text(json.dumps({"runtime": runtime_name, **config}))
    (folder / "scripts").mkdir()
    for name, text in SCRIPTS.items():
        (folder / "scripts" / name).write_text(text)
    asyncio.run(_make(folder))
    return folder


async def _make(folder: Path) -> None:
    project = load_project(folder, {})
    await install(project.settings)
    async with Engine.open(project, hasher=_cheap()) as engine:
        for name in ("anna", "ben"):
            await engine.rules.users.add("main", name, PASSWORD)
        for scope in ("stock.read", "stock.write"):
            await engine.rules.grants.grant("anna", scope, actor="test")


def _cheap() -> PasswordHasher:
    return PasswordHasher(Cost(memory=8, passes=1), workers=1)


@pytest.fixture(scope="module")
async def engine(runner_project: Path, anyio_backend: str) -> AsyncIterator[Engine]:
    """The engine, open for all tests."""
    async with Engine.open(load_project(runner_project, {}), hasher=_cheap(), recover=False) as opened:
        yield opened


class Caller:
    """A session whose scripts a test runs."""

    def __init__(self, engine: Engine, session: Session, runtime: RuntimeName) -> None:
        self.engine = engine
        self.session = session
        self._runtime = runtime

    async def __call__(self, code: str, *, key: str = "") -> Value:
        """The value of a script of this session, in which ``runner(file, options)`` makes a runner on the runtime."""
        return (await self.execute(code, key=key)).value

    async def execute(self, code: str, *, key: str = "", scripts: tuple[str, ...] = ("ufs:/test.js",)) -> Executed:
        """The same, with all that is known afterwards."""
        made = "function runner(f, o) { return new ScriptRunner('ufs:/' + f, Object.assign({runtime: '%s'}, o)); }\n"
        order = Order(
            session=self.session,
            task=Script(made % self._runtime + code, "ufs:/test.js"),
            execution_key=key or new_execution_key(),
            what="test",
            scripts=scripts,
        )
        return await self.engine.scripts.execute(order)

    def standing(self) -> int:
        """How many standalone sessions there are that should not outlive their runner."""
        return sum(not one.lasting for one in self.engine.rules.sessions.standalone.all())


_numbers = itertools.count()


@pytest.fixture
async def nobody(engine: Engine, runtime_name: RuntimeName) -> Caller:
    """A session of nobody in shop."""
    return await _caller(engine, runtime_name, "shop")


@pytest.fixture
async def anna(engine: Engine, runtime_name: RuntimeName) -> Caller:
    """A session of anna in shop."""
    caller = await _caller(engine, runtime_name, "shop")
    assert await caller.session.login("anna", PASSWORD)
    return caller


async def _caller(engine: Engine, runtime: RuntimeName, realm: str) -> Caller:
    begun = await engine.rules.sessions.begin(engine.realm(realm), Identity(), Device())
    return Caller(engine, await engine.session(realm, str(begun.handle)), runtime)
