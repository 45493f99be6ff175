"""The realms of an attestation: there for who knows the secret, and gone after ten minutes whatever happens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sojourn.bootstrap import Engine
from sojourn.config.project import load_project
from sojourn.core.clock import ManualClock
from sojourn.core.errors import TooManyTries
from sojourn.engine.attest import LIFE, MOST_RUNS, Run
from sojourn.engine.security.actors import HOST
from sojourn.http.application import Application
from sojourn.identity.password import Cost, PasswordHasher
from tests.http.conftest import GOOD, PASSWORD, bearer
from tests.http.wire_client import Answer, Client, Pair

pytestmark = pytest.mark.anyio

SCOPE = "engine.attest"


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


@pytest.fixture
async def run(engine: Engine) -> Run:
    return await engine.rules.attest.start(HOST)


def secret(run: Run) -> Pair:
    return ("sojourn-attest", run.secret)


async def login(client: Client, run: Run, *headers: Pair, user: str = "user", realm: str = "") -> Answer:
    value = {"userName": user, "password": run.accounts[user]}
    return await client.post(f"/realms/{realm or run.realm}/login", *headers, value=value)


async def test_a_run_is_there_for_who_knows_its_secret_only(client: Client, run: Run) -> None:
    assert (await login(client, run, secret(run))).status == 200
    assert (await login(client, run, secret(run), realm=run.brief)).status == 200
    assert (await login(client, run, secret(run), realm=run.other)).status == 401
    nowhere = await client.post("/realms/attest-0123456789abcdef/login", value=GOOD)
    for headers in ((), (("sojourn-attest", ""),), (("sojourn-attest", "x" * 43),), (secret(run), secret(run))):
        answer = await login(client, run, *headers)
        assert (
            (answer.status, answer.json()["code"])
            == (nowhere.status, nowhere.json()["code"])
            == (404, "request.not_found")
        )
    assert (await client.get(f"/realms/{run.realm}/.well-known/jwks.json")).status == 404
    assert (await client.post(f"/realms/{run.realm}/attest/end", value={})).status == 404


async def test_no_list_shows_it_and_a_reload_leaves_it(engine: Engine, client: Client, run: Run) -> None:
    assert not any(realm.name.startswith("attest-") for realm in engine.rules.realms.all())
    await engine.deploy(engine.project, engine.deployment)
    assert (await login(client, run, secret(run))).status == 200
    assert await engine.rules.users.find("main", "victim") is None


async def test_it_is_over_at_its_instant_and_the_upkeep_removes_all_of_it(
    engine: Engine, client: Client, run: Run, clock: ManualClock
) -> None:
    rules, token = engine.rules, (await login(client, run, secret(run))).json()["token"]
    mine = ("authorization", f"Bearer {token}")
    clock.advance(LIFE - 1)
    assert (await client.get(f"/realms/{run.realm}/session", secret(run), mine)).status == 200
    assert await rules.attest.tidy() == 0
    clock.advance(1)
    assert (await client.get(f"/realms/{run.realm}/session", secret(run), mine)).status in (401, 404)
    assert await rules.attest.tidy() == 1
    assert await rules.users.list(run.realm) == []
    assert await rules.users.list(run.other) == []
    assert (await login(client, run, secret(run))).status == 404
    assert await rules.attest.tidy() == 0
    acts = [json.loads(event.detail) for event in await rules.audit.recent(1_000) if event.kind == "ATTEST"]
    assert [act["act"] for act in acts] == ["ended", "started"]
    assert all(act["run"] == run.realm for act in acts)


async def test_what_an_engine_that_was_killed_left_is_removed_by_the_next(
    folder: Path, run: Run, clock: ManualClock
) -> None:
    clock.advance(LIFE)
    project = load_project(folder, {})
    async with Engine.open(
        project, clock=clock, hasher=PasswordHasher(Cost(memory=8, passes=1), workers=1)
    ) as next_one:
        # What its upkeep does first thing; the engine before may be doing the same.
        await next_one.rules.attest.tidy()
        assert await next_one.rules.users.list(run.realm) == []
        assert await next_one.rules.attest.realm(run.realm, run.secret) is None


async def test_its_maker_ends_it_and_says_how_it_went(engine: Engine, client: Client, run: Run) -> None:
    body = {"passed": 40, "failed": 1, "notApplicable": "many"}
    assert (await client.post(f"/realms/{run.realm}/attest/end", secret(run), value=body)).status == 200
    assert (await login(client, run, secret(run))).status == 404
    (event,) = [event for event in await engine.rules.audit.recent(50) if '"ended"' in event.detail]
    assert json.loads(event.detail) == {"act": "ended", "run": run.realm, "passed": 40, "failed": 1, "notApplicable": 0}


async def test_few_runs_stand_at_the_same_time(engine: Engine, clock: ManualClock) -> None:
    for _ in range(MOST_RUNS):
        await engine.rules.attest.start(HOST)
    with pytest.raises(TooManyTries):
        await engine.rules.attest.start(HOST)
    clock.advance(LIFE)
    await engine.rules.attest.start(HOST)


@pytest.fixture
def enabled(folder: Path) -> None:
    toml = folder / "sojourn.toml"
    toml.write_text(toml.read_text() + "[attest]\nenabled = true\n")


async def test_without_the_setting_there_is_no_such_path(client: Client, engine: Engine) -> None:
    await engine.rules.grants.grant("ana", SCOPE, "*")
    assert (await client.post("/realms/acme/attest", await bearer(client, "ana"))).status == 404


@pytest.mark.usefixtures("enabled")
async def test_a_run_is_made_for_a_token_with_the_scope(app: Application, engine: Engine) -> None:
    client = Client(app)
    token = await bearer(client, "ana")
    assert (await client.post("/realms/acme/attest")).status == 401
    assert (await client.post("/realms/acme/attest", token)).status == 403
    await engine.rules.grants.grant("ana", SCOPE, engine.realm("acme").id)
    made = await client.post("/realms/acme/attest", token)
    assert made.status == 200
    assert made.header("cache-control") == "no-store"
    told = made.json()
    value = {"userName": "user", "password": told["accounts"]["user"]}
    shown = ("sojourn-attest", told["secret"])
    assert (await client.post(f"/realms/{told['realm']}/login", shown, value=value)).status == 200
    # Neither another realm's token, nor a cookie, nor the run itself makes a run.
    assert (await client.post("/realms/web/attest", token)).status == 401
    cookie = (await client.post("/realms/web/login", value=GOOD)).cookies[0].partition(";")[0]
    own = ("sec-fetch-site", "same-origin")
    assert (await client.post("/realms/web/attest", ("cookie", cookie), own)).status == 401
    assert (await client.post(f"/realms/{told['realm']}/attest", shown)).status == 404
    (event,) = [event for event in await engine.rules.audit.recent(100) if '"started"' in event.detail]
    assert (event.actor, event.address) == ("ana", "127.0.0.1")
    assert told["secret"] not in str(event)
    assert PASSWORD not in str(event)


@pytest.mark.parametrize("body", [[], {}, {"act": "disable"}, {"act": "resign", "token": "x.y.z", "change": "kid"}])
async def test_an_act_that_is_none_is_refused(client: Client, run: Run, body: object) -> None:
    assert (await client.post(f"/realms/{run.realm}/attest/act", secret(run), value=body)).status in (400, 401)
    assert (await client.post("/realms/acme/attest/act", secret(run), value=body)).status == 404


async def test_a_token_with_one_thing_wrong_is_refused_and_without_it_is_not(client: Client, run: Run) -> None:
    token = (await login(client, run, secret(run))).json()["token"]
    statuses = {}
    for change in ("none", "typ", "aud", "iss", "exp", "nbf"):
        value = {"act": "resign", "token": token, "change": change}
        made = (await client.post(f"/realms/{run.realm}/attest/act", secret(run), value=value)).json()["token"]
        shown = ("authorization", f"Bearer {made}")
        statuses[change] = (await client.get(f"/realms/{run.realm}/session", secret(run), shown)).status
    assert statuses == {"none": 200, "typ": 401, "aud": 401, "iss": 401, "exp": 401, "nbf": 401}
