"""Accounts: unique names, states, passwords, husks."""

from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from sojourn.core.errors import StoreCorrupt
from sojourn.engine.accounts.directory import GroupUnknown, NameTaken, UserUnknown
from sojourn.engine.accounts.grants import Grants
from sojourn.engine.accounts.users import Users
from sojourn.engine.audit.log import Audit
from sojourn.engine.facts import Facts
from sojourn.engine.passwords.records import PasswordRecords
from sojourn.engine.providers.external import ExternalIdentities
from sojourn.engine.security.actors import HOST, Actor
from sojourn.identity.password import WeakPassword
from sojourn.model.realm import Realm
from sojourn.model.user import AccountState, BadAccount

pytestmark = pytest.mark.anyio

GOOD = "the lamp stood by the sea"
BETTER = "the lamp stands by the sea"


async def test_an_account_is_found_by_name_and_by_mail_in_any_case(users: Users) -> None:
    made = await users.add("main", "Ann", GOOD, "Ann@Example.org")
    for user_id in ("Ann", "ann", "\uff21NN", "ann@example.org", "ANN@EXAMPLE.ORG"):
        assert await users.find("main", user_id) == made
    assert await users.get(made.key) == made
    for user_id in ("", "@", "an", "ann@example.com", "example.org"):
        assert await users.find("main", user_id) is None
    assert await users.find("other", "ann") is None


@pytest.mark.parametrize(
    ("name", "email"),
    [("ann", ""), ("ANN", ""), ("\uff21nn", ""), ("bob", "ann@example.org"), ("bob", "ANN@example.ORG"), ("Staff", "")],
)
async def test_a_taken_name_or_mail_is_refused_and_nothing_is_written(users: Users, name: str, email: str) -> None:
    await users.add("main", "Ann", GOOD, "ann@example.org")
    await users.groups.add("staff")
    with pytest.raises(NameTaken):
        await users.add("main", name, GOOD, email)
    assert [account.name for account in await users.list()] == ["Ann"]
    assert (await users.add("other", name, GOOD, email)).name == name


@pytest.mark.parametrize("name", ["", " ann", "ann@home", "ann\uff20home", "a\nb", "x" * 101])
async def test_a_name_that_could_be_taken_for_something_else_is_refused(users: Users, name: str) -> None:
    with pytest.raises(BadAccount):
        await users.add("main", name, GOOD)


async def test_an_account_without_a_mail_address_is_not_found_by_an_empty_one(users: Users) -> None:
    await users.add("main", "ann", GOOD)
    await users.add("main", "bob", GOOD)
    assert await users.find("main", "") is None


@pytest.mark.parametrize("password", ["short", "passwordpassword", "wonderful.annabel"])
async def test_a_weak_password_makes_no_account(users: Users, password: str) -> None:
    with pytest.raises(WeakPassword):
        await users.add("main", "wonderful.annabel", password)
    assert await users.list() == []


@pytest.mark.parametrize(("state", "moved"), [("locked", 0), ("expired", 1), ("disabled", 1), ("active", 0)])
async def test_only_disabling_and_expiring_end_what_lives(
    users: Users, facts: Facts, realm: Realm, state: AccountState, moved: int
) -> None:
    ann = await users.add("main", "ann", GOOD)
    changed = await users.set_state(ann.key, state, "root")
    assert (changed.state, changed.auth_epoch) == (state, moved)
    assert await users.set_state(ann.key, state, "root") == changed
    assert await (await facts.current()).account(realm, ann.key) == changed


async def test_a_deleted_account_is_gone_and_its_key_is_never_used_again(
    users: Users, passwords: PasswordRecords, grants: Grants, facts: Facts, realm: Realm
) -> None:
    await users.groups.add("staff")
    ann = await users.add("main", "ann", GOOD, "ann@example.org", ["staff"])
    await grants.grant("ann", "cart.write")
    before = await (await facts.current()).fences(realm, ann.key)
    await users.delete(ann.key, "root")
    assert await users.get(ann.key) is None
    assert await users.find("main", "ann") is None
    assert await users.find("main", "ann@example.org") is None
    assert await passwords.check("main", "ann", GOOD) is None
    assert await users.list() == []
    assert await grants.list() == []
    assert list(await users.groups.of(ann.key)) == []
    assert await (await facts.current()).account(realm, ann.key) is None
    assert (await (await facts.current()).fences(realm, ann.key)).account == before.account + 1
    again = await users.add("main", "ann", GOOD, "ann@example.org")
    assert again.key > ann.key
    reborn = await (await facts.current()).account(realm, again.key)
    assert reborn is not None
    assert reborn.scopes == frozenset()


async def test_nothing_is_kept_of_who_a_deleted_account_was_elsewhere(
    users: Users, identities: ExternalIdentities
) -> None:
    ann, bob = await users.add("main", "ann", GOOD), await users.add("main", "bob", GOOD)
    for account, subject in ((ann, "4711"), (bob, "4712")):
        await identities.link(account, "https://id.example", subject, HOST)
    await users.delete(ann.key)
    assert list(await identities.of(ann.key)) == []
    assert [one.subject for one in await identities.of(bob.key)] == ["4712"]


async def test_what_is_asked_of_an_unknown_or_deleted_account_is_refused(
    users: Users, passwords: PasswordRecords
) -> None:
    ann = await users.add("main", "ann", GOOD)
    await users.delete(ann.key)
    for key in (ann.key, 999):
        with pytest.raises(UserUnknown):
            await users.set_state(key, "active")
        with pytest.raises(UserUnknown):
            await passwords.set(HOST, key, GOOD)
        with pytest.raises(UserUnknown):
            await users.delete(key)


async def test_an_unknown_group_makes_no_account(users: Users) -> None:
    with pytest.raises(GroupUnknown):
        await users.add("main", "ann", GOOD, groups=["nobody"])
    assert await users.list() == []


async def test_every_act_is_in_the_log_with_its_actor_and_without_the_password(
    users: Users, passwords: PasswordRecords, audit: Audit
) -> None:
    ann = await users.add("main", "ann", GOOD, actor="root")
    await users.set_state(ann.key, "locked", "root")
    await users.set_state(ann.key, "active", "root")
    await passwords.set(Actor("root", host=True), ann.key, BETTER)
    await users.delete(ann.key, "root")
    events = await audit.recent()
    kinds = ["USER_CHANGE", "USER_LOCK", "USER_UNLOCK", "PASSWORD_CHANGE", "USER_CHANGE"]
    assert [event.kind for event in reversed(events)] == kinds
    assert {event.actor for event in events} == {"root"}
    assert all("ann" in event.detail and "lamp" not in event.detail for event in events)


async def test_an_act_that_cannot_be_audited_does_not_happen(users: Users, foreign: Callable[[str], None]) -> None:
    rename = "ALTER TABLE {} RENAME TO {}"
    foreign(rename.format("audit_event", "elsewhere"))
    try:
        with pytest.raises((OperationalError, StoreCorrupt)):
            await users.add("main", "ann", GOOD)
    finally:
        foreign(rename.format("elsewhere", "audit_event"))
    assert await users.list() == []
