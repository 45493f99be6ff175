"""AuthTokens: who hands on what, what it opens, and how it dies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sojourn.core.clock import DAY, HOUR, MINUTE, ManualClock
from sojourn.core.errors import (
    AuthTokenRefused,
    DelegatedHandle,
    FreshLoginRequired,
    InsufficientScope,
    SessionEnded,
    StaleSession,
    StoreUnavailable,
    TransientSession,
    Unauthorized,
)
from sojourn.engine.live import Session
from sojourn.engine.passwords.credentials import AccountUnusable
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import HOST, Actor
from sojourn.engine.tokens import authtokens
from sojourn.engine.tokens.records import TokenRecord
from sojourn.engine.tokens.rules import (
    AuthTokenExpiry,
    AuthTokenFixed,
    AuthTokenUnknown,
    NoAccountToDelegate,
    TooManyAuthTokens,
)
from sojourn.model.realm import Realm
from sojourn.model.session import Device, Identity
from sojourn.model.token import AuthToken
from sojourn.model.user import Account, account_identity, external_identity
from tests.engine.sessions.conftest import PASSWORD, Start, realm_of

pytestmark = pytest.mark.anyio

Face = Callable[..., Awaitable[Session]]


@pytest.fixture
async def face(rules: Rules, anna: Account, clock: ManualClock) -> Face:
    """Makes a session: of anna, of nobody, or with what bearer text."""

    async def make(text: str = "", *, realm: str = "acme", anonymous: bool = False) -> Session:
        place = realm_of(rules, realm)
        if text:
            return Session(rules, await rules.bearers.open(place, text, "192.0.2.9"))
        identity = Identity() if anonymous else account_identity(anna, clock.now())
        begun = await rules.sessions.begin(place, identity, Device(address="192.0.2.7"))
        return Session(rules, await rules.sessions.open(place, begun.handle, "python"), begun.handle)

    return make


async def refused(coming: Awaitable[object], reason: str) -> None:
    with pytest.raises(AuthTokenRefused) as caught:
        await coming
    assert caught.value.reason == reason
    assert caught.value.message == "The token was refused."


# --- authorizing ------------------------------------------------------------------------------------------------


async def test_21_10_a_token_opens_a_session_as_the_user_who_authorized_it(face: Face, anna: Account) -> None:
    """§21 (10), as Bearer and through login_by_auth_token."""
    owner, other = await face(), await face(anonymous=True)
    text = await owner.authorize_token(AuthToken("cart.read"))
    bearer = await face(text)
    assert (bearer.user_key, bearer.user_name, set(bearer.scope)) == (anna.key, "anna", {"cart.read"})
    before = other.handle
    await other.login_by_auth_token(text)
    assert (other.user_key, set(other.scope), other.delegated) == (anna.key, {"cart.read"}, True)
    assert other.id == str(before).partition(".")[0]
    assert other.handle != before


async def test_21_9_it_lives_30_days_and_with_none_until_it_is_revoked(
    face: Face, rules: Rules, clock: ManualClock
) -> None:
    """§21 (9) and (14): at the very instant it is dead."""
    await rules.grants.grant("anna", "security.permanentToken")
    owner = await face()
    usual, permanent = AuthToken("cart.read"), AuthToken("cart.read", expires=None)
    short_text, long_text = await owner.authorize_token(usual), await owner.authorize_token(permanent)
    assert usual.expires == clock.now() + 30 * DAY
    clock.advance(30 * DAY - 1)
    await face(short_text)
    clock.advance(1)
    await refused(face(short_text), "expired")
    clock.advance(3_000 * DAY)
    assert (await face(long_text)).scope == {"cart.read"}


async def test_for_ever_and_for_more_than_a_year_need_the_scope_for_it(face: Face, clock: ManualClock) -> None:
    owner = await face()
    for expires in (None, clock.now() + 367 * DAY):
        with pytest.raises(InsufficientScope, match=r"security\.permanentToken"):
            await owner.authorize_token(AuthToken("cart.read", expires=expires))
    with pytest.raises(AuthTokenExpiry):
        await owner.authorize_token(AuthToken("cart.read", expires=clock.now()))


async def test_for_ever_in_one_realm_is_not_for_ever_in_another(face: Face, rules: Rules, clock: ManualClock) -> None:
    token = AuthToken("cart.read")
    await (await face(realm="beta")).authorize_token(token)
    await rules.grants.grant("anna", "security.permanentToken", realm_of(rules, "acme").id)
    token.expires = None
    for elsewhere in (await face(realm="acme"), await face(realm="beta")):
        with pytest.raises(InsufficientScope, match=r"security\.permanentToken"):
            await elsewhere.update_auth_token(token)
    await rules.grants.grant("anna", "security.permanentToken", realm_of(rules, "beta").id)
    await (await face(realm="beta")).update_auth_token(token)
    assert (await rules.auth_tokens.get(token.key or 0)).expires is None


async def test_nothing_is_handed_on_that_who_asks_has_not(face: Face) -> None:
    owner = await face()
    with pytest.raises(InsufficientScope):
        await owner.authorize_token(AuthToken("cart.read cart.admin"))
    assert (await face(await owner.authorize_token(AuthToken("")))).scope == frozenset()


async def test_nobody_and_external_principals_hand_on_nothing(face: Face, rules: Rules, realm: Realm) -> None:
    with pytest.raises(Unauthorized):
        await (await face(anonymous=True)).authorize_token(AuthToken(""))
    identity = external_identity("shop", "u-1", ("cart.read",), "", 0)
    begun = await rules.sessions.begin(realm, identity, Device())
    external = Session(rules, await rules.sessions.open(realm, begun.handle, "python"))
    with pytest.raises(NoAccountToDelegate):
        await external.authorize_token(AuthToken("cart.read"))


async def test_an_old_login_authorizes_updates_and_revokes_nothing(face: Face, clock: ManualClock) -> None:
    owner = await face()
    token = AuthToken("cart.read")
    await owner.authorize_token(token)
    clock.advance(10 * MINUTE + 1)
    for act in (owner.authorize_token(token), owner.update_auth_token(token), owner.revoke_auth_token_by_key(1)):
        with pytest.raises(FreshLoginRequired) as caught:
            await act
        assert caught.value.max_age == 10 * MINUTE


async def test_the_effective_scope_is_what_the_account_has_now(face: Face, rules: Rules) -> None:
    text = await (await face()).authorize_token(AuthToken("cart.read cart.write"))
    await rules.grants.revoke("anna", "cart.write")
    assert (await face(text)).scope == {"cart.read"}


async def test_a_token_of_one_realm_is_unknown_in_another_and_needs_root_for_all(
    face: Face, rules: Rules, anna: Account
) -> None:
    owner = await face()
    text = await owner.authorize_token(AuthToken("cart.read"))
    await refused(face(text, realm="beta"), "unknown")
    actor = await rules.actors.of(owner.access)
    with pytest.raises(InsufficientScope):
        await rules.auth_tokens.authorize(actor, anna, AuthToken("cart.read"), "*", access=owner.access)
    await rules.grants.grant("anna", "security.root")
    owner = await face()
    actor = await rules.actors.of(owner.access)
    done = await rules.auth_tokens.authorize(actor, anna, AuthToken("cart.read"), "*", access=owner.access)
    assert (await face(done.text, realm="beta")).scope == {"cart.read"}


async def test_what_is_stored_opens_nothing_and_holds_no_text(face: Face, rules: Rules, project: Path) -> None:
    text = await (await face()).authorize_token(AuthToken("cart.read"))
    assert text.startswith("sjt_")
    await rules.token_uses.close()
    raw = b"".join(file.read_bytes() for file in (project / "var").glob("engine.db*"))
    assert text.encode() not in raw
    assert text[4:47].encode() not in raw


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text + "=",
        lambda text: text[:-1],
        lambda text: text[:-1] + ("a" if text[-1] != "a" else "b"),
        lambda text: text[:10] + ("a" if text[10] != "a" else "b") + text[11:],
        lambda text: " " + text,
        lambda text: text.upper(),
        lambda text: text + "\n",
    ],
)
async def test_padding_a_wrong_checksum_and_every_other_form_are_unknown(
    face: Face, spoil: Callable[[str], str], rules: Rules, realm: Realm
) -> None:
    text = await (await face()).authorize_token(AuthToken("cart.read"))
    await refused(rules.sessions.transients.open_token(realm, spoil(text)), "unknown")


async def test_an_account_has_so_many_live_tokens_at_most(
    face: Face, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    monkeypatch.setattr("sojourn.engine.tokens.issuing.MOST_LIVE", 2)
    owner = await face()
    for _ in range(2):
        await owner.authorize_token(AuthToken("", expires=clock.now() + MINUTE))
    with pytest.raises(TooManyAuthTokens):
        await owner.authorize_token(AuthToken(""))
    clock.advance(MINUTE)
    await owner.authorize_token(AuthToken(""))


# --- restore, update, revoke, list ------------------------------------------------------------------------------


async def test_21_12_only_description_and_expires_can_change(face: Face, rules: Rules, clock: ManualClock) -> None:
    """§21 (12)."""
    owner = await face()
    text = await owner.authorize_token(AuthToken("cart.read", "opaque"))
    token = await rules.auth_tokens.restore(text)
    token.description, token.expires = "for the night", clock.now() + HOUR
    await owner.update_auth_token(token)
    again = await rules.auth_tokens.restore(text)
    assert (again.description, again.expires) == ("for the night", clock.now() + HOUR)
    assert (again.scope, again.data, again.user_key, again.key) == ("cart.read", "opaque", owner.user_key, token.key)
    for name, value in (("scope", "cart.read cart.write"), ("data", "else"), ("user_key", 99)):
        token = await rules.auth_tokens.restore(text)
        setattr(token, name, value)
        with pytest.raises(AuthTokenFixed):
            await owner.update_auth_token(token)
    token = await rules.auth_tokens.restore(text)
    token.expires = None
    with pytest.raises(InsufficientScope):
        await owner.update_auth_token(token)


async def test_21_13_a_revoked_token_is_refused_from_the_next_request_on(
    face: Face, rules: Rules, start: Start
) -> None:
    """§21 (13), in another process too, and when this one does nothing more after its commit."""
    elsewhere = await start()
    owner, other = await face(), await face(anonymous=True)
    token = AuthToken("cart.read")
    text = await owner.authorize_token(token)
    await elsewhere.bearers.open(realm_of(elsewhere), text)
    running = await face(text)
    await rules.db.write(
        lambda connection: authtokens.revoke_all_of(connection, owner.user_key, rules.clock.now(), "stolen")
    )
    await refused(elsewhere.bearers.open(realm_of(elsewhere), text), "revoked")
    await refused(other.login_by_auth_token(text), "revoked")
    assert (other.user_key, other.scope) == (-1, frozenset())
    with pytest.raises(SessionEnded) as caught:
        await running.check()
    assert caught.value.reason == "token-revoked"
    await refused(rules.auth_tokens.restore(text), "revoked")


async def test_20_parallel_revokes_are_one_revocation(face: Face, rules: Rules) -> None:
    owner, token = await face(), AuthToken("cart.read")
    await owner.authorize_token(token)
    actor = await rules.actors.of(owner.access)
    done = await asyncio.gather(*(rules.auth_tokens.revoke(actor, token.key, access=owner.access) for _ in range(20)))
    assert sorted(done) == [False] * 19 + [True]
    events = await rules.audit.recent(50)
    assert sum(event.kind == "TOKEN_REVOKE" for event in events) == 1


async def test_tokens_of_others_need_the_right_and_all_that_their_owner_has(
    face: Face, rules: Rules, anna: Account
) -> None:
    token = AuthToken("cart.read")
    await (await face()).authorize_token(token)
    weak = Actor("carl", 77, frozenset({"security.manageTokens"}))
    for actor in (Actor("dora", 78), weak):
        with pytest.raises(InsufficientScope):
            await rules.auth_tokens.revoke(actor, token.key)
    strong = Actor("carl", 77, frozenset({"security.manageTokens", "cart.read", "cart.write"}))
    assert await rules.auth_tokens.revoke(strong, token.key)
    with pytest.raises(AuthTokenUnknown):
        await rules.auth_tokens.revoke(strong, 4_711)
    with pytest.raises(AuthTokenUnknown):
        await rules.auth_tokens.revoke(strong, "sjt_nothing")


async def test_whoever_shows_the_text_may_revoke_it(face: Face, rules: Rules) -> None:
    text = await (await face()).authorize_token(AuthToken("cart.read"))
    assert await rules.auth_tokens.revoke(Actor("dora", 78), text)
    await refused(face(text), "revoked")


async def test_uses_are_listed_to_the_owner_and_audited_where_they_are_new(
    face: Face, rules: Rules, realm: Realm, clock: ManualClock, anna: Account
) -> None:
    text = await (await face()).authorize_token(AuthToken("cart.read"))
    (listed,) = await rules.auth_tokens.list(anna.key)
    assert (listed.used.last, listed.used.uses) == (None, 0)
    for address in ("192.0.2.9", "192.0.2.10", "192.0.2.9", "198.51.100.1"):
        await rules.bearers.open(realm, text, address)
    clock.advance(MINUTE)
    await rules.bearers.open(realm, text, "192.0.2.9")
    assert await rules.token_uses.flush() == 1
    (listed,) = await rules.auth_tokens.list(anna.key)
    assert (listed.used.last, listed.used.uses, listed.used.address) == (clock.now(), 5, "192.0.2.9")
    uses = [event for event in await rules.audit.recent() if event.kind == "TOKEN_USE"]
    assert [event.address for event in uses] == ["198.51.100.1", "192.0.2.9"]
    assert text not in str(await rules.audit.recent())


async def test_using_a_token_does_not_raise_the_generation(face: Face, rules: Rules, realm: Realm) -> None:
    text = await (await face()).authorize_token(AuthToken("cart.read"))
    before = (await rules.facts.current()).generation
    await rules.bearers.open(realm, text, "192.0.2.9")
    await rules.token_uses.flush(now=True)
    assert (await rules.facts.current()).generation == before


# --- what ends with what ----------------------------------------------------------------------------------------


async def test_a_session_that_a_token_logged_in_ends_with_it(face: Face, rules: Rules, clock: ManualClock) -> None:
    owner = await face()
    revoked, expiring = AuthToken("cart.read"), AuthToken("cart.read", expires=clock.now() + MINUTE)
    first, second = await face(anonymous=True), await face(anonymous=True)
    await first.login_by_auth_token(await owner.authorize_token(revoked))
    await second.login_by_auth_token(await owner.authorize_token(expiring))
    await first.fields.put(a=1)
    await owner.revoke_auth_token_by_key(revoked.key)
    clock.advance(MINUTE)
    for session in (first, second):
        with pytest.raises(SessionEnded) as caught:
            await session.fields.put(a=2)
        assert caught.value.reason == "token-revoked"
    await owner.check()


async def test_the_fence_alone_ends_it_when_the_revoking_process_died(face: Face, rules: Rules) -> None:
    owner, session = await face(), await face(anonymous=True)
    await session.login_by_auth_token(await owner.authorize_token(AuthToken("cart.read")))
    await rules.db.write(lambda connection: authtokens.revoke_all_of(connection, owner.user_key, 1, "stolen"))
    for act in (session.check, session.fields.all):
        with pytest.raises(SessionEnded) as caught:
            await act()
        assert caught.value.reason == "token-revoked"


async def test_a_disabled_user_and_a_missing_login_scope_refuse_the_token(
    face: Face, rules: Rules, anna: Account
) -> None:
    text = await (await face()).authorize_token(AuthToken("cart.read"))
    gate = await rules.auth_tokens.authorize(HOST, anna, AuthToken("cart.read"), "*")
    await refused(face(gate.text, realm="gate"), "user-unusable")
    await rules.grants.grant("anna", "gate.enter")
    await face(gate.text, realm="gate")
    await refused(face(gate.text, realm="apart"), "user-unusable")
    await rules.users.set_state(anna.key, "disabled")
    await refused(face(text), "user-unusable")
    await rules.users.delete(anna.key)
    await refused(face(text), "user-unusable")


async def test_a_lock_stops_new_logins_and_not_what_was_handed_on(face: Face, rules: Rules, anna: Account) -> None:
    text = await (await face()).authorize_token(AuthToken("cart.read"))
    other = await face(anonymous=True)
    await rules.users.set_state(anna.key, "locked")
    assert (await face(text)).scope == {"cart.read"}
    await refused(other.login_by_auth_token(text), "user-unusable")


async def test_tokens_of_sessions_are_revoked_with_these(face: Face, rules: Rules, clock: ManualClock) -> None:
    one, two = await face(), await face()
    texts = [await session.authorize_token(AuthToken("cart.read")) for session in (one, two)]
    key = one.user_key
    gone = await rules.db.write(
        lambda connection: authtokens.revoke_of_sessions(connection, key, {one.id}, clock.now())
    )
    assert len(gone) == 1
    await refused(face(texts[0]), "revoked")
    await face(texts[1])
    await rules.db.write(lambda connection: authtokens.revoke_of_sessions(connection, key, None, clock.now()))
    await refused(face(texts[1]), "revoked")


async def test_a_token_authorized_while_everything_of_the_user_ended_is_not_written(
    face: Face, rules: Rules, anna: Account
) -> None:
    owner = await face()
    actor = await rules.actors.of(owner.access)
    await rules.sessions.end_all(None, anna.key, "ended-everywhere", actor="op")
    with pytest.raises(SessionEnded):
        await owner.authorize_token(AuthToken("cart.read"))
    with pytest.raises(StaleSession):
        await rules.auth_tokens.authorize(actor, anna, AuthToken("cart.read"), owner.realm.id, access=owner.access)
    assert await rules.auth_tokens.list(anna.key) == []


# --- delegated handles ------------------------------------------------------------------------------------------


async def test_a_child_is_narrower_no_longer_and_dies_with_its_parent(face: Face, clock: ManualClock) -> None:
    owner = await face()
    parent = AuthToken("cart.read", expires=clock.now() + HOUR)
    delegated = await face(await owner.authorize_token(parent))
    with pytest.raises(InsufficientScope):
        await delegated.authorize_token(AuthToken("cart.write"))
    with pytest.raises(AuthTokenExpiry):
        await delegated.authorize_token(AuthToken("cart.read", expires=clock.now() + HOUR + 1))
    child = AuthToken("cart.read")
    text = await delegated.authorize_token(child)
    assert child.expires == parent.expires
    logged_in = await face(anonymous=True)
    await logged_in.login_by_auth_token(text)
    grandchild = await logged_in.authorize_token(AuthToken(""))
    await face(grandchild)
    await owner.revoke_auth_token_by_key(parent.key)
    await refused(face(text), "revoked")
    await refused(face(grandchild), "revoked")
    with pytest.raises(SessionEnded):
        await logged_in.check()


async def test_a_shorter_parent_shortens_its_children(face: Face, clock: ManualClock) -> None:
    owner, parent = await face(), AuthToken("cart.read")
    delegated = await face(await owner.authorize_token(parent))
    text = await delegated.authorize_token(AuthToken("cart.read"))
    parent.expires = clock.now() + MINUTE
    await owner.update_auth_token(parent)
    clock.advance(MINUTE)
    await refused(face(text), "expired")


async def test_a_delegated_handle_touches_no_token_but_its_own_and_its_children(face: Face, clock: ManualClock) -> None:
    owner, mine, other = await face(), AuthToken("cart.read", expires=clock.now() + HOUR), AuthToken("cart.read")
    delegated = await face(await owner.authorize_token(mine))
    await owner.authorize_token(other)
    with pytest.raises(DelegatedHandle):
        await delegated.revoke_auth_token_by_key(other.key)
    mine.expires = clock.now() + DAY
    with pytest.raises(DelegatedHandle):
        await delegated.update_auth_token(mine)
    child = AuthToken("cart.read")
    await delegated.authorize_token(child)
    child.description = "a child"
    await delegated.update_auth_token(child)
    await delegated.revoke_auth_token_by_key(child.key)
    await delegated.revoke_auth_token_by_key(mine.key)
    with pytest.raises(SessionEnded):
        await delegated.check()


async def test_a_narrower_jwt_hands_nothing_on(face: Face, rules: Rules, realm: Realm) -> None:
    owner = await face()
    narrow = await face(await owner.token(scope=["cart.read"]))
    assert narrow.delegated
    with pytest.raises(DelegatedHandle):
        await narrow.authorize_token(AuthToken("cart.read"))
    whole = await face(await owner.token())
    await whole.authorize_token(AuthToken("cart.read"))


async def test_what_has_no_record_has_no_fields_and_no_end(face: Face, rules: Rules, realm: Realm) -> None:
    bearer = await face(await (await face()).authorize_token(AuthToken("cart.read")))
    before = len(await rules.sessions.list(realm))
    for act in (
        bearer.fields.get("a"),
        bearer.fields.put(a=1),
        bearer.end(),
        bearer.token(),
        bearer.set_timeout(5),
        bearer.new_session_token("cart.read"),
    ):
        with pytest.raises(TransientSession):
            await act
    assert (bearer.id, len(await rules.sessions.list(realm))) == ("", before)


# --- impersonation ----------------------------------------------------------------------------------------------


async def test_a_token_in_the_name_of_another_has_what_both_have_and_says_who_acts(
    face: Face, rules: Rules, anna: Account, realm: Realm
) -> None:
    boss = await rules.users.add("main", "boss", PASSWORD)
    actor = Actor("boss", boss.key, frozenset({"security.issueImpersonationToken", "cart.read"}), {})
    with pytest.raises(InsufficientScope):
        await rules.auth_tokens.authorize(actor, anna, AuthToken("cart.read"), realm.id)
    for scope in ("security.issueImpersonationToken", "cart.read", "cart.write"):
        await rules.grants.grant("boss", scope)
    scopes = await rules.actors.scopes(boss.key)
    actor = Actor("boss", boss.key, scopes["*"], scopes)
    done = await rules.auth_tokens.authorize(actor, anna, AuthToken("cart.read cart.write"), realm.id)
    await rules.grants.revoke("boss", "cart.write")
    bearer, session = await face(done.text), await face(anonymous=True)
    await session.login_by_auth_token(done.text)
    for acting in (bearer, session, await face(await session.token())):
        assert (acting.user_name, acting.actor) == ("anna", "boss")
        assert (set(acting.scope), acting.delegated) == ({"cart.read"}, True)
    await rules.users.set_state(boss.key, "disabled")
    await refused(face(done.text), "user-unusable")
    with pytest.raises(SessionEnded) as caught:
        await session.check()
    assert caught.value.reason == "token-revoked"
    assert "IMPERSONATION" in {event.kind for event in await rules.audit.recent()}


# --- login, logout ----------------------------------------------------------------------------------------------


async def test_21_2_and_3_login_says_whether_it_was_right_and_changes_nothing_otherwise(
    face: Face, anna: Account
) -> None:
    """§21 (1), (2), (3)."""
    session = await face(anonymous=True)
    assert (session.user_key, session.user_name, session.scope) == (-1, "anonymous", frozenset())
    handle = session.handle
    assert await session.login("anna", "wrong") is False
    assert (session.user_key, session.handle) == (-1, handle)
    await session.check()
    assert await session.login("anna", PASSWORD) is True
    assert (session.user_key, set(session.scope)) == (anna.key, {"cart.read", "cart.write"})
    assert session.handle is not None
    assert session.handle.id == str(handle).partition(".")[0]


async def test_21_4_and_5_a_mail_address_logs_in_and_a_locked_account_raises(face: Face, rules: Rules) -> None:
    """§21 (4), (5)."""
    eve = await rules.users.add("main", "eve", PASSWORD, "eve@example.org")
    session = await face(anonymous=True)
    assert await session.login("Eve@Example.org", PASSWORD)
    await rules.users.set_state(eve.key, "locked")
    with pytest.raises(AccountUnusable):
        await session.login("eve", PASSWORD)
    assert await session.login("eve", "wrong") is False
    assert session.user_name == "eve"


async def test_21_7_a_login_by_token_has_the_scope_of_the_token(face: Face) -> None:
    """§21 (7)."""
    owner, session = await face(), await face(anonymous=True)
    assert owner.scope == {"cart.read", "cart.write"}
    await session.login_by_auth_token(await owner.authorize_token(AuthToken("cart.read")))
    assert session.scope == {"cart.read"}


async def test_21_6_logout_ends_the_identity_and_keeps_the_record(face: Face, rules: Rules, realm: Realm) -> None:
    """§21 (6): nobody, no scope, no fields; JWTs and the old handle are dead; a new login may follow."""
    session = await face()
    await session.fields.put(cart=1)
    jwt, old = await session.token(), session.handle
    await session.logout()
    assert (session.user_key, session.scope, await session.fields.all()) == (-1, frozenset(), {})
    assert session.handle is not None
    assert old is not None
    assert session.handle.id == old.id
    for dead in (face(jwt), rules.sessions.open(realm, old, "python")):
        with pytest.raises(Unauthorized):
            await dead
    assert await session.login("anna", PASSWORD)
    await session.logout()
    await session.logout()


async def test_a_login_as_another_user_drops_the_fields_and_as_the_same_keeps_them(face: Face, rules: Rules) -> None:
    await rules.users.add("main", "ben", PASSWORD)
    session = await face()
    await session.fields.put(cart=1)
    assert await session.login("anna", PASSWORD)
    assert await session.fields.get("cart") == 1
    assert await session.login("ben", PASSWORD)
    assert await session.fields.all() == {}


async def test_a_login_without_a_record_changes_this_execution_only(face: Face, rules: Rules) -> None:
    await rules.users.add("main", "ben", PASSWORD)
    text = await (await face()).authorize_token(AuthToken("cart.read"))
    bearer = await face(text)
    assert await bearer.login("ben", PASSWORD)
    assert (bearer.user_name, bearer.handle) == ("ben", None)
    await bearer.logout()
    assert (bearer.user_key, bearer.scope) == (-1, frozenset())
    assert (await face(text)).user_name == "anna"


async def test_a_refused_token_leaves_the_identity(face: Face, rules: Rules) -> None:
    session = await face()
    await refused(session.login_by_auth_token("sjt_nothing"), "unknown")
    await session.check()
    assert session.user_name == "anna"
    failed = [event for event in await rules.audit.recent() if event.kind == "REMOTE_LOGIN_FAIL"]
    assert len(failed) == 1


async def test_a_change_of_the_description_does_not_undo_a_shorter_life(
    face: Face, rules: Rules, clock: ManualClock
) -> None:
    owner = await face()
    text = await owner.authorize_token(AuthToken("cart.read"))
    stale, shorter = await rules.auth_tokens.restore(text), await rules.auth_tokens.restore(text)
    record = await rules.auth_tokens.get(stale.key)
    shorter.expires = clock.now() + MINUTE

    async def meanwhile(_key: int) -> TokenRecord:
        return record

    await owner.update_auth_token(shorter)
    stale.description = "else"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules.auth_tokens, "get", meanwhile)
        await owner.update_auth_token(stale)
    again = await rules.auth_tokens.restore(text)
    assert (again.description, again.expires) == ("else", clock.now() + MINUTE)


async def test_uses_are_written_by_every_process_and_add_up(
    face: Face, rules: Rules, start: Start, anna: Account
) -> None:
    text = await (await face()).authorize_token(AuthToken("cart.read"))
    elsewhere = await start()
    for _ in range(3):
        for engine in (rules, elsewhere):
            await engine.bearers.open(realm_of(engine), text, "192.0.2.9")
    await asyncio.gather(*(engine.token_uses.flush(now=True) for engine in (rules, elsewhere)))
    (listed,) = await rules.auth_tokens.list(anna.key)
    assert listed.used.uses == 6
    uses = [event for event in await rules.audit.recent() if event.kind == "TOKEN_USE"]
    assert len(uses) == 1


async def test_a_use_that_cannot_be_audited_is_refused(
    face: Face, rules: Rules, monkeypatch: pytest.MonkeyPatch, realm: Realm
) -> None:
    text = await (await face()).authorize_token(AuthToken("cart.read"))

    async def broken(_work: object) -> None:
        raise StoreUnavailable

    await rules.bearers.open(realm, text, "192.0.2.9")
    monkeypatch.setattr(rules.db, "write", broken)
    await rules.bearers.open(realm, text, "192.0.2.9")
    with pytest.raises(StoreUnavailable):
        await rules.bearers.open(realm, text, "198.51.100.1")
