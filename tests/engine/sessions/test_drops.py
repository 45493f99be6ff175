"""Drops with notice: the user is told, and some minutes later the session ends, whichever process is there then."""

from typing import Any

import pytest

from sojourn.core.clock import DAY, MINUTE, ManualClock
from sojourn.core.errors import BadRequest, SessionEnded, StoreUnavailable
from sojourn.engine.ends.drops import NOTICE
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.model.realm import Realm
from sojourn.model.session import Device
from sojourn.model.user import Account, account_identity
from sojourn.stores.base import Ended
from sojourn.stores.sqlite import SqliteStore
from tests.engine.sessions.conftest import Start, realm_of

pytestmark = pytest.mark.anyio


async def request(rules: Rules, begun: Begun, text: str = "we restart at noon", **options: Any) -> Any:
    return await rules.drops.request(realm_of(rules), begun.session.id, text, actor_key=7, actor="root", **options)


async def test_a_session_lives_until_its_drop_is_due_and_then_ends_with_the_reason(
    rules: Rules, realm: Realm, begun: Begun, clock: ManualClock
) -> None:
    asked = await request(rules, begun)
    assert asked.drops_at == clock.now() + NOTICE == clock.now() + 3 * MINUTE
    assert await rules.drops.pending(begun.session.id) == asked
    clock.advance(NOTICE - 1)
    assert await rules.drops.run_due(clock.now()) == 0
    await rules.sessions.open(realm, begun.handle, "cookie")
    clock.advance(1)
    assert await rules.drops.run_due(clock.now()) == 1
    with pytest.raises(SessionEnded) as ended:
        await rules.sessions.open(realm, begun.handle, "cookie")
    assert ended.value.reason == "dropped"
    tombstone = await rules.sessions.why(realm, begun.session.id)
    assert tombstone is not None
    assert (tombstone.end.actor, tombstone.end.rule) == ("root", "we restart at noon")
    assert await rules.drops.pending(begun.session.id) is None
    assert rules.drops.dropped == 1


async def test_another_process_carries_it_out_after_a_restart(
    rules: Rules, start: Start, begun: Begun, clock: ManualClock
) -> None:
    await request(rules, begun, after=MINUTE)
    await rules.watch.close()
    later = await start()
    clock.advance(MINUTE)
    await later.upkeep.chore()
    assert (await later.sessions.list(realm_of(later))) == []


async def test_what_the_store_cannot_end_now_stays_for_the_next_time(
    rules: Rules, start: Start, begun: Begun, clock: ManualClock
) -> None:
    await request(rules, begun, after=0)
    away = await start(store=DownAtTheEnd)
    with pytest.raises(StoreUnavailable):
        await away.drops.run_due(clock.now())
    assert await rules.drops.pending(begun.session.id) is not None
    assert await rules.drops.run_due(clock.now()) == 1


async def test_the_earlier_of_two_requests_counts_with_the_text_of_the_later(
    rules: Rules, begun: Begun, clock: ManualClock
) -> None:
    first = await request(rules, begun, after=MINUTE)
    second = await request(rules, begun, "at once, please", after=DAY)
    assert (second.drops_at, second.reason) == (first.drops_at, "at once, please")
    sooner = await request(rules, begun, after=1)
    assert sooner.drops_at == clock.now() + 1


async def test_a_cancelled_drop_is_forgotten_and_audited(rules: Rules, begun: Begun, clock: ManualClock) -> None:
    await request(rules, begun)
    assert await rules.drops.cancel(begun.session.id, actor="ops")
    assert not await rules.drops.cancel(begun.session.id)
    clock.advance(NOTICE)
    assert await rules.drops.run_due(clock.now()) == 0
    acts = [(event.actor, event.detail) for event in await rules.audit.recent(2)]
    assert [actor for actor, _ in acts] == ["ops", "root"]
    assert "drop-cancelled" in acts[0][1]
    assert "drop-requested" in acts[1][1]


async def test_a_session_that_does_not_live_or_is_of_another_realm_cannot_be_dropped(
    rules: Rules, begun: Begun, access: Any
) -> None:
    other = realm_of(rules, "beta")
    assert await rules.drops.request(other, begun.session.id, "", actor_key=7, actor="root") is None
    await rules.sessions.end(access)
    assert await request(rules, begun) is None
    assert await rules.drops.list() == []


@pytest.mark.parametrize("options", [{"after": -1}, {"after": DAY + 1}, {"text": "x" * 501}])
async def test_a_notice_has_its_bounds(rules: Rules, begun: Begun, options: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        await request(rules, begun, **options)


async def test_a_session_that_ended_before_its_drop_keeps_its_own_end(
    rules: Rules, realm: Realm, begun: Begun, access: Any, clock: ManualClock
) -> None:
    await request(rules, begun)
    await rules.sessions.end(access)
    clock.advance(NOTICE)
    assert await rules.drops.run_due(clock.now()) == 0
    assert await rules.drops.list() == []
    tombstone = await rules.sessions.why(realm, begun.session.id)
    assert tombstone is not None
    assert tombstone.end.reason == "logout"


async def test_requests_are_listed_by_realm_the_soonest_first(rules: Rules, anna: Account, begun: Begun) -> None:
    other = realm_of(rules, "beta")
    there = await rules.sessions.begin(other, account_identity(anna, 0), Device())
    await request(rules, begun, after=2_000)
    await rules.drops.request(other, there.session.id, "", actor_key=7, actor="root", after=1_000)
    assert [one.session for one in await rules.drops.list()] == [there.session.id, begun.session.id]
    assert [one.session for one in await rules.drops.list(other)] == [there.session.id]


class DownAtTheEnd(SqliteStore):
    """A store that cannot be reached when a session is to be ended."""

    async def end(self, *_args: Any, **_options: Any) -> Ended | None:
        raise StoreUnavailable
