"""Signing keys over the admin API: who may, what is shown, what a revocation ends."""

from __future__ import annotations

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import HOUR
from sojourn.core.errors import SessionEnded
from tests.admin.conftest import Begin, Hire
from tests.http.wire_client import Client

pytestmark = pytest.mark.anyio

SCOPE = "security.manageKeys"


async def test_an_operator_rotates_and_revokes_the_keys_of_his_realm(
    admin: Client, engine: Engine, hire: Hire, begin: Begin
) -> None:
    token, realm = await hire(f"{SCOPE}@acme"), engine.realm("acme")
    begun = await begin("ana", "acme")
    await engine.rules.tokens.issue(realm, begun.session, scope=None, expires_at=engine.rules.clock.now() + HOUR)
    (key,) = (await admin.get("/api/v1/keys", token)).json()["keys"]
    assert (key["realm"], key["state"], key["algorithm"]) == ("acme", "active", "EdDSA")
    assert not {"sealed", "private", "d"} & set(key)
    rotated = (await admin.post("/api/v1/realms/acme/keys/rotate", token)).json()
    assert (rotated["active"], rotated["changed"]) == (key["kid"], False)
    revoked = (await admin.post(f"/api/v1/realms/acme/keys/{key['kid']}/revoke", token)).json()
    assert (revoked["kid"], revoked["sessionsEnded"]) == (key["kid"], 1)
    with pytest.raises(SessionEnded) as ended:
        await engine.rules.sessions.open(realm, begun.handle, "cookie")
    assert (ended.value.reason, ended.value.by_operator) == ("revoked", True)
    states = [row["state"] for row in (await admin.get("/api/v1/keys?realm=acme", token)).json()["keys"]]
    assert states == ["revoked", "next", "active"]


async def test_the_keys_of_another_realm_and_of_operators_are_unknown(
    admin: Client, engine: Engine, hire: Hire
) -> None:
    token = await hire(f"{SCOPE}@acme")
    for realm in (engine.realm("web"), engine.rules.realms.operators):
        kid = (await engine.rules.keys.active(realm)).kid
        answer = await admin.post(f"/api/v1/realms/acme/keys/{kid}/revoke", token)
        assert (answer.status, answer.json()["code"]) == (404, "keys.unknown")
        assert (await engine.rules.keys.active(realm)).kid == kid
    assert (await admin.post("/api/v1/realms/web/keys/rotate", token)).status == 404
