"""Realms that sign with a secret of each login (`jwtAlgorithm: HS256`)."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OctKey

from sojourn import jose
from sojourn.core.clock import HOUR
from sojourn.core.errors import SessionEnded, TokenRefused
from sojourn.engine.keys.session_keys import SessionKeys
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.identity.compact import Key, decode_part, sign
from sojourn.model.realm import Realm
from sojourn.model.session import Device, Session
from sojourn.model.user import Account, account_identity, external_identity
from sojourn.stores.memory import MemoryStore
from tests.engine.sessions.conftest import Start, realm_of

pytestmark = pytest.mark.anyio

REALMS: Mapping[str, dict[str, Any]] = {"acme": {"jwt_algorithm": "HS256"}, "plain": {}}


@pytest.fixture(params=["memory", "sqlite"])
async def rules(request: pytest.FixtureRequest, start: Start) -> Rules:
    return await start(realms=REALMS, memory=MemoryStore() if request.param == "memory" else None)


async def token(rules: Rules, realm: Realm, session: Session) -> str:
    return (await rules.tokens.issue(realm, session, scope=None, expires_at=rules.clock.now() + HOUR)).token


def header(text: str) -> dict[str, str]:
    part = text.partition(".")[0]
    found: dict[str, str] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


async def secret(rules: Rules, realm: Realm, session: Session) -> bytes:
    found = await SessionKeys(rules.seals).open(realm, session)
    assert found is not None
    return found


async def crafted(rules: Rules, realm: Realm, session: Session, key: Key, jti: str = "j", **head: str) -> str:
    claims = {
        "iss": rules.tokens.issuer(realm),
        "aud": rules.tokens.audience(realm),
        "sub": "anna",
        "sid": session.id,
        "jti": jti,
        "exp": rules.clock.now() // 1000 + 60,
    }
    return sign({"alg": "HS256", "typ": "at+jwt", **head}, json.dumps(claims).encode(), key)


async def reason(rules: Rules, realm: Realm, text: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        await rules.sessions.open_token(realm, await rules.tokens.verify(realm, text))
    return refused.value.reason


async def test_a_token_is_signed_with_a_secret_of_its_login(rules: Rules, realm: Realm, begun: Begun) -> None:
    text = await token(rules, realm, begun.session)
    assert header(text) == {"alg": "HS256", "typ": "at+jwt"}
    for _ in range(2):
        access = await rules.sessions.open_token(realm, await rules.tokens.verify(realm, text))
        assert access.session.id == begun.session.id
    with pytest.raises(TokenRefused):
        jose.verify(text, dict(await rules.keys.jwks(realm)))
    assert jose.verify(text, dict(OctKey.import_key(await secret(rules, realm, begun.session)).as_dict(), alg="HS256"))


async def test_an_external_principal_has_one_too_and_nobody_has_none(rules: Rules, realm: Realm) -> None:
    begun = await rules.sessions.begin(realm, external_identity("portal", "u-7", (), "", 0), Device())
    assert header(await token(rules, realm, begun.session))["alg"] == "HS256"
    plain = realm_of(rules, "plain")
    other = await rules.sessions.begin(plain, external_identity("portal", "u-7", (), "", 0), Device())
    assert other.session.identity.token_key == ""
    assert header(await token(rules, plain, other.session))["alg"] == "EdDSA"


async def test_the_secret_of_one_login_makes_no_token_of_another(
    rules: Rules, realm: Realm, anna: Account, begun: Begun
) -> None:
    other = await rules.sessions.begin(realm, account_identity(anna, 0), Device())
    mine, theirs = [await secret(rules, realm, one.session) for one in (begun, other)]
    assert mine != theirs
    forged = await crafted(rules, realm, other.session, OctKey.import_key(mine))
    assert await reason(rules, realm, forged) == "signature"


async def test_even_the_secret_makes_no_token_that_the_session_does_not_list(
    rules: Rules, realm: Realm, begun: Begun
) -> None:
    key = OctKey.import_key(await secret(rules, realm, begun.session))
    assert await reason(rules, realm, await crafted(rules, realm, begun.session, key)) == "unlisted"


async def test_a_new_login_has_a_new_secret(rules: Rules, realm: Realm, anna: Account, begun: Begun) -> None:
    old, before = await token(rules, realm, begun.session), await secret(rules, realm, begun.session)
    access = await rules.sessions.open(realm, begun.handle, "cookie")
    again = await rules.sessions.rotate(access, account_identity(anna, 7), Device(), keep=None)
    assert await secret(rules, realm, again.session) != before
    assert await reason(rules, realm, old) == "signature"
    await rules.tokens.verify(realm, await token(rules, realm, again.session))


async def test_the_key_fixes_the_algorithm_never_the_header(rules: Rules, realm: Realm, begun: Begun) -> None:
    """Algorithm confusion between the ring and the secret of a login, in both directions."""
    plain = realm_of(rules, "plain")
    other = await rules.sessions.begin(plain, begun.session.identity, Device())
    for place, session in ((realm, begun.session), (plain, other.session)):
        ring = await rules.keys.active(place)
        public = OctKey.import_key(decode_part(str(ring.key.as_dict(private=False)["x"])))
        with_kid = await crafted(rules, place, session, public, kid=ring.kid)
        assert await reason(rules, place, with_kid) == "algorithm"
        without = await crafted(rules, place, session, public)
        assert await reason(rules, place, without) == ("signature" if place is realm else "key")
        signed = await crafted(rules, place, session, ring.key, alg="EdDSA")
        assert await reason(rules, place, signed) == ("algorithm" if place is realm else "key")
        unlisted = await crafted(rules, place, session, ring.key, alg="EdDSA", kid=ring.kid)
        assert await reason(rules, place, unlisted) == "unlisted"


async def test_who_holds_a_token_of_an_ended_session_is_told_why(rules: Rules, realm: Realm, begun: Begun) -> None:
    text = await token(rules, realm, begun.session)
    access = await rules.sessions.open_token(realm, await rules.tokens.verify(realm, text))
    await rules.sessions.end(access)
    claims = await rules.tokens.verify(realm, text)
    with pytest.raises(SessionEnded) as ended:
        await rules.sessions.open_token(realm, claims)
    assert ended.value.reason == "logout"
    key = OctKey.import_key(bytes(32))
    assert await reason(rules, realm, await crafted(rules, realm, begun.session, key)) == "signature"


async def test_a_token_for_a_session_that_never_was_is_refused(rules: Rules, realm: Realm, begun: Begun) -> None:
    from msgspec.structs import replace

    for sid in ("A" * 43, "x", "é" * 5, "a" * 5_000):
        unknown = await crafted(rules, realm, replace(begun.session, id=sid), OctKey.import_key(bytes(32)))
        assert await reason(rules, realm, unknown) in {"key", "form"}


async def test_no_secret_lies_open_in_the_store(rules: Rules, realm: Realm, begun: Begun, project: Path) -> None:
    await token(rules, realm, begun.session)
    raw = await secret(rules, realm, begun.session)
    kept = b"".join(path.read_bytes() for path in (project / "var").iterdir())
    for form in (
        raw,
        base64.b64encode(raw).rstrip(b"="),
        base64.urlsafe_b64encode(raw).rstrip(b"="),
        raw.hex().encode(),
    ):
        assert form not in kept


async def test_a_realm_that_changes_its_mind_ends_no_token(start: Start, anna: Account) -> None:
    store = MemoryStore()
    before = await start(realms={"acme": {"jwt_algorithm": "HS256"}}, memory=store)
    account = await before.users.find("main", "anna")
    assert account is not None
    begun = await before.sessions.begin(realm_of(before), account_identity(account, 0), Device())
    text = await token(before, realm_of(before), begun.session)
    after = await start(realms={"acme": {}}, memory=store)
    realm = realm_of(after)
    access = await after.sessions.open_token(realm, await after.tokens.verify(realm, text))
    again = await after.sessions.rotate(access, access.session.identity, Device(), keep=None)
    assert header(await token(after, realm, again.session))["alg"] == "EdDSA"
