"""Whatever happens in whatever order: no environment is lost from sight, none is used by two, none is left over."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from contextlib import suppress

import pytest

from sojourn.core.errors import SojournError
from sojourn.engine.live import Session
from sojourn.engine.manager import SessionManager
from tests.scripting.environments.conftest import Build, House
from tests.scripting.environments.test_stateful_environments import until

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("runtime", ["ije"], indirect=True)]

CODES = (
    "globalThis.n = (globalThis.n ?? 0) + 1",
    "session.userName; session.trackingId = 'mine'; 1",
    "throw new Error('mine')",
    "const end = Date.now() + 20; while (Date.now() < end); 1",
    "new Promise((done) => setTimeout(done, 15))",
    "session.setTimeout(0)",
    "for (;;) session.userKey",
)


class Chaos:
    """Clients, an operator and accidents, by chance but always by the same one."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.chance = random.Random(seed)
        self.sessions: list[Session] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.unexpected: list[BaseException] = []

    async def step(self) -> None:
        acts = [self.begin] * 2 + [self.execute] * 6 + [self.cancel, self.kill, self.drop, self.abort, self.tidy]
        await self.chance.choice(acts)()
        await asyncio.sleep(self.chance.choice((0, 0, 0.005)))

    async def begin(self) -> None:
        realm = self.chance.choice(("desk", "pool", "shared", "quick", "quickdesk"))
        user = self.chance.choice(("", "", "ana"))
        self.sessions = [*self.sessions[-8:], await self.house.session(realm, user)]

    async def execute(self) -> None:
        if self.sessions:
            code = self.chance.choice(CODES[:5] if self.chance.random() < 0.8 else CODES)
            self.tasks.append(asyncio.create_task(self._execute(self.chance.choice(self.sessions), code)))

    async def _execute(self, session: Session, code: str) -> None:
        try:
            await self.house.run(session, code)
        except (SojournError, asyncio.CancelledError):
            return
        except BaseException as error:  # noqa: BLE001 - told at the end, whatever it is
            self.unexpected.append(error)

    async def cancel(self) -> None:
        if self.tasks:
            self.chance.choice(self.tasks).cancel()

    async def kill(self) -> None:
        environments = list(self.house.scripts.environments)
        if environments:
            with suppress(ProcessLookupError):
                os.kill(self.chance.choice(environments).worker.pid, signal.SIGKILL)

    async def drop(self) -> None:
        if self.sessions:
            await SessionManager(self.house.rules).drop_session(self.chance.choice(self.sessions).id, actor="host")

    async def abort(self) -> None:
        if self.sessions:
            await SessionManager(self.house.rules).abort_session(self.chance.choice(self.sessions).id, actor="host")

    async def tidy(self) -> None:
        self.house.clock.advance(1_000)
        await self.house.scripts.tidy()

    async def end(self) -> None:
        for session in self.sessions:
            await SessionManager(self.house.rules).abort_session(session.id, actor="host")
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks)
        assert not self.unexpected


async def run(house: House, seed: int, steps: int) -> None:
    chaos = Chaos(house, seed)
    for _ in range(steps):
        await chaos.step()
    await chaos.end()
    await house.scripts.workers.filled()
    await until(lambda: "running" not in house.live)
    workers, live = house.scripts.workers, house.live
    await until(lambda: workers.count() == sum(house.live.values()))
    assert sum(live.values()) <= 6
    desk, pool = await house.session("desk", "ana"), await house.session("pool", "ana")
    assert [await house.run(desk, "typeof n"), await house.run(pool, "typeof n")] == ["undefined"] * 2
    await house.scripts.close()
    assert (workers.count(), len(house.scripts.environments), house.live) == (0, 0, {})


async def test_after_any_order_of_events_the_balance_is_right(build: Build) -> None:
    await run(build(max_environments=6, warm_ije=1, anonymous_share=50), 5, 120)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
async def test_after_many_orders_of_events_the_balance_is_right(build: Build, seed: int) -> None:
    await run(build(max_environments=6, warm_ije=1, anonymous_share=50), 100 + seed, 300)
