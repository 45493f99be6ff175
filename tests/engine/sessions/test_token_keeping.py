"""What is left of dead AuthTokens and of the places where tokens were used, to the millisecond."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from sojourn.config.settings import AuditSettings
from sojourn.core.clock import DAY, HOUR, ManualClock
from sojourn.core.errors import AuthTokenRefused
from sojourn.engine.database import schema
from sojourn.engine.files.deploying import Write
from sojourn.engine.live import Session
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import HOST
from sojourn.engine.tokens import keeping as token_keeping
from sojourn.engine.tokens.keeping import TokenKeeping
from sojourn.model.file_path import parse_path
from sojourn.model.realm import Realm
from sojourn.model.session import Device
from sojourn.model.token import AuthToken
from sojourn.model.user import Account, account_identity

pytestmark = pytest.mark.anyio

ADDRESS = "192.0.2.9"


@pytest.fixture
def keeping(rules: Rules) -> TokenKeeping:
    return TokenKeeping(db=rules.db, settings=AuditSettings(keep=40, keep_addresses=3), clock=rules.clock)


@pytest.fixture
async def owner(rules: Rules, realm: Realm, anna: Account, clock: ManualClock) -> Session:
    await rules.grants.grant("anna", "security.permanentToken")
    begun = await rules.sessions.begin(realm, account_identity(anna, clock.now()), Device(address=ADDRESS))
    return Session(rules, await rules.sessions.open(realm, begun.handle, "python"), begun.handle)


async def counts(rules: Rules) -> list[int]:
    """Rows of tokens, scripts, uses and places."""
    tables = (schema.auth_token, schema.auth_token_script, schema.auth_token_use, schema.auth_token_place)
    statements = [select(func.count()).select_from(table) for table in tables]
    return await rules.db.read(lambda connection: [connection.execute(one).scalar_one() for one in statements])


async def test_an_address_of_a_use_goes_at_its_instant_and_the_use_stays(
    rules: Rules, anna: Account, owner: Session, keeping: TokenKeeping, clock: ManualClock
) -> None:
    text = await owner.authorize_token(AuthToken("cart.read", expires=None))
    await rules.bearers.open(owner.access.realm, text, ADDRESS)
    clock.advance(3 * DAY - 1)
    assert await keeping.round() is False
    (listed,) = await rules.auth_tokens.list(anna.key)
    assert listed.used.address == ADDRESS
    assert (await counts(rules))[3] == 1
    clock.advance(1)
    await keeping.round()
    (after,) = await rules.auth_tokens.list(anna.key)
    assert (after.used.address, after.used.uses, after.used.last) == ("", 1, listed.used.last)
    assert (await counts(rules))[3] == 0
    await rules.bearers.open(owner.access.realm, text, ADDRESS)


@pytest.mark.parametrize("dies", ["revoked", "expired"])
async def test_a_dead_token_says_why_for_its_days_and_is_then_unknown(
    rules: Rules, owner: Session, keeping: TokenKeeping, clock: ManualClock, dies: str
) -> None:
    token = AuthToken("cart.read", expires=clock.now() + DAY)
    text = await owner.authorize_token(token)
    await rules.bearers.open(owner.access.realm, text, ADDRESS)
    if dies == "revoked":
        await owner.revoke_auth_token_by_key(token.key)
    else:
        clock.advance(DAY)
    clock.advance(40 * DAY - 1)
    await keeping.round()
    with pytest.raises(AuthTokenRefused) as caught:
        await rules.bearers.open(owner.access.realm, text, ADDRESS)
    assert caught.value.reason == dies
    assert await counts(rules) == [1, 0, 1, 0]
    clock.advance(1)
    await keeping.round()
    assert await counts(rules) == [0, 0, 0, 0]
    assert keeping.deleted == 1
    with pytest.raises(AuthTokenRefused) as caught:
        await rules.bearers.open(owner.access.realm, text, ADDRESS)
    assert caught.value.reason == "unknown"


async def test_its_key_is_never_given_to_another_token(
    rules: Rules, owner: Session, keeping: TokenKeeping, clock: ManualClock
) -> None:
    token, again = AuthToken("cart.read"), AuthToken("cart.read")
    await owner.authorize_token(token)
    await owner.revoke_auth_token_by_key(token.key)
    clock.advance(40 * DAY)
    await keeping.round()
    assert (await counts(rules))[0] == 0
    account = await rules.users.find("main", "anna")
    assert account is not None
    begun = await rules.sessions.begin(owner.access.realm, account_identity(account, clock.now()), Device())
    access = await rules.sessions.open(owner.access.realm, begun.handle, "python")
    await Session(rules, access, begun.handle).authorize_token(again)
    assert again.key > token.key


async def test_children_go_with_their_parents_and_what_lives_stays(
    rules: Rules,
    owner: Session,
    keeping: TokenKeeping,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(token_keeping, "BATCH", 1)
    monkeypatch.setattr(token_keeping, "MOST_BATCHES", 2)
    living = await owner.authorize_token(AuthToken("cart.read", expires=None))
    text = await owner.authorize_token(AuthToken("cart.read"))
    for _ in range(3):
        delegated = Session(rules, await rules.bearers.open(owner.access.realm, text, ADDRESS))
        text = await delegated.authorize_token(AuthToken("cart.read"))
    assert (await counts(rules))[0] == 5
    clock.advance(70 * DAY)
    assert await keeping.round() is True
    while await keeping.round():
        pass
    assert (await counts(rules))[0] == 1
    assert (await rules.bearers.open(owner.access.realm, living, ADDRESS)).scope == {"cart.read"}


async def test_the_scripts_of_a_token_go_with_it(
    rules: Rules, owner: Session, keeping: TokenKeeping, clock: ManualClock
) -> None:
    wanted = Write(parse_path("/shared/night.js", "vfs"), b"1")
    key = (await rules.files.deploying.write([wanted], HOST))[0].key
    await owner.authorize_token(AuthToken(f"vfs:ikey?{key} cart.read"))
    assert (await counts(rules))[1] == 1
    clock.advance(70 * DAY)
    await keeping.round()
    assert await counts(rules) == [0, 0, 0, 0]


async def test_the_upkeep_looks_once_an_hour(
    rules: Rules, owner: Session, keeping: TokenKeeping, clock: ManualClock
) -> None:
    await keeping.tend()
    token = AuthToken("cart.read")
    await owner.authorize_token(token)
    long_ago = update(schema.auth_token).values(revoked=clock.now() - 40 * DAY)
    await rules.db.write(lambda connection: connection.execute(long_ago))
    clock.advance(HOUR - 1)
    await keeping.tend()
    assert (await counts(rules))[0] == 1
    clock.advance(1)
    await keeping.tend()
    assert (await counts(rules))[0] == 0
