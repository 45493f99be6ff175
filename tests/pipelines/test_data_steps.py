"""Object stores and tables as steps of deployed pipelines."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sojourn.core.json import Json
from sojourn.data.definition import define
from sojourn.data.selecting import Selection
from sojourn.data.terms import Author
from sojourn.engine.live import Session
from tests.pipelines.flows import generate, make, plan, problems_of, step
from tests.pipelines.gate import PASSWORD, Gate

pytestmark = pytest.mark.anyio

HOST = Author(user_key=-1, user_name="host")
PRODUCTS = (
    'CREATE TABLE product ("iKey" INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL, price DECIMAL(10, 2), since DATE)'
)


def store(operation: str, **params: Any) -> dict[str, Any]:
    params = {"operation": operation, "name": "orders", "failOnError": True, **params}
    return step("object-store", params=params)


def table(operation: str, **params: Any) -> dict[str, Any]:
    return step("db", params={"operation": operation, "table": "product", **params})


@pytest.fixture
async def tables(gate: Gate) -> None:
    await define(await gate.engine.databases.named(), PRODUCTS, HOST, 1_000)


async def run(gate: Gate, *steps: dict[str, Any], body: Json = None, token: str = "", status: int = 200) -> Any:
    trigger: dict[str, Any] = {"tokenJwt": True} if token else {}
    gate.deploy(plan(*steps, **trigger))
    answer = await gate.call("p", body, token=token)
    assert answer.status == status, answer.body
    return answer.json


async def test_documents_outlive_executions(gate: Gate) -> None:
    body = {"number": "A-1", "total": 10}
    kept = store("INSERT", objectId="{{ message.body.number }}", document={"total": "{{ message.body.total }}"})
    assert await run(gate, kept, body=body) == {"data": [{"_oId": "A-1"}], "updateCount": 1}
    found = await run(
        gate, store("FIND BY QUERY", query={"total": {"$gte": "{{ message.body.least }}"}}), body={"least": 5}
    )
    assert found == {"data": [{"total": 10, "_oId": "A-1"}], "rowCount": 1}
    assert await run(gate, store("find_by_id", objectId="A-2")) == {"data": [], "rowCount": 0}
    grouped = await run(gate, store("AGGREGATE", query=[{"$group": {"_id": None, "sum": {"$sum": "$total"}}}]))
    assert grouped == {"data": [{"_id": None, "sum": 10}], "rowCount": 1}
    assert await run(gate, store("DELETE BY QUERY", query={})) == {"data": [], "updateCount": 1}


async def test_of_two_executions_one_takes_the_document(gate: Gate) -> None:
    await run(gate, store("INSERT", objectId="A-1", document={"state": "open"}))
    taken = store("UPDATE BY QUERY", query={"state": "open"}, document={"$set": {"state": "taken"}})
    gate.deploy(plan(taken))
    answers = await asyncio.gather(*(gate.call("p") for _ in range(4)))
    assert sorted(answer.json["updateCount"] for answer in answers) == [0, 0, 0, 1]


async def test_an_error_becomes_the_message_or_ends_the_flow(gate: Gate) -> None:
    await run(gate, store("INSERT", objectId="A-1", document={}))
    again = await run(gate, store("INSERT", objectId="A-1", document={}, failOnError=False))
    assert (again["success"], again["code"]) == (False, 409)
    assert (await run(gate, store("INSERT", objectId="A-1", document={}), status=409))["code"] == 409
    assert (await run(gate, store("FIND BY QUERY", query={"$where": 1}), status=400))["code"] == 400
    assert (await run(gate, store("FIND BY ID"), status=422))["code"] == 422


async def test_a_query_that_a_template_did_not_find_means_no_document(gate: Gate) -> None:
    await run(gate, store("INSERT", objectId="A-1", document={"n": 1}))
    for query in ("{{ message.body.query }}", None):
        gone = store("DELETE BY QUERY", query=query)
        assert (await run(gate, gone, body={}, status=422))["code"] == 422
        changed = store("UPDATE BY QUERY", query=query, document={"n": 2})
        assert (await run(gate, changed, body={}, status=422))["code"] == 422
    assert (await run(gate, store("FIND BY QUERY", query={})))["data"] == [{"n": 1, "_oId": "A-1"}]


async def test_a_condition_from_outside_is_a_mere_value_behind_eq(gate: Gate) -> None:
    await run(gate, store("INSERT", objectId="A-1", document={"code": "secret"}))
    guess = {"code": {"$ne": None}}
    asked = store("FIND BY QUERY", query={"code": {"$eq": "{{ message.body.code }}"}})
    assert (await run(gate, asked, body=guess))["rowCount"] == 0
    assert (await run(gate, asked, body={"code": "secret"}))["rowCount"] == 1


async def test_what_is_isolated_the_next_execution_does_not_see(gate: Gate) -> None:
    kept = store("INSERT", document={"n": 1}, isolated=True)
    await run(gate, kept)
    # Executions of this gate have one key; another one has another.
    backend = await gate.engine.databases.named()
    rows = await backend.read(lambda c: c.exec_driver_sql("SELECT execution, expires FROM sojourn_document").all())
    assert rows[0][0] == "the-key"
    assert rows[0][1] is not None
    assert (await run(gate, store("FIND BY QUERY", query={})))["rowCount"] == 0


async def test_documents_of_a_token_are_changed_under_its_user(gate: Gate, token: str) -> None:
    await run(gate, store("INSERT", objectId="A-1", document={"n": 1}), token=token)
    backend = await gate.engine.databases.named()
    rows = await backend.read(
        lambda c: c.exec_driver_sql("SELECT user_name, tag, session <> '' FROM sojourn_change").all()
    )
    assert [tuple(row) for row in rows] == [("ana", "the-key", 1)]


async def test_changes_of_documents_are_undone(gate: Gate, token: str) -> None:
    await run(gate, store("INSERT", objectId="A-1", document={"n": 1}), token=token)
    await run(gate, store("UPDATE BY ID", objectId="A-1", document={"$inc": {"n": 1}}), token=token)
    access = await gate.access(token)
    undo = await gate.engine.database(Session(gate.rules, access)).undo()
    done = await undo.undo(Selection(versions=(2,)))
    assert done.version == 3
    assert (await run(gate, store("FIND BY QUERY", query={})))["data"] == [{"n": 1, "_oId": "A-1"}]


@pytest.mark.usefixtures("tables")
async def test_rows_are_written_and_read_as_the_user_of_the_token(gate: Gate, token: str) -> None:
    rows = [{"iKey": 7, "name": "bell", "price": 2.50, "since": "2026-01-31"}, {"name": "lamp"}]
    written = await run(gate, make({"rows": rows}), table("INSERT", rows="{{ message.rows }}"), token=token)
    assert written["updateCount"] == 2
    assert written["data"][0] == {"iKey": 7}
    read = step("db", params={"sql": 'SELECT * FROM product WHERE "iKey" = :key', "parameters": {"key": 7}})
    answer = await run(gate, read, token=token)
    assert answer == {"data": [{"iKey": 7, "name": "bell", "price": 2.5, "since": "2026-01-31"}], "rowCount": 1}
    changed = table("UPDATE", rows={"iKey": 7, "price": 3}, originals={"price": 2.50}, trackingId="prices")
    assert (await run(gate, changed, token=token))["version"] == 3
    assert (await run(gate, changed, token=token, status=409))["code"] == 409
    assert (await run(gate, table("DELETE", rows=[7]), token=token))["updateCount"] == 1
    backend = await gate.engine.databases.named()
    log = await backend.read(lambda c: c.exec_driver_sql("SELECT kind, tag, user_name FROM sojourn_change").all())
    kinds = [tuple(row) for row in log if row[0] != "DDL"]
    assert ("UPDATE", "prices", "ana") in kinds
    assert ("INSERT", "the-key", "ana") in kinds


@pytest.mark.usefixtures("tables")
async def test_without_a_user_no_table_is_reached(gate: Gate) -> None:
    read = step("db", params={"sql": "SELECT 1 AS one"})
    assert (await run(gate, read, status=401))["code"] == 401
    assert (await run(gate, table("DELETE", rows=[7]), status=401))["code"] == 401
    login = step("login", params={"userName": "ana", "password": PASSWORD})
    assert await run(gate, login, read) == {"data": [{"one": 1}], "rowCount": 1}


@pytest.mark.usefixtures("tables")
async def test_a_refused_statement_is_an_error_of_the_flow(gate: Gate, token: str) -> None:
    wrong = {
        "DELETE FROM product": 403,
        "SELECT * FROM missing": 404,
        "SELECT": 400,
        "SELECT * FROM product WHERE name = ?": 400,
        "SELECT * FROM sojourn_change": 403,
    }
    for sql, status in wrong.items():
        answer = await run(gate, step("db", params={"sql": sql}), token=token, status=status)
        assert answer["code"] == status, sql
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT i FROM n"
    assert (await run(gate, step("db", params={"sql": many, "maxRows": 10}), token=token, status=413))["code"] == 413
    for params in ({"sql": ""}, {"sql": "SELECT 1", "parameters": 1}, {"sql": "SELECT 1", "maxRows": 0}):
        assert (await run(gate, step("db", params=params), token=token, status=422))["code"] == 422
    for operation, more in (("INSERT", {}), ("UPDATE", {"rows": {"name": "x"}}), ("DELETE", {"rows": [{}]})):
        assert (await run(gate, table(operation, **more), token=token, status=422))["code"] == 422


async def test_a_token_of_an_external_principal_has_no_account(gate: Gate) -> None:
    gate.deploy(plan(make({"sub": "ext-1"}), generate()))
    token = (await gate.call("p", {})).token
    await run(gate, store("INSERT", objectId="A-1", document={}), token=token)
    backend = await gate.engine.databases.named()
    rows = await backend.read(lambda c: c.exec_driver_sql("SELECT user_key, session <> '' FROM sojourn_change").all())
    assert [tuple(row) for row in rows] == [(-1, 1)]


def test_the_steps_of_the_how_to_are_steps() -> None:
    page = Path("docs/howto/data-in-pipelines.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    for text in blocks:
        found, problems = problems_of(*YAML(typ="safe").load(text))
        assert found is not None, problems
