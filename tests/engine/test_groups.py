"""Groups: priority, nesting, circles."""

import pytest
from sqlalchemy import Connection, insert, update

from sojourn.engine.accounts.directory import GroupUnknown, NameTaken, UserUnknown
from sojourn.engine.accounts.grants import Grants
from sojourn.engine.accounts.memberships import EveryoneFixed, GroupCycle, RoleNested
from sojourn.engine.accounts.users import Users
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.facts import Facts
from sojourn.model.realm import Realm

pytestmark = pytest.mark.anyio


async def groups_of(users: Users, key: int) -> list[str]:
    return [group.name for group in await users.groups.of(key)]


async def test_groups_come_by_priority_and_depth_first_each_at_its_first_occurrence(users: Users) -> None:
    await users.groups.add("world")
    await users.groups.add("europe", ["world"])
    await users.groups.add("paris", ["europe"])
    await users.groups.add("clerks", ["world"])
    ann = await users.add("main", "ann", None, groups=["paris", "clerks", "europe"])
    bob = await users.add("main", "bob", None, groups=["clerks", "paris"])
    assert await groups_of(users, ann.key) == ["paris", "europe", "world", "clerks"]
    assert await groups_of(users, bob.key) == ["clerks", "world", "paris", "europe"]


async def test_who_joins_again_keeps_his_place(users: Users) -> None:
    for name in ("a", "b", "c"):
        await users.groups.add(name)
    ann = await users.add("main", "ann", None, groups=["b", "a"])
    await users.groups.join("ann", ["a", "c", "c"])
    assert await groups_of(users, ann.key) == ["b", "a", "c"]
    await users.groups.leave("ann", "b")
    await users.groups.leave("ann", "b")
    assert await groups_of(users, ann.key) == ["a", "c"]


async def test_a_circle_is_refused_and_nothing_of_it_is_written(users: Users) -> None:
    await users.groups.add("free")
    await users.groups.add("a")
    await users.groups.add("b", ["a"])
    await users.groups.add("c", ["b"])
    for member, group in (("a", "a"), ("a", "b"), ("a", "c")):
        with pytest.raises(GroupCycle):
            await users.groups.join(member, ["free", group])
    ann = await users.add("main", "ann", None, groups=["c"])
    assert await groups_of(users, ann.key) == ["c", "b", "a"]


async def test_a_deleted_group_is_in_nothing_and_its_name_is_free(users: Users, audit: Audit) -> None:
    await users.groups.add("top")
    first = await users.groups.add("staff", ["top"])
    ann = await users.add("main", "ann", None, groups=["staff"])
    await users.groups.delete("STAFF", actor="root")
    assert await groups_of(users, ann.key) == []
    assert [group.name for group in await users.groups.list()] == ["everyone", "top"]
    assert (await audit.recent(1))[0].actor == "root"
    again = await users.groups.add("staff")
    assert again.key > first.key
    assert await groups_of(users, ann.key) == []


async def test_a_group_has_no_name_of_a_user_or_another_group(users: Users) -> None:
    await users.add("main", "ann", None)
    await users.groups.add("staff")
    for name in ("Ann", "STAFF"):
        with pytest.raises(NameTaken):
            await users.groups.add(name)
    assert (await users.groups.add("ann", directory="other")).directory == "other"


async def test_unknown_names_are_refused(users: Users) -> None:
    await users.add("main", "ann", None)
    await users.groups.add("elsewhere", directory="other")
    with pytest.raises(GroupUnknown):
        await users.groups.join("ann", ["elsewhere"])
    with pytest.raises(UserUnknown):
        await users.groups.join("nobody", [])
    with pytest.raises(GroupUnknown):
        await users.groups.delete("nobody")


async def test_everyone_comes_last_unless_it_was_placed_earlier(users: Users) -> None:
    """§5: getUserAndGroupsKeys."""
    await users.groups.add("staff")
    await users.groups.add("guild")
    ann = await users.add("main", "ann", None, groups=["staff"])
    bob = await users.add("main", "bob", None, groups=["guild", "staff"])
    await users.groups.join("guild", ["everyone"])
    assert [one.name for one in await users.groups.of(ann.key, everyone=True)] == ["staff", "everyone"]
    assert [one.name for one in await users.groups.of(bob.key, everyone=True)] == ["guild", "everyone", "staff"]
    assert await users.groups.of(999, everyone=True) == ()


async def test_everyone_is_in_no_group_and_stays(users: Users) -> None:
    await users.add("main", "ann", None)
    await users.groups.add("staff")
    with pytest.raises(EveryoneFixed):
        await users.groups.join("everyone", ["staff"])
    with pytest.raises(EveryoneFixed):
        await users.groups.delete("Everyone")
    with pytest.raises(NameTaken):
        await users.groups.add("everyone", directory="elsewhere")


async def test_roles_are_held_by_accounts_and_groups_and_are_in_nothing(users: Users) -> None:
    await users.groups.add("clerk", kind="role")
    await users.groups.add("auditor", kind="role")
    await users.groups.add("staff", ["clerk"])
    ann = await users.add("main", "ann", None, groups=["auditor", "staff"])
    bob = await users.add("main", "bob", None)
    await users.groups.join("everyone", ["auditor"])
    assert [one.name for one in await users.groups.of(ann.key)] == ["staff"]
    assert [one.name for one in await users.groups.roles(ann.key)] == ["auditor", "clerk"]
    assert [one.name for one in await users.groups.roles(bob.key)] == ["auditor"]
    assert [one.name for one in await users.groups.members("auditor")] == ["ann", "everyone"]
    for target in ("staff", "auditor"):
        with pytest.raises(RoleNested):
            await users.groups.join("clerk", [target])
    with pytest.raises(RoleNested):
        await users.groups.add("nested", ["clerk"], kind="role")
    assert "nested" not in {one.name for one in await users.groups.list()}


async def test_accounts_groups_and_roles_have_keys_of_one_sequence(users: Users) -> None:
    ann = await users.add("main", "ann", None)
    staff = await users.groups.add("staff")
    clerk = await users.groups.add("clerk", kind="role")
    bob = await users.add("other", "bob", None)
    keys = [ann.key, staff.key, clerk.key, bob.key]
    assert len(set(keys)) == len(keys)
    assert keys == sorted(keys)
    await users.delete(bob.key)
    assert (await users.groups.add("late")).key > bob.key


async def test_spoiled_memberships_are_skipped_and_logged_and_block_nothing(
    users: Users, facts: Facts, realm: Realm, db: EngineDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """§5: invalid group keys are skipped and only logged, so that bad data never blocks a login."""
    dead = await users.groups.add("dead")
    there = await users.groups.add("there", directory="elsewhere")
    a, b = await users.groups.add("a"), await users.groups.add("b", ["a"])
    ann = await users.add("main", "ann", None, groups=["dead", "b"])
    grants = Grants(db, users.groups._audit, users.groups._clock)
    for name, directory in (("dead", "main"), ("there", "elsewhere"), ("a", "main")):
        await grants.grant(name, f"of.{name}", directory=directory)

    def spoil(connection: Connection) -> None:
        member, group = schema.membership, schema.user_group
        for values in (
            {"user_group": there.key, "account": ann.key, "position": 0},
            {"user_group": b.key, "member_group": a.key, "position": 9},
        ):
            connection.execute(insert(member).values(**values))
        connection.execute(update(group).where(group.c.key == dead.key).values(live_name=None))

    await db.write(spoil)
    assert await groups_of(users, ann.key) == ["b", "a"]
    assert "names no group of the directory" in caplog.text
    found = await (await facts.current()).account(realm, ann.key)
    assert found is not None
    assert found.scopes == {"of.a"}
