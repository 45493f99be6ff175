"""Identity providers and identities for operators: what is shown, who may switch them, who may link whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import ManualClock
from sojourn.engine.security.actors import HOST
from tests.admin.conftest import Hire
from tests.http.oidc_idp import Idp
from tests.http.wire_client import Answer, Client, Pair
from tests.identity.oidc_signer import CLIENT, ISSUER

pytestmark = pytest.mark.anyio

MANAGE, USERS = "security.manageProviders", "security.manageUsers"


@pytest.fixture
def folder(folder: Path) -> Path:
    (folder / "providers").mkdir()
    text = f"issuer: {ISSUER}\nclientId: {CLIENT}\nrealms: [web, acme]\ntitle: Corp\n"
    (folder / "providers" / "corp.yaml").write_text(text)
    return folder


@pytest.fixture
async def idp(engine: Engine, clock: ManualClock) -> Idp:
    idp = Idp(clock)
    engine.rules.providers.guard = idp
    return idp


async def ask(admin: Client, operator: Pair, path: str, body: Any = None) -> Answer:
    if body is None and not path.endswith(("able", "test")):
        return await admin.get(f"/api/v1{path}", operator)
    return await admin.post(f"/api/v1{path}", operator, value=body)


async def test_a_provider_is_shown_tested_and_switched(admin: Client, hire: Hire, engine: Engine, idp: Idp) -> None:
    operator = await hire(MANAGE)
    (shown,) = (await ask(admin, operator, "/providers")).json()["providers"]
    assert (shown["name"], shown["title"], shown["enabled"], shown["hasSecret"]) == ("corp", "Corp", True, False)
    assert (await ask(admin, operator, "/providers/corp/test")).json()["code"] == "provider.no_secret"
    await engine.rules.providers.set_secret("corp", "the client secret", HOST)
    report = await ask(admin, operator, "/providers/corp/test")
    assert (report.json()["keys"], report.json()["tokenEndpoint"]) == (1, ISSUER + "/token")
    idp.metadata["issuer"] = "https://other.example"
    assert (await ask(admin, operator, "/providers/corp/test")).json()["code"] == "oidc.provider_failed"
    assert (await ask(admin, operator, "/providers/corp/disable")).json()["enabled"] is False
    assert (await ask(admin, operator, "/providers/corp")).json()["enabled"] is False
    assert (await ask(admin, operator, "/providers/corp/enable")).json()["enabled"] is True
    told = [event for event in await engine.rules.audit.recent(20) if event.kind == "PROVIDER_CHANGE"]
    assert {event.actor for event in told} == {"host", told[0].actor}
    assert "the client secret" not in repr(await engine.rules.audit.recent(50))


async def test_who_looks_after_one_realm_sees_its_providers_and_switches_none_that_serve_others(
    admin: Client, hire: Hire
) -> None:
    one, both, other = (
        await hire(f"{MANAGE}@web"),
        await hire(f"{MANAGE}@web", f"{MANAGE}@acme"),
        await hire(f"{MANAGE}@shop"),
    )
    assert (await ask(admin, one, "/providers/corp")).status == 200
    assert (await ask(admin, one, "/providers/corp/disable")).status == 403
    assert (await ask(admin, both, "/providers/corp/disable")).status == 200
    assert (await ask(admin, other, "/providers")).json() == {"providers": []}
    assert (await ask(admin, other, "/providers/corp")).status == 404


async def test_an_operator_links_only_accounts_that_have_nothing_he_lacks(
    admin: Client, hire: Hire, engine: Engine
) -> None:
    """Security §5: who links himself to an account acts as it."""
    await engine.rules.grants.grant("ana", "cart.read")
    order = {"user": "ana", "provider": "corp", "subject": "s-1"}
    lesser, equal, root = await hire(USERS), await hire(USERS, "cart.read"), await hire("security.root")
    assert (await ask(admin, lesser, "/identities", order)).json()["code"] == "auth.insufficient_scope"
    linked = await ask(admin, equal, "/identities", order)
    assert (linked.status, linked.json()["subject"]) == (200, "s-1")
    assert (await ask(admin, root, "/identities", {**order, "user": "ben"})).json()["code"] == "identity.taken"
    (listed,) = (await ask(admin, lesser, "/identities?user=ana")).json()["identities"]
    assert listed["key"] == linked.json()["key"]
    unlink = f"/identities/{listed['key']}/unlink"
    assert (await ask(admin, lesser, unlink, {"user": "ana"})).status == 403
    assert (await ask(admin, root, unlink, {"user": "ben"})).json()["code"] == "identity.unknown"
    assert (await ask(admin, root, unlink, {"user": "ana"})).json() == {"done": True}
    assert (await ask(admin, root, "/identities?user=ana")).json() == {"identities": []}
