"""The change log over the admin API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sojourn import jose
from sojourn.bootstrap import Engine
from sojourn.data.terms import Modified, TableChanges
from sojourn.scripting.run import Kept
from tests.admin.conftest import Hire
from tests.http.conftest import PASSWORD
from tests.http.wire_client import Client

pytestmark = pytest.mark.anyio

CHANGES = "database.viewChanges"


@pytest.fixture
async def _changed(engine: Engine) -> None:
    """A table and two rows made in acme, one of them changed in web."""
    await engine.rules.grants.grant("ana", "database.alterSchema")
    acme, web = await engine.login("acme", "ana", PASSWORD), await engine.login("web", "ana", PASSWORD)
    assert acme is not None
    assert web is not None
    database = engine.database(acme, terms=Kept(tracking_id="import-7"))
    await database.execute_ddl('CREATE TABLE item ("iKey" INTEGER PRIMARY KEY, name TEXT)')
    rows: list[dict[str, Any]] = [{"iKey": key, "name": f"item {key}"} for key in (1, 2)]
    await database.apply_updates([TableChanges(table="item", inserted=rows)])
    change = Modified(2, {"name": "item 2"}, {"name": "Bolt"})
    await engine.database(web).apply_updates([TableChanges(table="item", modified=[change])])


async def listed(admin: Client, token: tuple[str, str], query: str = "") -> list[int]:
    answer = await admin.get(f"/api/v1/changes?{query}", token)
    assert answer.status == 200, answer
    return [change["number"] for change in answer.json()["changes"]]


@pytest.mark.usefixtures("_changed")
async def test_changes_are_listed_by_what_is_asked(admin: Client, hire: Hire) -> None:
    token = await hire(CHANGES)
    assert await listed(admin, token) == [4, 3, 2, 1]
    assert await listed(admin, token, "tag=import-7") == [3, 2, 1]
    assert await listed(admin, token, "table=item&key=2") == [4, 3]
    assert await listed(admin, token, "user=ana&kind=UPDATE,DDL") == [4, 1]
    assert await listed(admin, token, "user=nobody") == []
    assert await listed(admin, token, "version=2") == [3, 2]
    assert await listed(admin, token, "until=2020-01-01T00:00:00Z") == []
    page = (await admin.get("/api/v1/changes?limit=3", token)).json()
    assert (page["next"], [change["number"] for change in page["changes"]]) == ("2", [4, 3, 2])
    assert await listed(admin, token, f"limit=3&cursor={page['next']}") == [1]
    shown = (await admin.get("/api/v1/changes/4", token)).json()
    assert (shown["before"], shown["after"]) == ({"name": "item 2"}, {"name": "Bolt"})
    assert (shown["user"], shown["realm"], shown["key"], shown["kind"]) == ("ana", "web", 2, "UPDATE")


@pytest.mark.usefixtures("_changed")
async def test_an_operator_sees_the_changes_of_his_realms_only(admin: Client, hire: Hire) -> None:
    token = await hire(f"{CHANGES}@web")
    assert await listed(admin, token) == [4]
    assert await listed(admin, token, "tag=import-7") == []
    assert (await admin.get("/api/v1/changes/3", token)).status == 404
    assert (await admin.get("/api/v1/changes/4", token)).status == 200
    assert (await admin.get("/api/v1/changes?realm=acme", token)).status == 404


@pytest.mark.usefixtures("_changed")
@pytest.mark.parametrize(
    "query", ["key=1", "kind=NOTHING", "cursor=0", "cursor=x", "since=now", "limit=0", "session=x", "nothing=1"]
)
async def test_what_cannot_be_asked_is_refused(admin: Client, hire: Hire, query: str) -> None:
    assert (await admin.get(f"/api/v1/changes?{query}", await hire(CHANGES))).status == 400


@pytest.mark.usefixtures("_changed")
async def test_the_log_is_verified_and_its_head_signed(admin: Client, hire: Hire, engine: Engine) -> None:
    token = await hire(CHANGES, "security.acceptChanges", "security.viewAudit")
    head = (await admin.post("/api/v1/changes/head", token, value={})).json()
    assert json.loads(jose.verify(head["head"], head["key"]))["last"] == head["last"] == 4
    done = (await admin.post("/api/v1/changes/verify", token, value={})).json()
    assert (done["sound"], done["changes"], done["unsealed"]) == (True, 4, None)
    backend = await engine.databases.named()

    def attack(connection: Any) -> None:
        connection.exec_driver_sql("DROP TRIGGER sojourn_change_update")
        connection.exec_driver_sql("UPDATE sojourn_change SET user_key = 1 WHERE number = 2")

    await backend.write(attack)
    done = (await admin.post("/api/v1/changes/verify", token, value={})).json()
    assert [(found["fault"], found["number"]) for found in done["findings"]] == [("changed", 2)]
    done = (await admin.post("/api/v1/changes/accept", token, value={"reason": "seen"})).json()
    assert not done["sound"], "what was changed stays found"
    events = (await admin.get("/api/v1/audit?kind=CHANGE_LOG", token)).json()["events"]
    assert events[0]["detail"]["reason"] == "seen"
    assert (await admin.get("/api/v1/changes?database=none", token)).status == 404


@pytest.mark.usefixtures("_changed")
async def test_a_log_that_is_another_one_is_seen(admin: Client, engine: Engine) -> None:
    await engine.changes.seal()
    assert (await admin.get("/health/ready")).json()["project"] == []
    backend = await engine.databases.named()

    def attack(connection: Any) -> None:
        connection.exec_driver_sql("DROP TRIGGER sojourn_seal_delete")
        connection.exec_driver_sql("DELETE FROM sojourn_seal")

    await backend.write(attack)
    await engine.changes.sealer.round()
    (told,) = (await admin.get("/health/ready")).json()["project"]
    assert "ends with seal 0" in told
    assert "sojourn_change_logs_broken 1.0" in (await admin.get("/metrics")).body.decode()
