"""AuthTokens in the admin API."""

from __future__ import annotations

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.errors import AuthTokenRefused
from sojourn.engine.security.actors import HOST
from sojourn.model.token import AuthToken
from tests.admin.conftest import Hire
from tests.http.wire_client import Client

pytestmark = pytest.mark.anyio


async def issue(engine: Engine, realm: str) -> tuple[int, str]:
    account = await engine.rules.users.find("main", "ana")
    assert account is not None
    where = realm if realm == "*" else engine.realm(realm).id
    return await engine.rules.auth_tokens.authorize(HOST, account, AuthToken("", description=realm), where)


async def test_an_operator_sees_the_tokens_of_his_realms(engine: Engine, admin: Client, hire: Hire) -> None:
    for realm in ("acme", "web", "*"):
        await issue(engine, realm)
    for grants, seen in (
        (("security.manageTokens@acme",), ["acme"]),
        (("security.manageTokens",), ["acme", "web", "*"]),
        (("security.manageTokens@shop",), []),
    ):
        answer = await admin.get("/api/v1/tokens?user=ana", await hire(*grants))
        assert [token["description"] for token in answer.json()["tokens"]] == seen
        assert "sjt_" not in answer.body.decode()
    nobody = await admin.get("/api/v1/tokens?user=nobody", await hire("security.manageTokens"))
    assert nobody.json() == {"tokens": []}


async def test_an_operator_revokes_where_he_has_the_right_and_all_that_the_owner_has(
    engine: Engine, admin: Client, hire: Hire
) -> None:
    key, text = await issue(engine, "acme")
    path = f"/api/v1/tokens/{key}/revoke"
    assert (await admin.post(path, await hire("security.manageTokens@web"))).status == 404
    await engine.rules.grants.grant("ana", "cart.read")
    assert (await admin.post(path, await hire("security.manageTokens@acme"))).status == 403
    assert (await engine.session("acme", text)).user_name == "ana"
    boss = await hire("security.manageTokens@acme", "cart.read")
    assert (await admin.post(path, boss)).json() == {"key": key, "revoked": True}
    assert (await admin.post(path, boss)).status == 404
    with pytest.raises(AuthTokenRefused):
        await engine.session("acme", text)
