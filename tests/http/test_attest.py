"""``sojourn attest`` against a real engine in this process: it passes, and sees each defence that is switched off."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from httpx2 import ASGITransport

from sojourn.bootstrap import Engine
from sojourn.cli.attest.command import attested
from sojourn.cli.attest.findings import CHECKS, Finding
from sojourn.cli.attest.report import examine
from sojourn.cli.attest.scene import Scene, Told
from sojourn.cli.attest.visitor import visiting
from sojourn.config.project import load_project
from sojourn.engine.actors import HOST
from sojourn.http.attesting import described
from sojourn.identity.password import Cost, PasswordHasher

pytestmark = pytest.mark.anyio

URL = "http://127.0.0.1:8420"
#: In this process nobody is disturbed by the rate.
RATE = 2_000.0

Examine = Callable[..., Awaitable[dict[str, Finding]]]


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


@pytest.fixture
async def real(folder: Path) -> AsyncIterator[Engine]:
    """An engine whose time goes by."""
    hasher = PasswordHasher(Cost(memory=8, passes=1), workers=1)
    async with Engine.open(load_project(folder, {}), hasher=hasher) as opened:
        yield opened


@asynccontextmanager
async def scene_of(engine: Engine) -> AsyncIterator[Scene]:
    transport = ASGITransport(app=engine.application(), client=("127.0.0.1", 50_000))
    told = Told.read(described(await engine.rules.attest.start(HOST)))
    async with visiting(URL, transport, rate=RATE) as visitor:
        yield Scene(visitor, told)


@pytest.fixture
def look(real: Engine) -> Examine:
    """Examines some requirements: ``await look("3.3.4")``."""

    async def run(*ids: str) -> dict[str, Finding]:
        async with scene_of(real) as scene:
            return {finding.id: finding for finding in await examine(scene, ids)}

    return run


async def test_a_fresh_engine_passes(real: Engine) -> None:
    async with scene_of(real) as scene:
        found = await attested(scene.visitor, scene.run)
        assert [finding for finding in found if finding.outcome == "fail"] == []
        assert {finding.id for finding in found} == {check.id for check in CHECKS}
        # On plain loopback what HTTPS alone can have does not apply, and nothing else.
        assert {finding.id for finding in found if finding.outcome != "pass"} == {"3.3.1", "3.4.1"}
        told = json.dumps([finding._asdict() for finding in found])
        for secret in (scene.run.secret, scene.run.other_password, *scene.run.accounts.values()):
            assert secret not in told
        gone = await scene.who()
        assert gone.status == 404
    (event,) = [event for event in await real.rules.audit.recent(1_000) if '"ended"' in event.detail]
    assert json.loads(event.detail)["failed"] == 0
    assert json.loads(event.detail)["passed"] == len(found) - 2
