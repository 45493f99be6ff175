"""Each operation of the admin API by who asks."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from sojourn.admin.operation import OPERATIONS, PREFIX
from sojourn.engine.security.operators import REALM
from sojourn.engine.security.operators import SCOPES as RIGHTS
from tests.admin.conftest import Begin, Hire
from tests.http.wire_client import Answer, Client, Pair

pytestmark = pytest.mark.anyio


class Row(NamedTuple):
    """One operation as it is asked of a session in acme."""

    method: str
    path: str
    #: The scope that is needed; empty = every operator may.
    scope: str
    #: Statuses: who has it in another realm only, and who has it.
    elsewhere: int
    right: int
    body: dict[str, Any] | None = None
    #: Whether it is needed in every realm: then who has it in acme is refused.
    everywhere: bool = False


VIEW, MANAGE, FIELDS = "engine.viewSessions", "engine.manageSessions", "engine.viewFields"
AUDIT = "security.viewAudit"
CHANGES = "database.viewChanges"
UNDO = "database.undoChanges"
KEYS = "security.manageKeys"
TOKENS = "security.manageTokens"
VIEW_USERS, MANAGE_USERS = "security.viewUsers", "security.manageUsers"
PERMISSIONS = "security.managePermissions"
GRANT = {"assignee": "ana", "scope": "lend.me", "realm": "acme"}
PROVIDERS = "security.manageProviders"
DEPLOY = "engine.deploy:*"
FILE = {"path": "/acme/x.js", "text": "1"}

ROWS = {
    "logout": Row("POST", "/logout", "", 200, 200),
    "me": Row("GET", "/me", "", 200, 200),
    "listSessions": Row("GET", "/sessions?realm=acme", VIEW, 404, 200),
    "showSession": Row("GET", "/sessions/{sid}", VIEW, 404, 200),
    "showFields": Row("GET", "/sessions/{sid}/fields", FIELDS, 404, 200),
    "whyEnded": Row("GET", "/sessions/{sid}/why", VIEW, 404, 200),
    "endSession": Row("POST", "/sessions/{sid}/end", MANAGE, 404, 200),
    "dropSession": Row("POST", "/sessions/{sid}/drop", MANAGE, 404, 200),
    "cancelDrop": Row("DELETE", "/sessions/{sid}/drop", MANAGE, 404, 404),
    "abortSession": Row("POST", "/sessions/{sid}/abort", MANAGE, 404, 200),
    "listDrops": Row("GET", "/drops?realm=acme", VIEW, 404, 200),
    "endSessionsOfUser": Row("POST", "/users/end-sessions", MANAGE, 404, 200, {"user": "ana", "realm": "acme"}),
    "endSessionsOfRealm": Row("POST", "/realms/acme/end-sessions", MANAGE, 404, 200),
    "dropStatelessSessions": Row("POST", "/realms/acme/drop-stateless", MANAGE, 404, 200),
    "listAudit": Row("GET", "/audit?realm=acme", AUDIT, 404, 200),
    "exportAudit": Row("GET", "/audit/export?realm=acme", AUDIT, 404, 200),
    "listChanges": Row("GET", "/changes?realm=acme", CHANGES, 404, 200),
    "showChange": Row("GET", "/changes/999", CHANGES, 404, 404),
    "verifyChanges": Row("POST", "/changes/verify", CHANGES, 403, 200, everywhere=True),
    "signChanges": Row("POST", "/changes/head", CHANGES, 403, 200, everywhere=True),
    "acceptChanges": Row(
        "POST", "/changes/accept", "security.acceptChanges", 403, 200, {"reason": "restored"}, everywhere=True
    ),
    "planUndo": Row("POST", "/undo/plan", UNDO, 200, 200, {"tag": "none"}),
    "undoChanges": Row("POST", "/undo", UNDO, 200, 200, {"tag": "none"}),
    "redoChanges": Row("POST", "/redo", UNDO, 200, 200, {"tag": "none"}),
    # An account and a group that nobody has: who may not ask is refused before that is looked at.
    "listUsers": Row("GET", "/users", VIEW_USERS, 200, 200),
    "showUser": Row("GET", "/users/999", VIEW_USERS, 404, 404),
    "createUser": Row("POST", "/users", MANAGE_USERS, 403, 403, {"name": "new"}),
    "changeEmail": Row("POST", "/users/999/email", MANAGE_USERS, 404, 404, {"email": ""}),
    "changeState": Row("POST", "/users/999/state", MANAGE_USERS, 404, 404, {"state": "locked"}),
    "changeType": Row("POST", "/users/999/type", MANAGE_USERS, 404, 404, {"accountType": "support"}),
    "startReset": Row("POST", "/users/999/password-reset", MANAGE_USERS, 404, 404),
    "deleteUser": Row("DELETE", "/users/999", MANAGE_USERS, 404, 404),
    "listGroups": Row("GET", "/groups", VIEW_USERS, 200, 200),
    "showGroup": Row("GET", "/groups/999", VIEW_USERS, 404, 404),
    "createGroup": Row("POST", "/groups", MANAGE_USERS, 403, 403, {"name": "new"}),
    "deleteGroup": Row("DELETE", "/groups/999", MANAGE_USERS, 404, 404),
    "joinGroup": Row("POST", "/groups/999/members", MANAGE_USERS, 404, 404, {"member": "ana"}),
    "leaveGroup": Row("DELETE", "/groups/999/members/998", MANAGE_USERS, 404, 404),
    "listGrants": Row("GET", "/scopes?assignee=ana", VIEW_USERS, 200, 200),
    "grantScope": Row("POST", "/scopes/grant", PERMISSIONS, 404, 403, GRANT),
    "revokeScope": Row("POST", "/scopes/revoke", PERMISSIONS, 404, 403, GRANT),
    "showStatistics": Row("GET", "/statistics", VIEW, 200, 200),
    "listInUse": Row("GET", "/in-use", VIEW, 200, 200),
    "cleanUp": Row("POST", "/clean-up", MANAGE, 403, 200, everywhere=True),
    "listKeys": Row("GET", "/keys?realm=acme", KEYS, 404, 200),
    "rotateKey": Row("POST", "/realms/acme/keys/rotate", KEYS, 404, 200),
    "revokeKey": Row("POST", "/realms/acme/keys/0123456789abcdef/revoke", KEYS, 404, 404),
    "listTokens": Row("GET", "/tokens?user=ana", TOKENS, 200, 200),
    "revokeToken": Row("POST", "/tokens/4711/revoke", TOKENS, 404, 404),
    "listProviders": Row("GET", "/providers", PROVIDERS, 200, 200),
    "showProvider": Row("GET", "/providers/corp", PROVIDERS, 404, 404),
    "enableProvider": Row("POST", "/providers/corp/enable", PROVIDERS, 404, 404),
    "disableProvider": Row("POST", "/providers/corp/disable", PROVIDERS, 404, 404),
    "testProvider": Row("POST", "/providers/corp/test", PROVIDERS, 404, 404),
    "listIdentities": Row("GET", "/identities?user=ana", "security.viewUsers", 403, 200, everywhere=True),
    "linkIdentity": Row(
        "POST",
        "/identities",
        "security.manageUsers",
        403,
        404,
        {"user": "ana", "provider": "corp", "subject": "s"},
        everywhere=True,
    ),
    "unlinkIdentity": Row(
        "POST", "/identities/1/unlink", "security.manageUsers", 403, 404, {"user": "ana"}, everywhere=True
    ),
    # A file that is not there.
    "listFiles": Row("GET", "/files?realm=acme", DEPLOY, 404, 200),
    "showFile": Row("GET", "/files/999", DEPLOY, 404, 404),
    "readFile": Row("GET", "/files/999/content", DEPLOY, 404, 404),
    "writeFile": Row("POST", "/files", DEPLOY, 403, 200, FILE),
    "moveFile": Row("POST", "/files/999/move", DEPLOY, 404, 404, {"path": "/acme/y.js"}),
    "restoreFile": Row("POST", "/files/999/restore", DEPLOY, 404, 404, {"version": 1}),
    "deleteFile": Row("DELETE", "/files/999", DEPLOY, 404, 404),
    "showUpkeep": Row("GET", "/upkeep", VIEW, 403, 200, everywhere=True),
    # The last one: it ends the sessions of those who ask, too.
    "endEverything": Row("POST", "/end-everything", MANAGE, 403, 200, everywhere=True),
}


async def ask(admin: Client, row: Row, sid: str, *headers: Pair) -> Answer:
    path = PREFIX + row.path.replace("{sid}", sid)
    if row.body is not None:
        return await admin.post(path, *headers, value=row.body)
    return await admin.request(row.method, path, *headers)


def test_every_operation_is_in_the_table() -> None:
    assert {operation.name for operation in OPERATIONS} == {*ROWS, "login"}
    for operation in OPERATIONS:
        if operation.name in ROWS:
            row = ROWS[operation.name]
            assert (row.method, row.everywhere) == (operation.method, operation.needs.everywhere)
            assert bool(row.scope) == (operation.needs.right is not None)


SCOPED = {name: row for name, row in ROWS.items() if row.scope}
SCOPES = sorted({row.scope for row in SCOPED.values()})
OURS = {"message", "code", "executionKey"}


@pytest.mark.parametrize(
    "headers", [(), (("authorization", "Bearer nonsense"),), (("cookie", "sojourn_admin=nonsense"),)]
)
async def test_without_a_handle_nothing_is_answered(admin: Client, begin: Begin, headers: tuple[Pair, ...]) -> None:
    sid = (await begin()).session.id
    for name, row in ROWS.items():
        answer = await ask(admin, row, sid, *headers)
        assert (name, answer.status) == (name, 401)
        assert set(answer.json()) - {"reason"} == OURS


async def test_an_operator_without_the_scope_is_refused(admin: Client, hire: Hire, begin: Begin) -> None:
    # Every scope but those that would do.
    every = {scope.replace(REALM, "acme") for scopes in RIGHTS.values() for scope in scopes}
    gives = {scopes[0]: [scope.replace(REALM, "acme") for scope in scopes] for scopes in RIGHTS.values()}
    tokens = {scope: await hire("engine.other", *every.difference(gives[scope])) for scope in SCOPES}
    sid = (await begin()).session.id
    for name, row in SCOPED.items():
        answer = await ask(admin, row, sid, tokens[row.scope])
        assert (name, answer.status, answer.json()["code"]) == (name, 403, "auth.insufficient_scope")


async def test_the_scope_in_another_realm_shows_and_ends_nothing_here(admin: Client, hire: Hire, begin: Begin) -> None:
    tokens = {scope: await hire(f"{scope}@web") for scope in SCOPES}
    sid = (await begin()).session.id
    for name, row in SCOPED.items():
        answer = await ask(admin, row, sid, tokens[row.scope])
        assert (name, answer.status) == (name, row.elsewhere)
        assert b"acme" not in answer.body
        assert sid.encode() not in answer.body
    seen = await admin.get(f"/api/v1/sessions/{sid}", await hire(VIEW))
    assert seen.json()["session"]["end"] is None
    assert seen.json()["drop"] is None


async def test_the_right_scope_is_enough(admin: Client, hire: Hire, begin: Begin) -> None:
    here = {scope: await hire(f"{scope}@acme") for scope in SCOPES}
    everywhere = {scope: await hire(scope) for scope in SCOPES}
    for name, row in SCOPED.items():
        sid = (await begin()).session.id
        if row.everywhere:
            assert (name, (await ask(admin, row, sid, here[row.scope])).status) == (name, 403)
        answer = await ask(admin, row, sid, (everywhere if row.everywhere else here)[row.scope])
        assert (name, answer.status) == (name, row.right)


async def test_what_every_operator_may_needs_no_scope(admin: Client, hire: Hire) -> None:
    for name, row in ROWS.items():
        if not row.scope:
            assert (name, (await ask(admin, row, "", await hire("engine.other"))).status) == (name, 200)


async def test_to_manage_includes_to_look(admin: Client, hire: Hire, begin: Begin) -> None:
    begun, token = await begin(), await hire(f"{MANAGE}@acme")
    assert (await admin.get(f"/api/v1/sessions/{begun.session.id}", token)).status == 200
    assert (await admin.get(f"/api/v1/sessions/{begun.session.id}/fields", token)).status == 403


async def test_root_gives_rights_but_has_none_itself(admin: Client, hire: Hire) -> None:
    token = await hire("security.root")
    assert (await admin.get("/api/v1/sessions", token)).status == 403
