"""AuthTokens where two engines share an engine database on PostgreSQL."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from sojourn import AuthToken, Engine
from sojourn.config.project import load_project
from sojourn.core.clock import MINUTE, ManualClock
from sojourn.core.errors import AuthTokenRefused
from sojourn.identity.password import Cost, PasswordHasher
from tests.http.conftest import PASSWORD

pytestmark = pytest.mark.anyio


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


async def test_a_token_of_one_engine_is_taken_changed_and_revoked_at_once_by_the_other(
    folder: Path, clock: ManualClock, postgres_engine_database: str
) -> None:
    project = load_project(folder, {"SOJOURN_STORES_ENGINE": postgres_engine_database})
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(
                Engine.open(
                    project, clock=clock, hasher=PasswordHasher(Cost(memory=8, passes=1), workers=1), recover=recover
                )
            )
            for recover in (True, False)
        ]
        await one.rules.users.add("main", "eve", PASSWORD)
        await one.rules.grants.grant("eve", "cart.read")
        owner = await one.login("acme", "eve", PASSWORD)
        assert owner is not None
        parent = AuthToken("cart.read", "opaque")
        text = await owner.authorize_token(parent)
        bearer = await two.session("acme", text)
        assert set(bearer.scope) == {"cart.read"}
        child = await bearer.authorize_token(AuthToken("cart.read"))
        parent.expires = clock.now() + MINUTE
        await owner.update_auth_token(parent)
        assert (await two.rules.auth_tokens.restore(child)).expires == clock.now() + MINUTE
        await one.session("acme", text)
        await two.session("acme", text)
        await one.rules.token_uses.flush(now=True)
        await two.rules.token_uses.flush(now=True)
        listed = await two.rules.auth_tokens.list(owner.user_key)
        assert [each.used.uses for each in listed] == [3, 0]
        await owner.revoke_auth_token_by_key(parent.key)
        for dead in (text, child):
            with pytest.raises(AuthTokenRefused):
                await two.session("acme", dead)
