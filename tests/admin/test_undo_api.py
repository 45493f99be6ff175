"""Undo and redo over the admin API."""

from __future__ import annotations

from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.data.terms import Modified, TableChanges
from sojourn.scripting.run import Kept
from tests.admin.conftest import Hire
from tests.http.conftest import PASSWORD
from tests.http.wire_client import Answer, Client

pytestmark = pytest.mark.anyio

UNDO = "database.undoChanges"
TAG = {"tag": "import-7"}


@pytest.fixture
async def _changed(engine: Engine) -> None:
    """Two rows made in acme and changed there under a tag, one of them changed in web since."""
    await engine.rules.grants.grant("ana", "database.alterSchema")
    acme, web = await engine.login("acme", "ana", PASSWORD), await engine.login("web", "ana", PASSWORD)
    assert acme is not None
    assert web is not None
    database = engine.database(acme, terms=Kept())
    await database.execute_ddl('CREATE TABLE item ("iKey" INTEGER PRIMARY KEY, name TEXT)')
    rows: list[dict[str, Any]] = [{"iKey": key, "name": f"item {key}"} for key in (1, 2)]
    await database.apply_updates([TableChanges(table="item", inserted=rows)])
    database.tracking_id = "import-7"
    await database.apply_updates(
        [TableChanges(table="item", modified=[Modified(key, {}, {"name": "bad"}) for key in (1, 2)])]
    )
    change = Modified(2, {}, {"name": "Bolt"})
    await engine.database(web).apply_updates([TableChanges(table="item", modified=[change])])


async def post(admin: Client, token: tuple[str, str], path: str, **value: Any) -> Answer:
    return await admin.post(f"/api/v1/{path}", token, value=value)


async def names(engine: Engine) -> list[object]:
    session = await engine.login("acme", "ana", PASSWORD)
    assert session is not None
    return [row["name"] for row in await engine.database(session).query("SELECT name FROM item ORDER BY 1")]


@pytest.mark.usefixtures("_changed")
async def test_a_plan_an_undo_and_a_redo(engine: Engine, admin: Client, hire: Hire) -> None:
    token = await hire(UNDO)
    plan = (await post(admin, token, "undo/plan", **TAG)).json()
    assert (plan["version"], plan["tag"], plan["changes"]) == (0, None, 2)
    assert plan["tallies"] == [{"table": "item", "kind": "UPDATE", "acts": 1}]
    assert [(part["user"], part["realm"], part["changes"]) for part in plan["parts"]] == [("ana", "acme", 2)]
    (conflict,) = plan["conflicts"]
    assert (conflict["key"], conflict["reason"], conflict["found"]) == (2, "changed-since", "Bolt")
    assert await names(engine) == ["Bolt", "bad"]
    refused = await post(admin, token, "undo", **TAG)
    assert (refused.status, refused.json()["code"]) == (409, "database.undo_conflicts")
    done = (await post(admin, token, "undo", **TAG, onConflict="skip")).json()
    assert done["version"] > 0
    assert await names(engine) == ["Bolt", "item 1"]
    assert (await post(admin, token, "redo", **TAG)).json()["changes"] == 1
    assert await names(engine) == ["Bolt", "bad"]
    undone = (await post(admin, token, "undo", tag=done["tag"], user="nobody")).json()
    assert (undone["changes"], undone["version"]) == (0, 0)


@pytest.mark.usefixtures("_changed")
async def test_an_operator_takes_back_what_was_changed_in_his_realms(admin: Client, hire: Hire) -> None:
    token = await hire(f"{UNDO}@web")
    assert (await post(admin, token, "undo", **TAG)).status == 403
    assert (await post(admin, token, "undo/plan", **TAG)).status == 403
    assert (await post(admin, token, "undo", table="item", key=2)).status == 403
    answer = await post(admin, await hire(UNDO), "undo", table="item", key=2)
    assert (answer.status, answer.json()["code"]) == (409, "database.several_authors")


@pytest.mark.usefixtures("_changed")
async def test_force_takes_a_scope(engine: Engine, admin: Client, hire: Hire) -> None:
    token = await hire(UNDO)
    assert (await post(admin, token, "undo", **TAG, onConflict="force")).status == 403
    assert (await post(admin, token, "undo/plan", **TAG, force=True)).status == 403
    token = await hire(UNDO, "database.forceUndo")
    done = (await post(admin, token, "undo", **TAG, onConflict="force")).json()
    assert [one["forced"] for one in done["conflicts"]] == [True]
    assert await names(engine) == ["item 1", "item 2"]


@pytest.mark.usefixtures("_changed")
async def test_who_may_look_may_not_take_back(admin: Client, hire: Hire) -> None:
    assert (await post(admin, await hire("database.viewChanges"), "undo", **TAG)).status == 403
    token = await hire(UNDO)
    assert (await post(admin, token, "undo")).status == 400
    assert (await post(admin, token, "undo", key=1)).status == 400
    assert (await post(admin, token, "undo", database="none", **TAG)).status == 404
