"""AuthTokens that log sessions in: those that only some scripts may use, and those of somebody else."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path

import pytest

from sojourn import AuthToken, Engine, Session
from sojourn.core.clock import MINUTE, ManualClock
from sojourn.core.errors import AuthTokenRefused, InsufficientScope
from sojourn.engine.files.deploying import Write
from sojourn.engine.security.actors import HOST, Actor
from sojourn.engine.tokens.script_scopes import BadScript, canonical
from sojourn.model.file_path import parse_path
from tests.http.conftest import PASSWORD
from tests.http.wire_client import Client

pytestmark = pytest.mark.anyio

A, B = "ufs:/jobs/a.js", "ufs:/jobs/b%20c.js"


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


@pytest.fixture
def scripts(folder: Path) -> Path:
    jobs = folder / "scripts" / "jobs"
    jobs.mkdir(parents=True)
    (jobs / "a.js").write_text("1")
    (jobs / "b c.js").write_text("2")
    return jobs


@pytest.fixture
async def owner(engine: Engine, scripts: Path) -> Session:
    assert scripts.is_dir()
    await engine.rules.grants.grant("ana", "cart.read")
    session = await engine.login("acme", "ana", PASSWORD)
    assert session is not None
    return session


@pytest.fixture
async def other(engine: Engine) -> Session:
    session = await engine.login("acme", "ben", PASSWORD)
    assert session is not None
    return session


async def not_allowed(coming: Awaitable[object]) -> None:
    with pytest.raises(AuthTokenRefused) as caught:
        await coming
    assert caught.value.reason == "script-not-allowed"


async def test_21_11_another_script_is_refused_and_its_session_keeps_its_user(owner: Session, other: Session) -> None:
    """§21 (11)."""
    text = await owner.authorize_token(AuthToken(["cart.read", A]))
    await not_allowed(other.login_by_auth_token(text, scripts=[B]))
    await other.check()
    assert other.user_name == "ben"
    await other.login_by_auth_token(text, scripts=[A])
    assert (other.user_name, set(other.scope)) == ("ana", {"cart.read", A})


async def test_every_caller_has_to_be_listed_and_no_script_at_all_is_none(owner: Session, other: Session) -> None:
    text = await owner.authorize_token(AuthToken([A, B]))
    for chain in ([], [A, "ufs:/jobs/c.js"], [A, "vfs:ikey?1"], ["nonsense"], [A, ""]):
        await not_allowed(other.login_by_auth_token(text, scripts=chain))
    await other.login_by_auth_token(text, scripts=[A, B, A])


async def test_a_changed_file_is_refused_until_the_owner_confirms_it(
    owner: Session, other: Session, scripts: Path, engine: Engine
) -> None:
    token = AuthToken([A])
    text = await owner.authorize_token(token)
    (scripts / "a.js").write_text("evil")
    await not_allowed(other.login_by_auth_token(text, scripts=[A]))
    await owner.update_auth_token(token)
    await not_allowed(other.login_by_auth_token(text, scripts=[A]))
    actor = await engine.rules.actors.of(owner.access)
    await engine.rules.auth_tokens.update(actor, token, access=owner.access, confirm=True)
    await other.login_by_auth_token(text, scripts=[A])


async def test_links_and_other_spellings_name_no_script(owner: Session, scripts: Path) -> None:
    (scripts / "link.js").symlink_to(scripts / "a.js")
    for word in (
        "ufs:/jobs/link.js",
        "ufs:/jobs/A.js",
        "ufs:/jobs",
        "ufs:/jobs/../jobs/a.js",
        "ufs:/jobs//a.js",
        "ufs:/jobs/%2e%2e/a.js",
        "ufs:/jobs%2Fa.js",
        "ufs:jobs/a.js",
        "ufs:/",
        "ufs:",
        "vfs:ikey?x",
        "vfs:ikey?",
    ):
        with pytest.raises(BadScript):
            await owner.authorize_token(AuthToken([word]))


async def test_one_spelling_is_kept(engine: Engine, owner: Session) -> None:
    wanted = Write(parse_path("/shared/night.js", "vfs"), b"1")
    key = (await engine.rules.files.deploying.write([wanted], HOST))[0].key
    token = AuthToken(["ufs:/jobs/%61.js", "ufs:/jobs/a.js", f"vfs:ikey?00{key}"])
    await owner.authorize_token(token)
    assert token.scope == f"{A} vfs:ikey?{key}"
    assert canonical(["ufs:/jobs/b%20c.js"]) == B


async def test_a_child_of_a_token_for_scripts_is_for_the_same_or_fewer(owner: Session, other: Session) -> None:
    text = await owner.authorize_token(AuthToken(["cart.read", A]))
    await other.login_by_auth_token(text, scripts=[A])
    child = AuthToken("cart.read")
    await other.authorize_token(child)
    assert child.scope == f"cart.read {A}"
    with pytest.raises(InsufficientScope):
        await other.authorize_token(AuthToken(["cart.read", B]))


async def test_who_am_i_of_a_session_that_a_token_logged_in(
    engine: Engine, client: Client, owner: Session, other: Session, clock: ManualClock
) -> None:
    token = AuthToken("cart.read", expires=clock.now() + MINUTE)
    await other.login_by_auth_token(await owner.authorize_token(token))
    header = ("authorization", f"Bearer {await other.token()}")
    who = (await client.get("/realms/acme/session", header)).json()
    assert (who["user"]["name"], who["scope"], who["delegated"]) == ("ana", ["cart.read"], True)
    assert who["endsNext"] == {"reason": "token-revoked", "at": "2027-01-15T08:01:00.000Z"}
    clock.advance(MINUTE)
    answer = await client.get("/realms/acme/session", header)
    assert (answer.status, answer.json()["reason"]) == (401, "token-revoked")


async def test_who_impersonates_is_shown_to_the_user_and_in_the_token(engine: Engine, client: Client) -> None:
    rules, ana = engine.rules, await engine.rules.users.find("main", "ana")
    boss = await rules.users.add("main", "boss", PASSWORD)
    await rules.grants.grant("boss", "security.issueImpersonationToken")
    assert ana is not None
    scopes = await rules.actors.scopes(boss.key)
    actor = Actor("boss", boss.key, scopes["*"], scopes)
    done = await rules.auth_tokens.authorize(actor, ana, AuthToken(""), engine.realm("acme").id)
    session = await engine.login("acme", "ben", PASSWORD)
    assert session is not None
    await session.login_by_auth_token(done.text)
    jwt = await session.token()
    for text in (done.text, jwt):
        who = (await client.get("/realms/acme/session", ("authorization", f"Bearer {text}"))).json()
        assert (who["user"]["name"], who["actor"]) == ("ana", "boss")
    claims = (await engine.session("acme", jwt)).access.claims
    assert claims is not None
    assert claims["act"] == {"sub": "boss"}
    mine = await client.post("/realms/acme/login", value={"userName": "ana", "password": PASSWORD})
    header = ("authorization", f"Bearer {mine.json()['token']}")
    listed = (await client.get("/realms/acme/sessions", header)).json()["sessions"]
    assert [one.get("actor") for one in listed if not one["current"]] == ["boss"]
