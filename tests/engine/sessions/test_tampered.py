"""Records of accounts that a foreign tool changed: nobody logs in with them, nobody goes on with them, nobody mends them
by changing them."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from sojourn.core.errors import SessionEnded
from sojourn.engine.accounts.records import AccountTampered
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import HOST
from sojourn.model.realm import Realm
from sojourn.model.session import Device
from sojourn.model.user import Account
from tests.engine.sessions.conftest import PASSWORD

pytestmark = pytest.mark.anyio

Tool = Callable[[str], None]

#: What somebody with SQL could want to change about anna.
EDITS = {
    "password": "password = (SELECT password FROM account WHERE name = 'mallory')",
    "state": "state = 'locked'",
    "email": "email = 'm@example.org', live_email = 'm@example.org'",
    "found by": "live_email = 'm@example.org'",
    "name": "name = 'boris'",
    "type": "account_type = 'support'",
    "epoch": "auth_epoch = auth_epoch + 1",
    "directory": "directory = 'apart'",
    "no signature": "signature = NULL",
    "other signature": "signature = (SELECT signature FROM account WHERE name = 'mallory')",
}


@pytest.fixture
def tool(project: Path) -> Tool:
    def run(statement: str) -> None:
        connection = sqlite3.connect(project / "var/engine.db", isolation_level=None)
        assert connection.execute(statement).rowcount == 1
        connection.close()

    return run


@pytest.fixture
async def mallory(rules: Rules) -> Account:
    return await rules.users.add("main", "mallory", "another four plain words")


@pytest.mark.usefixtures("mallory")
@pytest.mark.parametrize("edit", EDITS)
async def test_an_edited_record_is_unusable_from_the_next_check_on(
    rules: Rules, realm: Realm, anna: Account, tool: Tool, edit: str
) -> None:
    """§5: editing the record breaks its integrity signature and the account becomes unusable."""
    before = await rules.logins.login(realm, "anna", PASSWORD, Device())
    assert before is not None
    tool(f"UPDATE account SET {EDITS[edit]} WHERE name = 'anna'")
    with pytest.raises(SessionEnded):
        await rules.sessions.open(realm, before.handle, "cookie")
    for password in (PASSWORD, "another four plain words"):
        assert await rules.logins.login(realm, "anna", password, Device()) is None
    found = await rules.users.get(anna.key)
    assert found is not None
    assert not found.intact


async def test_the_end_and_the_refused_login_say_why_to_operators(
    rules: Rules, realm: Realm, anna: Account, tool: Tool
) -> None:
    before = await rules.logins.login(realm, "anna", PASSWORD, Device())
    assert before is not None
    tool("UPDATE account SET account_type = 'support' WHERE name = 'anna'")
    with pytest.raises(SessionEnded) as caught:
        await rules.sessions.open(realm, before.handle, "cookie")
    assert caught.value.reason == "user-disabled"
    tombstone = await rules.sessions.why(realm, before.session.id)
    assert tombstone is not None
    assert "from outside" in tombstone.end.rule
    assert await rules.logins.login(realm, "anna", PASSWORD, Device()) is None
    refusals = [event for event in await rules.audit.recent() if event.kind == "REFUSAL"]
    assert [event.actor for event in refusals] == ["anna"]
    assert '"user.tampered"' in refusals[0].detail


async def test_a_lawful_change_does_not_vouch_for_what_was_edited(rules: Rules, anna: Account, tool: Tool) -> None:
    tool("UPDATE account SET account_type = 'support' WHERE name = 'anna'")
    for act in (
        rules.users.set_state(anna.key, "active"),
        rules.users.set_state(anna.key, "locked"),
        rules.users.set_email(anna.key, "anna@example.org"),
        rules.users.set_type(anna.key, "standard"),
        rules.passwords.set(HOST, anna.key, "another four plain words"),
    ):
        with pytest.raises(AccountTampered):
            await act
    await rules.sessions.end_all(None, anna.key, "dropped", actor="host")
    await rules.users.set_state(anna.key, "disabled")
    found = await rules.users.get(anna.key)
    assert found is not None
    assert not found.intact
    await rules.users.delete(anna.key)
    assert await rules.users.get(anna.key) is None


async def test_the_host_can_say_that_a_record_is_right(rules: Rules, realm: Realm, anna: Account, tool: Tool) -> None:
    tool("UPDATE account SET account_type = 'support' WHERE name = 'anna'")
    assert await rules.users.vouch(anna.key, HOST)
    assert not await rules.users.vouch(anna.key, HOST)
    found = await rules.users.get(anna.key)
    assert found is not None
    assert (found.intact, found.account_type) == (True, "support")
    assert await rules.logins.login(realm, "anna", PASSWORD, Device()) is not None


async def test_whatever_the_engine_itself_does_keeps_the_record_right(
    rules: Rules, realm: Realm, anna: Account
) -> None:
    await rules.users.set_email(anna.key, "anna@example.org", HOST)
    await rules.users.set_type(anna.key, "support", HOST)
    await rules.users.set_state(anna.key, "expired", HOST)
    await rules.users.set_state(anna.key, "active", HOST)
    await rules.passwords.set(HOST, anna.key, "another four plain words")
    await rules.sessions.end_all(None, anna.key, "dropped", actor="host")
    found = await rules.users.find("main", "Anna@Example.ORG")
    assert found is not None
    assert (found.intact, found.account_type, found.state) == (True, "support", "active")
    assert await rules.logins.login(realm, "anna", "another four plain words", Device()) is not None


async def test_an_expired_account_is_ended_like_a_disabled_one(rules: Rules, realm: Realm, anna: Account) -> None:
    before = await rules.logins.login(realm, "anna", PASSWORD, Device())
    assert before is not None
    await rules.users.set_state(anna.key, "expired", HOST)
    assert await rules.logins.login(realm, "anna", PASSWORD, Device()) is None
    await rules.users.set_state(anna.key, "active", HOST)
    with pytest.raises(SessionEnded):
        await rules.sessions.open(realm, before.handle, "cookie")
    tombstone = await rules.sessions.why(realm, before.session.id)
    assert tombstone is not None
    assert (tombstone.end.reason, tombstone.end.actor, tombstone.end.rule) == ("user-disabled", "host", "expired")
