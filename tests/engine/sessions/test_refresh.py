"""Refresh tokens: one use wins, the same client may repeat it, anything else is a theft."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sojourn.core.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from sojourn.core.errors import OutcomeUnknown, SessionEnded, StoreUnavailable, TokenRefused
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.engine.tokens.refresh import RefreshToken
from sojourn.model.realm import Realm
from sojourn.model.session import Device, Identity
from sojourn.model.user import Account, account_identity
from sojourn.stores.memory import MemoryStore
from tests.engine.sessions.conftest import Start, realm_of

pytestmark = pytest.mark.anyio

REALMS: Mapping[str, dict[str, Any]] = {
    "acme": {"refresh_lifetime": 2 * DAY, "session_idle": 0, "session_lifetime": 30 * DAY},
    "beta": {"refresh_lifetime": 2 * DAY},
    "none": {},
}
PHONE, LAPTOP, NOBODY = frozenset({"client:phone"}), frozenset({"client:laptop"}), frozenset[str]()


@pytest.fixture(params=["memory", "sqlite"])
async def rules(request: pytest.FixtureRequest, start: Start) -> Rules:
    return await start(realms=REALMS, memory=MemoryStore() if request.param == "memory" else None)


async def offered(rules: Rules, realm: Realm, begun: Begun, client: frozenset[str] = PHONE) -> str:
    token = await rules.refreshes.offer(realm, begun.session, client)
    assert token is not None
    return token.text


async def use(rules: Rules, realm: Realm, text: str, client: frozenset[str] = PHONE) -> RefreshToken:
    return (await rules.refreshes.use(realm, text, client)).successor


async def refused(rules: Rules, realm: Realm, text: str, client: frozenset[str] = PHONE) -> str:
    try:
        await rules.refreshes.use(realm, text, client)
    except (TokenRefused, SessionEnded) as error:
        return error.reason
    return "nothing was refused"


async def test_a_use_gives_an_access_token_of_the_same_session_and_a_successor(
    rules: Rules, realm: Realm, begun: Begun, clock: ManualClock
) -> None:
    text = await offered(rules, realm, begun)
    clock.advance(HOUR)
    done = await rules.refreshes.use(realm, text, PHONE)
    claims = await rules.tokens.verify(realm, done.issued.token)
    access = await rules.sessions.open_token(realm, claims)
    assert (access.session.id, sorted(access.scope)) == (begun.session.id, ["cart.read", "cart.write"])
    assert not access.delegated
    assert done.issued.expires_at == clock.now() + HOUR
    assert done.successor.expires_at == clock.now() + 2 * DAY
    assert done.successor.text.startswith("sjr_")
    assert done.successor.text != text
    again = await rules.refreshes.use(realm, done.successor.text, PHONE)
    assert again.access.session.id == begun.session.id


async def test_nothing_of_a_token_lies_in_the_store(rules: Rules, realm: Realm, begun: Begun, project: Path) -> None:
    text = await offered(rules, realm, begun)
    successor = await use(rules, realm, text)
    kept = repr(vars(rules.store)).encode() if isinstance(rules.store, MemoryStore) else b""
    kept += b"".join(path.read_bytes() for path in (project / "var").iterdir())
    for shown in (text, successor.text):
        assert shown.encode() not in kept
        assert shown[4:40].encode() not in kept


async def test_twenty_uses_at_once_by_one_client_lead_to_one_family(rules: Rules, realm: Realm, begun: Begun) -> None:
    text = await offered(rules, realm, begun)
    found = await asyncio.gather(*(use(rules, realm, text) for _ in range(20)))
    assert len({token.text for token in found}) == 1
    assert (await use(rules, realm, found[0].text)).text != found[0].text


async def test_twenty_uses_at_once_by_strangers_end_the_session(rules: Rules, realm: Realm, begun: Begun) -> None:
    text = await offered(rules, realm, begun, NOBODY)
    uses = (rules.refreshes.use(realm, text, NOBODY) for _ in range(20))
    found = await asyncio.gather(*uses, return_exceptions=True)
    assert sum(not isinstance(one, Exception) for one in found) <= 1
    with pytest.raises(SessionEnded) as ended:
        await rules.sessions.open(realm, begun.handle, "cookie")
    assert ended.value.reason == "refresh-reused"


async def test_the_same_client_gets_the_same_successor_for_half_a_minute(
    rules: Rules, realm: Realm, begun: Begun, clock: ManualClock
) -> None:
    text = await offered(rules, realm, begun)
    first = await use(rules, realm, text)
    clock.advance(30 * SECOND)
    assert await use(rules, realm, text) == first
    clock.advance(1)
    assert await refused(rules, realm, text) == "refresh-reused"
    assert await refused(rules, realm, first.text) == "refresh-reused"


THEFTS: Mapping[str, Callable[[frozenset[str]], frozenset[str]]] = {
    "another client": lambda _: LAPTOP,
    "a client of which nothing is known": lambda _: NOBODY,
}


@pytest.mark.parametrize("thief", THEFTS.values(), ids=THEFTS)
async def test_a_second_use_by_another_client_ends_the_session(
    rules: Rules, realm: Realm, begun: Begun, thief: Callable[[frozenset[str]], frozenset[str]]
) -> None:
    text = await offered(rules, realm, begun)
    successor = await use(rules, realm, text)
    assert await refused(rules, realm, text, thief(PHONE)) == "refresh-reused"
    assert await refused(rules, realm, successor.text) == "refresh-reused"
    with pytest.raises(SessionEnded):
        await rules.sessions.open(realm, begun.handle, "cookie")
    tombstone = await rules.sessions.why(realm, begun.session.id)
    assert tombstone is not None
    assert tombstone.end.reason == "refresh-reused"


async def test_who_comes_second_to_a_thief_notices(rules: Rules, realm: Realm, begun: Begun) -> None:
    text = await offered(rules, realm, begun)
    await use(rules, realm, text, LAPTOP)
    assert await refused(rules, realm, text) == "refresh-reused"


async def test_a_repeat_after_the_successor_was_used_ends_the_session(rules: Rules, realm: Realm, begun: Begun) -> None:
    text = await offered(rules, realm, begun)
    successor = await use(rules, realm, text)
    await use(rules, realm, successor.text)
    assert await refused(rules, realm, text) == "refresh-reused"


async def test_a_client_of_which_nothing_is_known_cannot_repeat(rules: Rules, realm: Realm, begun: Begun) -> None:
    text = await offered(rules, realm, begun, NOBODY)
    await use(rules, realm, text, NOBODY)
    assert await refused(rules, realm, text, NOBODY) == "refresh-reused"


class Dies(MemoryStore):
    """A store whose next ``put`` never comes: the engine dies between the two writes, as it were."""

    dies = False

    async def put(self, *args: Any) -> bool:
        if self.dies:
            self.dies = False
            raise OutcomeUnknown
        return await super().put(*args)


async def test_who_lost_the_answer_to_a_dead_engine_repeats(start: Start, clock: ManualClock) -> None:
    store = Dies()
    rules = await start(realms=REALMS, memory=store)
    realm = realm_of(rules)
    account = await rules.users.add("main", "anna", "correct horse battery")
    begun = await rules.sessions.begin(realm, account_identity(account, 0), Device())
    for thief, reason in ((PHONE, ""), (LAPTOP, "refresh-reused")):
        text = await offered(rules, realm, begun)
        store.dies = True
        with pytest.raises(OutcomeUnknown):
            await use(rules, realm, text)
        clock.advance(10 * SECOND)
        if reason:
            assert await refused(rules, realm, text, thief) == reason
        else:
            assert (await use(rules, realm, text, thief)).text != text


async def test_it_dies_with_its_session(rules: Rules, realm: Realm, begun: Begun) -> None:
    text = await offered(rules, realm, begun)
    access = await rules.sessions.open(realm, begun.handle, "cookie")
    await rules.sessions.end(access)
    assert await refused(rules, realm, text) == "logout"


async def test_it_is_a_handle_of_one_epoch(rules: Rules, realm: Realm, anna: Account, begun: Begun) -> None:
    text = await offered(rules, realm, begun)
    access = await rules.sessions.open(realm, begun.handle, "cookie")
    await rules.sessions.rotate(access, account_identity(anna, 5), Device(), keep=None)
    assert await refused(rules, realm, text) == "stale"
    assert await refused(rules, realm, text, LAPTOP) == "stale"


@pytest.mark.parametrize("act", ["account", "realm", "everything"])
async def test_no_token_of_before_survives_the_end_of_all(
    rules: Rules, realm: Realm, anna: Account, begun: Begun, act: str
) -> None:
    """`architecture.md` §4: the fences of user, realm and everyone are not-before marks of JWTs and refresh tokens."""
    text = await offered(rules, realm, begun)
    issued = await rules.tokens.issue(realm, begun.session, scope=None, expires_at=rules.clock.now() + HOUR)
    claims = await rules.tokens.verify(realm, issued.token)
    if act == "account":
        await rules.sessions.end_all(None, anna.key, "dropped", actor="olga")
    elif act == "realm":
        await rules.sessions.end_realm(realm, "ended-everywhere", actor="olga")
    else:
        await rules.sessions.end_everything("ended-everywhere", actor="olga")
    with pytest.raises(SessionEnded):
        await rules.sessions.open_token(realm, claims)
    assert await refused(rules, realm, text) in {"dropped", "ended-everywhere"}
    later = await rules.sessions.begin(realm, account_identity(anna, 9), Device())
    fresh = await offered(rules, realm, later)
    await use(rules, realm, fresh)


async def test_it_ends_at_its_very_instant_and_never_after_the_session(
    rules: Rules, realm: Realm, begun: Begun, clock: ManualClock
) -> None:
    text = await offered(rules, realm, begun)
    clock.advance(2 * DAY - 1)
    text = (await use(rules, realm, text)).text
    clock.advance(2 * DAY)
    assert await refused(rules, realm, text) == "refresh"
    late = await offered(rules, realm, begun)
    clock.advance(begun.session.absolute - clock.now() - DAY)
    late_token = await rules.refreshes.offer(realm, begun.session, PHONE)
    assert late_token is not None
    assert late_token.expires_at == begun.session.absolute
    assert await refused(rules, realm, late) == "refresh"


async def test_in_another_realm_it_is_unknown(rules: Rules, realm: Realm, begun: Begun) -> None:
    text = await offered(rules, realm, begun)
    assert await refused(rules, realm_of(rules, "beta"), text) == "refresh"
    await use(rules, realm, text)


async def test_where_none_is_offered_there_is_none(rules: Rules, anna: Account) -> None:
    place = realm_of(rules, "none")
    begun = await rules.sessions.begin(place, account_identity(anna, 0), Device())
    assert await rules.refreshes.offer(place, begun.session) is None


@pytest.mark.parametrize("text", ["", "sjr_", "sjr_" + "A" * 49, "sjt_" + "A" * 49, "é", "x" * 10_000])
async def test_what_is_no_refresh_token_costs_no_look(rules: Rules, realm: Realm, text: str) -> None:
    assert await refused(rules, realm, text) == "form"


async def test_it_outlives_the_rotation_of_keys_but_not_the_revocation(
    rules: Rules, realm: Realm, begun: Begun, clock: ManualClock
) -> None:
    text = await offered(rules, realm, begun)
    first = await rules.keys.active(realm)
    await rules.key_life.rotate(realm)
    clock.advance(HOUR)
    await rules.key_life.rotate(realm)
    clock.advance(10 * MINUTE)
    await rules.key_life.tend()
    text = (await use(rules, realm, text)).text
    clock.advance(HOUR)
    text = (await use(rules, realm, text)).text
    assert (await rules.key_life.list(realm))[0].state == "retired"
    assert first.kid != (await rules.keys.active(realm)).kid
    await rules.key_life.revoke(realm, (await rules.keys.active(realm)).kid)
    assert await refused(rules, realm, text) in {"key", "revoked"}


async def test_a_store_that_cannot_be_asked_gives_nothing(start: Start) -> None:
    class Away(MemoryStore):
        async def take(self, *args: Any, **options: Any) -> Any:
            raise StoreUnavailable

    rules = await start(realms=REALMS, memory=Away())
    realm = realm_of(rules)
    begun = await rules.sessions.begin(realm, Identity(), Device())
    text = await offered(rules, realm, begun)
    with pytest.raises(StoreUnavailable):
        await rules.refreshes.use(realm, text, PHONE)
