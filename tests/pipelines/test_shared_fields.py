"""Pipelines in a realm that shares GLOBAL fields between the sessions of one user, under a preset of times."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sojourn.core.clock import DAY, HOUR, ManualClock
from sojourn.core.errors import InsufficientScope
from tests.pipelines.flows import generate, get_global, make, plan, put_global, step
from tests.pipelines.gate import PASSWORD, Gate

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(made_project: Path, tmp_path: Path) -> Path:
    """A project whose realm ``beta`` shares fields and keeps to a preset."""
    shutil.copytree(made_project.parent, tmp_path, dirs_exist_ok=True)
    config = {"globalSession": "user", "timeouts": "nist-aal2"}
    (tmp_path / made_project.name / "realms" / "beta" / "realm.json").write_text(json.dumps(config))
    return tmp_path / made_project.name


@pytest.fixture
def beta(gate: Gate) -> Gate:
    gate.deploy(
        plan(step("login"), generate(), name="login", realm="beta"),
        plan(step("login"), generate(scopes=[]), name="narrow", realm="beta"),
        plan(step("login"), generate(idle=2 * DAY, expiresIn=20 * DAY), name="long", realm="beta"),
        plan(make({"cart": "{{ message.body.cart }}"}), put_global("cart"), name="put", realm="beta", tokenJwt=True),
        plan(make({}), get_global("cart"), name="get", realm="beta", tokenJwt=True),
        plan(
            make({}),
            step("session-management", params={"operation": "INCREMENT", "sessionType": "GLOBAL", "fields": ["n"]}),
            name="count",
            realm="beta",
            tokenJwt=True,
        ),
    )
    return gate


async def token(gate: Gate, name: str = "ana", how: str = "login") -> str:
    return (await gate.call(how, {"userName": name, "password": PASSWORD}, realm="beta")).token


async def test_two_sessions_of_one_user_share_their_fields_and_others_do_not(beta: Gate) -> None:
    one, two, ben = await token(beta), await token(beta), await token(beta, "ben")
    await beta.call("put", {"cart": 7}, token=one, realm="beta")
    assert (await beta.call("get", token=two, realm="beta")).json == {"cart": 7}
    assert (await beta.call("get", token=ben, realm="beta")).json == {}
    for each, sum_ in ((one, 1), (two, 2)):
        assert (await beta.call("count", token=each, realm="beta")).json == {"n": sum_}


async def test_a_narrower_token_needs_the_scope_for_it(beta: Gate) -> None:
    narrow = await token(beta, how="narrow")
    with pytest.raises(InsufficientScope):
        await beta.call("get", token=narrow, realm="beta")
    with pytest.raises(InsufficientScope):
        await beta.call("put", {"cart": 1}, token=narrow, realm="beta")


async def test_a_session_of_generate_stays_within_the_preset(beta: Gate, clock: ManualClock) -> None:
    access = await beta.access(await token(beta, how="long"), "beta")
    assert (access.session.idle, access.session.absolute) == (HOUR, clock.now() + DAY)
    access = await beta.access(await token(beta), "beta")
    assert access.session.idle == HOUR
