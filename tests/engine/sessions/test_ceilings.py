"""Ceilings of all sessions: visitors have a share of them, and go first when who is logged in needs the room."""

import asyncio
from typing import Any

import pytest

from sojourn.config.settings import SessionSettings
from sojourn.core.clock import SECOND, ManualClock
from sojourn.core.errors import FieldLimit
from sojourn.engine import ceilings
from sojourn.engine.admission import AnonymousLimit, CeilingReached
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.model.realm import Realm
from sojourn.model.session import Device, Identity
from sojourn.model.user import Account, account_identity, external_identity
from sojourn.stores.memory import MemoryStore
from tests.engine.sessions.conftest import ON_EACH_STORE, PASSWORD, realm_of

pytestmark = pytest.mark.anyio

REALMS: dict[str, dict[str, Any]] = {
    "shop": {"session_tracking_enabled": True},
    "blog": {"session_tracking_enabled": True},
    "office": {"environment_type": "stateful"},
}
LIMITS = SessionSettings(max_stateless=20, max_stateful=5, anonymous_share=20, anonymous_per_address=0)


@pytest.fixture
async def rules(open_limited: Any) -> Rules:
    rules: Rules = await open_limited(realms=REALMS, limits=LIMITS)
    return rules


@pytest.fixture
def shop(rules: Rules) -> Realm:
    return realm_of(rules, "shop")


async def visit(rules: Rules, realm: Realm, number: int = 0) -> Begun:
    return await rules.sessions.begin(realm, Identity(), Device(address=f"192.0.2.{number}"))


async def login(rules: Rules, realm: Realm, account: Account) -> Begun:
    return await rules.sessions.begin(realm, account_identity(account, 0), Device())


async def lives(rules: Rules, realm: Realm, begun: Begun) -> bool:
    return await rules.sessions.show(realm, begun.session.id) is not None


async def test_visitors_take_no_more_than_their_share(rules: Rules, shop: Realm) -> None:
    begun = [await visit(rules, shop) for _ in range(4)]
    with pytest.raises(AnonymousLimit) as refused:
        await visit(rules, realm_of(rules, "blog"))
    assert (refused.value.status, refused.value.code) == (503, "session.anonymous_limit")
    assert rules.audit.refusals() == {"session.anonymous_limit": 1}
    assert all([await lives(rules, shop, each) for each in begun])


async def test_each_kind_of_realm_has_a_ceiling_of_its_own(rules: Rules, shop: Realm, anna: Account) -> None:
    for _ in range(4):
        await visit(rules, shop)
    office = realm_of(rules, "office")
    await visit(rules, office)
    with pytest.raises(AnonymousLimit):
        await visit(rules, office)
    await login(rules, office, anna)


@ON_EACH_STORE
async def test_many_visitors_at_once_stay_within_the_share(rules: Rules, shop: Realm) -> None:
    tries = await asyncio.gather(*(visit(rules, shop) for _ in range(30)), return_exceptions=True)
    assert sum(isinstance(tried, Begun) for tried in tries) == 4
    assert len(await rules.sessions.list(shop)) == 4


@ON_EACH_STORE
async def test_who_is_logged_in_is_never_refused_because_of_visitors(
    rules: Rules, shop: Realm, anna: Account, clock: ManualClock
) -> None:
    visitors = []
    for _ in range(4):
        visitors.append(await visit(rules, shop))
        clock.advance(SECOND)
    await rules.sessions.touch(await rules.sessions.open(shop, visitors[0].handle, "cookie"))
    blog = realm_of(rules, "blog")
    mine = await asyncio.gather(*(login(rules, blog, anna) for _ in range(20)))
    assert all([await lives(rules, blog, each) for each in mine])
    assert not any([await lives(rules, shop, each) for each in visitors])
    tombstone = await rules.sessions.why(shop, visitors[0].session.id)
    assert tombstone is not None
    assert (tombstone.end.reason, tombstone.end.rule) == ("session-limit", "anonymousShare")


class SlowToAnswer(MemoryStore):
    """A store in which a session is there, and counted, some time before who began it knows."""

    async def create(self, *args: Any, **options: Any) -> None:
        await super().create(*args, **options)
        for _ in range(50):
            await asyncio.sleep(0)


async def test_a_session_that_is_counted_twice_for_a_moment_keeps_nobody_out(start: Any, clock: ManualClock) -> None:
    rules = await start(memory=SlowToAnswer(), realms=REALMS, limits=LIMITS)
    anna, shop = await rules.users.add("main", "anna", PASSWORD), realm_of(rules, "shop")
    for _ in range(4):
        await visit(rules, shop)
    clock.advance(2 * SECOND)
    mine = await asyncio.gather(*(login(rules, shop, anna) for _ in range(20)))
    assert all([await lives(rules, shop, each) for each in mine])


async def test_without_visitors_the_ceiling_holds_for_everybody(rules: Rules, shop: Realm, anna: Account) -> None:
    for _ in range(19):
        await login(rules, shop, anna)
    await rules.sessions.begin(shop, external_identity("portal", "ben", (), "", 0), Device())
    for identity in (account_identity(anna, 0), external_identity("portal", "ben", (), "", 0), Identity()):
        with pytest.raises(CeilingReached) as refused:
            await rules.sessions.begin(shop, identity, Device())
        assert (refused.value.status, refused.value.code) == (503, "session.ceiling")
    assert len(await rules.sessions.list(shop)) == 20


async def test_only_as_many_visitors_go_as_are_looked_at_once_and_the_idlest_first(
    open_limited: Any, clock: ManualClock
) -> None:
    limits = SessionSettings(max_stateless=100, anonymous_share=100, anonymous_per_address=0)
    rules = await open_limited(realms=REALMS, limits=limits)
    anna, shop = await rules.users.add("main", "anna", PASSWORD), realm_of(rules, "shop")
    visitors = []
    for _ in range(100):
        visitors.append(await visit(rules, shop))
        clock.advance(1)
    clock.advance(60 * SECOND)
    await rules.sessions.touch(await rules.sessions.open(shop, visitors[0].handle, "cookie"))
    await login(rules, shop, anna)
    gone = [number for number, each in enumerate(visitors) if not await lives(rules, shop, each)]
    assert gone == list(range(1, 11))


async def test_visitors_that_are_not_found_at_once_keep_nobody_out_and_go_next_time(
    rules: Rules, shop: Realm, anna: Account, *, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ceilings, "_PAGE", 10)
    monkeypatch.setattr(ceilings, "_MOST_PAGES", 1)
    for _ in range(16):
        await login(rules, shop, anna)
        clock.advance(1)
    visitors = [await visit(rules, shop) for _ in range(4)]
    clock.advance(1)
    await login(rules, shop, anna)
    assert len(await rules.sessions.list(shop)) == 21
    await login(rules, shop, anna)
    assert not any([await lives(rules, shop, each) for each in visitors])


async def test_a_place_is_free_again_a_second_after_a_session_ended(
    rules: Rules, shop: Realm, clock: ManualClock
) -> None:
    visitors = [await visit(rules, shop) for _ in range(4)]
    with pytest.raises(AnonymousLimit):
        await visit(rules, shop)
    await rules.sessions.end_by_id(shop, visitors[0].session.id, "dropped", actor="root")
    clock.advance(SECOND)
    await visit(rules, shop)
    with pytest.raises(AnonymousLimit):
        await visit(rules, shop)


async def test_sessions_of_other_processes_count_within_ten_seconds(start: Any, clock: ManualClock) -> None:
    first, second = await start(realms=REALMS, limits=LIMITS), await start(realms=REALMS, limits=LIMITS)
    shop = realm_of(first, "shop")
    await visit(second, shop)
    for _ in range(3):
        await visit(first, shop)
    await visit(second, shop)
    clock.advance(10 * SECOND)
    for rules in (first, second):
        with pytest.raises(AnonymousLimit):
            await visit(rules, shop)


@ON_EACH_STORE
async def test_a_visitor_who_logs_in_gives_the_place_of_a_visitor_back(
    rules: Rules, shop: Realm, anna: Account
) -> None:
    visitors = [await visit(rules, shop) for _ in range(4)]
    current = await rules.sessions.open(shop, visitors[0].handle, "cookie")
    assert await rules.logins.login(shop, "anna", PASSWORD, Device(), current=current) is not None
    await visit(rules, shop)


async def test_what_was_refused_by_the_store_takes_no_place(rules: Rules, shop: Realm) -> None:
    for _ in range(10):
        with pytest.raises(FieldLimit):
            await rules.sessions.begin(shop, Identity(), Device(), fields={"": "1"})
    for _ in range(4):
        await visit(rules, shop)


async def test_without_a_ceiling_everybody_comes_in(open_limited: Any) -> None:
    limits = SessionSettings(max_stateless=0, anonymous_share=1, anonymous_per_address=0)
    rules = await open_limited(realms=REALMS, limits=limits)
    for _ in range(30):
        await visit(rules, realm_of(rules, "shop"))
