"""How long a session lives: presets, limits of its own, and what is recorded of its use."""

from typing import Any

import msgspec
import pytest

from sojourn.core.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from sojourn.core.errors import BadRequest, CrossSiteWrite, SessionEnded, StaleSession
from sojourn.engine.live import Session
from sojourn.engine.opened import IdleTooLong
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.model.realm import Realm
from sojourn.model.session import Device
from sojourn.model.user import Account, account_identity
from tests.engine.sessions.conftest import realm_of

pytestmark = pytest.mark.anyio

REALMS: dict[str, dict[str, Any]] = {
    "plain": {"session_tracking_enabled": True},
    "aal1": {"timeouts": "nist-aal1", "session_idle": 0},
    "aal2": {"timeouts": "nist-aal2"},
    "aal3": {"timeouts": "nist-aal3", "environment_type": "stateful", "max_inactive_time": HOUR, "max_life_time": 0},
    "lazy": {"touch_every": 5 * MINUTE},
    "every": {"touch_every": 0},
}


@pytest.fixture
async def rules(open_limited: Any) -> Rules:
    rules: Rules = await open_limited(realms=REALMS)
    return rules


async def open_session(rules: Rules, realm: Realm, account: Account, **limits: Any) -> Session:
    begun = await rules.sessions.begin(realm, account_identity(account, 0), Device(address="192.0.2.7"), **limits)
    return await again(rules, realm, begun)


async def again(rules: Rules, realm: Realm, begun: Begun | Session) -> Session:
    handle = begun.handle
    assert handle is not None
    access = await rules.sessions.open(realm, handle, "cookie")
    return Session(rules, access, handle)


async def reason_of(rules: Rules, session: Session) -> str:
    with pytest.raises(SessionEnded) as ended:
        await again(rules, session.realm, session)
    return ended.value.reason


@pytest.mark.parametrize(
    ("name", "idle", "lifetime"),
    [
        ("plain", 15 * MINUTE, DAY),
        ("aal1", 0, DAY),
        ("aal2", 15 * MINUTE, DAY),
        ("aal3", 15 * MINUTE, 12 * HOUR),
    ],
)
async def test_a_session_gets_the_limits_of_its_realm_within_the_preset(
    rules: Rules, anna: Account, name: str, idle: int, lifetime: int
) -> None:
    session = await open_session(rules, realm_of(rules, name), anna)
    assert (session.idle, session.ends_at - session.created) == (idle, lifetime)


@pytest.mark.parametrize(
    ("name", "idle", "lifetime"),
    [
        ("plain", 0, 300 * DAY),
        ("aal1", 0, 30 * DAY),
        ("aal2", HOUR, DAY),
        ("aal3", 15 * MINUTE, 12 * HOUR),
    ],
)
async def test_limits_that_a_pipeline_names_stay_within_the_preset_too(
    rules: Rules, anna: Account, name: str, idle: int, lifetime: int
) -> None:
    realm, now = realm_of(rules, name), rules.clock.now()
    session = await open_session(rules, realm, anna, idle=0, absolute=now + 300 * DAY)
    assert (session.idle, session.ends_at - now) == (idle, lifetime)
    issued = await rules.tokens.issue(realm, session.access.session, scope=None, expires_at=now + 300 * DAY)
    assert issued.expires_at <= now + lifetime


async def test_a_session_ends_at_the_very_instant_of_its_limit(rules: Rules, anna: Account, clock: ManualClock) -> None:
    session = await open_session(rules, realm_of(rules, "aal3"), anna)
    clock.advance(15 * MINUTE - 1)
    assert (await again(rules, session.realm, session)).expires_at == clock.now() + 1
    clock.advance(1)
    assert await reason_of(rules, session) == "idle"


async def test_the_session_says_how_long_it_lives(rules: Rules, anna: Account, clock: ManualClock) -> None:
    start = clock.now()
    session = await open_session(rules, realm_of(rules, "plain"), anna)
    clock.advance(MINUTE)
    await rules.sessions.touch(session.access)
    session = await again(rules, session.realm, session)
    assert (session.created, session.last_access, session.login_at) == (start, start + MINUTE, 0)
    assert (session.idle, session.expires_at, session.ends_at) == (15 * MINUTE, start + 16 * MINUTE, start + DAY)
    assert (session.device.address, session.client_id, session.tracking, session.delegated) == (
        "192.0.2.7",
        "",
        True,
        False,
    )


async def test_a_timeout_of_its_own_counts_from_now_and_every_use_restarts_it(
    rules: Rules, anna: Account, clock: ManualClock
) -> None:
    session = await open_session(rules, realm_of(rules, "plain"), anna)
    clock.advance(10 * MINUTE)
    await session.set_timeout(5)
    assert (session.idle, session.expires_at) == (5 * MINUTE, clock.now() + 5 * MINUTE)
    clock.advance(4 * MINUTE)
    await rules.sessions.touch((await again(rules, session.realm, session)).access)
    clock.advance(5 * MINUTE - 1)
    await again(rules, session.realm, session)
    clock.advance(1)
    assert await reason_of(rules, session) == "idle"


@pytest.mark.parametrize(
    ("parts", "idle"),
    [
        ((20,), 20 * MINUTE),
        ((0, 2), 2 * HOUR),
        ((1, 1), HOUR + MINUTE),
        ((0, 0, 1), DAY),
    ],
)
async def test_minutes_hours_and_days_add_up(rules: Rules, anna: Account, parts: tuple[int, ...], idle: int) -> None:
    session = await open_session(rules, realm_of(rules, "plain"), anna)
    await session.set_timeout(*parts)
    assert (await again(rules, session.realm, session)).idle == session.idle == idle


async def test_a_month_has_30_days_and_a_year_365(open_limited: Any) -> None:
    rules = await open_limited(realms={"plain": {"session_lifetime": 1000 * DAY}})
    anna = await rules.users.add("main", "anna", "correct horse battery")
    session = await open_session(rules, realm_of(rules, "plain"), anna)
    await session.set_timeout(0, months=2)
    assert session.idle == 60 * DAY
    await session.set_timeout(0, 0, 0, 0, 2)
    assert session.idle == 730 * DAY


async def test_a_timeout_of_0_ends_the_session_now(rules: Rules, anna: Account) -> None:
    for parts in ((0,), (0, 0, 0, 0, 0)):
        session = await open_session(rules, realm_of(rules, "plain"), anna)
        await session.set_timeout(*parts)
        assert await reason_of(rules, session) == "idle"


@pytest.mark.parametrize(("name", "most"), [("plain", DAY), ("aal1", DAY), ("aal2", HOUR), ("aal3", 15 * MINUTE)])
async def test_a_timeout_may_be_longer_than_the_realms_up_to_its_lifetime_and_preset(
    rules: Rules, anna: Account, name: str, most: int
) -> None:
    session = await open_session(rules, realm_of(rules, name), anna)
    await rules.sessions.set_idle(session.access, most)
    assert (await again(rules, session.realm, session)).idle == most
    with pytest.raises(IdleTooLong) as refused:
        await rules.sessions.set_idle(session.access, most + 1)
    assert (refused.value.most, refused.value.status, refused.value.code) == (most, 400, "session.idle_too_long")
    assert (await again(rules, session.realm, session)).idle == most


async def test_an_impossible_timeout_changes_nothing(rules: Rules, anna: Account) -> None:
    session = await open_session(rules, realm_of(rules, "plain"), anna)
    with pytest.raises(BadRequest):
        await session.set_timeout(-1)
    with pytest.raises(BadRequest):
        await session.set_timeout(60, -1)
    for milliseconds in (0, -1):
        with pytest.raises(BadRequest):
            await rules.sessions.set_idle(session.access, milliseconds)

    foreign = msgspec.structs.replace(session.access, read_only=True)
    with pytest.raises(CrossSiteWrite):
        await rules.sessions.set_idle(foreign, MINUTE)
    assert (await again(rules, session.realm, session)).idle == 15 * MINUTE


async def test_a_timeout_after_the_end_or_under_an_old_epoch_is_refused(rules: Rules, anna: Account) -> None:
    session = await open_session(rules, realm_of(rules, "plain"), anna)
    await rules.sessions.rotate(session.access, session.access.session.identity, Device(), keep=None)
    with pytest.raises(StaleSession):
        await session.set_timeout(5)
    await rules.sessions.end_by_id(session.realm, session.id, "dropped", actor="root")
    with pytest.raises(SessionEnded):
        await session.set_timeout(5)


@pytest.mark.parametrize(
    ("name", "idle", "every"),
    [
        ("plain", None, 45 * SECOND),
        ("plain", 20 * SECOND, SECOND),
        ("plain", 8 * HOUR, 24 * MINUTE),
        ("plain", 0, 45 * SECOND),
        ("plain", 1000, 500),
        ("aal1", None, MINUTE),
        ("lazy", None, 5 * MINUTE),
        ("lazy", 8 * HOUR, 5 * MINUTE),
        ("lazy", MINUTE, 3 * SECOND),
    ],
)
async def test_an_access_is_recorded_when_the_record_is_older_than_touch_every(
    rules: Rules, anna: Account, clock: ManualClock, *, name: str, idle: int | None, every: int
) -> None:
    session = await open_session(rules, realm_of(rules, name), anna, idle=idle)
    clock.advance(every - 1)
    assert not rules.sessions.touch_due(session.access)
    clock.advance(1)
    assert rules.sessions.touch_due(session.access)
    await rules.sessions.touch(session.access)
    session = await again(rules, session.realm, session)
    assert session.last_access == clock.now()
    assert not rules.sessions.touch_due(session.access)


async def test_touch_every_of_0_records_every_request(rules: Rules, anna: Account) -> None:
    session = await open_session(rules, realm_of(rules, "every"), anna)
    assert rules.sessions.touch_due(session.access)


async def test_only_a_login_begins_the_limits_anew(rules: Rules, anna: Account, clock: ManualClock) -> None:
    session = await open_session(rules, realm_of(rules, "plain"), anna)
    await session.set_timeout(5)
    clock.advance(MINUTE)
    secret = await rules.sessions.rotate(session.access, session.access.session.identity, Device(), keep=None)
    assert (secret.session.idle, secret.session.absolute) == (5 * MINUTE, session.ends_at)
    again = await rules.sessions.open(session.realm, secret.handle, "cookie")
    login = await rules.sessions.rotate(again, account_identity(anna, clock.now()), Device(), keep=None)
    assert (login.session.idle, login.session.absolute) == (15 * MINUTE, clock.now() + DAY)


async def test_a_lifetime_that_was_shortened_later_holds_for_new_sessions(rules: Rules, anna: Account) -> None:
    realm = realm_of(rules, "plain")
    strict = msgspec.structs.replace(realm, config=msgspec.structs.replace(realm.config, timeouts="nist-aal3"))
    begun = await rules.sessions.begin(strict, account_identity(anna, 0), Device())
    assert begun.session.absolute == rules.clock.now() + 12 * HOUR
