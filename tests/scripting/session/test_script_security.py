"""``security`` and ``RealmConfig``, asked of the host as the bridge asks."""

from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import MINUTE, ManualClock
from sojourn.core.errors import AuthTokenRefused, FreshLoginRequired, InsufficientScope, SessionEnded, Unauthorized
from sojourn.engine.accounts.directory import GroupUnknown, UserUnknown
from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.engine.passwords.passwords import WrongPassword
from sojourn.engine.security.actors import HOST
from sojourn.engine.security.methods import NEEDS
from sojourn.model.dbkeys import AuthPolicy, UserState
from sojourn.model.token import AuthToken
from sojourn.scripting.declare import CLASSES
from tests.scripting.session.conftest import PASSWORD, Desk, Open, request
from tests.scripting.session.test_script_session import NEW, token

pytestmark = pytest.mark.anyio


@pytest.fixture
async def roots(open_desk: Open, engine: Engine) -> Desk:
    """An execution of root, who may do everything."""
    await engine.rules.users.add("main", "root", PASSWORD)
    for scope in ("security.root", "security.manageUsers", "security.managePermissions"):
        await engine.rules.grants.grant("root", scope)
    desk = await open_desk()
    await desk("Session.login", "root", PASSWORD)
    return desk


def test_every_method_of_the_seed_is_there_with_its_right() -> None:
    seeds = {need.seed for need in NEEDS.values()}
    assert seeds == {member.name for member in CLASSES["Security"].members} - {"getInstance"}


async def test_an_account_is_made_found_changed_and_deleted(roots: Desk) -> None:
    staff = await roots("Security.createGroup", "staff")
    sales = await roots("Security.createGroup", "sales", [staff])
    key = await roots("Security.createUser", "carl", PASSWORD, ["staff", sales])
    assert await roots("Security.findUser", "carl") == key
    assert (await roots("Security.getUserAndGroupsKeys", key))[:3] == [key, staff, sales]
    await roots("Security.grantScope", "carl", "cart.read")
    await roots("Security.grantScope", sales, "cart.write")
    assert await roots("Security.getUserScopes", key) == ["cart.read", "cart.write"]
    await roots("Security.revokeScope", key, "cart.read")
    assert await roots("Security.userHasScope", key, "cart.read") is False
    await roots("Security.setUserStatus", key, UserState.LOCKED)
    assert await roots("Security.getUserStatus", key) == UserState.LOCKED
    await roots("Security.setUserAccountType", key, "support")
    assert await roots("Security.getUserAccountType", key) == "support"
    assert await roots("Security.getAuthPolicy", key) == await roots("Security.getAuthPolicyClass", key)
    assert await roots("Security.getAuthPolicy", key) == AuthPolicy.DEFAULT
    assert await roots("Security.userSignatureIsValid", key) is True
    assert [await roots(f"Security.{name}", key) for name in ("isAdministrator", "isDeveloper")] == [False, False]
    assert (await roots("Security.encryptSecret", key, "s")) != "s"
    await roots("Security.deleteGroup", staff)
    await roots("Security.deleteUser", key)
    assert await roots("Security.findUser", "carl") is None
    with pytest.raises(GroupUnknown):
        await roots("Security.createUser", "dora", PASSWORD, [staff])


async def test_the_own_account_needs_no_scope_and_another_does(annas: Desk, engine: Engine) -> None:
    own = await annas("Session.userKey")
    ben = await engine.rules.users.find("main", "ben")
    assert ben is not None
    assert await annas("Security.getUserScopes", own) == ["cart.read", "cart.write"]
    for call in (
        ("getUserScopes", ben.key), ("findUser", "ben"), ("createUser", "x", PASSWORD), ("deleteUser", ben.key),
        ("setPassword", ben.key, NEW), ("grantScope", "anna", "security.root"), ("setUserStatus", ben.key, "locked"),
    ):  # fmt: skip
        with pytest.raises(InsufficientScope):
            await annas(f"Security.{call[0]}", *call[1:])


async def test_nobody_may_only_show_credentials(desk: Desk, engine: Engine) -> None:
    anna = await engine.rules.users.find("main", "anna")
    assert anna is not None
    assert await desk("Security.authenticateUser", "anna@example.org", PASSWORD) == anna.key
    assert await desk("Security.authenticateUser", "anna", "wrong") == -1
    failed = next(event for event in await engine.rules.audit.recent() if event.outcome != "ok")
    assert failed.address == "192.0.2.7"
    for call in (("findUser", "anna"), ("getUserScopes", anna.key), ("authorizeToken", token(), "anna", PASSWORD)):
        with pytest.raises(Unauthorized):
            await desk(f"Security.{call[0]}", *call[1:])


async def test_a_changed_password_keeps_this_session(annas: Desk, open_desk: Open) -> None:
    own, other = await annas("Session.userKey"), await open_desk()
    await other("Session.login", "anna", PASSWORD)
    with pytest.raises(WrongPassword):
        await annas("Security.changePassword", own, "not it", NEW)
    with pytest.raises(InsufficientScope):
        await annas("Security.changePassword", own + 1, PASSWORD, NEW)
    await annas("Security.changePassword", own, PASSWORD, NEW)
    await annas("SessionFields.put", {"still": "there"})
    with pytest.raises(SessionEnded):
        await other("SessionFields.all")


async def test_in_a_request_what_is_the_accounts_own_takes_a_fresh_login(open_desk: Open, clock: ManualClock) -> None:
    desk = await open_desk("desk")
    await desk("Session.login", "anna", PASSWORD)
    clock.advance(2 * MINUTE)
    made = await desk("Security.authorizeToken", token(), "anna")
    asked = desk.again()
    asked.run.exchange = request()
    asked.run.session = await asked_anew(desk)
    with pytest.raises(FreshLoginRequired):
        await asked("Security.revokeAuthTokenByKey", made["key"])
    await desk.again()("Security.revokeAuthTokenByKey", made["key"])


async def asked_anew(desk: Desk) -> Any:
    from sojourn.engine.live import Session

    session = desk.run.session
    assert session.handle is not None
    access = await desk.run.rules.sessions.open(session.realm, session.handle, "cookie")
    return Session(desk.run.rules, access, session.handle)


async def test_a_token_is_issued_looked_at_changed_and_revoked(annas: Desk, desk: Desk, open_desk: Open) -> None:
    made = await annas("Security.authorizeToken", token("cart.read", data="d"), "anna")
    told = await annas("Security.authenticateAuthToken", made["text"])
    assert told == {
        "userKey": made["userKey"], "userName": "anna", "tokenKey": made["key"], "providerKey": None,
        "scope": "cart.read", "data": "d",
    }  # fmt: skip
    restored = await annas("Security.restoreAuthToken", made["text"])
    assert restored | {"text": made["text"]} == made

    ben = await open_desk()
    await ben("Session.login", "ben", PASSWORD)
    known = {name: restored[name] for name in ("scope", "data", "key", "userKey", "expires")}
    changed = known | {"description": "by ben's script", "chosen": True}
    with pytest.raises(WrongPassword):
        await ben("Security.updateAuthToken", changed, "anna", "wrong")
    await ben("Security.updateAuthToken", changed, "anna", PASSWORD)
    assert (await annas("Security.restoreAuthToken", made["text"]))["description"] == "by ben's script"
    await ben("Security.revokeAuthTokenByKey", made["key"], "anna", PASSWORD)
    with pytest.raises(AuthTokenRefused):
        await annas("Security.authenticateAuthToken", made["text"])


async def test_a_token_of_another_takes_the_password_or_a_scope(annas: Desk) -> None:
    with pytest.raises(InsufficientScope):
        await annas("Security.authorizeToken", token(""), "ben")
    made = await annas("Security.authorizeToken", token("engine.manageSessions"), "ben", PASSWORD)
    await annas("Security.revokeAuthToken", made["text"])
    with pytest.raises(AuthTokenRefused):
        await annas("Security.authenticateAuthToken", made["text"])


async def test_an_unknown_key_is_no_account(roots: Desk) -> None:
    with pytest.raises(UserUnknown):
        await roots("Security.getUserStatus", 987_654)


async def test_a_script_reads_the_configuration_of_its_own_realm_alone(desk: Desk) -> None:
    shown = await desk("Realms.fromName", "acme")
    assert (shown["environmentType"], shown["application"], shown["sessionTrackingEnabled"]) == ("stateful", 77, True)
    assert await desk("Realms.fromKey", shown["key"]) == shown
    for call in (("fromName", "shop"), ("fromName", "none"), ("fromKey", shown["key"] + 1)):
        with pytest.raises(RealmUnknown):
            await desk(f"Realms.{call[0]}", call[1])


async def test_a_token_for_longer_than_any_date_is_shown(annas: Desk, engine: Engine) -> None:
    anna = await engine.rules.users.find("main", "anna")
    assert anna is not None
    made = AuthToken("", expires=(1 << 53) - 1)
    issued = await engine.rules.auth_tokens.authorize(HOST, anna, made, engine.realm("acme").id)
    restored = await annas("Security.restoreAuthToken", issued.text)
    assert restored["expires"].year == 9999
