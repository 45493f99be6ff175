"""Accounts: unique names, states, passwords, husks."""

import pytest

from sojourn.core.errors import SojournError
from sojourn.engine.audit import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.directory import GroupUnknown, NameTaken, UserUnknown
from sojourn.engine.facts import Facts
from sojourn.engine.grants import Grants
from sojourn.engine.users import Users
from sojourn.identity.password import Cost, PasswordHasher, WeakPassword
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


async def test_the_right_password_gives_the_account_and_every_other_nothing(users: Users) -> None:
    ann = await users.add("main", "ann", GOOD, "ann@example.org")
    await users.add("main", "bob", None)
    assert await users.check_password("main", "ann", GOOD) == ann
    assert await users.check_password("main", "ann@example.org", GOOD) == ann
    for directory, user_id, password in (
        ("main", "ann", BETTER),
        ("main", "ann", ""),
        ("main", "bob", ""),
        ("main", "bob", GOOD),
        ("main", "nobody", GOOD),
        ("other", "ann", GOOD),
        ("main", "ann", "x" * 5_000),
        ("main", "ann\x00", GOOD),
        ("main", "\ud800", GOOD),
        ("main", "a" * 100_000, GOOD),
        ("main", "\ud800@example.org", "\ud800"),
    ):
        assert await users.check_password(directory, user_id, password) is None


async def test_a_hash_of_a_cheaper_time_is_made_anew_at_the_next_login(
    users: Users, db: EngineDatabase, audit: Audit
) -> None:
    ann = await users.add("main", "ann", GOOD)
    dearer = PasswordHasher(Cost(memory=16, passes=2), workers=1)
    later = Users(db, dearer, audit, users._clock)
    assert await later.check_password("main", "ann", "wrong password of mine") is None
    assert await later.check_password("main", "ann", GOOD) == ann
    stored = await db.read(lambda connection: connection.exec_driver_sql("SELECT password FROM account").scalar_one())
    assert not dearer.needs_rehash(stored)
    assert await later.check_password("main", "ann", GOOD) == ann


async def test_a_password_set_while_the_old_one_is_hashed_anew_stays(
    users: Users, db: EngineDatabase, audit: Audit
) -> None:
    ann = await users.add("main", "ann", GOOD)
    later = Users(db, PasswordHasher(Cost(memory=16, passes=2), workers=1), audit, users._clock)
    hashed = later._hasher.hash

    async def slow(password: str) -> str:
        await users.set_password(ann.key, BETTER)
        return await hashed(password)

    later._hasher.hash = slow  # type: ignore[method-assign]  # the password changes while the hash is computed
    await later.check_password("main", "ann", GOOD)
    assert await users.check_password("main", "ann", GOOD) is None
    assert await users.check_password("main", "ann", BETTER) is not None


async def test_a_new_password_replaces_the_old_one_and_moves_the_fence(users: Users) -> None:
    ann = await users.add("main", "ann", GOOD)
    changed = await users.set_password(ann.key, BETTER, "root")
    assert changed.auth_epoch == ann.auth_epoch + 1
    assert await users.check_password("main", "ann", GOOD) is None
    assert await users.check_password("main", "ann", BETTER) == changed


async def test_the_answer_of_a_check_carries_the_fence_of_before_the_check(users: Users) -> None:
    ann = await users.add("main", "ann", GOOD)
    verify = users._hasher.verify

    async def slow(stored: str | None, password: str) -> bool:
        await users.set_password(ann.key, BETTER)
        return await verify(stored, password)

    users._hasher.verify = slow  # type: ignore[method-assign]  # the password changes while the hash is computed
    found = await users.check_password("main", "ann", GOOD)
    assert found is not None
    assert found.auth_epoch == 0


@pytest.mark.parametrize(("state", "moved"), [("locked", 0), ("expired", 0), ("disabled", 1), ("active", 0)])
async def test_only_disabling_ends_what_lives(
    users: Users, facts: Facts, realm: Realm, state: AccountState, moved: int
) -> None:
    ann = await users.add("main", "ann", GOOD)
    changed = await users.set_state(ann.key, state, "root")
    assert (changed.state, changed.auth_epoch) == (state, moved)
    assert await users.set_state(ann.key, state, "root") == changed
    assert await facts.current().account(realm, ann.key) == changed


async def test_a_deleted_account_is_gone_and_its_key_is_never_used_again(
    users: Users, grants: Grants, facts: Facts, realm: Realm
) -> None:
    await users.groups.add("staff")
    ann = await users.add("main", "ann", GOOD, "ann@example.org", ["staff"])
    await grants.grant("ann", "cart.write")
    before = await facts.current().fences(realm, ann.key)
    await users.delete(ann.key, "root")
    assert await users.get(ann.key) is None
    assert await users.find("main", "ann") is None
    assert await users.find("main", "ann@example.org") is None
    assert await users.check_password("main", "ann", GOOD) is None
    assert await users.list() == []
    assert await grants.list() == []
    assert list(await users.groups.of(ann.key)) == []
    assert await facts.current().account(realm, ann.key) is None
    assert (await facts.current().fences(realm, ann.key)).account == before.account + 1
    again = await users.add("main", "ann", GOOD, "ann@example.org")
    assert again.key > ann.key
    reborn = await facts.current().account(realm, again.key)
    assert reborn is not None
    assert reborn.scopes == frozenset()


async def test_what_is_asked_of_an_unknown_or_deleted_account_is_refused(users: Users) -> None:
    ann = await users.add("main", "ann", GOOD)
    await users.delete(ann.key)
    for key in (ann.key, 999):
        with pytest.raises(UserUnknown):
            await users.set_state(key, "active")
        with pytest.raises(UserUnknown):
            await users.set_password(key, GOOD)
        with pytest.raises(UserUnknown):
            await users.delete(key)


async def test_an_unknown_group_makes_no_account(users: Users) -> None:
    with pytest.raises(GroupUnknown):
        await users.add("main", "ann", GOOD, groups=["nobody"])
    assert await users.list() == []


async def test_every_act_is_in_the_log_with_its_actor_and_without_the_password(users: Users, audit: Audit) -> None:
    ann = await users.add("main", "ann", GOOD, actor="root")
    await users.set_state(ann.key, "locked", "root")
    await users.set_state(ann.key, "active", "root")
    await users.set_password(ann.key, BETTER, "root")
    await users.delete(ann.key, "root")
    events = await audit.recent()
    kinds = ["USER_CHANGE", "USER_LOCK", "USER_UNLOCK", "PASSWORD_CHANGE", "USER_CHANGE"]
    assert [event.kind for event in reversed(events)] == kinds
    assert {event.actor for event in events} == {"root"}
    assert all("ann" in event.detail and "lamp" not in event.detail for event in events)


async def test_an_act_that_cannot_be_audited_does_not_happen(users: Users, db: EngineDatabase) -> None:
    await db.write(lambda connection: connection.exec_driver_sql("DROP TABLE audit_event").rowcount)
    with pytest.raises(Exception, match="audit_event") as failed:
        await users.add("main", "ann", GOOD)
    assert not isinstance(failed.value, SojournError)
    assert await users.list() == []
