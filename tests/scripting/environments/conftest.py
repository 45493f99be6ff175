"""An engine on real files whose scripts run in real workers, of both runtimes."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.config.settings import ScriptSettings, SessionSettings
from sojourn.core.clock import ManualClock
from sojourn.engine.live import Session
from sojourn.engine.rules import Rules
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model.session import Device, Identity
from sojourn.scripting.order import Executed, Order
from sojourn.scripting.runtime import Limits, Runtime, RuntimeName, Script, Worker
from sojourn.scripting.service import Scripts
from sojourn.scripting.values import Value

PASSWORD = "seven quiet otters at dawn"

#: Each of them twice: one realm for each runtime, ``desk-ije`` and ``desk-v8``.
REALMS: dict[str, dict[str, Any]] = {
    "desk": {"environmentType": "stateful", "maxInactiveTime": 0, "maxLifeTime": 0},
    "bureau": {
        "environmentType": "stateful",
        "maxInactiveTime": 60_000,
        "maxLifeTime": 600_000,
        "sessionIdle": 900_000,
        "sessionLifetime": 86_400_000,
    },
    "pool": {"maxInactiveTime": 60_000, "maxLifeTime": 600_000},
    "other": {},
    "shared": {"cleanupEnvironment": False},
    "tight": {"environmentType": "stateful", "scriptMemory": 8 << 20},
    "quick": {"scriptCpu": 300, "scriptTimeout": 400},
    "quickdesk": {"scriptCpu": 300, "scriptTimeout": 400, "environmentType": "stateful"},
}


@pytest.fixture(scope="module")
async def rooms(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Engine]:
    """An open engine with the accounts ana and ben; tests share it and use sessions of their own."""
    folder = tmp_path_factory.mktemp("rooms") / "project"
    folder.mkdir()
    (folder / "sojourn.toml").write_text('[keys]\nmasterKeyFile = "../master.key"\n')
    for name, config in REALMS.items():
        for runtime in ("ije", "v8"):
            place = folder / "realms" / f"{name}-{runtime}"
            place.mkdir(parents=True)
            (place / "realm.json").write_text(json.dumps(config | {"runtime": runtime}))
    (folder / "scripts").mkdir()
    (folder / "scripts" / "hello.js").write_text("`hello ${session.realm}`")
    project = load_project(folder, {})
    await install(project.settings)
    hasher = PasswordHasher(Cost(memory=8, passes=1), workers=1)
    async with Engine.open(project, clock=ManualClock(), hasher=hasher, recover=False) as engine:
        for name in ("ana", "ben"):
            await engine.rules.users.add("main", name, PASSWORD)
        yield engine


class Lent:
    """A runtime that is shared by all tests: closing it ends nothing but what its borrower opened."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.opened = 0

    @property
    def name(self) -> RuntimeName:
        return self._runtime.name

    async def open(self, limits: Limits) -> Worker:
        self.opened += 1
        return await self._runtime.open(limits)

    async def close(self) -> None:
        """Its workers were closed before."""


_keys = itertools.count(1)


class House:
    """The service of scripts on one runtime, with what tests ask of it."""

    def __init__(self, rules: Rules, runtime: Runtime, **settings: int) -> None:
        self.lent = Lent(runtime)
        self.rules = with_settings(rules, **settings)
        self.scripts = Scripts(self.rules, {runtime.name: self._open})

    async def _open(self) -> Runtime:
        return self.lent

    @property
    def live(self) -> dict[str, int]:
        """Environments by state."""
        return {state: number for (_, state), number in self.scripts.counts.live().items()}

    @property
    def clock(self) -> ManualClock:
        clock = self.rules.clock
        system = getattr(clock, "system", clock)
        assert isinstance(system, ManualClock)
        return system

    async def session(self, realm: str, user: str = "", *, address: str = "192.0.2.7") -> Session:
        """A new session of a realm, of nobody or of ``user``."""
        place = self.rules.realms.get(f"{realm}-{self.lent.name}")
        assert place is not None
        begun = await self.rules.sessions.begin(place, Identity(), Device(address=address))
        session = Session(self.rules, await self.rules.sessions.open(place, begun.handle, "cookie"), begun.handle)
        if user:
            assert await session.login(user, PASSWORD)
        return session

    async def execute(self, session: Session, code: str, **order: Any) -> Executed:
        task = code if code.startswith("ufs:") else Script(code, "ufs:/test.js")
        key = order.pop("execution_key", f"k{next(_keys)}")
        return await self.scripts.execute(Order(session=session, task=task, execution_key=key, what="test", **order))

    async def run(self, session: Session, code: str, **order: Any) -> Value:
        """The value of a script."""
        return (await self.execute(session, code, **order)).value

    async def settled(self) -> None:
        """Wait until nothing is made ready or cleaned any more."""
        while self.live.get("running"):
            await asyncio.sleep(0.01)


def with_settings(rules: Rules, *, per_block: int = 20, workers: int = 1, **scripts: int) -> Rules:
    """The same rules under other settings of scripts, with nothing that is kept ready."""
    settings = msgspec.structs.replace(
        rules.settings,
        scripts=msgspec.structs.replace(ScriptSettings(warm_ije=0, warm_v8=0), **scripts),
        sessions=SessionSettings(anonymous_per_address=per_block),
        server=msgspec.structs.replace(rules.settings.server, workers=workers),
    )
    return dataclasses.replace(rules, settings=settings)


Build = Callable[..., House]


@pytest.fixture
async def build(rooms: Engine, runtime: Runtime) -> AsyncIterator[Build]:
    """Services of scripts with settings of their own."""
    built: list[House] = []

    def make(**settings: int) -> House:
        built.append(House(rooms.rules, runtime, **settings))
        return built[-1]

    yield make
    for house in built:
        await house.scripts.close()


@pytest.fixture
async def house(build: Build) -> House:
    """One with the usual ceilings, that keeps nothing ready."""
    return build()
