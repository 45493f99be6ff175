"""Sessions of one account in one realm, and anonymous ones of one address block: never one more than may be."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from sojourn.config.settings import SessionSettings
from sojourn.core.clock import DAY, SECOND, ManualClock
from sojourn.core.errors import SessionEnded, SojournError
from sojourn.engine.login import LoggedIn
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.model.realm import Realm
from sojourn.model.session import Device, End, Identity, Session
from sojourn.model.user import Account, account_identity, external_identity
from sojourn.stores.base import SessionLimit
from sojourn.stores.memory import MemoryStore
from tests.engine.sessions.conftest import ON_EACH_STORE, PASSWORD, realm_of
from tests.patience import HANGS

pytestmark = pytest.mark.anyio

POLICIES = ["deny", "evict-oldest", "evict-idle"]
REALMS: dict[str, dict[str, Any]] = {
    policy: {"session_tracking_enabled": True, "max_sessions_per_user": 5, "session_limit_policy": policy}
    for policy in POLICIES
}
PHONE = Device(address="192.0.2.7", agent="phone")


@pytest.fixture
async def rules(open_limited: Any) -> Rules:
    rules: Rules = await open_limited(realms=REALMS)
    return rules


async def begin(rules: Rules, realm: Realm, account: Account, device: Device = PHONE) -> Begun:
    return await rules.sessions.begin(realm, account_identity(account, rules.clock.now()), device)


async def live(rules: Rules, realm: Realm, account: Account) -> Sequence[Session]:
    return await rules.sessions.list(realm, f"a:{account.key}")


async def reason_of(rules: Rules, realm: Realm, begun: Begun | LoggedIn) -> str:
    with pytest.raises(SessionEnded) as ended:
        await rules.sessions.open(realm, begun.handle, "cookie")
    return ended.value.reason


@asynccontextmanager
async def watched(rules: Rules, realm: Realm, account: Account) -> AsyncIterator[list[int]]:
    """How many lived, at every turn of the loop in which a second task can look."""
    seen: list[int] = []

    async def look() -> None:
        while True:
            seen.append(len(await live(rules, realm, account)))
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    yield seen
    looking.cancel()


@ON_EACH_STORE
@pytest.mark.parametrize("policy", POLICIES)
async def test_50_simultaneous_logins_never_leave_more_than_5_alive(rules: Rules, anna: Account, policy: str) -> None:
    realm = realm_of(rules, policy)
    # So many passwords of one account at once would be throttled.
    identity = account_identity(anna, rules.clock.now())
    tries: list[object] = []
    async with asyncio.timeout(HANGS), watched(rules, realm, anna) as seen:
        while len(seen) <= 20:  # who looks may come to it seldom
            logins = (rules.logins.enter(realm, anna, identity, PHONE) for _ in range(50))
            tries += await asyncio.gather(*logins, return_exceptions=True)
    assert max(seen) == 5
    assert len(await live(rules, realm, anna)) == 5
    let_in = [tried for tried in tries if isinstance(tried, LoggedIn)]
    assert len(let_in) == (5 if policy == "deny" else len(tries))
    assert all(isinstance(tried, LoggedIn | SessionLimit) for tried in tries)
    alive = {session.id for session in await live(rules, realm, anna)}
    ended = [logged for logged in let_in if logged.session.id not in alive]
    assert [await reason_of(rules, realm, logged) for logged in ended] == ["session-limit"] * len(ended)


async def test_two_processes_keep_the_limit_together(start: Any, anna: Account) -> None:
    first, second = await start(realms=REALMS), await start(realms=REALMS)
    realm = realm_of(first, "evict-oldest")
    async with watched(first, realm, anna) as seen:
        await asyncio.gather(*(begin(rules, realm, anna) for rules in (first, second) for _ in range(10)))
    assert max(seen) == 5


@ON_EACH_STORE
@pytest.mark.parametrize(("policy", "evicted"), [("evict-oldest", 0), ("evict-idle", 1)])
async def test_the_policy_says_whose_turn_it_is(
    rules: Rules, clock: ManualClock, anna: Account, policy: str, evicted: int
) -> None:
    realm, sessions = realm_of(rules, policy), []
    for _ in range(5):
        sessions.append(await begin(rules, realm, anna))
        clock.advance(SECOND)
    clock.advance(60 * SECOND)
    await rules.sessions.touch(await rules.sessions.open(realm, sessions[0].handle, "cookie"))
    new = await begin(rules, realm, anna)
    kept = [each for each in sessions if each is not sessions[evicted]]
    assert {session.id for session in await live(rules, realm, anna)} == {each.session.id for each in [*kept, new]}
    tombstone = await rules.sessions.why(realm, sessions[evicted].session.id)
    assert tombstone is not None
    assert (tombstone.end.reason, tombstone.end.rule, tombstone.end.actor) == ("session-limit", policy, "")
    entries = [(entry.sid, entry.reason) for entry in await rules.journal.since(0)]
    assert (sessions[evicted].session.id, "session-limit") in entries
    audited = [event for event in await rules.audit.recent() if event.kind == "SESSION_END"]
    assert [event.session for event in audited] == [sessions[evicted].session.id]


async def test_a_limit_that_was_lowered_holds_from_the_next_login_on(open_limited: Any, clock: ManualClock) -> None:
    rules = await open_limited(realms=REALMS)
    anna = await rules.users.add("main", "anna", PASSWORD)
    realm = realm_of(rules, "evict-oldest")
    for _ in range(5):
        await begin(rules, realm, anna)
        clock.advance(1)
    config = msgspec.structs.replace(realm.config, max_sessions_per_user=2)
    await begin(rules, msgspec.structs.replace(realm, config=config), anna)
    assert len(await live(rules, realm, anna)) == 2


async def test_only_live_sessions_of_this_account_in_this_realm_count(rules: Rules, anna: Account) -> None:
    realm, other = realm_of(rules, "deny"), realm_of(rules, "evict-idle")
    ben = await rules.users.add("main", "ben", "a very good password")
    ended = await begin(rules, realm, anna)
    await rules.sessions.end_by_id(realm, ended.session.id, "dropped", actor="root")
    for _ in range(5):
        await begin(rules, realm, anna)
        await begin(rules, realm, ben)
        await begin(rules, other, anna)
        await rules.sessions.begin(realm, external_identity("portal", "anna", (), "", 0), PHONE)
        await rules.sessions.begin(realm, Identity(), PHONE)
    await rules.sessions.begin(realm, external_identity("portal", "anna", (), "", 0), PHONE)
    with pytest.raises(SessionLimit):
        await begin(rules, realm, anna)


async def test_a_refused_login_shows_the_own_sessions_and_is_audited(
    rules: Rules, clock: ManualClock, anna: Account
) -> None:
    realm, mine = realm_of(rules, "deny"), []
    for number in range(5):
        mine.append(await begin(rules, realm, anna, Device(address=f"192.0.2.{number}", agent=f"browser {number}")))
        clock.advance(SECOND)
    with pytest.raises(SessionLimit) as refused:
        await rules.logins.login(realm, "anna", PASSWORD, PHONE)
    shown = [(each.id, each.created, each.last, each.device) for each in refused.value.live]
    assert shown == [(each.session.id, each.session.created, each.session.last, each.session.device) for each in mine]
    (event, *_) = await rules.audit.recent()
    assert (event.kind, event.outcome, event.actor, event.address) == ("LOGIN_FAIL", "refused", "anna", "192.0.2.7")
    assert '"session.limit"' in event.detail


async def test_who_knows_the_limit_but_not_the_password_is_told_nothing(rules: Rules, anna: Account) -> None:
    realm = realm_of(rules, "deny")
    mine = [await begin(rules, realm, anna) for _ in range(5)]
    end = mine[0].session.id
    assert await rules.logins.login(realm, "anna", "wrong", PHONE, end_session=end) is None
    assert len(await live(rules, realm, anna)) == 5


@ON_EACH_STORE
async def test_a_login_may_end_an_own_session_in_the_same_request(rules: Rules, anna: Account) -> None:
    realm = realm_of(rules, "deny")
    mine = [await begin(rules, realm, anna) for _ in range(5)]
    logged = await rules.logins.login(realm, "anna", PASSWORD, PHONE, end_session=mine[2].session.id)
    assert logged is not None
    expected = {each.session.id for each in mine if each is not mine[2]} | {logged.session.id}
    assert {session.id for session in await live(rules, realm, anna)} == expected
    assert await reason_of(rules, realm, mine[2]) == "dropped"


async def test_a_login_ends_no_session_of_anybody_else(rules: Rules, anna: Account) -> None:
    realm, other = realm_of(rules, "deny"), realm_of(rules, "evict-idle")
    ben = await rules.users.add("main", "ben", "a very good password")
    for _ in range(5):
        await begin(rules, realm, anna)
    strange = [
        (realm, await begin(rules, realm, ben)),
        (other, await begin(rules, other, anna)),
        (realm, await rules.sessions.begin(realm, Identity(), PHONE)),
    ]
    for end in [*(begun.session.id for _, begun in strange), "unknown"]:
        with pytest.raises(SessionLimit):
            await rules.logins.login(realm, "anna", PASSWORD, PHONE, end_session=end)
    for where, begun in strange:
        await rules.sessions.open(where, begun.handle, "cookie")


@ON_EACH_STORE
async def test_a_refused_login_leaves_the_session_that_came_along(rules: Rules, anna: Account) -> None:
    realm = realm_of(rules, "deny")
    ben = await rules.users.add("main", "ben", "a very good password")
    for _ in range(5):
        await begin(rules, realm, anna)
    for identity in (Identity(), account_identity(ben, 0)):
        begun = await rules.sessions.begin(realm, identity, PHONE)
        current = await rules.sessions.open(realm, begun.handle, "cookie")
        with pytest.raises(SessionLimit):
            await rules.logins.login(realm, "anna", PASSWORD, PHONE, current=current)
        await rules.sessions.check(current)


async def test_a_new_login_in_the_same_session_is_no_further_session(rules: Rules, anna: Account) -> None:
    realm = realm_of(rules, "deny")
    mine = [await begin(rules, realm, anna) for _ in range(5)]
    current = await rules.sessions.open(realm, mine[0].handle, "cookie")
    logged = await rules.logins.login(realm, "anna", PASSWORD, PHONE, current=current)
    assert logged is not None
    assert len(await live(rules, realm, anna)) == 5


async def test_a_new_login_in_the_same_session_is_let_in_after_the_limit_was_lowered(
    rules: Rules, anna: Account
) -> None:
    realm = realm_of(rules, "deny")
    mine = [await begin(rules, realm, anna) for _ in range(5)]
    config = msgspec.structs.replace(realm.config, max_sessions_per_user=2)
    lowered = msgspec.structs.replace(realm, config=config)
    current = await rules.sessions.open(lowered, mine[0].handle, "cookie")
    assert await rules.logins.login(lowered, "anna", PASSWORD, PHONE, current=current) is not None
    with pytest.raises(SessionLimit):
        await rules.logins.login(lowered, "anna", PASSWORD, PHONE)


@ON_EACH_STORE
@pytest.mark.parametrize("policy", ["evict-oldest", "evict-idle"])
async def test_an_anonymous_session_that_logs_in_makes_room_as_a_new_one_does(
    rules: Rules, anna: Account, policy: str
) -> None:
    realm = realm_of(rules, policy)
    for _ in range(5):
        await begin(rules, realm, anna)
    visitor = await rules.sessions.begin(realm, Identity(), PHONE)
    current = await rules.sessions.open(realm, visitor.handle, "cookie")
    async with watched(rules, realm, anna) as seen:
        logged = await rules.logins.login(realm, "anna", PASSWORD, PHONE, current=current)
        await asyncio.sleep(0)
    assert logged is not None
    assert logged.session.id == visitor.session.id
    assert max(seen) == 5


async def test_a_login_that_others_put_out_at_once_is_told_so_by_its_session(start: Any, clock: ManualClock) -> None:
    class PutOut(MemoryStore):
        async def create(self, session: Session, *args: Any, **options: Any) -> None:
            await super().create(session, *args, **options)
            await engine.ends.write(session, End("session-limit", clock.now(), rule="evict-oldest"))

    engine: Rules = await start(memory=PutOut(), realms=REALMS)
    await engine.users.add("main", "anna", PASSWORD)
    realm = realm_of(engine, "evict-oldest")
    logged = await engine.logins.login(realm, "anna", PASSWORD, PHONE)
    assert logged is not None, "the password was right"
    with pytest.raises(SessionEnded) as ended:
        await engine.sessions.open(realm, logged.handle, "cookie")
    assert ended.value.reason == "session-limit"


# --- anonymous sessions of one address block ---


@ON_EACH_STORE
async def test_the_21st_visitor_of_an_address_block_ends_the_idlest_of_that_block(
    open_limited: Any, clock: ManualClock
) -> None:
    rules = await open_limited(realms=REALMS, limits=SessionSettings())
    realm = realm_of(rules, "deny")
    elsewhere = await rules.sessions.begin(realm, Identity(), Device(address="198.51.100.1"))
    visitors = []
    for number in range(20):
        visitors.append(await rules.sessions.begin(realm, Identity(), Device(address=f"192.0.2.{number}")))
        clock.advance(SECOND)
    clock.advance(60 * SECOND)
    await rules.sessions.touch(await rules.sessions.open(realm, visitors[0].handle, "cookie"))
    await rules.sessions.begin(realm, Identity(), Device(address="192.0.2.200"))
    assert await reason_of(rules, realm, visitors[1]) == "session-limit"
    for begun in (elsewhere, visitors[0], *visitors[2:]):
        await rules.sessions.open(realm, begun.handle, "cookie")


@ON_EACH_STORE
async def test_many_visitors_at_once_stay_within_the_quota(open_limited: Any) -> None:
    rules = await open_limited(realms=REALMS, limits=SessionSettings(anonymous_per_address=3))
    realm = realm_of(rules, "deny")
    begun = await asyncio.gather(*(rules.sessions.begin(realm, Identity(), PHONE) for _ in range(20)))
    assert len(begun) == 20
    assert len(await rules.sessions.list(realm)) == 3


@pytest.mark.parametrize("address", ["", "127.0.0.1", "::1"])
async def test_a_client_whose_address_says_nothing_has_no_quota(open_limited: Any, address: str) -> None:
    rules = await open_limited(realms=REALMS, limits=SessionSettings(anonymous_per_address=1))
    realm = realm_of(rules, "deny")
    for _ in range(3):
        await rules.sessions.begin(realm, Identity(), Device(address=address))
    assert len(await rules.sessions.list(realm)) == 3


async def test_a_visitor_who_is_turned_away_leaves_nothing(open_limited: Any) -> None:
    rules = await open_limited(realms=REALMS, limits=SessionSettings(anonymous_per_address=2))
    realm = realm_of(rules, "deny")
    kept = await rules.sessions.begin(realm, Identity(), PHONE)
    with pytest.raises(SojournError):
        await rules.sessions.begin(realm, Identity(), PHONE, fields={"": "1"})
    assert [session.id for session in await rules.sessions.list(realm)] == [kept.session.id]


@ON_EACH_STORE
async def test_an_eviction_is_in_the_journal_and_stays_an_eviction(
    rules: Rules, clock: ManualClock, anna: Account
) -> None:
    realm = realm_of(rules, "evict-oldest")
    begun = [await begin(rules, realm, anna) for _ in range(6)]
    alive = {session.id for session in await live(rules, realm, anna)}
    (gone,) = [each for each in begun if each.session.id not in alive]
    entry = next(entry for entry in await rules.journal.since(0) if entry.sid == gone.session.id)
    assert (entry.epoch, entry.at) == (gone.session.epoch, clock.now())
    clock.advance(DAY)
    assert await reason_of(rules, realm, gone) == "session-limit"
