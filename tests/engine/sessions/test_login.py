"""Logins: one answer for every failure, and what becomes of the session that came along."""

import asyncio
from typing import Any

import pytest

from sojourn.core.clock import DAY
from sojourn.core.errors import (
    LoginBusy,
    SessionEnded,
    SessionReplaced,
    SessionUnknown,
    StaleSession,
    StoreUnavailable,
    TokenRefused,
)
from sojourn.engine.access import Access, Via
from sojourn.engine.audit.log import Audit
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import HOST
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model import field
from sojourn.model.realm import Realm
from sojourn.model.session import Device, Identity
from sojourn.model.user import Account, account_identity, external_identity

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"
BROWSER = Device(client="c1", address="192.0.2.7", agent="browser")


async def anonymous(rules: Rules, realm: Realm, via: Via = "cookie") -> Access:
    begun = await rules.sessions.begin(realm, Identity(), BROWSER, fields={"cart": "[1]", "hint": '"x"'})
    return await rules.sessions.open(realm, begun.handle, via)


async def log(rules: Rules) -> list[tuple[str, str, str, str]]:
    return [(event.kind, event.actor, event.session, event.detail) for event in await rules.audit.recent()]


def realm_named(rules: Rules, name: str) -> Realm:
    found = rules.realms.get(name)
    assert found is not None
    return found


async def test_a_login_begins_a_session_of_the_account(rules: Rules, realm: Realm, anna: Account) -> None:
    logged = await rules.logins.login(realm, "ANNA", PASSWORD, BROWSER)
    assert logged is not None
    assert (logged.account.key, set(logged.account.scopes)) == (anna.key, {"cart.read", "cart.write"})
    opened = await rules.sessions.open(realm, logged.handle, "cookie")
    identity = opened.session.identity
    assert (identity.user_name, identity.full_scope, identity.login_at) == ("anna", True, rules.clock.now())
    assert opened.session.device == BROWSER
    assert (await log(rules))[0][:3] == ("LOGIN", "anna", logged.session.id)


@pytest.mark.parametrize(
    ("name", "password", "state"),
    [
        ("anna", "wrong", "active"),
        ("nobody", PASSWORD, "active"),
        ("", "", "active"),
        ("anna", PASSWORD, "locked"),
        ("anna", PASSWORD, "disabled"),
        ("anna", PASSWORD, "expired"),
        ("anna", "\ud800", "active"),
        ("anna", "x" * 5_000, "active"),
    ],
)
async def test_every_failure_is_the_same_and_audited(
    rules: Rules, realm: Realm, anna: Account, *, name: str, password: str, state: Any
) -> None:
    await rules.users.set_state(anna.key, state)
    assert await rules.logins.login(realm, name, password, BROWSER) is None
    assert await rules.logins.authenticate(realm, name, password, "192.0.2.7") is None
    assert await rules.sessions.list(realm) == []
    first, second, *_ = await rules.audit.recent()
    assert first.kind == second.kind == "LOGIN_FAIL"
    assert first.address == second.address == "192.0.2.7"


async def test_the_password_is_nowhere_in_the_log(rules: Rules, realm: Realm, anna: Account) -> None:
    await rules.logins.login(realm, "anna", "guess: s3cret-word", BROWSER)
    await rules.logins.login(realm, "anna", PASSWORD, BROWSER)
    text = repr(await rules.audit.recent())
    assert "s3cret-word" not in text
    assert PASSWORD not in text


async def test_a_name_in_the_log_cannot_forge_a_line(rules: Rules, realm: Realm) -> None:
    await rules.logins.login(realm, "x\nLOGIN ok anna", "wrong", BROWSER)
    assert "\n" not in (await log(rules))[0][3]


async def test_without_the_login_scope_of_the_realm_nobody_gets_in(rules: Rules, anna: Account) -> None:
    gate = realm_named(rules, "gate")
    assert await rules.logins.login(gate, "anna", PASSWORD, BROWSER) is None
    await rules.grants.grant("anna", "gate.enter", gate.id)
    assert await rules.logins.login(gate, "anna", PASSWORD, BROWSER) is not None


async def test_a_realm_has_its_own_directory(rules: Rules, anna: Account) -> None:
    apart = realm_named(rules, "apart")
    assert await rules.logins.login(apart, "anna", PASSWORD, BROWSER) is None
    await rules.users.add("apart", "anna", "another anna entirely")
    logged = await rules.logins.login(apart, "anna", "another anna entirely", BROWSER)
    assert logged is not None
    assert (logged.account.key == anna.key, logged.account.scopes) == (False, frozenset())


async def test_too_many_logins_at_once_are_busy_and_not_refused(
    rules: Rules, realm: Realm, anna: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = PasswordHasher(Cost(), workers=1, queue=0)
    monkeypatch.setattr(rules.passwords._records, "_hasher", slow)
    tries = await asyncio.gather(
        *(rules.logins.authenticate(realm, "anna", PASSWORD) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(tried, LoginBusy) for tried in tries) >= 1
    slow.close()


async def test_an_anonymous_cookie_goes_on_with_the_fields_that_the_realm_keeps(
    rules: Rules, realm: Realm, anna: Account
) -> None:
    for where, kept in ((realm, {"cart", "hint"}), (realm_named(rules, "beta"), {"cart"})):
        before = await anonymous(rules, where)
        logged = await rules.logins.login(where, "anna", PASSWORD, BROWSER, current=before)
        assert logged is not None
        assert logged.session.id == before.session.id
        assert (logged.session.epoch, logged.handle.id) == (2, before.session.id)
        opened = await rules.sessions.open(where, logged.handle, "cookie")
        assert set(opened.fields) == kept
        with pytest.raises(StaleSession):
            await rules.sessions.change(before, [field.put("late", "1")])


async def test_without_a_cookie_no_anonymous_field_survives(rules: Rules, realm: Realm, anna: Account) -> None:
    before = await anonymous(rules, realm, "header")
    logged = await rules.logins.login(realm, "anna", PASSWORD, BROWSER, current=before)
    assert logged is not None
    assert logged.session.id == before.session.id
    assert (await rules.sessions.open(realm, logged.handle, "header")).fields == {}


async def test_the_same_account_keeps_its_fields_and_loses_its_tokens(
    rules: Rules, realm: Realm, anna: Account
) -> None:
    beta = realm_named(rules, "beta")
    first = await rules.logins.login(beta, "anna", PASSWORD, BROWSER)
    assert first is not None
    issued = await rules.tokens.issue(beta, first.session, scope=None, expires_at=rules.clock.now() + DAY)
    current = await rules.sessions.open(beta, first.handle, "cookie")
    await rules.sessions.change(current, [field.put("mine", "1")])
    again = await rules.logins.login(beta, "anna", PASSWORD, BROWSER, current=current)
    assert again is not None
    assert (again.session.id, again.handle.secret == first.handle.secret) == (first.session.id, False)
    assert set((await rules.sessions.open(beta, again.handle, "cookie")).fields) == {"mine"}
    with pytest.raises(TokenRefused, match="unlisted"):
        await rules.sessions.open_token(beta, await rules.tokens.verify(beta, issued.token))


@pytest.mark.parametrize("kind", ["account", "external"])
async def test_another_principal_begins_anew_and_the_old_session_ends(
    rules: Rules, realm: Realm, anna: Account, kind: str
) -> None:
    ben = await rules.users.add("main", "ben", "a very good password")
    identity = account_identity(ben, 0) if kind == "account" else external_identity("portal", "anna", (), "", 0)
    old = await rules.sessions.begin(realm, identity, BROWSER, fields={"cart": "[1]"})
    current = await rules.sessions.open(realm, old.handle, "cookie")
    logged = await rules.logins.login(realm, "anna", PASSWORD, BROWSER, current=current)
    assert logged is not None
    assert logged.session.id != old.session.id
    assert (await rules.sessions.open(realm, logged.handle, "cookie")).fields == {}
    with pytest.raises(SessionEnded) as ended:
        await rules.sessions.open(realm, old.handle, "cookie")
    assert ended.value.reason == "replaced-by-login"


async def test_a_failed_login_leaves_the_session_that_came_along(rules: Rules, realm: Realm, anna: Account) -> None:
    before = await anonymous(rules, realm)
    assert await rules.logins.login(realm, "anna", "wrong", BROWSER, current=before) is None
    await rules.sessions.check(before)


async def test_a_dead_session_that_came_along_is_replaced_by_a_new_one(
    rules: Rules, realm: Realm, anna: Account
) -> None:
    before = await anonymous(rules, realm)
    await rules.sessions.end_by_id(realm, before.session.id, "dropped", actor="root")
    logged = await rules.logins.login(realm, "anna", PASSWORD, BROWSER, current=before)
    assert logged is not None
    assert logged.session.id != before.session.id


async def test_two_logins_with_one_cookie_have_one_winner(rules: Rules, realm: Realm, anna: Account) -> None:
    before = await anonymous(rules, realm)
    tries = await asyncio.gather(
        *(rules.logins.login(realm, "anna", PASSWORD, BROWSER, current=before) for _ in range(3)),
        return_exceptions=True,
    )
    assert sorted(type(tried).__name__ for tried in tries) == ["LoggedIn", "StaleSession", "StaleSession"]
    assert len(await rules.sessions.list(realm)) == 1


async def test_a_password_changed_during_the_login_is_a_failed_login(
    rules: Rules, realm: Realm, anna: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = rules.passwords._records.check

    async def changed_meanwhile(*args: Any, **options: Any) -> Any:
        account = await check(*args, **options)
        await rules.passwords.set(HOST, anna.key, "another good password")
        return account

    monkeypatch.setattr(rules.passwords._records, "check", changed_meanwhile)
    current = await anonymous(rules, realm)
    assert await rules.logins.login(realm, "anna", PASSWORD, BROWSER, current=current) is None
    assert await rules.sessions.list(realm) == []
    assert (await log(rules))[0][0] == "LOGIN_FAIL"


async def test_a_login_that_cannot_be_audited_is_not_one(start: Any, anna: Account, realm: Realm) -> None:
    deaf = await start(audit=NoPaper)
    with pytest.raises(StoreUnavailable):
        await deaf.logins.login(realm, "anna", PASSWORD, BROWSER)
    with pytest.raises(StoreUnavailable):
        await deaf.logins.login(realm, "anna", "wrong", BROWSER)


async def test_the_old_secret_of_a_login_opens_nothing(rules: Rules, realm: Realm, anna: Account) -> None:
    begun = await rules.sessions.begin(realm, Identity(), BROWSER)
    before = await rules.sessions.open(realm, begun.handle, "cookie")
    await rules.logins.login(realm, "anna", PASSWORD, BROWSER, current=before)
    with pytest.raises(SessionReplaced):
        await rules.sessions.open(realm, begun.handle, "cookie")
    await rules.sessions.end_by_id(realm, begun.session.id, "dropped", actor="root")
    with pytest.raises(SessionUnknown):
        await rules.sessions.open(realm, begun.handle, "cookie")


class NoPaper(Audit):
    """An audit log that cannot be written."""

    def row(self, *_args: Any, **_facts: Any) -> Any:
        raise StoreUnavailable("the audit log cannot be written")
