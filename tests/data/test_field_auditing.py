"""Realms with ``fieldAuditing``: every change of a session's fields has a row in the change log before it is done."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.config.project import load_project
from sojourn.core.errors import FieldConflict
from sojourn.data.errors import DatabaseUnavailable
from sojourn.data.reading import ChangeLog
from sojourn.engine.live import Session
from tests.data.conftest import PASSWORD, cheap

pytestmark = pytest.mark.anyio


@pytest.fixture
async def engine(made_project: Path, tmp_path: Path) -> AsyncIterator[Engine]:
    folder = tmp_path / "project"
    shutil.copytree(made_project, folder)
    shutil.copy(made_project.parent / "master.key", tmp_path)
    (folder / "realms" / "shop" / "realm.json").write_text(json.dumps({"fieldAuditing": True}))
    async with Engine.open(load_project(folder, {}), hasher=cheap(), recover=False) as opened:
        yield opened


@pytest.fixture
async def session(engine: Engine) -> Session:
    entered = await engine.login("shop", "anna", PASSWORD)
    assert entered is not None
    return entered


async def rows(engine: Engine) -> list[dict[str, Any]]:
    page = await ChangeLog(await engine.databases.named()).page(oldest_first=True)
    return [json.loads(change.content) for change in page.changes if change.kind == "FIELD"]


async def test_a_changed_field_has_a_row_without_its_value(engine: Engine, session: Session) -> None:
    await session.fields.put(cart=["secret"], visits=1)
    await session.fields.batch().increment("visits").delete("cart").apply()
    assert await rows(engine) == [
        {"fields": {"cart": "put", "visits": "put"}},
        {"fields": {"visits": "increment", "cart": "delete"}},
    ]
    page = await ChangeLog(await engine.databases.named()).page()
    (last, *_) = page.changes
    assert (last.session, last.user_name, last.realm) == (session.id, "anna", session.realm.id)
    assert b"secret" not in b"".join(
        path.read_bytes() for path in (engine.project.settings.project / "var").glob("app*")
    )
    await engine.changes.seal()
    assert (await engine.changes.verify()).sound


async def test_what_was_refused_says_so(engine: Engine, session: Session) -> None:
    await session.fields.put(cart=1)
    with pytest.raises(FieldConflict):
        await session.fields.put_if("cart", 2, version=99)
    assert (await rows(engine))[1:] == [
        {"fields": {"cart": "put_if"}},
        {"fields": {"cart": "put_if"}, "refused": "field.conflict"},
    ]


async def test_what_cannot_be_logged_is_not_done(engine: Engine, session: Session) -> None:
    await engine.databases.close()
    with pytest.raises(DatabaseUnavailable):
        await session.fields.put(cart=1)
    assert await session.fields.all() == {}


async def test_other_realms_log_no_fields(engine: Engine) -> None:
    other = await engine.login("desk", "anna", PASSWORD)
    assert other is not None
    await other.fields.put(cart=1)
    assert await rows(engine) == []
