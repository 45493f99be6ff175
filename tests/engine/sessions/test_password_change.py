"""Changing and setting passwords: what goes on, what ends, which passwords are refused."""

import asyncio
from typing import Any

import pytest

from sojourn.core.clock import DAY, MINUTE, ManualClock
from sojourn.core.errors import (
    AuthTokenRefused,
    DelegatedHandle,
    FreshLoginRequired,
    InsufficientScope,
    SessionEnded,
    SessionReplaced,
    SessionUnknown,
    TooManyTries,
)
from sojourn.engine.access import Access
from sojourn.engine.live import Session
from sojourn.engine.login import LoggedIn
from sojourn.engine.passwords.credentials import PasswordExpired
from sojourn.engine.passwords.passwords import WrongPassword
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import HOST, Actor
from sojourn.identity.password import WeakPassword
from sojourn.model import field
from sojourn.model.realm import Realm
from sojourn.model.session import Device
from sojourn.model.token import AuthToken
from sojourn.model.user import Account
from tests.engine.sessions.conftest import PASSWORD, realm_of

pytestmark = pytest.mark.anyio

NEW = "quite another battery"
HOME = Device(address="192.0.2.7")


async def logged(rules: Rules, realm: Realm, password: str = PASSWORD) -> tuple[LoggedIn, Access]:
    done = await rules.logins.login(realm, "anna", password, HOME)
    assert done is not None
    return done, await rules.sessions.open(realm, done.handle, "cookie")


async def authorized(rules: Rules, access: Access) -> str:
    assert access.account is not None
    actor = await rules.actors.of(access)
    done = await rules.auth_tokens.authorize(
        actor, access.account, AuthToken("cart.read"), access.realm.id, access=access
    )
    return done.text


async def alive(rules: Rules, text: str) -> bool:
    try:
        await rules.auth_tokens.restore(text)
    except AuthTokenRefused as refused:
        return refused.reason != "revoked"
    return True


async def test_21_49_the_old_password_logs_nobody_in_and_the_change_is_audited(
    rules: Rules, realm: Realm, anna: Account
) -> None:
    """§21 (49)."""
    done, access = await logged(rules, realm)
    session = Session(rules, access, done.handle)
    await session.set_password(NEW)
    assert await rules.logins.login(realm, "anna", PASSWORD, HOME) is None
    assert await rules.logins.login(realm, "anna", NEW, HOME) is not None
    (row,) = [event for event in await rules.audit.recent() if event.kind == "PASSWORD_CHANGE"]
    assert (row.actor, row.session, row.realm, row.outcome) == ("anna", done.session.id, realm.id, "ok")
    assert NEW not in repr(await rules.audit.recent())


async def test_a_session_that_begins_while_the_password_is_changed_keeps_no_token(
    rules: Rules, realm: Realm, anna: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever knows the old password logs in and hands on, between the look at the other sessions and their end."""
    done, access = await logged(rules, realm)
    mine = await authorized(rules, access)
    write, theirs = rules.db.write, []

    async def written_after_a_login(work: Any) -> Any:
        monkeypatch.undo()
        _, other = await logged(rules, realm)
        theirs.append(await authorized(rules, other))
        return await write(work)

    monkeypatch.setattr(rules.db, "write", written_after_a_login)
    await Session(rules, access, done.handle).set_password(NEW)
    assert [await alive(rules, text) for text in (mine, *theirs)] == [True, False]


async def test_the_session_that_changes_it_goes_on_with_its_fields_and_every_old_handle_is_dead(
    rules: Rules, realm: Realm, anna: Account
) -> None:
    done, access = await logged(rules, realm)
    await rules.sessions.change(access, [field.put("cart", "[1]")])
    issued = await rules.tokens.issue(realm, access.session, scope=None, expires_at=rules.clock.now() + MINUTE)
    session = Session(rules, access, done.handle)
    await session.set_password(NEW, PASSWORD)
    assert session.handle not in (None, done.handle)
    assert session.id == done.session.id
    assert session.ends_at == done.session.absolute
    assert await session.fields.get("cart") == [1]
    with pytest.raises(SessionReplaced):
        await rules.sessions.open(realm, done.handle, "cookie")
    claims = await rules.tokens.verify(realm, issued.token)
    with pytest.raises(Exception, match="unlisted"):
        await rules.sessions.open_token(realm, claims)


async def test_other_sessions_and_what_they_authorized_end_and_the_rest_stays(
    rules: Rules, realm: Realm, anna: Account
) -> None:
    beta = realm_of(rules, "beta")
    (_, own), (other, theirs), (far, farther) = [await logged(rules, place) for place in (realm, realm, beta)]
    mine, others, of_far = [await authorized(rules, access) for access in (own, theirs, farther)]
    gone, leaving = await logged(rules, realm)
    before = await authorized(rules, leaving)
    await rules.sessions.end(leaving)
    await rules.passwords.change(own, PASSWORD, NEW)
    for place, dead in ((realm, other), (beta, far)):
        with pytest.raises(SessionEnded) as ended:
            await rules.sessions.open(place, dead.handle, "cookie")
        assert (ended.value.reason, ended.value.by_operator) == ("password-changed", False)
    assert [await alive(rules, text) for text in (mine, others, of_far, before)] == [True, False, False, True]
    assert len(await rules.sessions.list(realm)) == 1
    assert gone.session.id != other.session.id


async def test_a_request_that_comes_between_the_change_and_the_new_secret_ends_nothing(
    rules: Rules, realm: Realm, anna: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, access = await logged(rules, realm)
    rotate = rules.sessions.rotate
    seen: list[Any] = []

    async def late(*args: Any, **options: Any) -> Any:
        with pytest.raises(SessionReplaced) as refused:
            await rules.sessions.open(realm, done.handle, "cookie")
        seen.append(refused.value)
        return await rotate(*args, **options)

    monkeypatch.setattr(rules.sessions, "rotate", late)
    changed = await rules.passwords.change(access, PASSWORD, NEW)
    assert len(seen) == 1
    assert (await rules.sessions.open(realm, changed.handle, "cookie")).session.id == done.session.id


async def test_a_process_that_dies_before_the_new_secret_leaves_a_session_that_opens_for_nobody(
    rules: Rules, realm: Realm, anna: Account, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    done, access = await logged(rules, realm)

    async def dies(*_args: Any, **_options: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rules.sessions, "rotate", dies)
        patched.setattr(rules.passwords._records, "clear", dies)
        with pytest.raises(KeyboardInterrupt):
            await rules.passwords.change(access, PASSWORD, NEW)
    with pytest.raises(SessionReplaced):
        await rules.sessions.open(realm, done.handle, "cookie")
    clock.advance(MINUTE)
    with pytest.raises(SessionEnded):
        await rules.sessions.open(realm, done.handle, "cookie")


async def test_of_parallel_changes_one_wins(rules: Rules, realm: Realm, anna: Account) -> None:
    _, access = await logged(rules, realm)
    tries = [rules.passwords.change(access, PASSWORD, f"{NEW} number {at}") for at in range(5)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    won = [at for at, outcome in enumerate(outcomes) if not isinstance(outcome, BaseException)]
    assert len(won) == 1
    assert await rules.passwords.check("main", "anna", f"{NEW} number {won[0]}")
    assert len(await rules.sessions.list(realm)) == 1


async def test_the_old_password_has_to_be_right_and_guesses_are_throttled(
    rules: Rules, realm: Realm, anna: Account
) -> None:
    _, access = await logged(rules, realm)
    for _ in range(10):
        with pytest.raises(WrongPassword):
            await rules.passwords.change(access, "a wrong password", NEW)
    with pytest.raises(TooManyTries):
        await rules.passwords.change(access, PASSWORD, NEW)
    assert await rules.passwords.check("main", "anna", PASSWORD)


async def test_a_delegated_handle_and_an_old_login_change_nothing(
    rules: Rules, realm: Realm, anna: Account, clock: ManualClock
) -> None:
    done, access = await logged(rules, realm)
    narrow = await rules.tokens.issue(realm, access.session, scope=("cart.read",), expires_at=rules.clock.now() + DAY)
    delegated = await rules.sessions.open_token(realm, await rules.tokens.verify(realm, narrow.token))
    with pytest.raises(DelegatedHandle):
        await rules.passwords.change(delegated, PASSWORD, NEW)
    clock.advance(10 * MINUTE + 1)
    with pytest.raises(FreshLoginRequired):
        await rules.passwords.change(await rules.sessions.open(realm, done.handle, "cookie"), PASSWORD, NEW)
    assert await rules.passwords.check("main", "anna", PASSWORD)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "short"),
        (PASSWORD, "used"),
        ("passwordpassword", "common"),
        ("x" * 1_025, "long"),
        ("é" * 3_000, "long"),
    ],
)
async def test_a_new_password_that_nobody_should_choose_is_refused(
    rules: Rules, realm: Realm, anna: Account, password: str, reason: str
) -> None:
    _, access = await logged(rules, realm)
    with pytest.raises(WeakPassword) as refused:
        await rules.passwords.change(access, PASSWORD, password)
    assert refused.value.reason == reason
    await rules.sessions.check(access)


async def test_who_sets_the_password_of_another_account_needs_the_scope_and_all_that_it_has(
    rules: Rules, realm: Realm, anna: Account
) -> None:
    ben = await rules.users.add("main", "ben", "a very good password")
    actor = Actor("ben", ben.key, everywhere=frozenset())
    for everywhere in ((), ("security.changeUserPassword",), ("cart.read", "cart.write")):
        with pytest.raises(InsufficientScope):
            await rules.passwords.set(actor._replace(everywhere=frozenset(everywhere)), anna.key, NEW)
    scopes = frozenset({"security.changeUserPassword", "cart.read", "cart.write"})
    with pytest.raises(DelegatedHandle):
        await rules.passwords.set(actor._replace(everywhere=scopes, delegated=True), anna.key, NEW)
    assert await rules.passwords.check("main", "anna", PASSWORD)
    await rules.passwords.set(actor._replace(everywhere=scopes), anna.key, NEW)
    assert await rules.passwords.check("main", "anna", NEW)


async def test_after_it_was_set_by_another_no_token_or_session_of_before_works(
    rules: Rules, realm: Realm, anna: Account
) -> None:
    done, access = await logged(rules, realm)
    text = await authorized(rules, access)
    issued = await rules.tokens.issue(realm, access.session, scope=None, expires_at=rules.clock.now() + MINUTE)
    await rules.passwords.set(HOST, anna.key, NEW)
    assert not await alive(rules, text)
    with pytest.raises(SessionEnded) as ended:
        await rules.sessions.open(realm, done.handle, "cookie")
    assert ended.value.by_operator
    with pytest.raises((SessionEnded, SessionUnknown)):
        await rules.sessions.open_token(realm, await rules.tokens.verify(realm, issued.token))


async def test_former_passwords_cannot_be_chosen_again_as_long_as_the_realm_says(start: Any) -> None:
    rules = await start(realms={"acme": {"password_history": 2}, "other": {}})
    anna = await rules.users.add("main", "anna", PASSWORD)
    for password in (f"{NEW} one", f"{NEW} two"):
        await rules.passwords.set(HOST, anna.key, password)
    for used in (PASSWORD, f"{NEW} one", f"{NEW} two"):
        with pytest.raises(WeakPassword) as refused:
            await rules.passwords.set(HOST, anna.key, used)
        assert refused.value.reason == "used"
    await rules.passwords.set(HOST, anna.key, f"{NEW} three")
    await rules.passwords.set(HOST, anna.key, PASSWORD)
    await rules.users.delete(anna.key)
    left = await rules.db.read(
        lambda connection: connection.exec_driver_sql("SELECT count(*) FROM password_history").scalar_one()
    )
    assert left == 0


async def test_the_strictest_realm_of_the_directory_rules(start: Any) -> None:
    realms = {
        "short": {"password_min_length": 8, "password_max_age": 90 * DAY},
        "long": {"password_min_length": 20, "password_history": 3, "max_tries_before_lock": 5},
        "apart": {"directory": "apart", "password_min_length": 8},
    }
    rules = await start(realms=realms)
    rule = rules.passwords.rule("main")
    assert (rule.min_length, rule.history, rule.change_interval, rule.max_tries_before_lock) == (20, 3, 90, 5)
    assert rules.passwords.rule("apart").min_length == 8
    assert rules.passwords.rule("unknown").min_length == 15
    anna = await rules.users.add("apart", "anna", "eight ch", min_length=8)
    await rules.passwords.set(HOST, anna.key, "ate chars")


async def test_a_password_that_is_too_old_has_to_be_changed_at_the_login(start: Any, clock: ManualClock) -> None:
    rules = await start(realms={"acme": {"password_max_age": 30 * DAY}, "lax": {}})
    realm, lax = realm_of(rules), realm_of(rules, "lax")
    await rules.users.add("main", "anna", PASSWORD)
    clock.advance(30 * DAY - 1)
    assert await rules.logins.login(realm, "anna", PASSWORD, HOME)
    clock.advance(1)
    assert await rules.logins.login(lax, "anna", PASSWORD, HOME)
    with pytest.raises(PasswordExpired):
        await rules.logins.login(realm, "anna", PASSWORD, HOME)
    assert await rules.logins.login(realm, "anna", "a wrong password", HOME, new_password=NEW) is None
    assert await rules.logins.authenticate(realm, "anna", PASSWORD) is None
    for weak in (PASSWORD, "short"):
        with pytest.raises(WeakPassword):
            await rules.logins.login(realm, "anna", PASSWORD, HOME, new_password=weak)
    assert await rules.logins.login(realm, "anna", PASSWORD, HOME, new_password=NEW)
    assert await rules.logins.login(realm, "anna", PASSWORD, HOME) is None
    clock.advance(30 * DAY - 1)
    assert await rules.logins.login(realm, "anna", NEW, HOME)


async def test_an_account_that_cannot_log_in_changes_no_password_at_the_login(
    rules: Rules, realm: Realm, anna: Account
) -> None:
    await rules.users.set_state(anna.key, "locked")
    assert await rules.logins.login(realm, "anna", PASSWORD, HOME, new_password=NEW) is None
    assert await rules.passwords.check("main", "anna", PASSWORD)
