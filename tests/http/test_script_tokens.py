"""AuthTokens that only some scripts may use: spelling, the chain of callers, changed files."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path

import pytest

from sojourn import AuthToken, Engine, Session
from sojourn.core.errors import AuthTokenRefused, InsufficientScope
from sojourn.engine.script_scopes import BadScript, canonical
from tests.http.conftest import PASSWORD

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


async def test_one_spelling_is_kept(owner: Session) -> None:
    token = AuthToken(["ufs:/jobs/%61.js", "ufs:/jobs/a.js", "vfs:ikey?007"])
    await owner.authorize_token(token)
    assert token.scope == f"{A} vfs:ikey?7"
    assert canonical(["ufs:/jobs/b%20c.js"]) == B


async def test_a_child_of_a_token_for_scripts_is_for_the_same_or_fewer(owner: Session, other: Session) -> None:
    text = await owner.authorize_token(AuthToken(["cart.read", A]))
    await other.login_by_auth_token(text, scripts=[A])
    child = AuthToken("cart.read")
    await other.authorize_token(child)
    assert child.scope == f"cart.read {A}"
    with pytest.raises(InsufficientScope):
        await other.authorize_token(AuthToken(["cart.read", B]))
