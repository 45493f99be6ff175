"""``sojourn attest`` against a real engine in this process: it passes, and sees each defence that is switched off."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from httpx2 import ASGITransport

from sojourn.bootstrap import Engine
from sojourn.cli.attest.command import NotAdmitted, asked, attested
from sojourn.cli.attest.findings import CHECKS, Finding
from sojourn.cli.attest.report import examine
from sojourn.cli.attest.scene import Scene, Told
from sojourn.cli.attest.visitor import NoOrigin, origin, visiting
from sojourn.config.project import load_project
from sojourn.engine.security.actors import HOST
from sojourn.http.attesting import described
from sojourn.identity.password import Cost, PasswordHasher
from tests.http.conftest import GOOD

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


async def test_with_a_token_the_engine_makes_the_run_where_it_takes_part(folder: Path) -> None:
    toml = folder / "sojourn.toml"
    toml.write_text(toml.read_text() + "[attest]\nenabled = true\n")
    hasher = PasswordHasher(Cost(memory=8, passes=1), workers=1)
    async with Engine.open(load_project(folder, {}), hasher=hasher) as engine:
        transport = ASGITransport(app=engine.application(), client=("127.0.0.1", 50_000))
        async with visiting(URL, transport, rate=RATE) as visitor:
            token = (await visitor.ask("POST", "/realms/acme/login", value=GOOD)).member("token")
            with pytest.raises(NotAdmitted, match="403"):
                await asked(visitor, "acme", token)
            await engine.rules.grants.grant("ana", "engine.attest", engine.realm("acme").id)
            scene = Scene(visitor, await asked(visitor, "acme", token))
            assert (await scene.who((await scene.login()).bearer)).status == 200
            assert token not in visitor.told(f"it was {token}")


@pytest.mark.parametrize(
    "url",
    ["ftp://a", "http://", "http://a/b", "http://a?b", "http://u:p@a", "http://a:99999", "http://[", "a", "http://a#b"],
)
def test_what_is_no_origin_is_not_asked(url: str) -> None:
    with pytest.raises(NoOrigin):
        origin(url)


async def test_a_redirect_is_not_followed_and_nothing_of_another_origin_is_asked() -> None:
    seen = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        seen.append(scope["server"])
        await send({"type": "http.response.start", "status": 302, "headers": [(b"location", b"http://evil.example/")]})
        await send({"type": "http.response.body", "body": b""})

    async with visiting(URL, ASGITransport(app=app), rate=RATE) as visitor:
        answer = await visitor.ask("GET", "/")
    assert answer.status == 302
    assert [host for host, _ in seen] == ["127.0.0.1"]
