"""Groups: priority, nesting, circles."""

import pytest

from sojourn.engine.audit import Audit
from sojourn.engine.directory import GroupUnknown, NameTaken, UserUnknown
from sojourn.engine.groups import GroupCycle
from sojourn.engine.users import Users

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
    assert [group.name for group in await users.groups.list()] == ["top"]
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
