"""The fences as another process finds them: what was removed or ended there holds here, with the right reason."""

import pytest

from sojourn.core.clock import ManualClock
from sojourn.core.errors import SessionEnded
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import HOST
from sojourn.model.field import put
from sojourn.model.session import Device, EndReason
from sojourn.model.user import Account
from tests.engine.sessions.conftest import PASSWORD, Start, realm_of

pytestmark = pytest.mark.anyio


async def removed_elsewhere(start: Start, clock: ManualClock, name: str) -> None:
    """Another process starts without the folder of one realm."""
    other = await start()
    await other.realms.sync({}, clock.now())
    assert other.realms.get(name) is None


async def test_a_realm_that_was_removed_elsewhere_takes_no_login_and_opens_no_session(
    start: Start, rules: Rules, anna: Account, clock: ManualClock
) -> None:
    realm = realm_of(rules)
    before = await rules.logins.login(realm, "anna", PASSWORD, Device())
    assert before is not None
    await removed_elsewhere(start, clock, realm.name)
    assert await rules.logins.login(realm, "anna", PASSWORD, Device()) is None
    with pytest.raises(SessionEnded) as caught:
        await rules.sessions.open(realm, before.handle, "cookie")
    assert caught.value.reason == "realm-removed"
    assert await rules.sessions.list(realm) == []


@pytest.mark.parametrize("reason", ["dropped", "ended-everywhere"])
async def test_who_finds_a_raised_fence_first_gives_the_reason_of_who_raised_it(
    start: Start, rules: Rules, anna: Account, monkeypatch: pytest.MonkeyPatch, reason: EndReason
) -> None:
    realm = realm_of(rules)
    done = await rules.logins.login(realm, "anna", PASSWORD, Device())
    assert done is not None
    access = await rules.sessions.open(realm, done.handle, "cookie")
    other = await start()
    seen: list[str] = []

    async def found_meanwhile(*_arguments: object, **_options: object) -> list[object]:
        with pytest.raises(SessionEnded) as caught:
            await rules.sessions.change(access, [put("a", "1")])
        seen.append(caught.value.reason)
        return []

    monkeypatch.setattr(other.store, "list", found_meanwhile)
    await other.sessions.end_all(None, anna.key, reason, actor="host")
    assert set(seen) == {reason}
    tombstone = await rules.sessions.why(realm, done.session.id)
    assert tombstone is not None
    assert tombstone.end.reason == reason


async def test_a_changed_password_is_the_reason_it_gives(start: Start, rules: Rules, anna: Account) -> None:
    realm = realm_of(rules)
    done = await rules.logins.login(realm, "anna", PASSWORD, Device())
    assert done is not None
    other = await start()
    await other.sessions.end_all(None, anna.key, "dropped", actor="host")
    again = await rules.logins.login(realm, "anna", PASSWORD, Device())
    assert again is not None
    await other.passwords.set(HOST, anna.key, "another battery of words")
    with pytest.raises(SessionEnded) as caught:
        await rules.sessions.open(realm, again.handle, "cookie")
    assert caught.value.reason == "password-changed"
