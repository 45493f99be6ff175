"""Throttling of logins: counted before the hash, given back on success, alike for every name, per device for its own user."""

import asyncio
from typing import Any

import pytest

from sojourn.core.clock import DAY, MINUTE, SECOND, ManualClock
from sojourn.core.errors import LoginBusy, StoreUnavailable, TooManyTries
from sojourn.engine.passwords.credentials import AccountUnusable
from sojourn.engine.passwords.throttling import OF_ADDRESS, OF_DEVICE, OF_NAME, ShownDevice
from sojourn.engine.rules import Rules
from sojourn.identity.password import PasswordHasher
from sojourn.model.realm import Realm
from sojourn.model.session import Device
from sojourn.model.user import Account, AccountState
from sojourn.stores.memory import MemoryStore
from tests.engine.sessions.conftest import PASSWORD, realm_of

pytestmark = pytest.mark.anyio

FREE = sum(delay == 0 for delay in OF_NAME) + 1
FAR = Device(address="198.51.100.7")
HOME = Device(address="192.0.2.7")


async def guess(rules: Rules, realm: Realm, name: str = "anna", device: Device = FAR, **more: Any) -> bool | int:
    """False for a refusal, milliseconds of waiting where no password was looked at."""
    try:
        return await rules.logins.login(realm, name, "a wrong password", device, **more) is not None
    except TooManyTries as error:
        return error.wait


async def state_of(rules: Rules, account: Account) -> AccountState:
    found = await rules.users.get(account.key)
    assert found is not None
    return found.state


async def test_after_the_free_tries_the_pauses_grow_and_then_stay(
    rules: Rules, realm: Realm, anna: Account, clock: ManualClock
) -> None:
    waits = []
    assert [await guess(rules, realm, device=Device()) for _ in range(FREE)] == [False] * FREE
    for _ in range(12):
        wait = await guess(rules, realm, device=Device())
        assert wait is not False
        waits.append(wait)
        clock.advance(int(wait) - 1)
        assert await guess(rules, realm, device=Device()) == 1
        clock.advance(1)
        assert await guess(rules, realm, device=Device()) is False
    assert waits == sorted(waits)
    assert waits[0] == SECOND
    assert waits[-1] == waits[-2] == 5 * MINUTE


async def test_an_unknown_name_is_throttled_as_a_known_one(rules: Rules, realm: Realm, anna: Account) -> None:
    known = [await guess(rules, realm) for _ in range(FREE + 3)]
    elsewhere = Device(address="203.0.113.9")
    assert [await guess(rules, realm, "nobody", elsewhere) for _ in range(FREE + 3)] == known
    assert known[-1] == SECOND


async def test_the_right_password_is_not_looked_at_while_the_account_waits(
    rules: Rules, realm: Realm, anna: Account, hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(FREE):
        await guess(rules, realm)
    monkeypatch.setattr(hasher, "verify", None)
    with pytest.raises(TooManyTries):
        await rules.logins.login(realm, "anna", PASSWORD, HOME)


async def test_name_and_mail_address_of_one_account_have_their_tries_together(rules: Rules, realm: Realm) -> None:
    await rules.users.add("main", "carol", PASSWORD, "carol@example.org")
    names = ["carol", "CAROL", "carol@example.org", "Carol@Example.org"]
    for at in range(FREE):
        assert await guess(rules, realm, names[at % 4]) is False
    assert [await guess(rules, realm, name) for name in names] == [SECOND] * 4


async def test_what_succeeded_is_given_back(rules: Rules, realm: Realm, anna: Account) -> None:
    for _ in range(3 * FREE):
        assert await rules.logins.login(realm, "anna", PASSWORD, HOME)
    for _ in range(FREE - 1):
        assert await guess(rules, realm) is False
    assert await rules.logins.login(realm, "anna", PASSWORD, HOME)
    assert await guess(rules, realm) is False
    assert await guess(rules, realm) == SECOND


async def test_a_neighbourhood_that_guesses_many_names_waits_and_others_do_not(
    rules: Rules, realm: Realm, anna: Account
) -> None:
    free = sum(delay == 0 for delay in OF_ADDRESS) + 1
    for at in range(free):
        assert await guess(rules, realm, f"name{at}", Device(address=f"198.51.100.{at}")) is False
    assert await guess(rules, realm, "another", Device(address="198.51.100.200")) == SECOND
    assert await guess(rules, realm, "another", Device(address="198.51.101.1")) is False
    with pytest.raises(TooManyTries):
        await rules.logins.login(realm, "anna", PASSWORD, FAR)
    assert await rules.logins.login(realm, "anna", PASSWORD, HOME)


async def test_a_neighbourhood_that_waits_uses_up_no_tries_of_an_account(
    rules: Rules, realm: Realm, anna: Account
) -> None:
    for at in range(60):
        await guess(rules, realm, f"name{at}")
    for _ in range(3 * FREE):
        assert await guess(rules, realm) is not False
    assert await rules.logins.login(realm, "anna", PASSWORD, HOME)


async def test_1000_wrong_passwords_are_throttled_and_a_known_device_gets_in(
    rules: Rules, realm: Realm, anna: Account, hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own user gets in from where she was logged in before, and nobody else does from there."""
    known = await rules.throttling.mark("main", anna.key, ShownDevice("d" * 43))
    hashed = 0
    verify = hasher.verify

    async def counting(stored: str | None, password: str, *, known: bool = False) -> bool:
        nonlocal hashed
        hashed += 1
        return await verify(stored, password, known=known)

    monkeypatch.setattr(hasher, "verify", counting)
    answers = [
        await guess(rules, realm, device=Device(address=f"198.51.{at // 200}.{at % 200}")) for at in range(1_000)
    ]
    assert hashed == FREE
    assert answers.count(False) == FREE
    with pytest.raises(TooManyTries):
        await rules.logins.login(realm, "anna", PASSWORD, HOME)
    assert await rules.logins.login(realm, "anna", PASSWORD, HOME, shown=known)
    for forged in (ShownDevice("e" * 43, known.marks), ShownDevice("d" * 43, ("A" * 22,)), ShownDevice("d" * 43)):
        with pytest.raises(TooManyTries):
            await rules.logins.login(realm, "anna", PASSWORD, HOME, shown=forged)
    # Another account has not been logged in there.
    await rules.users.add("main", "ben", PASSWORD)
    for _ in range(FREE):
        await guess(rules, realm, "ben", Device(address="203.0.113.1"))
    assert await guess(rules, realm, "ben", HOME, shown=known) == SECOND


async def test_a_known_device_has_ten_tries_of_its_own(rules: Rules, realm: Realm, anna: Account) -> None:
    known = await rules.throttling.mark("main", anna.key, ShownDevice("d" * 43))
    for _ in range(FREE):
        await guess(rules, realm)
    for _ in range(OF_DEVICE):
        assert await guess(rules, realm, device=HOME, shown=known) is False
    assert await guess(rules, realm, device=HOME, shown=known) == SECOND


async def test_a_known_device_that_succeeded_has_all_its_tries_again(rules: Rules, realm: Realm, anna: Account) -> None:
    known = await rules.throttling.mark("main", anna.key, ShownDevice("d" * 43))
    for _ in range(3):
        for _ in range(OF_DEVICE - 1):
            assert await guess(rules, realm, device=HOME, shown=known) is False
        assert await rules.logins.login(realm, "anna", PASSWORD, HOME, shown=known)


async def test_a_device_is_remembered_for_the_five_accounts_of_last_time(rules: Rules) -> None:
    device = ShownDevice("d" * 43)
    for key in range(1, 8):
        device = await rules.throttling.mark("main", key, device)
    for key, mark in zip((7, 6, 5, 4, 3), device.marks, strict=True):
        assert (await rules.throttling.mark("main", key, ShownDevice("d" * 43))).marks == (mark,)
    assert (await rules.throttling.mark("main", 5, device)).marks[0] == device.marks[2]
    assert (await rules.throttling.mark("other", 7, ShownDevice("d" * 43))).marks[0] != device.marks[0]


async def test_parallel_tries_all_count_and_two_engines_count_together(start: Any, anna: Account) -> None:
    first, second = await start(), await start()
    realm = realm_of(first)
    tries = [guess(rules, realm) for rules in (first, second) for _ in range(100)]
    answers = await asyncio.gather(*tries)
    assert answers.count(False) == FREE
    # The 200 are counted, however many of them were admitted.
    counter = first.throttling._counter("login", "address", "main", "198.51.100.0/24")
    tried = await first.store.count_try(counter, (0,), first.clock.now(), forget=DAY)
    assert tried.tries == 201


async def test_who_reads_the_store_learns_no_names(rules: Rules, realm: Realm, anna: Account) -> None:
    await guess(rules, realm)
    names = [rules.throttling._counter("login", "name", what) for what in ("n:main:anna", "a:1")]
    assert not any("anna" in name for name in names)
    assert all(len(name) <= 200 and name.isascii() for name in names)


class Unreachable(MemoryStore):
    """A store that cannot count."""

    async def count_try(self, *_args: Any, **_options: Any) -> Any:
        raise StoreUnavailable


async def test_a_store_that_cannot_be_reached_admits_nobody(start: Any) -> None:
    rules = await start(memory=Unreachable())
    await rules.users.add("main", "anna", PASSWORD)
    with pytest.raises(StoreUnavailable):
        await rules.logins.login(realm_of(rules), "anna", PASSWORD, HOME)


async def test_a_try_that_was_busy_is_not_counted(
    rules: Rules, realm: Realm, anna: Account, hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_args: Any, **_options: Any) -> bool:
        raise LoginBusy

    with monkeypatch.context() as patched:
        patched.setattr(hasher, "verify", busy)
        for _ in range(2 * FREE):
            with pytest.raises(LoginBusy):
                await rules.logins.login(realm, "anna", PASSWORD, HOME)
    assert await rules.logins.login(realm, "anna", PASSWORD, HOME)


async def test_failures_in_a_row_lock_the_account_where_the_realm_says_so(start: Any, clock: ManualClock) -> None:
    rules = await start(realms={"acme": {}, "strict": {"max_tries_before_lock": 3}})
    anna = await rules.users.add("main", "anna", PASSWORD)
    strict, lax = realm_of(rules, "strict"), realm_of(rules, "acme")
    live = await rules.logins.login(strict, "anna", PASSWORD, HOME)
    assert live is not None
    for _ in range(2):
        await guess(rules, strict)
    assert await rules.logins.login(strict, "anna", PASSWORD, HOME)
    for _ in range(3):
        await guess(rules, lax)
    assert await state_of(rules, anna) == "active"
    for _ in range(3):
        assert await guess(rules, strict, device=Device(address="203.0.113.1")) is False
    assert await state_of(rules, anna) == "locked"
    assert any(event.kind == "USER_LOCK" for event in await rules.audit.recent())
    # A lock stops new logins, not live sessions; nothing but an operator takes it away.
    await rules.sessions.open(strict, live.handle, "header")
    assert await rules.logins.login(strict, "anna", PASSWORD, HOME) is None
    clock.advance(2 * DAY)
    await rules.users.set_state(anna.key, "active", "root")
    assert await guess(rules, strict) is False
    assert await state_of(rules, anna) == "active"
    assert await rules.logins.login(strict, "anna", PASSWORD, HOME)


async def test_by_default_nothing_locks(rules: Rules, realm: Realm, anna: Account, clock: ManualClock) -> None:
    for _ in range(50):
        await guess(rules, realm)
        clock.advance(5 * MINUTE)
    assert await state_of(rules, anna) == "active"


@pytest.mark.parametrize("state", ["locked", "disabled", "expired"])
async def test_21_5_right_credentials_of_an_unusable_account_are_an_error_for_code_of_ours(
    rules: Rules, realm: Realm, anna: Account, state: AccountState
) -> None:
    """§21 (5): an error, not false; over HTTP it stays the one answer."""
    await rules.users.set_state(anna.key, state)
    with pytest.raises(AccountUnusable):
        await rules.logins.login(realm, "anna", PASSWORD, HOME, tells=True)
    with pytest.raises(AccountUnusable):
        await rules.logins.authenticate(realm, "anna", PASSWORD, tells=True)
    assert await rules.logins.login(realm, "anna", "a wrong password", HOME, tells=True) is None
    assert await rules.logins.login(realm, "anna", PASSWORD, HOME) is None
    assert await rules.logins.authenticate(realm, "anna", PASSWORD) is None


async def test_21_3_a_wrong_password_gives_nothing_and_leaves_the_session_that_came_along(
    rules: Rules, realm: Realm, anna: Account
) -> None:
    """§21 (3)."""
    before = await rules.logins.login(realm, "anna", PASSWORD, HOME)
    assert before is not None
    access = await rules.sessions.open(realm, before.handle, "cookie")
    assert await rules.logins.login(realm, "anna", "a wrong password", HOME, current=access) is None
    again = await rules.sessions.open(realm, before.handle, "cookie")
    assert again.session.identity.user_key == anna.key


async def test_21_37_logins_are_audited_always(start: Any) -> None:
    """§21 (37): a row for each success and failure; in stateless realms too, which the reference does without."""
    realms = {"desk": {"environment_type": "stateful", "login_auditing_enabled": True}, "acme": {}}
    rules = await start(realms=realms)
    await rules.users.add("main", "anna", PASSWORD)
    for name in realms:
        await rules.logins.login(realm_of(rules, name), "anna", PASSWORD, HOME)
        await rules.logins.login(realm_of(rules, name), "anna", "a wrong password", HOME)
    written = [(event.kind, event.realm) for event in await rules.audit.recent() if event.kind.startswith("LOGIN")]
    wanted = [(kind, realm_of(rules, name).id) for name in realms for kind in ("LOGIN", "LOGIN_FAIL")]
    assert sorted(written) == sorted(wanted)
