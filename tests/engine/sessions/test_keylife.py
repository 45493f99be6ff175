"""The life of signing keys: the schedule, what a revocation ends, and that nobody is missed."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import delete, select

from sojourn.core.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from sojourn.core.errors import SessionEnded, StoreUnavailable, TokenRefused
from sojourn.engine.database import schema
from sojourn.engine.keys.rings import UnknownKey
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.model.realm import MAX_TOKEN_LIFETIME, Realm
from sojourn.model.session import Device, IssuedToken, Session
from sojourn.model.user import Account, account_identity
from sojourn.stores.memory import MemoryStore
from tests.engine.sessions.conftest import Start, realm_of

pytestmark = pytest.mark.anyio

ROTATED = {"acme": {"key_rotation": 10 * DAY, "session_idle": 0, "session_lifetime": 90 * DAY}}


async def states(rules: Rules, realm: Realm) -> dict[str, str]:
    return {key.kid: key.state for key in await rules.key_life.list(realm)}


async def active(rules: Rules, realm: Realm) -> str:
    return (await rules.keys.active(realm)).kid


async def audited(rules: Rules) -> list[str]:
    """What the audit log says of keys, oldest first."""
    events = await rules.audit.recent(100)
    return [event.detail for event in reversed(events) if event.kind == "KEY_CHANGE"]


async def token(rules: Rules, realm: Realm, begun: Begun, lifetime: int = HOUR) -> str:
    issued = await rules.tokens.issue(realm, begun.session, scope=None, expires_at=rules.clock.now() + lifetime)
    return issued.token


@pytest.fixture
async def scheduled(start: Start) -> Rules:
    """An engine with one realm, whose key is to be rotated every ten days."""
    return await start(realms=ROTATED)


async def test_the_schedule_publishes_a_day_ahead_and_rotates_when_it_is_time(
    scheduled: Rules, clock: ManualClock
) -> None:
    realm = realm_of(scheduled)
    first = await active(scheduled, realm)
    clock.advance(9 * DAY - 1)
    await scheduled.key_life.tend()
    assert list((await states(scheduled, realm)).values()) == ["active"]
    clock.advance(1)
    await scheduled.key_life.tend()
    assert list((await states(scheduled, realm)).values()) == ["active", "next"]
    assert len((await scheduled.keys.jwks(realm))["keys"]) == 2
    clock.advance(DAY - 1)
    await scheduled.key_life.tend()
    assert await active(scheduled, realm) == first
    clock.advance(1)
    await scheduled.key_life.tend()
    assert list((await states(scheduled, realm)).values()) == ["retired", "active", "next"]
    acts = [text.split('"')[3] for text in await audited(scheduled)]
    assert acts == ["published", "activated", "published"]


async def test_a_short_schedule_still_publishes_an_hour_before_use(start: Start, clock: ManualClock) -> None:
    rules = await start(realms={"acme": {"key_rotation": MINUTE}})
    realm = realm_of(rules)
    clock.advance(MINUTE)
    await rules.key_life.tend()
    clock.advance(HOUR - 1)
    await rules.key_life.tend()
    assert list((await states(rules, realm)).values()) == ["active", "next"]
    clock.advance(1)
    await rules.key_life.tend()
    assert list((await states(rules, realm)).values()) == ["retired", "active", "next"]


async def test_without_a_schedule_nothing_changes_by_itself(start: Start, clock: ManualClock) -> None:
    rules = await start(realms={"acme": {"key_rotation": 0}})
    clock.advance(900 * DAY)
    await rules.key_life.tend()
    assert list((await states(rules, realm_of(rules))).values()) == ["active"]


async def test_what_an_operator_asked_for_the_engine_does_an_hour_later(scheduled: Rules, clock: ManualClock) -> None:
    realm = realm_of(scheduled)
    asked = await scheduled.key_life.rotate(realm, actor="olga")
    assert asked.due == clock.now() + HOUR
    clock.advance(HOUR - 1)
    await scheduled.key_life.tend()
    assert await active(scheduled, realm) == asked.active
    clock.advance(1)
    await scheduled.key_life.tend()
    assert await active(scheduled, realm) == asked.next
    await scheduled.key_life.tend()
    assert await active(scheduled, realm) == asked.next


async def test_a_retired_key_verifies_until_its_longest_token_has_ended(scheduled: Rules, clock: ManualClock) -> None:
    realm = realm_of(scheduled)
    account = await scheduled.users.add("main", "anna", "correct horse battery")
    begun = await scheduled.sessions.begin(realm, account_identity(account, 0), Device())
    long = await token(scheduled, realm, begun, 5 * DAY)
    await token(scheduled, realm, begun)
    old = await active(scheduled, realm)
    await scheduled.key_life.rotate(realm)
    clock.advance(HOUR)
    await scheduled.key_life.rotate(realm)
    clock.advance(5 * DAY - HOUR - 1)
    await scheduled.key_life.tend()
    claims = await scheduled.tokens.verify(realm, long)
    assert (await scheduled.sessions.open_token(realm, claims)).session.id == begun.session.id
    clock.advance(DAY)
    await scheduled.key_life.tend()
    assert (await states(scheduled, realm))[old] == "removed"
    assert old not in {key["kid"] for key in (await scheduled.keys.jwks(realm))["keys"]}
    kept = select(schema.signing_key.c.sealed).where(schema.signing_key.c.kid == old)
    assert await scheduled.db.read(lambda connection: connection.execute(kept).scalar_one()) == b""
    assert await scheduled.keys.derive(realm, old, "refresh", "x") is None
    opened = await scheduled.sessions.open(realm, begun.handle, "cookie")
    assert opened.session.id == begun.session.id


async def test_a_key_that_signed_nothing_goes_soon(scheduled: Rules, clock: ManualClock) -> None:
    realm = realm_of(scheduled)
    old = await active(scheduled, realm)
    await scheduled.key_life.rotate(realm)
    clock.advance(HOUR)
    await scheduled.key_life.rotate(realm)
    clock.advance(30 * SECOND + MINUTE - 1)
    await scheduled.key_life.tend()
    assert (await states(scheduled, realm))[old] == "retired"
    clock.advance(1)
    await scheduled.key_life.tend()
    assert (await states(scheduled, realm))[old] == "removed"


async def test_a_key_of_which_nothing_is_noted_is_kept_as_long_as_any_token_lives(
    scheduled: Rules, clock: ManualClock
) -> None:
    realm = realm_of(scheduled)
    old = await active(scheduled, realm)
    # As a version left it that noted nothing.
    await scheduled.db.write(lambda connection: connection.execute(delete(schema.signing_key_use)).rowcount)
    await scheduled.key_life.rotate(realm)
    clock.advance(HOUR)
    await scheduled.key_life.rotate(realm)
    clock.advance(MAX_TOKEN_LIFETIME)
    await scheduled.key_life.tend()
    assert (await states(scheduled, realm))[old] == "retired"
    clock.advance(2 * MINUTE)
    await scheduled.key_life.tend()
    assert (await states(scheduled, realm))[old] == "removed"


async def test_a_process_that_does_not_know_of_the_rotation_yet_signs_with_the_new_key(
    scheduled: Rules, start: Start, clock: ManualClock
) -> None:
    other = await start(realms=ROTATED)
    realm = realm_of(other)
    await other.keys.active(realm)
    await scheduled.key_life.rotate(realm)
    clock.advance(HOUR)
    rotated = await scheduled.key_life.rotate(realm)
    assert (await other.keys.to_sign(realm, clock.now() + DAY)).kid == rotated.active


async def test_a_revoked_key_ends_the_sessions_that_list_its_tokens_and_no_others(
    rules: Rules, realm: Realm, anna: Account, begun: Begun
) -> None:
    """`security.md` §3: refused at once, ends the sessions whose tokens it signed; also where a cookie opens them."""
    untouched = await rules.sessions.begin(realm, account_identity(anna, 0), Device())
    shown = await token(rules, realm, begun)
    claims = await rules.tokens.verify(realm, shown)
    revoked = await rules.key_life.revoke(realm, await active(rules, realm), actor="olga")
    assert (revoked.sessions, revoked.active) == (1, await active(rules, realm))
    with pytest.raises(SessionEnded) as ended:
        await rules.sessions.open(realm, begun.handle, "cookie")
    assert (ended.value.reason, ended.value.by_operator) == ("revoked", True)
    with pytest.raises(TokenRefused):
        await rules.tokens.verify(realm, shown)
    with pytest.raises(SessionEnded):
        await rules.sessions.open_token(realm, claims)
    assert (await rules.sessions.open(realm, untouched.handle, "cookie")).session.id == untouched.session.id
    tombstone = await rules.sessions.why(realm, begun.session.id)
    assert tombstone is not None
    assert (tombstone.end.reason, tombstone.end.actor) == ("revoked", "olga")


class Stuck(MemoryStore):
    """A store that cannot be told of ends while ``stuck``; the engine dies at this point, as it were."""

    stuck = False

    async def list(self, *args: Any, **options: Any) -> Sequence[Session]:
        if self.stuck:
            raise StoreUnavailable
        return await super().list(*args, **options)


async def test_what_dies_between_the_revocation_and_the_clean_up_holds_all_the_same(
    start: Start, clock: ManualClock
) -> None:
    store = Stuck()
    rules = await start(memory=store)
    realm = realm_of(rules)
    account = await rules.users.add("main", "anna", "correct horse battery")
    begun = [await rules.sessions.begin(realm, account_identity(account, 0), Device()) for _ in range(3)]
    for one in begun:
        await token(rules, realm, one)
    kid = await active(rules, realm)
    again = await start(memory=store)
    let_in_before = await again.sessions.open(realm, begun[1].handle, "cookie")
    store.stuck = True
    with pytest.raises(StoreUnavailable):
        await rules.key_life.revoke(realm, kid)
    store.stuck = False
    with pytest.raises(SessionEnded) as ended:
        await again.sessions.open(realm, begun[0].handle, "cookie")
    assert ended.value.reason == "revoked"
    with pytest.raises(SessionEnded):
        await again.sessions.change(let_in_before, ())
    await again.key_life.tend()
    assert await again.sessions.list(realm) == []
    assert (await again.key_life.list(realm))[0].state == "revoked"
    clock.advance(2 * MINUTE)
    await again.key_life.tend()
    quiet = await again.audit.recent(1)
    await again.key_life.tend()
    assert await again.audit.recent(1) == quiet


class Slow(MemoryStore):
    """A store that is slow to list a token: the key is revoked, and its sessions ended, before it has."""

    meanwhile: Any = None

    async def change(self, *args: Any, token: IssuedToken | None = None, **options: Any) -> Any:
        if token is not None and self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            await act()
        return await super().change(*args, token=token, **options)


async def test_a_token_that_is_issued_while_its_key_is_revoked_is_not_handed_out(start: Start) -> None:
    store = Slow()
    rules = await start(memory=store)
    realm = realm_of(rules)
    account = await rules.users.add("main", "anna", "correct horse battery")
    begun = await rules.sessions.begin(realm, account_identity(account, 0), Device())
    kid = await active(rules, realm)
    store.meanwhile = lambda: rules.key_life.revoke(realm, kid)
    with pytest.raises(SessionEnded) as ended:
        await token(rules, realm, begun)
    assert ended.value.reason == "revoked"
    with pytest.raises(SessionEnded):
        await rules.sessions.open(realm, begun.handle, "cookie")


async def test_a_revoked_active_key_is_replaced_by_one_that_others_know(rules: Rules, realm: Realm, clock: Any) -> None:
    asked = await rules.key_life.rotate(realm)
    young = await rules.key_life.revoke(realm, asked.active)
    assert young.active not in {asked.active, asked.next}
    clock.advance(HOUR)
    known = await rules.key_life.revoke(realm, young.active)
    assert known.active == asked.next == await active(rules, realm)
    assert sorted((await states(rules, realm)).values()) == ["active", "next", "revoked", "revoked"]
    again = await rules.key_life.revoke(realm, asked.active)
    assert (again.sessions, again.active) == (0, asked.next)


async def test_a_next_and_a_retired_key_can_be_revoked_too(rules: Rules, realm: Realm, clock: ManualClock) -> None:
    asked = await rules.key_life.rotate(realm)
    await rules.key_life.revoke(realm, asked.next)
    assert await active(rules, realm) == asked.active
    second = await rules.key_life.rotate(realm)
    clock.advance(HOUR)
    await rules.key_life.rotate(realm)
    assert (await states(rules, realm))[second.active] == "retired"
    await rules.key_life.revoke(realm, second.active)
    assert (await states(rules, realm))[second.active] == "revoked"
    assert second.active not in {key["kid"] for key in (await rules.keys.jwks(realm))["keys"]}


async def test_a_key_is_found_by_its_kid_alone(rules: Rules, realm: Realm) -> None:
    await rules.keys.ensure(rules.realms.operators)
    assert await rules.key_life.realm_of(await active(rules, realm)) is realm
    assert await rules.key_life.realm_of(await active(rules, rules.realms.operators)) is rules.realms.operators
    with pytest.raises(UnknownKey):
        await rules.key_life.realm_of("none")


@pytest.fixture
async def delegated(rules: Rules, realm: Realm, access: Any) -> tuple[str, str]:
    """A narrow token, and one that was asked for with it."""
    later = rules.clock.now() + HOUR
    parent = await rules.tokens.renew(access, expires_at=later, scope=["cart.read"])
    opened = await rules.sessions.open_token(realm, await rules.tokens.verify(realm, parent.token))
    child = await rules.tokens.renew(opened, expires_at=later)
    return parent.token, child.token


async def test_a_child_of_a_delegated_token_dies_with_it(
    rules: Rules, realm: Realm, delegated: tuple[str, str]
) -> None:
    parent, child = [await rules.tokens.verify(realm, text) for text in delegated]
    opened = await rules.sessions.open_token(realm, child)
    assert await rules.tokens.unlist(realm, opened.session, parent.token_hash)
    for claims in (parent, child):
        with pytest.raises(TokenRefused, match="unlisted"):
            await rules.sessions.open_token(realm, claims)
    with pytest.raises(TokenRefused, match="unlisted"):
        await rules.sessions.check(opened)


async def test_a_child_that_is_taken_back_leaves_its_parent(
    rules: Rules, realm: Realm, delegated: tuple[str, str]
) -> None:
    parent, child = [await rules.tokens.verify(realm, text) for text in delegated]
    session = (await rules.sessions.open_token(realm, child)).session
    assert await rules.tokens.unlist(realm, session, child.token_hash)
    with pytest.raises(TokenRefused, match="unlisted"):
        await rules.sessions.open_token(realm, child)
    assert (await rules.sessions.open_token(realm, parent)).delegated


async def test_a_child_goes_when_its_parent_was_dropped_from_the_list(
    rules: Rules, realm: Realm, begun: Begun, delegated: tuple[str, str]
) -> None:
    child = await rules.tokens.verify(realm, delegated[1])
    for _ in range(15):
        await token(rules, realm, begun)
    with pytest.raises(TokenRefused, match="unlisted"):
        await rules.sessions.open_token(realm, child)
