"""PasswordRecords of accounts: what the right one gives, hashes made anew, the fence that a change moves."""

import pytest

from sojourn.engine.accounts.users import Users
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.passwords.records import PasswordRecords
from sojourn.engine.security.actors import HOST, Actor
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model.user import Account

pytestmark = pytest.mark.anyio

GOOD = "the lamp stood by the sea"
BETTER = "the lamp stands by the sea"


async def check(passwords: PasswordRecords, directory: str, user_id: str, password: str) -> Account | None:
    kept = await passwords.check(directory, user_id, password)
    return kept.account if kept else None


async def test_the_right_password_gives_the_account_and_every_other_nothing(
    users: Users, passwords: PasswordRecords
) -> None:
    ann = await users.add("main", "ann", GOOD, "ann@example.org")
    await users.add("main", "bob", None)
    assert await check(passwords, "main", "ann", GOOD) == ann
    assert await check(passwords, "main", "ann@example.org", GOOD) == ann
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
        assert await check(passwords, directory, user_id, password) is None


async def test_a_hash_of_a_cheaper_time_is_made_anew_at_the_next_login(
    users: Users, passwords: PasswordRecords, db: EngineDatabase, audit: Audit
) -> None:
    ann = await users.add("main", "ann", GOOD)
    dearer = PasswordHasher(Cost(memory=16, passes=2), workers=1)
    later = PasswordRecords(db, passwords._accounts, dearer, audit, passwords._clock, realms=passwords._realms)
    assert await check(later, "main", "ann", "wrong password of mine") is None
    assert await check(later, "main", "ann", GOOD) == ann
    stored = await db.read(lambda connection: connection.exec_driver_sql("SELECT password FROM account").scalar_one())
    assert not dearer.needs_rehash(stored)
    assert await check(later, "main", "ann", GOOD) == ann


async def test_a_password_set_while_the_old_one_is_hashed_anew_stays(
    users: Users, passwords: PasswordRecords, db: EngineDatabase, audit: Audit
) -> None:
    ann = await users.add("main", "ann", GOOD)
    later = PasswordRecords(
        db,
        passwords._accounts,
        PasswordHasher(Cost(memory=16, passes=2), workers=1),
        audit,
        passwords._clock,
        realms=passwords._realms,
    )
    hashed = later._hasher.hash

    async def slow(password: str) -> str:
        await passwords.set(HOST, ann.key, BETTER)
        return await hashed(password)

    later._hasher.hash = slow  # type: ignore[method-assign]  # the password changes while the hash is computed
    await check(later, "main", "ann", GOOD)
    assert await check(passwords, "main", "ann", GOOD) is None
    assert await check(passwords, "main", "ann", BETTER) is not None


async def test_a_new_password_replaces_the_old_one_and_moves_the_fence(
    users: Users, passwords: PasswordRecords
) -> None:
    ann = await users.add("main", "ann", GOOD)
    changed = await passwords.set(Actor("root", host=True), ann.key, BETTER)
    assert changed.auth_epoch == ann.auth_epoch + 1
    assert await check(passwords, "main", "ann", GOOD) is None
    assert await check(passwords, "main", "ann", BETTER) == changed


async def test_the_answer_of_a_check_carries_the_fence_of_before_the_check(
    users: Users, passwords: PasswordRecords
) -> None:
    ann = await users.add("main", "ann", GOOD)
    verify = passwords._hasher.verify

    async def slow(stored: str | None, password: str, *, known: bool = False) -> bool:
        await passwords.set(HOST, ann.key, BETTER)
        return await verify(stored, password, known=known)

    passwords._hasher.verify = slow  # type: ignore[method-assign]  # the password changes while the hash is computed
    found = await check(passwords, "main", "ann", GOOD)
    assert found is not None
    assert found.auth_epoch == 0
