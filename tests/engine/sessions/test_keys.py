"""Key rings: who signs, who verifies, and what lies on the disk."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from sojourn.config.project import RealmFolder
from sojourn.core.clock import HOUR, SECOND, ManualClock
from sojourn.core.errors import MasterKeyMissing, TokenRefused
from sojourn.engine import lookups
from sojourn.engine.keys.rings import UnknownKey
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.engine.tokens import verification as tokens_module
from sojourn.identity.compact import check_signature
from sojourn.model.realm import Realm, RealmConfig
from sojourn.model.session import Device
from sojourn.model.user import Account, account_identity
from tests.engine.sessions.conftest import realm_of

pytestmark = pytest.mark.anyio


async def token_of(rules: Rules, realm: Realm, begun: Begun) -> str:
    issued = await rules.tokens.issue(realm, begun.session, scope=None, expires_at=rules.clock.now() + 3 * HOUR)
    return issued.token


async def test_every_realm_has_one_active_key_of_its_own(rules: Rules) -> None:
    kids = [(await rules.keys.active(realm)).kid for realm in rules.realms.all()]
    assert len(set(kids)) == len(kids) == 4


async def test_engines_that_start_at_once_agree_on_one_key(start: Any) -> None:
    engines = [await start() for _ in range(3)]
    await engines[0].realms.sync({"fresh": RealmFolder("fresh", RealmConfig(), {}, ())}, 0)
    fresh = engines[0].realms.get("fresh")
    await asyncio.gather(*(engine.keys.ensure(fresh) for engine in engines))
    assert len({(await engine.keys.active(fresh)).kid for engine in engines}) == 1
    assert len((await engines[0].keys.jwks(fresh))["keys"]) == 1


async def test_the_published_keys_are_public(rules: Rules, realm: Realm) -> None:
    (key,) = (await rules.keys.jwks(realm))["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("OKP", "Ed25519", "sig", "EdDSA")
    assert key["kid"] == (await rules.keys.active(realm)).kid


async def test_no_private_key_lies_open_on_the_disk(rules: Rules, realm: Realm, project: Path) -> None:
    key: OKPKey = (await rules.keys.active(realm)).key
    private = str(key.as_dict(private=True)["d"])
    raw = key.raw_value.private_bytes_raw()  # type: ignore[union-attr]  # an Ed25519 private key
    files = b"".join(path.read_bytes() for path in (project / "var").iterdir())
    assert private.encode() not in files
    assert raw not in files


async def test_another_master_key_does_not_start_the_engine(rules: Rules, start: Any) -> None:
    with pytest.raises(MasterKeyMissing):
        await start(master=b"\1" * 32)


async def test_a_rotation_publishes_an_hour_before_it_signs(
    rules: Rules, realm: Realm, anna: Account, clock: ManualClock
) -> None:
    begun = await rules.sessions.begin(realm, account_identity(anna, 0), Device(), idle=0)
    old = await token_of(rules, realm, begun)
    first = await rules.key_life.rotate(realm)
    assert (first.changed, first.active) == (False, (await rules.keys.active(realm)).kid)
    clock.advance(HOUR - 1)
    assert await rules.key_life.rotate(realm) == first
    clock.advance(1)
    second = await rules.key_life.rotate(realm)
    assert (second.changed, second.active) == (True, first.next)
    assert (await rules.keys.active(realm)).kid == first.next
    assert {key["kid"] for key in (await rules.keys.jwks(realm))["keys"]} == {first.active, first.next, second.next}
    assert (await rules.tokens.verify(realm, old)).sid == begun.session.id
    assert (await rules.tokens.verify(realm, await token_of(rules, realm, begun))).sid == begun.session.id


async def test_a_revoked_key_is_refused_at_once_in_every_process(
    rules: Rules, start: Any, realm: Realm, begun: Begun
) -> None:
    other = await start()
    token = await token_of(rules, realm, begun)
    assert (await other.tokens.verify(realm, token)).sid == begun.session.id
    kid = (await rules.keys.active(realm)).kid
    await rules.key_life.revoke(realm, kid)
    for engine in (rules, other):
        with pytest.raises(TokenRefused) as refused:
            await engine.tokens.verify(realm, token)
        assert refused.value.reason == "key"
        assert kid not in {key["kid"] for key in (await engine.keys.jwks(realm))["keys"]}
        assert (await engine.keys.active(realm)).kid != kid
    again = await rules.sessions.begin(realm, begun.session.identity, Device())
    await rules.tokens.verify(realm, await token_of(rules, realm, again))


async def test_a_key_of_another_realm_is_unknown(rules: Rules, realm: Realm, clock: ManualClock) -> None:
    other = rules.realms.get("beta")
    assert other is not None
    kid = (await rules.keys.active(other)).kid
    clock.advance(SECOND)
    assert await rules.keys.find(realm, kid) is None
    with pytest.raises(UnknownKey):
        await rules.key_life.revoke(realm, kid)


async def test_an_unknown_kid_reads_the_ring_once_a_second(
    rules: Rules, realm: Realm, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`security.md` §3: a kid that nobody knows costs one look a second, whoever sends how many of them."""
    await rules.keys.active(realm)
    reads: list[str] = []

    def counted(*args: Any) -> Any:
        reads.append("ring")
        return read(*args)

    read = lookups.ring
    monkeypatch.setattr(lookups, "ring", counted)
    for number in range(50):
        assert await rules.keys.find(realm, f"unknown-{number}") is None
    assert len(reads) == 1
    clock.advance(SECOND)
    assert await rules.keys.find(realm, "unknown") is None
    assert len(reads) == 2


async def test_a_signature_that_was_right_is_not_right_for_ever(
    rules: Rules, start: Any, begun: Begun, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered is found under the key and its state only: a change by another process cannot be missed."""
    realm = realm_of(rules)
    other, token = await start(), await token_of(rules, realm, begun)
    checks: list[str] = []

    def counted(text: str, *args: Any) -> None:
        checks.append(text)
        check_signature(text, *args)

    monkeypatch.setattr(tokens_module, "check_signature", counted)
    for _ in range(5):
        await rules.tokens.verify(realm, token)
    assert len(checks) == 1
    asked = await other.key_life.rotate(realm)
    await rules.tokens.verify(realm, token)
    assert len(checks) == 1
    clock.advance(HOUR)
    await other.key_life.rotate(realm)
    # The key is retired now: another state, so it is looked at anew, once.
    for _ in range(3):
        await rules.tokens.verify(realm, token)
    assert len(checks) == 2
    await other.key_life.revoke(realm, asked.active)
    for _ in range(2):
        with pytest.raises(TokenRefused):
            await rules.tokens.verify(realm, token)
    assert len(checks) == 2
