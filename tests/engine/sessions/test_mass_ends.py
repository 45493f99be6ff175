"""Ending many: the fence first, then each session, and never what was begun under the raised fence."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sojourn.core.clock import ManualClock
from sojourn.core.errors import NotFound, SessionEnded, StoreUnavailable
from sojourn.engine.ends import ends
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import HOST, Actor
from sojourn.engine.sessions import Begun
from sojourn.model import field
from sojourn.model.realm import Realm
from sojourn.model.session import Device, End, Identity
from sojourn.model.user import Account, account_identity, external_identity
from sojourn.stores.base import Ended
from sojourn.stores.memory import MemoryStore
from tests.engine.sessions.conftest import PASSWORD, Start, realm_of

pytestmark = pytest.mark.anyio


async def told(opening: Any) -> str:
    with pytest.raises(SessionEnded) as ended:
        await opening
    return ended.value.reason


async def open_as(rules: Rules, realm: Realm, begun: Begun) -> None:
    await rules.sessions.open(realm, begun.handle, "cookie")


async def one_of_each(rules: Rules, realm: Realm, anna: Account) -> list[Begun]:
    identities = [account_identity(anna, 0), external_identity("portal", "eve", (), "", 0), Identity()]
    return [await rules.sessions.begin(realm, identity, Device()) for identity in identities]


async def test_all_of_a_realm_ends_everybody_there_and_nobody_elsewhere(rules: Rules, anna: Account) -> None:
    here, there = realm_of(rules), realm_of(rules, "beta")
    gone, kept = await one_of_each(rules, here, anna), await one_of_each(rules, there, anna)
    assert await rules.sessions.end_realm(here, "dropped", actor="root", rule="maintenance") == 3
    for begun in gone:
        assert await told(open_as(rules, here, begun)) == "dropped"
        tombstone = await rules.sessions.why(here, begun.session.id)
        assert tombstone is not None
        assert (tombstone.end.actor, tombstone.end.rule) == ("root", "maintenance")
    for begun in kept:
        await open_as(rules, there, begun)
    for begun in await one_of_each(rules, here, anna):
        await open_as(rules, here, begun)


async def test_everything_ends_in_all_realms(rules: Rules, anna: Account) -> None:
    realms = [realm_of(rules), realm_of(rules, "beta")]
    gone = [(realm, begun) for realm in realms for begun in await one_of_each(rules, realm, anna)]
    assert await rules.sessions.end_everything("ended-everywhere", actor="root") == 6
    for realm, begun in gone:
        assert await told(open_as(rules, realm, begun)) == "ended-everywhere"
    assert [event.kind for event in await rules.audit.recent(7)].count("SESSION_END") == 7
    for realm in realms:
        await open_as(rules, realm, (await one_of_each(rules, realm, anna))[0])


async def test_a_realm_that_is_not_there_cannot_be_ended(rules: Rules) -> None:
    with pytest.raises(NotFound):
        await rules.ends.all_of_realm("unknown", End("dropped", rules.clock.now()))


class Busy(MemoryStore):
    """A store in which something happens when the sessions are listed for the first time."""

    act: Any = None

    async def list(self, *args: Any, **options: Any) -> Any:
        if self.act:
            act, self.act = self.act, None
            await act()
        return await super().list(*args, **options)


async def test_whoever_logs_in_after_the_fence_was_raised_stays(start: Start, rules: Rules, anna: Account) -> None:
    store = Busy()
    engine = await start(memory=store)
    realm = realm_of(engine)
    later: list[Begun] = []

    async def come_back() -> None:
        done = await engine.logins.login(realm, "anna", PASSWORD, Device())
        assert done is not None
        later.append(Begun(done.session, done.handle))

    ways: list[Callable[[], Awaitable[int]]] = [
        lambda: engine.sessions.end_all(None, anna.key, "dropped", actor="root"),
        lambda: engine.sessions.end_realm(realm, "dropped", actor="root"),
        lambda: engine.sessions.end_everything("dropped", actor="root"),
    ]
    for end in ways:
        await engine.sessions.begin(realm, account_identity(anna, 0), Device(), authenticated=await now(engine, anna))
        store.act = come_back
        assert await end() >= 1
        await open_as(engine, realm, later[-1])


async def now(rules: Rules, account: Account) -> Account:
    found = await rules.users.get(account.key)
    assert found is not None
    return found


async def test_who_meets_the_fence_first_learns_who_raised_it_and_why(
    start: Start, rules: Rules, realm: Realm, anna: Account, begun: Begun
) -> None:
    store = Busy()
    engine = await start(memory=store)
    mine = await engine.sessions.begin(realm, account_identity(anna, 0), Device())
    met: list[str] = []

    async def meet() -> None:
        met.append(await told(open_as(engine, realm, mine)))

    store.act = meet
    await engine.sessions.end_realm(realm, "dropped", actor="root", rule="maintenance")
    assert met == ["dropped"]
    tombstone = await engine.sessions.why(realm, mine.session.id)
    assert tombstone is not None
    assert (tombstone.end.actor, tombstone.end.rule) == ("root", "maintenance")


async def test_a_page_of_ends_is_one_transaction_and_memory_stays_bounded(
    start: Start, rules: Rules, realm: Realm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ends, "_PAGE", 10)
    engine = await start(memory=MemoryStore())
    for _ in range(35):
        await engine.sessions.begin(realm, Identity(), Device())
    write, writes = engine.db.write, 0

    async def counted(work: Any) -> Any:
        nonlocal writes
        writes += 1
        return await write(work)

    monkeypatch.setattr(engine.db, "write", counted)
    assert await engine.sessions.end_realm(realm, "dropped", actor="root") == 35
    assert writes == 1 + 4
    assert len(await engine.journal.since(0)) == 35


async def test_of_a_changed_password_nothing_is_listed_as_alive(
    rules: Rules, realm: Realm, anna: Account, begun: Begun
) -> None:
    await rules.passwords.set(Actor("root", host=True), anna.key, "another battery of words")
    assert await rules.sessions.list(realm) == []
    tombstone = await rules.sessions.why(realm, begun.session.id)
    assert tombstone is not None
    assert (tombstone.end.reason, tombstone.end.actor) == ("password-changed", "root")


class DownForEnds(MemoryStore):
    """A store that does not answer when a session is to be ended."""

    down = True

    async def end(self, *args: Any, **options: Any) -> Ended | None:
        if self.down:
            raise StoreUnavailable
        return await super().end(*args, **options)


async def test_a_password_is_changed_though_the_store_is_away_and_the_fence_holds(
    start: Start, rules: Rules, anna: Account
) -> None:
    store = DownForEnds()
    engine = await start(memory=store)
    realm = realm_of(engine)
    mine = await engine.sessions.begin(realm, account_identity(anna, 0), Device())
    await engine.passwords.set(HOST, anna.key, "another battery of words")
    with pytest.raises(StoreUnavailable):
        await open_as(engine, realm, mine)
    store.down = False
    assert await told(open_as(engine, realm, mine)) == "password-changed"


async def test_an_end_that_the_store_missed_is_done_by_the_upkeep_and_the_log_says_what_happened(
    start: Start, rules: Rules, anna: Account, clock: ManualClock
) -> None:
    store = DownForEnds()
    engine = await start(memory=store)
    realm = realm_of(engine)
    mine = await engine.sessions.begin(realm, account_identity(anna, 0), Device())
    access = await engine.sessions.open(realm, mine.handle, "cookie")
    with pytest.raises(StoreUnavailable):
        await engine.sessions.end(access)
    rows = [(event.kind, event.outcome) for event in await engine.audit.recent(2)]
    assert rows == [("LOGOUT", "failed"), ("LOGOUT", "ok")]
    await engine.sessions.change(access, [field.put("a", "1")])
    store.down = False
    clock.advance(10_001)
    await engine.upkeep.chore()
    assert await told(open_as(engine, realm, mine)) == "logout"


async def test_what_is_left_of_a_removed_realm_is_buried_by_the_upkeep(
    rules: Rules, anna: Account, clock: ManualClock
) -> None:
    realm = realm_of(rules)
    mine = await rules.sessions.begin(realm, account_identity(anna, 0), Device())
    await rules.realms.sync({}, clock.now())
    assert len(await rules.sessions.list(realm)) == 1
    await rules.upkeep.chore()
    assert await rules.sessions.list(realm) == []
    tombstone = await rules.sessions.why(realm, mine.session.id)
    assert tombstone is not None
    assert tombstone.end.reason == "realm-removed"
