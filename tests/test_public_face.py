"""``import sojourn``: what a Python developer holds in his hands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import sojourn
from sojourn import Engine, Session
from sojourn.bootstrap import install
from sojourn.config.project import load_project
from sojourn.config.scaffold import write_project
from sojourn.core.errors import MasterKeyMissing, SessionEnded, SessionUnknown, StaleSession
from sojourn.engine.accounts.grants import RealmUnknown

pytestmark = pytest.mark.anyio

PASSWORD = "four plain words of ours"
HEAVY = ("alembic", "httpx2", "joserfc", "jsonschema", "sqlalchemy", "starlette", "uvicorn")


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    write_project(tmp_path / "shop")
    await install(load_project(tmp_path / "shop", os.environ).settings)
    return tmp_path / "shop"


@pytest.fixture
async def engine(folder: Path) -> AsyncIterator[Engine]:
    async with Engine.open(folder) as opened:
        await opened.rules.users.add("main", "ana", PASSWORD)
        yield opened


async def logged_in(engine: Engine) -> Session:
    session = await engine.login("main", "ana", PASSWORD)
    assert session is not None
    return session


def test_every_public_name_resolves_and_no_other() -> None:
    assert {name for name in sojourn.__all__ if getattr(sojourn, name) is None} == set()
    assert set(dir(sojourn)) == set(sojourn.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = sojourn.nothing


def test_importing_sojourn_loads_nothing_heavy() -> None:
    code = f"import sys, sojourn; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_session_is_used_as_the_reference_shows(engine: Engine) -> None:
    session = await logged_in(engine)
    await session.fields.put(cart={"sku": "A1"})
    assert [await session.fields.increment("visits") for _ in range(2)] == [1, 2]
    assert await session.fields.get("cart") == {"sku": "A1"}
    await session.end("logout")
    with pytest.raises(SessionEnded) as caught:
        await session.fields.get("cart")
    assert caught.value.reason == "logout"


async def test_a_handle_opens_its_session_until_that_ends(engine: Engine) -> None:
    session = await logged_in(engine)
    await session.fields.put(a=1)
    handle = str(session.handle)
    again = await engine.session("main", handle)
    assert (again.id, await again.fields.get("a")) == (session.id, 1)
    await again.end()
    with pytest.raises(SessionEnded):
        await engine.session("main", handle)


@pytest.mark.parametrize("handle", ["", "nothing", f"{'a' * 43}.{'b' * 43}", f"{'a' * 43}"])
async def test_anything_else_opens_nothing(engine: Engine, handle: str) -> None:
    with pytest.raises(SessionUnknown):
        await engine.session("main", handle)


async def test_a_refused_login_gives_none_for_every_reason(engine: Engine) -> None:
    assert await engine.login("main", "ana", "wrong") is None
    assert await engine.login("main", "nobody", PASSWORD) is None
    with pytest.raises(RealmUnknown):
        await engine.login("nowhere", "ana", PASSWORD)


async def test_a_session_that_was_logged_in_anew_refuses_its_older_face(engine: Engine) -> None:
    old = await logged_in(engine)
    await engine.rules.logins.login(
        engine.realm("main"), "ana", PASSWORD, old.access.session.device, current=old.access
    )
    with pytest.raises(StaleSession):
        await old.fields.put(a=1)


async def test_sessions_survive_closing_and_opening(folder: Path) -> None:
    async with Engine.open(folder) as engine:
        await engine.rules.users.add("main", "ana", PASSWORD)
        session = await logged_in(engine)
        await session.fields.put(a=[1, "x"])
    async with Engine.open(folder) as engine:
        again = await engine.session("main", str(session.handle))
        assert await again.fields.get("a") == [1, "x"]


async def test_a_project_can_keep_its_sessions_in_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_STORES_SESSION", "memory://")
    async with Engine.open(folder) as engine:
        await engine.rules.users.add("main", "ana", PASSWORD)
        session = await logged_in(engine)
        await session.fields.put(a=1)
        assert await session.fields.get("a") == 1
    assert not (folder / "var" / "state.db").exists()


async def test_without_the_master_key_nothing_opens(folder: Path, tmp_path: Path) -> None:
    for key in tmp_path.rglob("*.key"):
        key.unlink()
    with pytest.raises(MasterKeyMissing):
        async with Engine.open(folder):
            pass
