"""Grants: what an account has in a realm, directly and through its groups."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sojourn.config.project import RealmFolder
from sojourn.core.clock import ManualClock
from sojourn.core.errors import BadScope
from sojourn.engine.accounts.directory import UserUnknown
from sojourn.engine.accounts.grants import Grant, Grants, GrantShipped, RealmUnknown
from sojourn.engine.accounts.memberships import GroupCycle
from sojourn.engine.accounts.records import Accounts, AccountSeal
from sojourn.engine.accounts.users import Users
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.facts import Facts
from sojourn.engine.passwords.records import PasswordRecords
from sojourn.engine.realms import Realms
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model.realm import Realm, RealmConfig

pytestmark = pytest.mark.anyio


async def scopes(facts: Facts, realm: Realm, key: int) -> set[str]:
    account = await (await facts.current()).account(realm, key)
    assert account is not None
    return set(account.scopes)


async def test_a_grant_holds_in_its_realm_or_in_all(
    users: Users, grants: Grants, facts: Facts, realms: Realms, realm: Realm
) -> None:
    other = realms.get("other")
    assert other is not None
    ann = await users.add("main", "ann", None)
    bob = await users.add("main", "bob", None)
    assert await grants.grant("ann", "cart.read", actor="root")
    assert await grants.grant("ann", "cart.write", realm.id, actor="root")
    assert await scopes(facts, realm, ann.key) == {"cart.read", "cart.write"}
    assert await scopes(facts, other, ann.key) == {"cart.read"}
    assert await scopes(facts, realm, bob.key) == set()


async def test_granting_twice_and_revoking_twice_change_nothing(
    users: Users, grants: Grants, facts: Facts, realm: Realm, audit: Audit
) -> None:
    ann = await users.add("main", "ann", None)
    assert await grants.grant("ann", "cart.write", realm.id)
    assert not await grants.grant("ANN", "cart.write", realm.id)
    assert not await grants.revoke("ann", "cart.write")
    assert await scopes(facts, realm, ann.key) == {"cart.write"}
    assert await grants.revoke("ann", "cart.write", realm.id)
    assert not await grants.revoke("ann", "cart.write", realm.id)
    assert await scopes(facts, realm, ann.key) == set()
    kinds = [event.kind for event in await audit.recent()]
    assert kinds.count("SCOPE_CHANGE") == 2


async def test_a_group_gives_its_members_what_it_has_until_they_leave(
    users: Users, grants: Grants, facts: Facts, realm: Realm
) -> None:
    await users.groups.add("staff")
    await users.groups.add("clerks", ["staff"])
    ann = await users.add("main", "ann", None, groups=["clerks"])
    await grants.grant("staff", "stock.read", realm.id)
    await grants.grant("clerks", "stock.write")
    assert await scopes(facts, realm, ann.key) == {"stock.read", "stock.write"}
    await users.groups.leave("clerks", "staff")
    assert await scopes(facts, realm, ann.key) == {"stock.write"}
    await users.groups.delete("clerks")
    assert await scopes(facts, realm, ann.key) == set()


async def test_the_host_may_grant_reserved_scopes_but_no_malformed_ones(
    users: Users, grants: Grants, realm: Realm
) -> None:
    await users.add("main", "ann", None)
    assert await grants.grant("ann", "security.root")
    assert await grants.grant("ann", "engine.deploy:*")
    for scope in ("", "a b", "*", "a,b", "x" * 101, "ä"):
        with pytest.raises(BadScope):
            await grants.grant("ann", scope, realm.id)
        with pytest.raises(BadScope):
            await grants.revoke("ann", scope, realm.id)


async def test_an_unknown_name_or_realm_gets_nothing(users: Users, grants: Grants, realms: Realms) -> None:
    await users.add("main", "ann", None)
    with pytest.raises(UserUnknown):
        await grants.grant("nobody", "cart.read")
    with pytest.raises(UserUnknown):
        await grants.grant("ann", "cart.read", directory="other")
    for realm in ("acme", ""):
        with pytest.raises(RealmUnknown):
            await grants.grant("ann", "cart.read", realm)
    assert realms.get("acme") is not None
    assert await grants.list() == []


async def test_the_list_shows_direct_grants_of_users_and_groups_of_one_directory(
    users: Users, grants: Grants, realm: Realm
) -> None:
    await users.groups.add("staff")
    await users.add("main", "ann", None, groups=["staff"])
    await users.add("other", "zoe", None)
    await grants.grant("staff", "b", realm.id)
    await grants.grant("ann", "a")
    await grants.grant("zoe", "c", directory="other")
    mine, theirs = Grant("ann", "user", "a", "*"), Grant("staff", "group", "b", realm.id)
    assert await grants.list() == [mine, theirs]
    assert await grants.list("ann") == [mine]
    assert await grants.list("staff") == [theirs]


async def test_roles_and_everyone_give_what_was_granted_to_them(
    users: Users, grants: Grants, facts: Facts, realm: Realm
) -> None:
    """§5: getUserScopes gives the scopes of the user, of groups and of roles."""
    await users.groups.add("clerk", kind="role")
    await users.groups.add("staff", ["clerk"])
    await users.groups.add("guest", kind="role")
    ann = await users.add("main", "ann", None, groups=["staff"])
    bob = await users.add("main", "bob", None)
    zoe = await users.add("other", "zoe", None)
    await grants.grant("clerk", "stock.read")
    await grants.grant("Everyone", "menu.read", realm.id)
    await grants.grant("guest", "tea.drink")
    await users.groups.join("everyone", ["guest"])
    assert await scopes(facts, realm, ann.key) == {"stock.read", "menu.read", "tea.drink"}
    assert await scopes(facts, realm, bob.key) == {"menu.read", "tea.drink"}
    assert await (await facts.current()).held(bob.key) == {realm.id: {"menu.read"}, "*": {"tea.drink"}}
    assert await (await facts.current()).held(zoe.key) == {}
    assert await grants.revoke("everyone", "menu.read", realm.id)
    await users.groups.leave("staff", "clerk")
    assert await scopes(facts, realm, ann.key) == {"tea.drink"}


async def test_what_a_product_ships_cannot_be_revoked_until_the_product_goes(
    users: Users, grants: Grants, facts: Facts, realm: Realm, audit: Audit
) -> None:
    """§5: revokeScope raises for grants shipped by a product."""
    ann = await users.add("main", "ann", None)
    assert await grants.grant("ann", "cart.read")
    assert not await grants.grant("ann", "cart.read", product="shop")
    assert await grants.grant("ann", "cart.write", product="shop")
    assert not await grants.grant("ann", "cart.write")
    for scope in ("cart.read", "cart.write"):
        with pytest.raises(GrantShipped):
            await grants.revoke("ann", scope)
    assert {grant.product for grant in await grants.list("ann")} == {"shop"}
    assert await scopes(facts, realm, ann.key) == {"cart.read", "cart.write"}
    await grants.grant("ann", "mine")
    assert await grants.withdraw("") == 0
    assert await grants.withdraw("shop", actor="root") == 2
    assert await scopes(facts, realm, ann.key) == {"mine"}
    assert (await audit.recent(1))[0].actor == "root"


NODES = 6
pairs = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=12)
given_scopes = st.lists(
    st.tuples(st.integers(-1, NODES - 1), st.sampled_from("abcd"), st.sampled_from("*AO")), max_size=9
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edges=pairs, of_ann=st.lists(st.integers(0, NODES - 1), max_size=3, unique=True), grants=given_scopes)
def test_scopes_through_any_nesting_are_those_of_a_plain_walk(
    migrated: Path, edges: list[tuple[int, int]], of_ann: list[int], grants: list[tuple[int, str, str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(migrated, folder, dirs_exist_ok=True)
        asyncio.run(compare(Path(folder), edges, of_ann, grants))


async def compare(
    project: Path, edges: list[tuple[int, int]], of_ann: list[int], given_to: list[tuple[int, str, str]]
) -> None:
    db, clock = await EngineDatabase.open("sqlite:///var/engine.db", project), ManualClock()
    audit = Audit(db, clock)
    accounts = Accounts(AccountSeal(b"a key"), clock)
    passwords = PasswordRecords(db, accounts, PasswordHasher(Cost(8, 1), workers=1), audit, clock, realms=Realms(db))
    users = Users(db, accounts, passwords, audit, clock)
    grants, realms = Grants(db, audit, clock), Realms(db)
    await realms.sync({name: RealmFolder(name, RealmConfig(), {}, ()) for name in "AO"}, 1)
    ids = {"*": "*"} | {realm.name: realm.id for realm in realms.all()}
    for node in range(NODES):
        await users.groups.add(f"g{node}")
    above: dict[int, list[int]] = {node: [] for node in range(NODES)}
    for member, group in edges:
        circle = member in walk(above, [group])
        try:
            await users.groups.join(f"g{member}", [f"g{group}"])
        except GroupCycle:
            assert circle
        else:
            assert not circle
            above[member] += [group] if group not in above[member] else []
    ann = await users.add("main", "ann", None, groups=[f"g{node}" for node in of_ann])
    for node, scope, realm in given_to:
        await grants.grant("ann" if node < 0 else f"g{node}", scope, ids[realm])
    reached = walk(above, of_ann)
    assert [group.name for group in await users.groups.of(ann.key)] == [f"g{node}" for node in reached]
    for each in realms.all():
        wanted = {scope for node, scope, within in given_to if within in ("*", each.name) and node in (-1, *reached)}
        assert await scopes(Facts(db, accounts.seal, clock), each, ann.key) == wanted
    await db.close()


def walk(above: dict[int, list[int]], start: list[int]) -> list[int]:
    found: list[int] = []
    for node in start:
        found += [each for each in (node, *walk(above, above[node])) if each not in found]
    return found
