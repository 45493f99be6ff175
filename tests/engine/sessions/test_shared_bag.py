"""``globalSession: user``: the fields of all sessions of one principal are one bag."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from sojourn.config.problems import ConfigError
from sojourn.config.project import RealmFolder
from sojourn.core.clock import DAY, HOUR, MINUTE, ManualClock
from sojourn.core.errors import (
    FieldConflict,
    FieldLimit,
    InsufficientScope,
    SessionEnded,
    StaleSession,
    StoreUnavailable,
)
from sojourn.engine.access import Access
from sojourn.engine.fields.bag import check_bags
from sojourn.engine.rules import Rules
from sojourn.model import field
from sojourn.model.realm import Realm, RealmConfig
from sojourn.model.session import Device, Identity
from sojourn.model.user import Account, account_identity, external_identity
from sojourn.stores.memory import MemoryStore
from tests.engine.sessions.conftest import ON_EACH_STORE, PASSWORD, realm_of

pytestmark = pytest.mark.anyio

SHARED: dict[str, Any] = {"session_tracking_enabled": True, "global_session": "user", "session_idle": HOUR}
REALMS: dict[str, dict[str, Any]] = {
    "shop": {**SHARED, "bag_idle": 10 * MINUTE},
    "blog": SHARED,
    "plain": {"session_tracking_enabled": True},
}
BROWSER = Device(address="192.0.2.7")


@pytest.fixture
async def rules(open_limited: Any) -> Rules:
    rules: Rules = await open_limited(realms=REALMS)
    return rules


@pytest.fixture
def shop(rules: Rules) -> Realm:
    return realm_of(rules, "shop")


async def enter(rules: Rules, realm: Realm, who: Account | Identity, **options: Any) -> Access:
    identity = account_identity(who, 0) if isinstance(who, Account) else who
    begun = await rules.sessions.begin(realm, identity, BROWSER, **options)
    return await rules.sessions.open(realm, begun.handle, "cookie")


async def texts(rules: Rules, access: Access) -> dict[str, str]:
    return {name: found.text for name, found in (await rules.sessions.fields(access)).items()}


async def login(rules: Rules, realm: Realm, current: Access) -> Access:
    logged = await rules.logins.login(realm, "anna", PASSWORD, BROWSER, current=current)
    assert logged is not None
    return await rules.sessions.open(realm, logged.handle, "cookie")


@ON_EACH_STORE
async def test_what_one_session_writes_the_others_of_its_user_read(rules: Rules, shop: Realm, anna: Account) -> None:
    phone, laptop = await enter(rules, shop, anna), await enter(rules, shop, anna)
    await rules.sessions.change(phone, [field.put("cart", '["A1"]')])
    assert await texts(rules, laptop) == {"cart": '["A1"]'}
    await rules.sessions.change(laptop, [field.append("cart", '"B2"')])
    assert await texts(rules, phone) == await texts(rules, await enter(rules, shop, anna)) == {"cart": '["A1","B2"]'}
    loaded = await rules.sessions.show(shop, phone.session.id)
    assert loaded is not None
    assert set(loaded.fields) == {"cart"}


@ON_EACH_STORE
async def test_a_bag_is_of_one_principal_in_one_realm(rules: Rules, shop: Realm, anna: Account) -> None:
    ben = await rules.users.add("main", "ben", "a very good password")
    mine = await enter(rules, shop, anna)
    await rules.sessions.change(mine, [field.put("cart", "[1]")])
    guest = external_identity("portal", "anna", (), "", 0)
    for other in (
        await enter(rules, shop, ben),
        await enter(rules, shop, guest),
        await enter(rules, shop, Identity()),
        await enter(rules, realm_of(rules, "blog"), anna),
        await enter(rules, realm_of(rules, "plain"), anna),
    ):
        assert await texts(rules, other) == {}
    await rules.sessions.change(await enter(rules, shop, guest), [field.put("cart", "[2]")])
    assert await texts(rules, await enter(rules, shop, guest)) == {"cart": "[2]"}
    assert await texts(rules, mine) == {"cart": "[1]"}


async def test_anonymous_sessions_keep_fields_of_their_own(rules: Rules, shop: Realm) -> None:
    one, other = await enter(rules, shop, Identity()), await enter(rules, shop, Identity())
    await rules.sessions.change(one, [field.put("cart", "[1]")])
    assert (await texts(rules, one), await texts(rules, other)) == ({"cart": "[1]"}, {})


@ON_EACH_STORE
async def test_parallel_increments_from_many_sessions_are_all_there(rules: Rules, shop: Realm, anna: Account) -> None:
    mine = [await enter(rules, shop, anna) for _ in range(5)]
    await asyncio.gather(*(rules.sessions.change(each, [field.increment("n")]) for each in mine for _ in range(10)))
    assert await texts(rules, mine[0]) == {"n": "50"}


@ON_EACH_STORE
async def test_a_conflict_between_two_sessions_shows_both_versions(rules: Rules, shop: Realm, anna: Account) -> None:
    one, other = await enter(rules, shop, anna), await enter(rules, shop, anna)
    first = await rules.sessions.change(one, [field.put_if("n", "1", 0)])
    second = await rules.sessions.change(other, [field.put_if("n", "2", first.version)])
    with pytest.raises(FieldConflict) as conflict:
        await rules.sessions.change(one, [field.put("other", "1"), field.put_if("n", "3", first.version)])
    assert (conflict.value.expected, conflict.value.found, conflict.value.value) == (
        first.version,
        second.version,
        "2",
    )
    assert await texts(rules, one) == {"n": "2"}


# --- login ---


async def test_a_login_adds_the_anonymous_fields_where_the_bag_has_none(
    rules: Rules, shop: Realm, anna: Account
) -> None:
    before = await enter(rules, shop, anna)
    await rules.sessions.change(before, [field.put("cart", '["mine"]')])
    visitor = await enter(rules, shop, Identity(), fields={"cart": '["visitor"]', "hint": '"x"'})
    mine = await login(rules, shop, visitor)
    assert await texts(rules, mine) == await texts(rules, before) == {"cart": '["mine"]', "hint": '"x"'}
    assert mine.fields == {}
    assert mine.session.id == visitor.session.id


class FasterElsewhere(MemoryStore):
    """A store in which another session writes the bag between a look at it and the write that follows."""

    act: Any = None

    async def read_bag(self, realm: str, principal: str, now: int) -> Any:
        found = await super().read_bag(realm, principal, now)
        act, self.act = self.act, None
        if act:
            await act()
        return found


async def test_a_field_that_another_session_writes_during_the_login_stays(start: Any) -> None:
    store = FasterElsewhere()
    rules = await start(memory=store, realms=REALMS)
    anna, shop = await rules.users.add("main", "anna", PASSWORD), realm_of(rules, "shop")
    other = await enter(rules, shop, anna)
    visitor = await enter(rules, shop, Identity(), fields={"cart": '["visitor"]', "hint": '"x"'})
    store.act = lambda: rules.sessions.change(other, [field.put("cart", '["mine"]')])
    assert await texts(rules, await login(rules, shop, visitor)) == {"cart": '["mine"]', "hint": '"x"'}


async def test_a_login_goes_on_when_its_fields_cannot_be_moved_and_moves_them_later(start: Any) -> None:
    async def away() -> None:
        raise StoreUnavailable

    store = FasterElsewhere()
    rules = await start(memory=store, realms=REALMS)
    await rules.users.add("main", "anna", PASSWORD)
    shop = realm_of(rules, "shop")
    visitor = await enter(rules, shop, Identity(), fields={"cart": "[1]"})
    store.act = away
    mine = await login(rules, shop, visitor)
    assert await texts(rules, mine) == {"cart": "[1]"}
    await rules.sessions.change(mine, [field.append("cart", "2")])
    assert await texts(rules, mine) == {"cart": "[1,2]"}


async def test_a_field_that_was_deleted_does_not_come_back_from_a_login(
    rules: Rules, shop: Realm, anna: Account
) -> None:
    mine = await login(rules, shop, await enter(rules, shop, Identity(), fields={"hint": '"x"'}))
    await rules.sessions.change(mine, [field.delete("hint")])
    await rules.sessions.change(mine, [field.put("n", "1")])
    assert await texts(rules, mine) == {"n": "1"}


@ON_EACH_STORE
async def test_only_what_the_realm_keeps_at_login_goes_into_the_bag(open_limited: Any) -> None:
    rules = await open_limited(realms={"shop": {**SHARED, "keep_at_login": ("cart",)}})
    await rules.users.add("main", "anna", PASSWORD)
    shop = realm_of(rules, "shop")
    visitor = await enter(rules, shop, Identity(), fields={"cart": "[1]", "hint": '"x"'})
    assert await texts(rules, await login(rules, shop, visitor)) == {"cart": "[1]"}


async def test_what_does_not_fit_into_the_bag_is_dropped_and_the_login_goes_on(
    rules: Rules, shop: Realm, anna: Account, caplog: pytest.LogCaptureFixture
) -> None:
    before = await enter(rules, shop, anna)
    await rules.sessions.change(before, [field.put("large", f'"{"x" * 200_000}"')])
    visitor = await enter(rules, shop, Identity(), fields={"big": f'"{"y" * 100_000}"', "small": "1"})
    with caplog.at_level(logging.WARNING, "sojourn.engine.fields.bag"):
        mine = await login(rules, shop, visitor)
    assert set(await texts(rules, mine)) == {"large", "small"}
    assert "1 fields did not go" in caplog.text
    assert "yyy" not in caplog.text


async def test_a_realm_that_begins_to_share_takes_the_fields_along(rules: Rules, shop: Realm, anna: Account) -> None:
    config = msgspec.structs.replace(shop.config, global_session="login")
    mine = await enter(rules, msgspec.structs.replace(shop, config=config), anna, fields={"cart": "[1]"})
    shared = await rules.sessions.open(shop, await renewed(rules, mine), "cookie")
    assert await texts(rules, shared) == {"cart": "[1]"}
    await rules.sessions.change(shared, [field.put("n", "1")])
    assert await texts(rules, await enter(rules, shop, anna)) == {"cart": "[1]", "n": "1"}
    await rules.sessions.change(shared, [field.delete("cart")])
    assert await texts(rules, shared) == {"n": "1"}


async def renewed(rules: Rules, access: Access) -> Any:
    begun = await rules.sessions.rotate(access, access.session.identity, BROWSER, keep=None)
    return begun.handle


# --- guards ---


async def test_a_session_that_ended_neither_reads_nor_writes_the_bag(rules: Rules, shop: Realm, anna: Account) -> None:
    dead, alive = await enter(rules, shop, anna), await enter(rules, shop, anna)
    await rules.sessions.end_by_id(shop, dead.session.id, "dropped", actor="root")
    for act in (rules.sessions.fields(dead), rules.sessions.change(dead, [field.put("late", "1")])):
        with pytest.raises(SessionEnded):
            await act
    assert await texts(rules, alive) == {}


async def test_a_write_under_an_old_epoch_does_not_reach_the_bag(rules: Rules, shop: Realm, anna: Account) -> None:
    old = await enter(rules, shop, anna)
    await renewed(rules, old)
    with pytest.raises(StaleSession):
        await rules.sessions.change(old, [field.put("late", "1")])
    assert await texts(rules, await enter(rules, shop, anna)) == {}


async def test_a_write_of_a_disabled_user_is_refused(rules: Rules, shop: Realm, anna: Account) -> None:
    mine = await enter(rules, shop, anna)
    await rules.users.set_state(anna.key, "disabled")
    with pytest.raises(SessionEnded):
        await rules.sessions.change(mine, [field.put("late", "1")])


async def test_a_narrower_handle_needs_the_scope_of_the_bag(rules: Rules, shop: Realm, anna: Account) -> None:
    await rules.grants.grant("anna", "session.global")
    begun = await rules.sessions.begin(shop, account_identity(anna, 0), BROWSER)

    async def by_token(scope: tuple[str, ...] | None) -> Access:
        issued = await rules.tokens.issue(shop, begun.session, scope=scope, expires_at=rules.clock.now() + DAY)
        return await rules.sessions.open_token(shop, await rules.tokens.verify(shop, issued.token))

    narrow, wide, full = await by_token(("cart.read",)), await by_token(("session.global",)), await by_token(None)
    for allowed in (wide, full):
        await rules.sessions.change(allowed, [field.increment("n")])
        assert set(await texts(rules, allowed)) == {"n"}
    for act in (rules.sessions.fields(narrow), rules.sessions.change(narrow, [field.put("n", "9")])):
        with pytest.raises(InsufficientScope):
            await act
    assert await texts(rules, full) == {"n": "2"}


async def test_where_nothing_is_shared_a_narrower_handle_needs_no_such_scope(rules: Rules, anna: Account) -> None:
    plain = realm_of(rules, "plain")
    begun = await rules.sessions.begin(plain, account_identity(anna, 0), BROWSER)
    issued = await rules.tokens.issue(plain, begun.session, scope=("cart.read",), expires_at=rules.clock.now() + DAY)
    narrow = await rules.sessions.open_token(plain, await rules.tokens.verify(plain, issued.token))
    await rules.sessions.change(narrow, [field.put("n", "1")])
    assert await texts(rules, narrow) == {"n": "1"}


async def test_the_limits_of_fields_hold_for_the_bag_before_anything_is_written(
    rules: Rules, shop: Realm, anna: Account
) -> None:
    one, other = await enter(rules, shop, anna), await enter(rules, shop, anna)
    await rules.sessions.change(one, [field.put(f"f{n}", "1") for n in range(60)])
    with pytest.raises(FieldLimit) as refused:
        await rules.sessions.change(other, [field.put(f"g{n}", "1") for n in range(5)])
    assert refused.value.what == "fields"
    assert len(await texts(rules, one)) == 60


async def test_a_write_into_the_bag_is_a_use_of_the_session(
    rules: Rules, shop: Realm, anna: Account, clock: ManualClock
) -> None:
    mine = await enter(rules, shop, anna)
    clock.advance(30 * MINUTE)
    await rules.sessions.change(mine, [field.put("n", "1")], touch=False)
    loaded = await rules.sessions.show(shop, mine.session.id)
    assert loaded is not None
    assert loaded.session.last == mine.session.last
    await rules.sessions.change(mine, [field.put("n", "2")])
    loaded = await rules.sessions.show(shop, mine.session.id)
    assert loaded is not None
    assert loaded.session.last == clock.now()


# --- how long it lives ---


async def test_the_bag_outlives_its_last_session_by_bag_idle(
    rules: Rules, shop: Realm, anna: Account, clock: ManualClock
) -> None:
    mine = await enter(rules, shop, anna)
    await rules.sessions.change(mine, [field.put("cart", "[1]")])
    await rules.sessions.end(mine)
    clock.advance(10 * MINUTE - 1)
    again = await enter(rules, shop, anna)
    assert await texts(rules, again) == {"cart": "[1]"}
    await rules.sessions.end(again)
    clock.advance(10 * MINUTE)
    assert await texts(rules, await enter(rules, shop, anna)) == {}


async def test_without_bag_idle_it_outlives_it_by_30_days(rules: Rules, anna: Account, clock: ManualClock) -> None:
    blog = realm_of(rules, "blog")
    mine = await enter(rules, blog, anna)
    await rules.sessions.change(mine, [field.put("draft", "1")])
    await rules.sessions.end(mine)
    clock.advance(30 * DAY - 1)
    again = await enter(rules, blog, anna)
    assert await texts(rules, again) == {"draft": "1"}


async def test_the_end_of_one_session_leaves_the_bag(rules: Rules, shop: Realm, anna: Account) -> None:
    mine, other = await enter(rules, shop, anna), await enter(rules, shop, anna)
    await rules.sessions.change(mine, [field.put("cart", "[1]")])
    await rules.sessions.end(mine)
    await rules.sessions.end_by_id(shop, other.session.id, "dropped", actor="root")
    assert await texts(rules, await enter(rules, shop, anna)) == {"cart": "[1]"}


@pytest.mark.parametrize(
    ("reason", "stays"),
    [("dropped", False), ("user-disabled", False), ("user-deleted", False), ("password-changed", True)],
)
async def test_the_end_of_all_drops_the_bag_and_a_new_password_does_not(
    rules: Rules, shop: Realm, anna: Account, *, reason: Any, stays: bool
) -> None:
    blog = realm_of(rules, "blog")
    for realm in (shop, blog):
        await rules.sessions.change(await enter(rules, realm, anna), [field.put("cart", "[1]")])
    await rules.sessions.end_all(None, anna.key, reason, actor="root")
    for realm in (shop, blog):
        assert await texts(rules, await enter(rules, realm, anna)) == ({"cart": "[1]"} if stays else {})


async def test_the_end_of_all_in_one_realm_leaves_the_bags_of_others(rules: Rules, shop: Realm, anna: Account) -> None:
    blog = realm_of(rules, "blog")
    for realm in (shop, blog):
        await rules.sessions.change(await enter(rules, realm, anna), [field.put("cart", "[1]")])
    await rules.sessions.end_all(shop, anna.key, "dropped", actor="root")
    assert await texts(rules, await enter(rules, shop, anna)) == {}
    assert await texts(rules, await enter(rules, blog, anna)) == {"cart": "[1]"}


# --- stores without bags ---


def test_a_realm_that_shares_fields_is_refused_on_a_store_without_bags() -> None:
    class Plain:
        """A session store of somebody else."""

    folders = {name: RealmFolder(name, RealmConfig(**config), {}, ()) for name, config in REALMS.items()}
    store: Any = Plain()
    with pytest.raises(ConfigError) as refused:
        check_bags(store, folders)
    assert [problem.file for problem in refused.value.problems] == ["realms/blog", "realms/shop"]
    assert "shared bags" in str(refused.value)
    check_bags(store, {"plain": folders["plain"]})
