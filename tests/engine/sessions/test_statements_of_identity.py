"""Statements of the engine reference about identity, as far as they are not told elsewhere."""

from __future__ import annotations

import pytest

from sojourn.core.clock import DAY, ManualClock
from sojourn.core.errors import AuthTokenRefused, SessionReplaced, Unauthorized
from sojourn.engine.live import Session
from sojourn.engine.rules import Rules
from sojourn.model.realm import Realm
from sojourn.model.session import Device, Identity
from sojourn.model.token import AuthToken
from sojourn.model.user import Account, account_identity
from tests.engine.sessions.conftest import PASSWORD

pytestmark = pytest.mark.anyio


async def session_of(rules: Rules, realm: Realm, identity: Identity) -> Session:
    begun = await rules.sessions.begin(realm, identity, Device())
    return Session(rules, await rules.sessions.open(realm, begun.handle, "python"), begun.handle)


async def test_21_1_a_new_session_is_nobody_and_may_nothing(rules: Rules, realm: Realm) -> None:
    """§21 (1): user -1, no scope; what takes an identity is refused."""
    new = await session_of(rules, realm, Identity())
    assert (new.user_key, new.user_name, new.scope, new.login_at) == (-1, "anonymous", frozenset(), 0)
    assert (new.delegated, new.subject) == (False, "")
    with pytest.raises(Unauthorized):
        await new.authorize_token(AuthToken(""))


async def test_21_2_a_login_makes_it_the_user(rules: Rules, realm: Realm, anna: Account) -> None:
    """§21 (2)."""
    new = await session_of(rules, realm, Identity())
    assert await new.login("anna", PASSWORD) is True
    assert (new.user_key, new.user_name) == (anna.key, "anna")
    assert new.handle is not None
    again = Session(rules, await rules.sessions.open(realm, new.handle, "python"), new.handle)
    assert (again.user_key, again.user_name, again.scope) == (anna.key, "anna", frozenset({"cart.read", "cart.write"}))


async def test_21_3_a_wrong_password_changes_nothing(rules: Rules, realm: Realm, anna: Account) -> None:
    """§21 (3)."""
    own = await session_of(rules, realm, account_identity(anna, 0))
    await rules.users.add("main", "ben", PASSWORD)
    before = own.handle
    assert await own.login("ben", "a wrong password") is False
    assert (own.user_name, own.handle) == ("anna", before)
    assert before is not None
    assert (await rules.sessions.open(realm, before, "python")).session.identity.user_key == anna.key


async def test_21_14_an_expired_token_logs_nobody_in(
    rules: Rules, realm: Realm, anna: Account, clock: ManualClock
) -> None:
    """§21 (14): it raises, and the session keeps its user."""
    owner = await session_of(rules, realm, account_identity(anna, clock.now()))
    text = await owner.authorize_token(AuthToken("cart.read", expires=clock.now() + DAY))
    clock.advance(DAY - 1)
    await (await session_of(rules, realm, Identity())).login_by_auth_token(text)
    clock.advance(1)
    other = await session_of(rules, realm, Identity())
    with pytest.raises(AuthTokenRefused) as caught:
        await other.login_by_auth_token(text)
    assert caught.value.reason == "expired"
    assert (other.user_key, other.scope) == (-1, frozenset())


async def test_q5_the_handle_of_before_a_login_is_dead(rules: Rules, realm: Realm, anna: Account) -> None:
    """§23 (Q5): the secret of before opens nothing after a login."""
    new = await session_of(rules, realm, Identity())
    before = new.handle
    assert before is not None
    assert await new.login("anna", PASSWORD)
    with pytest.raises(SessionReplaced):
        await rules.sessions.open(realm, before, "python")
