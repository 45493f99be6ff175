"""The sweeper only cleans up: nothing lives or dies because of it."""

import asyncio

import pytest

from sojourn.core.clock import DAY, ManualClock
from sojourn.core.errors import StoreUnavailable
from sojourn.engine import sweeper
from sojourn.engine.leases import Lease, Leases
from sojourn.engine.rules import Rules
from sojourn.engine.sweeper import Sweeper
from sojourn.model.realm import Realm
from sojourn.model.session import Device, Identity
from sojourn.stores.base import SessionStore, Swept
from sojourn.stores.memory import MemoryStore
from tests.patience import HANGS

pytestmark = pytest.mark.anyio


@pytest.fixture
def broom(rules: Rules) -> Sweeper:
    return sweeper_of(rules, rules.store)


def sweeper_of(rules: Rules, store: SessionStore) -> Sweeper:
    return Sweeper(store=store, journal=rules.journal, store_time=rules.watch.time, clock=rules.clock)


async def begin(rules: Rules, realm: Realm, count: int) -> list[str]:
    begun = [await rules.sessions.begin(realm, Identity(), Device()) for _ in range(count)]
    return [one.session.id for one in begun]


async def test_a_round_buries_all_that_is_past_its_limits_and_nothing_else(
    rules: Rules, realm: Realm, clock: ManualClock, broom: Sweeper
) -> None:
    old = await begin(rules, realm, 120)
    clock.advance(realm.session_idle)
    young = await begin(rules, realm, 3)
    assert await broom.round() == 120
    assert broom.handled == 120
    ended = [await rules.sessions.why(realm, sid) for sid in old]
    assert {tombstone.end.reason for tombstone in ended if tombstone} == {"idle"}
    assert {session.id for session in await rules.sessions.list(realm)} == set(young)
    assert await broom.round() == 0


async def test_a_tombstone_and_the_journal_are_forgotten_after_thirty_days(
    rules: Rules, realm: Realm, clock: ManualClock, broom: Sweeper
) -> None:
    (sid,) = await begin(rules, realm, 1)
    await rules.sessions.end_by_id(realm, sid, "dropped", actor="host")
    clock.advance(30 * DAY - 1)
    await broom.round()
    assert await rules.sessions.why(realm, sid)
    assert len(await rules.journal.since(0)) == 1
    clock.advance(1)
    await broom.round()
    assert await rules.sessions.why(realm, sid) is None
    assert await rules.journal.since(0) == []


class Away(MemoryStore):
    """A store that cannot be reached at first."""

    tries = 0

    async def sweep(self, now: int, most: int = 50) -> Swept:
        self.tries += 1
        if self.tries == 1:
            raise StoreUnavailable
        return await super().sweep(now, most)


async def test_a_store_that_is_away_is_tried_again(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "SWEEP_EVERY", 0.0)
    store, lease = Away(), Lease(Leases(rules.db, rules.clock), "sweeper", "me", 30_000)
    assert await lease.renew()
    task = asyncio.create_task(sweeper_of(rules, store).run(lease))
    async with asyncio.timeout(HANGS):
        while store.tries < 3:
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_only_the_holder_of_the_lease_sweeps(
    rules: Rules, realm: Realm, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "SWEEP_EVERY", 0.0)
    leases = Leases(rules.db, rules.clock)
    assert await leases.hold("sweeper", "another", 30_000)
    lease = Lease(leases, "sweeper", "me", 30_000)
    assert not await lease.renew()
    await begin(rules, realm, 3)
    clock.advance(realm.session_idle)
    broom = sweeper_of(rules, rules.store)
    task = asyncio.create_task(broom.run(lease))
    for _ in range(20):
        await asyncio.sleep(0)
    assert broom.handled == 0
    await leases.release("sweeper", "another")
    assert await lease.renew()
    async with asyncio.timeout(HANGS):
        while broom.handled < 3:
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


class Slow(MemoryStore):
    """A store with a backlog, whose acts take as long as they are told."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left
        self.asked: list[int] = []

    async def sweep(self, now: int, most: int = 50) -> Swept:
        self.asked.append(most)
        handled = min(most, self.left)
        self.left -= handled
        return Swept(handled, self.left > 0)


async def test_a_great_backlog_is_swept_with_more_haste_the_longer_it_lasts(
    rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    gentle, hasty = Slow(500), Slow(5_000)
    broom = sweeper_of(rules, gentle)
    assert await broom.round() == 500
    assert set(gentle.asked) == {50}
    monkeypatch.setattr(sweeper, "PATIENT_FOR", 0.0)
    assert await sweeper_of(rules, hasty).round() == 5_000
    assert hasty.asked[:4] == [50, 100, 200, 400]
    assert max(hasty.asked) == 400
    assert not broom.backlog
