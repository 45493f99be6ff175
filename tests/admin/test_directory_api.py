"""Accounts, groups, roles and grants over the admin API: what operators see, and that nobody gives or takes over what he
does not have."""

from __future__ import annotations

from typing import Any

import pytest

from sojourn.bootstrap import Engine
from tests.admin.conftest import Hire
from tests.http.wire_client import Client, Pair

pytestmark = pytest.mark.anyio

API = "/api/v1"
ALL = ("security.manageUsers", "security.managePermissions")


async def done(admin: Client, method: str, path: str, token: Pair, value: Any = None) -> Any:
    """The answer of what must succeed."""
    if value is not None:
        answer = await admin.post(API + path, token, value=value)
    else:
        answer = await admin.request(method, API + path, token)
    assert answer.status == 200, answer
    return answer.json()


async def refused(admin: Client, method: str, path: str, token: Pair, value: Any = None) -> str:
    """The code of what must be refused."""
    if value is not None:
        answer = await admin.post(API + path, token, value=value)
    else:
        answer = await admin.request(method, API + path, token)
    assert answer.status >= 400, answer
    return str(answer.json()["code"])


async def test_an_account_through_its_life(admin: Client, hire: Hire, engine: Engine) -> None:
    token = await hire("security.root", name="op")
    made = await done(admin, "POST", "/users", token, {"name": "eve", "email": "eve@example.org"})
    path = f"/users/{made['key']}"
    assert (made["state"], made["signatureValid"], made["accountType"]) == ("active", True, "standard")
    for state in ("locked", "active", "disabled", "active"):
        assert (await done(admin, "POST", f"{path}/state", token, {"state": state}))["state"] == state
    assert await refused(admin, "POST", f"{path}/state", token, {"state": "expired"}) == "user.external"
    assert await refused(admin, "POST", f"{path}/state", token, {"state": "deleted"}) == "request.malformed"
    changed = await done(admin, "POST", f"{path}/email", token, {"email": "eve@example.com"})
    assert changed["email"] == "eve@example.com"
    assert (await done(admin, "POST", f"{path}/type", token, {"accountType": "support"}))["accountType"] == "support"
    found = await done(admin, "GET", "/users?user=EVE@example.com", token)
    assert [user["key"] for user in found["users"]] == [made["key"]]
    await done(admin, "DELETE", path, token)
    assert await refused(admin, "GET", path, token) == "user.unknown"
    kinds = [event.kind for event in await engine.rules.audit.recent() if event.actor == "op"]
    assert kinds.count("USER_CHANGE") >= 5
    assert {"ADMIN", "USER_LOCK", "USER_UNLOCK"} <= set(kinds)


async def test_no_operator_chooses_a_password(admin: Client, hire: Hire) -> None:
    token = await hire("security.root")
    body = {"name": "eve", "password": "four plain words of ours"}
    assert await refused(admin, "POST", "/users", token, body) == "request.malformed"


async def test_groups_and_roles_give_and_take(admin: Client, hire: Hire) -> None:
    token = await hire("security.root")
    clerk = await done(admin, "POST", "/groups", token, {"name": "clerk", "kind": "role"})
    staff = await done(admin, "POST", "/groups", token, {"name": "staff", "groups": ["clerk"]})
    eve = await done(admin, "POST", "/users", token, {"name": "eve", "groups": ["staff"]})
    await done(admin, "POST", "/scopes/grant", token, {"assignee": "clerk", "scope": "stock.read", "realm": "acme"})
    shown = await done(admin, "GET", f"/users/{eve['key']}", token)
    assert (shown["groups"], shown["roles"]) == (["staff"], ["clerk"])
    assert shown["scopes"] == [{"scope": "stock.read", "realm": "acme"}]
    members = (await done(admin, "GET", f"/groups/{staff['key']}", token))["members"]
    assert [member["name"] for member in members] == ["eve"]
    await done(admin, "DELETE", f"/groups/{staff['key']}/members/{eve['key']}", token)
    assert (await done(admin, "GET", f"/users/{eve['key']}", token))["scopes"] == []
    await done(admin, "POST", f"/groups/{clerk['key']}/members", token, {"member": "eve"})
    assert (await done(admin, "GET", f"/users/{eve['key']}", token))["roles"] == ["clerk"]
    assert await refused(admin, "POST", f"/groups/{staff['key']}/members", token, {"member": "clerk"}) == (
        "group.role_nested"
    )
    await done(admin, "DELETE", f"/groups/{staff['key']}", token)
    names = [group["name"] for group in (await done(admin, "GET", "/groups", token))["groups"]]
    assert names == ["clerk", "everyone"]


async def test_an_operator_grants_what_he_has_and_nothing_else(admin: Client, hire: Hire, engine: Engine) -> None:
    token = await hire("security.managePermissions@acme", "lend.me@acme", "web.only@web")
    body = {"assignee": "ana", "scope": "lend.me", "realm": "acme"}
    assert (await done(admin, "POST", "/scopes/grant", token, body))["changed"] is True
    assert (await done(admin, "POST", "/scopes/grant", token, body))["changed"] is False
    for wrong, code in (
        ({"scope": "web.only"}, "auth.insufficient_scope"),
        ({"scope": "security.root"}, "auth.insufficient_scope"),
        ({"realm": "web"}, "realm.unknown"),
        ({"realm": "*"}, "auth.insufficient_scope"),
        ({"scope": "a b"}, "scope.invalid"),
        ({"assignee": "nobody"}, "user.unknown"),
    ):
        assert (wrong, await refused(admin, "POST", "/scopes/grant", token, body | wrong)) == (wrong, code)
    await engine.rules.grants.grant("ana", "shipped", product="shop")
    root = await hire("security.root")
    shipped = {"assignee": "ana", "scope": "shipped"}
    assert await refused(admin, "POST", "/scopes/revoke", root, shipped) == "scope.shipped"
    assert (await done(admin, "POST", "/scopes/revoke", token, body))["changed"] is True


async def test_nobody_acts_on_who_has_more(admin: Client, hire: Hire, engine: Engine) -> None:
    token = await hire(*ALL, "lend.me")
    ana = await engine.rules.users.find("main", "ana")
    assert ana is not None
    path = f"/users/{ana.key}"
    await done(admin, "POST", f"{path}/state", token, {"state": "locked"})
    await engine.rules.grants.grant("ana", "secret.right", engine.realm("acme").id)
    for method, part, value in (
        ("POST", "/state", {"state": "active"}),
        ("POST", "/email", {"email": "mine@example.org"}),
        ("POST", "/type", {"accountType": "support"}),
        ("DELETE", "", None),
    ):
        assert await refused(admin, method, path + part, token, value) == "auth.insufficient_scope"
    await engine.rules.users.groups.add("chiefs")
    await engine.rules.grants.grant("chiefs", "secret.right")
    chiefs = next(one for one in await engine.rules.users.groups.list() if one.name == "chiefs")
    named = {"name": "eve", "groups": ["chiefs"]}
    assert await refused(admin, "POST", "/users", token, named) == "auth.insufficient_scope"
    assert await refused(admin, "POST", "/groups", token, named) == "auth.insufficient_scope"
    assert await refused(admin, "DELETE", f"/groups/{chiefs.key}", token) == "auth.insufficient_scope"
    joined = f"/groups/{chiefs.key}/members"
    assert await refused(admin, "POST", joined, token, {"member": "ben"}) == "auth.insufficient_scope"
    unchanged = await engine.rules.users.find("main", "ana")
    assert unchanged is not None
    assert unchanged.state == "locked"


async def test_who_looks_after_one_realm_sees_its_directory_and_its_grants(
    admin: Client, hire: Hire, engine: Engine
) -> None:
    token = await hire("security.viewUsers@acme")
    await engine.rules.grants.grant("ana", "of.acme", engine.realm("acme").id)
    await engine.rules.grants.grant("ana", "of.web", engine.realm("web").id)
    far = await engine.rules.users.add("elsewhere", "far", None)
    ana = next(user for user in (await done(admin, "GET", "/users", token))["users"] if user["name"] == "ana")
    assert (await done(admin, "GET", f"/users/{ana['key']}", token))["scopes"] == [
        {"scope": "of.acme", "realm": "acme"}
    ]
    grants = (await done(admin, "GET", "/scopes?assignee=ana", token))["grants"]
    assert [grant["scope"] for grant in grants] == ["of.acme"]
    assert (await done(admin, "GET", "/users?directory=elsewhere", token))["users"] == []
    assert await refused(admin, "GET", f"/users/{far.key}", token) == "user.unknown"


async def test_accounts_come_in_pages(admin: Client, hire: Hire, engine: Engine) -> None:
    token = await hire("security.viewUsers")
    for number in range(5):
        await engine.rules.users.add("main", f"user-{number}", None)
    seen: list[str] = []
    after: int | None = 0
    while after is not None:
        page = await done(admin, "GET", f"/users?limit=3&after={after}", token)
        seen += [user["name"] for user in page["users"]]
        after = page["next"]
    assert seen == sorted(set(seen), key=seen.index)
    assert {account.name for account in await engine.rules.users.list()} == set(seen)
