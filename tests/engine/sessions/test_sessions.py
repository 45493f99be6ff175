"""The one check, guarded writes, begin and rotate."""

import asyncio
from typing import Any

import msgspec
import pytest

from sojourn.core.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from sojourn.core.errors import (
    BadRequest,
    CrossSiteWrite,
    FieldLimit,
    SessionEnded,
    SessionReplaced,
    SessionUnknown,
    SojournError,
    StaleSession,
    TokenRefused,
)
from sojourn.core.ids import SessionHandle, new_handle
from sojourn.engine import epochs
from sojourn.engine.access import Access
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import HOST
from sojourn.engine.sessions import Begun
from sojourn.model import field
from sojourn.model.realm import Realm
from sojourn.model.session import Device, Identity, Session
from sojourn.model.user import Account, account_identity, external_identity
from sojourn.stores.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

PHONE = Device(client="phone")


async def reason(opening: Any) -> str:
    with pytest.raises(SessionEnded) as ended:
        await opening
    return ended.value.reason


async def token_access(rules: Rules, realm: Realm, begun: Begun, scope: tuple[str, ...] | None = None) -> Access:
    issued = await rules.tokens.issue(realm, begun.session, scope=scope, expires_at=rules.clock.now() + DAY)
    return await rules.sessions.open_token(realm, await rules.tokens.verify(realm, issued.token))


# --- opening ---


async def test_a_handle_opens_its_session_with_the_rights_of_the_account(access: Access, begun: Begun) -> None:
    assert (access.session.id, access.kind, access.via) == (begun.handle.id, "account", "cookie")
    assert (set(access.scope), access.delegated, access.claims) == ({"cart.read", "cart.write"}, False, None)
    assert access.account is not None
    assert access.account.name == "anna"


async def test_only_id_and_secret_together_open(rules: Rules, realm: Realm, begun: Begun) -> None:
    other = rules.realms.get("beta")
    assert other is not None
    stored = begun.session.secret.hex()
    for handle in (
        new_handle(),
        SessionHandle(begun.handle.id, new_handle().secret),
        SessionHandle(begun.handle.id, begun.handle.id),
        SessionHandle(begun.handle.id, stored),
        SessionHandle(begun.handle.secret, begun.handle.secret),
    ):
        with pytest.raises(SessionUnknown):
            await rules.sessions.open(realm, handle, "cookie")
    with pytest.raises(SessionUnknown):
        await rules.sessions.open(other, begun.handle, "cookie")


async def test_a_realm_removed_and_made_again_has_no_old_sessions(rules: Rules, realm: Realm, begun: Begun) -> None:
    again = msgspec.structs.replace(realm, id="another-id")
    with pytest.raises(SessionUnknown):
        await rules.sessions.open(again, begun.handle, "cookie")


async def test_limits_hold_to_the_millisecond(rules: Rules, realm: Realm, anna: Account, clock: ManualClock) -> None:
    begun = await rules.sessions.begin(
        realm, account_identity(anna, 0), PHONE, idle=10_000, absolute=clock.now() + 15_000
    )
    clock.advance(9_999)
    await rules.sessions.touch(await rules.sessions.open(realm, begun.handle, "cookie"))
    clock.advance(5_000)
    assert (await rules.sessions.open(realm, begun.handle, "cookie")).session.id == begun.session.id
    clock.advance(1)
    assert await reason(rules.sessions.open(realm, begun.handle, "cookie")) == "absolute"
    idle = await rules.sessions.begin(realm, account_identity(anna, 0), PHONE, idle=10_000)
    clock.advance(10_000)
    assert await reason(rules.sessions.open(realm, idle.handle, "cookie")) == "idle"


async def test_the_realm_gives_the_limits_that_nobody_names(rules: Rules, realm: Realm, begun: Begun) -> None:
    assert (begun.session.idle, begun.session.absolute) == (15 * MINUTE, rules.clock.now() + DAY)


async def test_the_reason_is_told_to_the_holder_of_the_last_secret_only(
    rules: Rules, realm: Realm, begun: Begun, access: Access, anna: Account
) -> None:
    last = await rules.sessions.rotate(access, account_identity(anna, 0), PHONE, keep=None)
    await rules.sessions.end_by_id(realm, last.session.id, "dropped", actor="root", rule="spring cleaning")
    assert await reason(rules.sessions.open(realm, last.handle, "cookie")) == "dropped"
    for handle in (begun.handle, SessionHandle(begun.handle.id, new_handle().secret)):
        assert await rules.sessions.why_for(realm, handle) is None
        with pytest.raises(SessionUnknown):
            await rules.sessions.open(realm, handle, "cookie")
    tombstone = await rules.sessions.why(realm, last.session.id)
    assert tombstone is not None
    assert (tombstone.end.actor, tombstone.end.rule) == ("root", "spring cleaning")


async def test_a_replaced_secret_is_recognised_for_a_minute_and_never_accepted(
    rules: Rules, realm: Realm, begun: Begun, *, access: Access, anna: Account, clock: ManualClock
) -> None:
    last = await rules.sessions.rotate(access, account_identity(anna, 0), PHONE, keep=None)
    assert last.handle.id == begun.handle.id
    with pytest.raises(SessionReplaced):
        await rules.sessions.open(realm, begun.handle, "cookie")
    clock.advance(MINUTE - 1)
    with pytest.raises(SessionReplaced):
        await rules.sessions.open(realm, begun.handle, "cookie")
    clock.advance(1)
    with pytest.raises(SessionUnknown):
        await rules.sessions.open(realm, begun.handle, "cookie")
    assert (await rules.sessions.open(realm, last.handle, "cookie")).session.epoch == 2


# --- rights ---


async def test_a_grant_and_a_revocation_hold_from_the_next_check_on(rules: Rules, realm: Realm, begun: Begun) -> None:
    await rules.grants.grant("anna", "stock.read", realm.id)
    assert "stock.read" in (await rules.sessions.open(realm, begun.handle, "cookie")).scope
    await rules.grants.revoke("anna", "cart.write")
    assert (await rules.sessions.open(realm, begun.handle, "cookie")).scope == {"cart.read", "stock.read"}


async def test_a_narrow_token_is_delegated_and_follows_the_account(rules: Rules, realm: Realm, begun: Begun) -> None:
    narrow = await token_access(rules, realm, begun, ("cart.write", "stock.read"))
    full = await token_access(rules, realm, begun)
    assert (set(narrow.scope), narrow.delegated) == ({"cart.write"}, True)
    assert (set(full.scope), full.delegated) == ({"cart.read", "cart.write"}, False)
    await rules.grants.revoke("anna", "cart.write")
    claims = narrow.token
    assert claims is not None
    assert (await rules.sessions.open_token(realm, claims)).scope == frozenset()


async def test_an_empty_scope_is_no_scope(rules: Rules, realm: Realm, begun: Begun, anna: Account) -> None:
    assert (await token_access(rules, realm, begun, ())).scope == frozenset()
    limited = Identity(principal=f"a:{anna.key}", user_key=anna.key, user_name="anna")
    narrow = await rules.sessions.begin(realm, limited, PHONE)
    assert (await rules.sessions.open(realm, narrow.handle, "cookie")).scope == frozenset()


async def test_anonymous_and_external_sessions_have_no_account(rules: Rules, realm: Realm, anna: Account) -> None:
    nobody = await rules.sessions.begin(realm, Identity(), PHONE)
    opened = await rules.sessions.open(realm, nobody.handle, "cookie")
    assert (opened.kind, opened.scope, opened.account) == ("anonymous", frozenset(), None)
    guest = await rules.sessions.begin(realm, external_identity("portal", anna.name, ("cart.read",), "", 0), PHONE)
    opened = await rules.sessions.open(realm, guest.handle, "header")
    assert (opened.kind, set(opened.scope), opened.account) == ("external", {"cart.read"}, None)


# --- fences ---


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        ("disabled", "user-disabled"),
        ("expired", "user-disabled"),
        ("delete", "user-deleted"),
        ("password", "password-changed"),
        ("realm", "ended-everywhere"),
        ("engine", "ended-everywhere"),
    ],
)
async def test_what_happens_to_the_account_ends_its_sessions_at_the_next_check(
    rules: Rules, start: Any, realm: Realm, *, begun: Begun, access: Access, anna: Account, act: str, expected: str
) -> None:
    other = await start()
    token = await token_access(rules, realm, begun)
    match act:
        case "delete":
            await other.users.delete(anna.key)
        case "password":
            await other.passwords.set(HOST, anna.key, "another good password")
        case "realm":
            await other.db.write(lambda connection: epochs.raise_realm_epoch(connection, realm.id))
        case "engine":
            await other.db.write(epochs.raise_engine_epoch)
        case state:
            await other.users.set_state(anna.key, state)
    assert await reason(rules.sessions.change(access, [field.put("a", "1")])) == expected
    assert await reason(rules.sessions.open(realm, begun.handle, "cookie")) == expected
    assert await reason(other.sessions.open_token(realm, token.token)) == expected


async def test_a_lock_stops_no_live_session(rules: Rules, realm: Realm, begun: Begun, anna: Account) -> None:
    await rules.users.set_state(anna.key, "locked")
    assert (await rules.sessions.open(realm, begun.handle, "cookie")).kind == "account"


class DisabledMeanwhile(SqliteStore):
    """A store in which another process disables the account right after a session was written."""

    act: Any = None

    async def create(self, session: Session, fields: Any, now: int, *, most: int | None = None) -> None:
        await super().create(session, fields, now, most=most)
        if self.act:
            await self.act()

    async def rotate(self, *args: Any, **options: Any) -> Session:
        rotated = await super().rotate(*args, **options)
        if self.act:
            await self.act()
        return rotated


async def test_a_session_whose_fence_moved_while_it_was_written_is_never_handed_out(
    rules: Rules, start: Any, realm: Realm, anna: Account, access: Access
) -> None:
    slow = await start(store=DisabledMeanwhile)
    slow.store.act = lambda: rules.users.set_state(anna.key, "disabled")
    assert await reason(slow.sessions.begin(realm, account_identity(anna, 0), PHONE)) == "user-disabled"
    slow.store.act = None
    await rules.users.set_state(anna.key, "active")
    assert await rules.sessions.list(realm, f"a:{anna.key}") == []
    assert await reason(rules.sessions.check(access)) == "user-disabled"


async def test_a_rotation_whose_fence_moved_ends_the_session(
    rules: Rules, start: Any, realm: Realm, anna: Account, access: Access
) -> None:
    slow = await start(store=DisabledMeanwhile)
    slow.store.act = lambda: rules.passwords.set(HOST, anna.key, "another good password")
    rotating = slow.sessions.rotate(access, account_identity(anna, 0), PHONE, keep=None)
    assert await reason(rotating) == "password-changed"
    assert await rules.sessions.list(realm) == []


async def test_a_password_changed_between_check_and_session_holds(rules: Rules, realm: Realm, anna: Account) -> None:
    account = await rules.logins.authenticate(realm, "anna", "correct horse battery")
    assert account is not None
    await rules.passwords.set(HOST, anna.key, "another good password")
    begin = rules.sessions.begin(realm, account_identity(account, 0), PHONE, authenticated=account)
    assert await reason(begin) == "password-changed"
    assert await rules.sessions.list(realm) == []


# --- writes, checks, touches ---


async def test_writes_are_atomic_and_guarded_by_the_epoch(
    rules: Rules, realm: Realm, begun: Begun, access: Access, anna: Account
) -> None:
    changed = await rules.sessions.change(access, [field.put("cart", "[1]"), field.increment("n", "2")])
    assert changed.values == {"n": "2"}
    with pytest.raises(FieldLimit):
        await rules.sessions.change(access, [field.put("a", "1"), field.put("b" * 300, "1")])
    assert set(await rules.sessions.fields(access)) == {"cart", "n"}
    await rules.sessions.rotate(access, account_identity(anna, 0), PHONE, keep=frozenset({"n"}))
    for act in (
        rules.sessions.change(access, [field.put("a", "1")]),
        rules.sessions.check(access),
        rules.sessions.fields(access),
        rules.sessions.end(access),
        rules.sessions.rotate(access, account_identity(anna, 0), PHONE, keep=None),
    ):
        with pytest.raises(StaleSession):
            await act
    loaded = await rules.sessions.show(realm, begun.session.id)
    assert loaded is not None
    assert set(loaded.fields) == {"n"}


async def test_another_site_changes_nothing(rules: Rules, realm: Realm, access: Access, anna: Account) -> None:
    foreign = msgspec.structs.replace(access, read_only=True)
    for act in (
        rules.sessions.change(foreign, [field.put("a", "1")]),
        rules.sessions.rotate(foreign, account_identity(anna, 0), PHONE, keep=None),
        rules.sessions.end(foreign),
        rules.logins.login(realm, "anna", "correct horse battery", PHONE, current=foreign),
    ):
        with pytest.raises(CrossSiteWrite):
            await act
    assert await rules.sessions.fields(foreign) == {}


async def test_64_parallel_writes_of_64_fields_are_all_there(rules: Rules, access: Access) -> None:
    await asyncio.gather(*(rules.sessions.change(access, [field.put(f"f{n}", str(n))]) for n in range(64)))
    fields = await rules.sessions.fields(access)
    assert {name: found.text for name, found in fields.items()} == {f"f{n}": str(n) for n in range(64)}


async def test_an_access_is_recorded_when_the_record_is_older_than_touch_every(
    rules: Rules, realm: Realm, begun: Begun, access: Access, clock: ManualClock
) -> None:
    async def last() -> int:
        loaded = await rules.sessions.show(realm, begun.session.id)
        assert loaded is not None
        return loaded.session.last - begun.session.last

    clock.advance(realm.touch_every - 1)
    await rules.sessions.touch(access)
    assert await last() == 0
    clock.advance(1)
    await rules.sessions.touch(access)
    assert await last() == realm.touch_every == 45 * SECOND
    clock.advance(SECOND)
    await rules.sessions.change(access, [field.put("a", "1")], touch=False)
    assert await last() == 45 * SECOND
    await rules.sessions.change(access, [field.put("a", "1")])
    assert await last() == 46 * SECOND


async def test_a_short_session_is_recorded_more_often_than_the_realm_says(
    rules: Rules, realm: Realm, anna: Account, clock: ManualClock
) -> None:
    begun = await rules.sessions.begin(realm, account_identity(anna, 0), PHONE, idle=20 * SECOND)
    access = await rules.sessions.open(realm, begun.handle, "cookie")
    clock.advance(SECOND)
    await rules.sessions.touch(access)
    clock.advance(19 * SECOND + 999)
    assert (await rules.sessions.open(realm, begun.handle, "cookie")).session.last == begun.session.last + SECOND


async def test_a_touch_too_late_is_no_error(rules: Rules, access: Access, anna: Account, clock: ManualClock) -> None:
    clock.advance(MINUTE)
    last = await rules.sessions.rotate(access, account_identity(anna, 0), PHONE, keep=None)
    await rules.sessions.touch(access)
    clock.advance(HOUR)
    await rules.sessions.touch(msgspec.structs.replace(access, session=last.session))


async def test_a_token_that_is_pushed_out_closes_its_request_at_the_next_check(
    rules: Rules, realm: Realm, begun: Begun
) -> None:
    access = await token_access(rules, realm, begun)
    await rules.sessions.check(access)
    for _ in range(16):
        await token_access(rules, realm, begun)
    with pytest.raises(TokenRefused, match="unlisted"):
        await rules.sessions.check(access)


async def test_a_rotation_kills_every_token(
    rules: Rules, realm: Realm, begun: Begun, access: Access, anna: Account
) -> None:
    token = (await token_access(rules, realm, begun)).token
    assert token is not None
    await rules.sessions.rotate(access, account_identity(anna, 0), PHONE, keep=None)
    with pytest.raises(TokenRefused, match="unlisted"):
        await rules.sessions.open_token(realm, token)
    await rules.sessions.end_by_id(realm, begun.session.id, "dropped", actor="root")
    with pytest.raises(TokenRefused, match="unlisted"):
        await rules.sessions.open_token(realm, token)


async def test_a_session_that_ends_with_its_token_is_an_expired_token(
    rules: Rules, realm: Realm, anna: Account, clock: ManualClock
) -> None:
    ends = clock.now() + HOUR
    begun = await rules.sessions.begin(realm, account_identity(anna, 0), PHONE, idle=0, absolute=ends)
    token = (await token_access(rules, realm, begun)).token
    assert token is not None
    clock.advance(HOUR)
    with pytest.raises(TokenRefused, match="expired"):
        await rules.sessions.open_token(realm, token)


async def test_fields_given_at_the_beginning_are_checked(rules: Rules, realm: Realm) -> None:
    begun = await rules.sessions.begin(realm, Identity(), PHONE, fields={"cart": "[]"})
    opened = await rules.sessions.open(realm, begun.handle, "cookie")
    assert opened.fields["cart"].text == "[]"
    with pytest.raises(SojournError):
        await rules.sessions.begin(realm, Identity(), PHONE, fields={"": "[]"})


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), 0.5, 60_000.0, True])
async def test_an_idle_limit_that_is_no_whole_number_is_refused_and_changes_nothing(
    rules: Rules, realm: Realm, begun: Begun, odd: float
) -> None:
    access = await rules.sessions.open(realm, begun.handle, "cookie")
    with pytest.raises(BadRequest):
        await rules.sessions.set_idle(access, odd)  # type: ignore[arg-type]
    assert (await rules.sessions.open(realm, begun.handle, "cookie")).session.idle == realm.session_idle
