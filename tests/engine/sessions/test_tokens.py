"""Access tokens: what they say, what is refused, and that a remembered signature decides nothing else."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sojourn import jose
from sojourn.core.clock import DAY, HOUR, SECOND, ManualClock
from sojourn.core.errors import (
    CrossSiteWrite,
    InsufficientScope,
    InvalidJson,
    SessionEnded,
    StaleSession,
    TokenRefused,
    Unauthorized,
)
from sojourn.engine.access import Access
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.engine.tokens import verification as tokens_module
from sojourn.engine.tokens.access_tokens import RESERVED_CLAIMS, ReservedClaims, TokenTooLarge
from sojourn.identity.compact import check_signature, sign
from sojourn.model.realm import Realm
from sojourn.model.session import MAX_TOKENS, Device, Identity
from sojourn.model.user import Account, account_identity, external_identity

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000


async def issue(rules: Rules, realm: Realm, begun: Begun, **changes: Any) -> str:
    wanted = {"scope": None, "expires_at": rules.clock.now() + HOUR, **changes}
    return (await rules.tokens.issue(realm, begun.session, **wanted)).token


async def reason(rules: Rules, realm: Realm, token: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        await rules.tokens.verify(realm, token)
    return refused.value.reason


async def verdict(rules: Rules, realm: Realm, token: str) -> str:
    try:
        await rules.tokens.verify(realm, token)
    except TokenRefused as refused:
        return refused.reason
    return ""


async def crafted(rules: Rules, realm: Realm, begun: Begun, header: Any = None, **changes: Any) -> str:
    """A token signed with the realm's own key, its claims changed; None takes one out."""
    claims = {
        "iss": "http://127.0.0.1:8420/realms/acme",
        "aud": f"sojourn:{rules.db.installation}:{realm.id}",
        "sub": "anna",
        "sid": begun.session.id,
        "jti": "j",
        "iat": NOW,
        "exp": NOW + 3600,
        **changes,
    }
    key = await rules.keys.active(realm)
    head = {"alg": "EdDSA", "kid": key.kid, "typ": "at+jwt", **(header or {})}
    body = {name: value for name, value in claims.items() if value is not None}
    return sign({name: text for name, text in head.items() if text}, json.dumps(body).encode(), key.key)


def counted_checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    checks: list[str] = []

    def counted(token: str, *args: Any) -> None:
        checks.append(token)
        check_signature(token, *args)

    monkeypatch.setattr(tokens_module, "check_signature", counted)
    return checks


async def test_a_token_says_who_where_and_what(rules: Rules, realm: Realm, begun: Begun) -> None:
    token = await issue(rules, realm, begun, extra={"plan": "gold"}, consumer="shop-key")
    claims = (await rules.tokens.verify(realm, token)).all
    assert claims.pop("jti")
    assert claims == {
        "iss": "http://127.0.0.1:8420/realms/acme",
        "aud": f"sojourn:{rules.db.installation}:{realm.id}",
        "sub": "anna",
        "sid": begun.session.id,
        "iat": NOW,
        "exp": NOW + 3600,
        "scopes": ["cart.read", "cart.write"],
        "realm": "acme",
        "consumer_name": "shop-key",
        "plan": "gold",
    }


async def test_another_verifier_reads_it_with_the_published_keys(rules: Rules, realm: Realm, begun: Begun) -> None:
    token = await issue(rules, realm, begun)
    payload = jose.verify(token, dict(await rules.keys.jwks(realm)))
    claims = jose.claims(
        payload, issuer=rules.tokens.issuer(realm), audience=rules.tokens.audience(realm), now=rules.clock.now()
    )
    assert claims["consumer_name"] == "acme"


async def test_the_issuer_tells_an_external_principal_from_an_account(rules: Rules, realm: Realm) -> None:
    identity = external_identity("portal/a b", "anna", ("cart.write",), '{"tier":1.10}', 0)
    begun = await rules.sessions.begin(realm, identity, Device())
    token = await issue(rules, realm, begun)
    claims = await rules.tokens.verify(realm, token)
    assert claims.issuer == "http://127.0.0.1:8420/realms/acme/external/portal%2Fa%20b"
    assert (claims.space, claims.all["scopes"], str(claims.all["tier"])) == ("portal/a b", ["cart.write"], "1.10")
    assert (await rules.sessions.open_token(realm, claims)).kind == "external"


async def test_a_token_of_the_wrong_kind_of_issuer_opens_nothing(rules: Rules, realm: Realm, begun: Begun) -> None:
    issued = await rules.tokens.issue(realm, begun.session, scope=None, expires_at=rules.clock.now() + HOUR)
    forged = await crafted(
        rules, realm, begun, jti=issued.claims["jti"], iss="http://127.0.0.1:8420/realms/acme/external/x"
    )
    claims = await rules.tokens.verify(realm, forged)
    with pytest.raises(TokenRefused, match="issuer"):
        await rules.sessions.open_token(realm, claims)


async def test_a_claim_of_the_engine_cannot_be_set(rules: Rules, realm: Realm, begun: Begun) -> None:
    for name in RESERVED_CLAIMS:
        with pytest.raises(ReservedClaims) as refused:
            await issue(rules, realm, begun, extra={name: "x", "mine": 1})
        assert refused.value.names == (name,)
    assert len(RESERVED_CLAIMS) == 24


async def test_a_token_never_outlives_its_session(rules: Rules, realm: Realm, begun: Begun) -> None:
    issued = await rules.tokens.issue(realm, begun.session, scope=None, expires_at=rules.clock.now() + 300 * DAY)
    assert (issued.expires_at, issued.claims["exp"]) == (begun.session.absolute, begun.session.absolute // SECOND)


async def test_claims_that_cannot_be_sent_are_refused_and_nothing_is_listed(
    rules: Rules, realm: Realm, begun: Begun
) -> None:
    with pytest.raises(TokenTooLarge):
        await issue(rules, realm, begun, extra={"big": "x" * 8_000})
    with pytest.raises(InvalidJson):
        await issue(rules, realm, begun, extra={"n": float("nan")})
    loaded = await rules.sessions.show(realm, begun.session.id)
    assert loaded is not None
    assert loaded.session.tokens == ()


#: Header members and claims that are changed (None = absent), and the reason of the refusal; empty = accepted.
CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"typ": "JWT"}, {}, "type"),
    ({"typ": "logout+jwt"}, {}, "type"),
    ({"typ": None}, {}, "type"),
    ({"alg": "Ed25519"}, {}, ""),
    ({"kid": None}, {}, "key"),
    ({"kid": "unknown"}, {}, "key"),
    ({}, {"iss": None}, "issuer-missing"),
    ({}, {"iss": "http://127.0.0.1:8420/realms/beta"}, "issuer"),
    ({}, {"iss": "http://127.0.0.1:8420/realms/acme/"}, "issuer"),
    ({}, {"iss": "http://127.0.0.1:8420/realms/acme/external/"}, "issuer"),
    ({}, {"iss": "http://127.0.0.1:8420/realms/acme/external/a/b"}, "issuer"),
    ({}, {"iss": 5}, "issuer"),
    ({}, {"aud": "sojourn:else:where"}, "audience"),
    ({}, {"aud": ["sojourn:else:where"]}, "claims"),
    ({}, {"aud": None}, "claims"),
    ({}, {"sid": None}, "claims"),
    ({}, {"sid": 7}, "claims"),
    ({}, {"sid": ""}, "claims"),
    ({}, {"jti": None}, "claims"),
    ({}, {"jti": ["j"]}, "claims"),
    ({}, {"exp": None}, "claims"),
    ({}, {"exp": "soon"}, "claims"),
    ({}, {"exp": True}, "claims"),
    ({}, {"iat": False}, "claims"),
    ({}, {"nbf": {}}, "claims"),
    ({}, {"exp": NOW - 30}, "expired"),
    ({}, {"exp": NOW - 29}, ""),
    ({}, {"nbf": NOW + 31}, "not-yet"),
    ({}, {"iat": NOW + 31}, "not-yet"),
    ({}, {"iat": NOW + 30}, ""),
]


async def test_each_claim_is_checked(rules: Rules, realm: Realm, begun: Begun) -> None:
    found = []
    for header, changes, _ in CASES:
        token = await crafted(rules, realm, begun, header, **changes)
        answers = {await verdict(rules, realm, token) for _ in range(2)}
        found.append((header, changes, *answers))
    assert found == CASES


async def test_a_foreign_realm_and_other_bytes_are_refused(rules: Rules, realm: Realm, begun: Begun) -> None:
    token = await issue(rules, realm, begun)
    other = rules.realms.get("beta")
    assert other is not None
    assert await reason(rules, other, token) == "issuer"
    for text in ("", "x", "a.b.c", token + ".", token + " ", f" {token}", token + "=", "é" + token, token * 30):
        assert await reason(rules, realm, text) == "form"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0, 2_000), other=st.sampled_from("ABCXYZabcxyz0189-_.= "))
async def test_no_changed_character_gets_past_the_cache(
    rules: Rules, realm: Realm, begun: Begun, where: int, other: str
) -> None:
    token = await crafted(rules, realm, begun)
    assert (await rules.tokens.verify(realm, token)).sid == begun.session.id
    at = where % len(token)
    assume(other != token[at])
    assert await reason(rules, realm, token[:at] + other + token[at + 1 :])


async def test_a_signature_is_checked_once_and_the_time_always(
    rules: Rules, realm: Realm, begun: Begun, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, checks = await issue(rules, realm, begun), counted_checks(monkeypatch)
    for _ in range(5):
        await rules.tokens.verify(realm, token)
    assert len(checks) == 1
    clock.advance(HOUR + 30 * SECOND)
    assert await reason(rules, realm, token) == "expired"
    assert len(checks) == 1


async def test_what_was_verified_is_recalled_without_waiting_while_it_holds(
    rules: Rules, realm: Realm, begun: Begun, clock: ManualClock
) -> None:
    token = await issue(rules, realm, begun)
    assert rules.tokens.recall(realm, token) is None
    claims = await rules.tokens.verify(realm, token)
    assert rules.tokens.recall(realm, token) is claims
    assert rules.tokens.recall(realm, token[:-2]) is None
    clock.advance(HOUR + 5 * 60 * SECOND)
    with pytest.raises(TokenRefused, match="expired"):
        rules.tokens.recall(realm, token)


async def test_the_memory_of_signatures_is_bounded(
    start: Any, realm: Realm, begun: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens_module, "REMEMBERED", 2)
    rules, checks = await start(), counted_checks(monkeypatch)
    one, two, three = [await issue(rules, realm, begun) for _ in range(3)]
    for token in (one, two, one, three, one, two):
        await rules.tokens.verify(realm, token)
    assert len(checks) == 4


async def test_what_a_caller_does_to_the_claims_stays_with_him(rules: Rules, realm: Realm, begun: Begun) -> None:
    token = await issue(rules, realm, begun, extra={"list": [1]})
    listed = (await rules.tokens.verify(realm, token)).all["list"]
    assert isinstance(listed, list)
    listed.append(2)
    assert (await rules.tokens.verify(realm, token)).all["list"] == [1]


async def test_the_key_alone_makes_no_token(rules: Rules, realm: Realm, begun: Begun) -> None:
    claims = await rules.tokens.verify(realm, await crafted(rules, realm, begun))
    with pytest.raises(TokenRefused, match="unlisted"):
        await rules.sessions.open_token(realm, claims)


async def test_a_session_lists_its_last_sixteen_tokens(rules: Rules, realm: Realm, begun: Begun) -> None:
    issued = [await issue(rules, realm, begun) for _ in range(MAX_TOKENS + 1)]
    first, *others = [await rules.tokens.verify(realm, token) for token in issued]
    with pytest.raises(TokenRefused, match="unlisted"):
        await rules.sessions.open_token(realm, first)
    for claims in others:
        assert (await rules.sessions.open_token(realm, claims)).via == "jwt"


async def test_a_token_is_issued_only_for_a_live_session_of_that_epoch(
    rules: Rules, realm: Realm, begun: Begun, access: Access, anna: Account
) -> None:
    rotated = await rules.sessions.rotate(access, account_identity(anna, 1), Device(), keep=None)
    with pytest.raises(StaleSession):
        await issue(rules, realm, begun)
    await rules.sessions.end_by_id(realm, begun.session.id, "dropped", actor="root")
    with pytest.raises(SessionEnded):
        await issue(rules, realm, rotated)


async def test_a_further_token_is_never_wider_nor_longer(
    rules: Rules, realm: Realm, begun: Begun, access: Access
) -> None:
    later = rules.clock.now() + 2 * HOUR
    narrow = await rules.tokens.renew(access, expires_at=rules.clock.now() + HOUR, scope=["cart.read"])
    delegated = await rules.sessions.open_token(realm, await rules.tokens.verify(realm, narrow.token))
    assert (set(delegated.scope), delegated.delegated) == ({"cart.read"}, True)
    child = await rules.tokens.renew(delegated, expires_at=later)
    assert child.expires_at == narrow.expires_at
    assert child.claims["scopes"] == ["cart.read"]
    opened = await rules.sessions.open_token(realm, await rules.tokens.verify(realm, child.token))
    assert (set(opened.scope), opened.delegated) == ({"cart.read"}, True)
    with pytest.raises(InsufficientScope):
        await rules.tokens.renew(delegated, expires_at=later, scope=["cart.write"])
    with pytest.raises(InsufficientScope):
        await rules.tokens.renew(access, expires_at=later, scope=["security.root"])


async def test_an_anonymous_session_and_another_site_get_no_token(rules: Rules, realm: Realm, access: Access) -> None:
    nobody = await rules.sessions.begin(realm, Identity(), Device())
    opened = await rules.sessions.open(realm, nobody.handle, "cookie")
    with pytest.raises(Unauthorized):
        await rules.tokens.renew(opened, expires_at=rules.clock.now() + HOUR)
    with pytest.raises(CrossSiteWrite):
        await rules.tokens.renew(msgspec.structs.replace(access, read_only=True), expires_at=rules.clock.now() + HOUR)
