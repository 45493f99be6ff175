"""What the client of a route is told of data that a script could not read or write."""

from __future__ import annotations

import pytest

from sojourn.data.definition import define
from sojourn.data.terms import Author
from tests.scripting.web.conftest import PASSWORD, Site, told

pytestmark = pytest.mark.anyio

LOGIN = f"session.login('ana', '{PASSWORD}'); "
ENDLESS = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c"
NEW = "const made = database.query('SELECT * FROM pen WHERE 1 = 0'); "
MISTAKE = (500, "The script has failed.", "script.failed")


@pytest.fixture
async def pens(site: Site) -> Site:
    backend = await site.engine.databases.named("main")
    if "pen" not in await backend.tables():
        statement = 'CREATE TABLE pen ("iKey" BIGINT PRIMARY KEY, ink TEXT UNIQUE NOT NULL, since DATE)'
        await define(backend, statement, Author(user_key=-1, user_name="host"), site.clock.now())
    return site


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            NEW
            + "for (const ink of ['blue', 'blue']) made.append({iKey: database.createKey(), ink}); made.applyUpdates()",
            (409, "A constraint of the table refuses this; nothing was written.", "database.constraint"),
        ),
        (
            NEW + "const k = database.createKey(); made.append({iKey: k, ink: createGUID(true)}); made.applyUpdates();"
            "const [a, b] = [1, 2].map(() => database.query('SELECT * FROM pen WHERE \"iKey\" = ?', [k]));"
            "for (const one of [a, b]) { one.edit(); one.setField('ink', createGUID(true)); one.post() }"
            "a.applyUpdates(); b.applyUpdates()",
            (
                409,
                "Somebody else has changed this record meanwhile; nothing was written.",
                "database.record_conflict",
            ),
        ),
        (
            f"database.query('{ENDLESS}', [], {{timeout: 100}})",
            (504, "The statement has run longer than it may.", "database.timeout"),
        ),
        (
            "session.limitKeyCreation(1); database.createKey(2)",
            (413, "The session has reached its limit of new keys.", "key.limit"),
        ),
        ("database.query('DELETE FROM pen')", MISTAKE),
        ("database.query('SELECT * FROM nowhere')", MISTAKE),
        ("database.query('SELECT ?', [])", MISTAKE),
    ],
)
async def test_what_the_client_can_act_on_has_its_status_and_the_words_of_its_kind(
    pens: Site, code: str, expected: tuple[int, str, str]
) -> None:
    answer = await pens.post(pens.route(LOGIN + code, realm="web"))
    assert told(answer) == expected
    for inside in (b"pen", b"ink", b"SELECT"):
        assert inside not in answer.body


async def test_without_a_login_there_is_no_data(pens: Site) -> None:
    answer = await pens.post(pens.route("database.query('SELECT * FROM pen')", realm="web"))
    assert told(answer)[::2] == (401, "database.login_required")
