"""ID tokens and logout tokens: what is taken, and a table of what is not."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from sojourn.core.clock import ManualClock
from sojourn.core.errors import TokenRefused
from sojourn.core.json import encode
from sojourn.identity.oidc.errors import ProviderFailed
from sojourn.identity.oidc.idtoken import Expected, IdToken, verify_id_token
from sojourn.identity.oidc.keys import KEEP, ProviderKeys
from sojourn.identity.oidc.logout_token import LogoutToken, verify_logout_token
from tests.identity.oidc_signer import CLIENT, EVENT, ISSUER, NOW, id_claims, jwks, logout_claims, public, signed

pytestmark = pytest.mark.anyio


def provider_keys(*members: dict[str, Any], only: str | None = None) -> ProviderKeys:
    async def read() -> bytes:
        return jwks(*(members or (public("RSA"),)))

    return ProviderKeys(read, ManualClock(NOW), only)


def expected(**changed: Any) -> Expected:
    return Expected(ISSUER, CLIENT, NOW, nonce="n-1")._replace(**changed)


async def check_id(token: str, keys: ProviderKeys | None = None, **changed: Any) -> IdToken:
    return await verify_id_token(token, keys or provider_keys(), expected(**changed))


async def check_logout(token: str, keys: ProviderKeys | None = None) -> LogoutToken:
    return await verify_logout_token(token, keys or provider_keys(), expected(nonce=None))


async def test_a_right_id_token_is_taken_with_all_that_it_says() -> None:
    claims = id_claims(sid="sid-1", acr="urn:mfa", amr=["pwd", "otp"], auth_time=NOW // 1000 - 5, azp=CLIENT)
    found = await check_id(signed(claims, typ="JWT"), max_age=10_000)
    assert (found.issuer, found.subject, found.sid) == (ISSUER, "s-1", "sid-1")
    assert (found.acr, found.amr, found.issued) == ("urn:mfa", ("pwd", "otp"), NOW)


@pytest.mark.parametrize(
    ("kind", "alg", "member"),
    [
        ("RSA", "RS256", {"alg": "RS256"}),
        ("RSA", "RS256", {}),
        ("RSA", "PS256", {"alg": "PS256"}),
        ("EC", "ES256", {}),
        ("OKP", "EdDSA", {}),
        ("OKP", "Ed25519", {}),
    ],
)
async def test_each_allowed_algorithm_is_taken(kind: str, alg: str, member: dict[str, str]) -> None:
    keys = provider_keys(public(kind, **member))
    assert (await check_id(signed(id_claims(), kind=kind, alg=alg), keys)).subject == "s-1"


def _unsigned(claims: dict[str, Any]) -> str:
    head, body = (base64.urlsafe_b64encode(encode(part)).rstrip(b"=").decode() for part in ({"alg": "none"}, claims))
    return f"{head}.{body}."


def _hmac_with_the_public_key() -> str:
    from joserfc import jws
    from joserfc.jwk import OctKey
    from joserfc.jws import JWSRegistry

    octets = encode(public("RSA"))
    registry = JWSRegistry(algorithms=["HS256"])
    return jws.serialize_compact(
        {"alg": "HS256", "kid": "k1"}, encode(id_claims()), OctKey.import_key(octets), registry=registry
    )


def _spoilt_signature() -> str:
    head, body, signature = signed(id_claims()).split(".")
    return f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def _other_claims_under_a_right_signature() -> str:
    head, _, signature = signed(id_claims()).split(".")
    body = base64.urlsafe_b64encode(encode(id_claims(sub="admin"))).rstrip(b"=").decode()
    return f"{head}.{body}.{signature}"


NOW_S = NOW // 1000

BAD_ID_TOKENS: list[tuple[str, Callable[[], str], str]] = [
    ("no signature", lambda: _unsigned(id_claims()), "form"),
    ("a padded part", lambda: signed(id_claims()) + "=", "form"),
    ("a fourth part", lambda: signed(id_claims()) + ".x", "form"),
    ("a blank", lambda: " " + signed(id_claims()), "form"),
    ("too long", lambda: signed(id_claims(blob="x" * 20_000)), "form"),
    ("an embedded key", lambda: signed(id_claims(), jwk=public("RSA")), "form"),
    ("an address of keys", lambda: signed(id_claims(), jku="https://evil.example/jwks"), "form"),
    ("an extension", lambda: signed(id_claims(), kind="RSA", x5u="https://evil.example"), "form"),
    ("HS256 with the public key", _hmac_with_the_public_key, "algorithm"),
    ("an algorithm of others", lambda: signed(id_claims(), alg="RS512"), "algorithm"),
    ("PS256 under a key for RS256", lambda: signed(id_claims(), alg="PS256"), "key"),
    ("an unknown key", lambda: signed(id_claims(), kid="other"), "key"),
    ("a spoilt signature", _spoilt_signature, "signature"),
    ("other claims", _other_claims_under_a_right_signature, "signature"),
    ("an access token", lambda: signed(id_claims(), typ="at+jwt"), "type"),
    ("a logout token by type", lambda: signed(id_claims(), typ="logout+jwt"), "type"),
    ("a logout token by events", lambda: signed(id_claims(events={EVENT: {}})), "type"),
    ("a claim twice", lambda: signed(b'{"iss":"x",' + encode(id_claims())[1:]), "claims"),
    ("no object", lambda: signed(b"[]"), "claims"),
    ("no issuer", lambda: signed(id_claims(iss=None)), "issuer-missing"),
    ("an issuer with a slash more", lambda: signed(id_claims(iss=ISSUER + "/")), "issuer"),
    ("an issuer in capitals", lambda: signed(id_claims(iss=ISSUER.upper())), "issuer"),
    ("a list as issuer", lambda: signed(id_claims(iss=[ISSUER])), "issuer"),
    ("another audience", lambda: signed(id_claims(aud="other")), "audience"),
    ("no audience", lambda: signed(id_claims(aud=None)), "audience"),
    ("an audience beside ours", lambda: signed(id_claims(aud=[CLIENT, "other"])), "audience"),
    ("an audience beside ours and azp", lambda: signed(id_claims(aud=[CLIENT, "other"], azp=CLIENT)), "audience"),
    ("azp of another client", lambda: signed(id_claims(azp="other")), "audience"),
    ("expired", lambda: signed(id_claims(exp=NOW_S - 31)), "expired"),
    ("no exp", lambda: signed(id_claims(exp=None)), "claims"),
    ("exp as a text", lambda: signed(id_claims(exp=str(NOW_S + 60))), "claims"),
    ("exp true", lambda: signed(id_claims(exp=True)), "claims"),
    ("exp endless", lambda: signed(encode(id_claims())[:-1] + b',"nbf":1e999999}'), "claims"),
    ("no iat", lambda: signed(id_claims(iat=None)), "claims"),
    ("iat to come", lambda: signed(id_claims(iat=NOW_S + 31)), "not-yet"),
    ("iat long ago", lambda: signed(id_claims(iat=NOW_S - 331)), "stale"),
    ("nbf to come", lambda: signed(id_claims(nbf=NOW_S + 31)), "not-yet"),
    ("no nonce", lambda: signed(id_claims(nonce=None)), "nonce"),
    ("another nonce", lambda: signed(id_claims(nonce="n-2")), "nonce"),
    ("a list of nonces", lambda: signed(id_claims(nonce=["n-1"])), "nonce"),
    ("no subject", lambda: signed(id_claims(sub=None)), "claims"),
    ("an empty subject", lambda: signed(id_claims(sub="")), "claims"),
    ("a number as subject", lambda: signed(id_claims(sub=1)), "claims"),
    ("a long subject", lambda: signed(id_claims(sub="x" * 256)), "claims"),
    ("a subject with a line break", lambda: signed(id_claims(sub="a\nb")), "claims"),
    ("a number as sid", lambda: signed(id_claims(sid=7)), "claims"),
    ("amr as a text", lambda: signed(id_claims(amr="pwd")), "claims"),
    ("auth_time to come", lambda: signed(id_claims(auth_time=NOW_S + 31)), "not-yet"),
]


@pytest.mark.parametrize(("token", "reason"), [row[1:] for row in BAD_ID_TOKENS], ids=[row[0] for row in BAD_ID_TOKENS])
async def test_a_wrong_id_token_is_refused_for_its_reason(token: Callable[[], str], reason: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        await check_id(token())
    assert refused.value.reason == reason


async def test_a_token_at_the_edges_of_its_time_is_taken() -> None:
    await check_id(signed(id_claims(exp=NOW_S - 29)))
    await check_id(signed(id_claims(iat=NOW_S + 30)))
    await check_id(signed(id_claims(iat=NOW_S - 330)))
    with pytest.raises(TokenRefused):
        await check_id(signed(id_claims(exp=NOW_S - 30)))


async def test_max_age_needs_a_login_that_is_young_enough() -> None:
    for login, limit in ((None, 60_000), (NOW_S - 91, 60_000), (NOW_S - 31, 0)):
        with pytest.raises(TokenRefused, match="login-too-old"):
            await check_id(signed(id_claims(auth_time=login)), max_age=limit)
    await check_id(signed(id_claims(auth_time=NOW_S - 90)), max_age=60_000)


@pytest.mark.parametrize(("kind", "alg", "digest"), [("RSA", "RS256", "sha256"), ("OKP", "EdDSA", "sha512")])
async def test_at_hash_ties_the_access_token_to_the_id_token(kind: str, alg: str, digest: str) -> None:
    whole = hashlib.new(digest, b"access").digest()
    half = base64.urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()
    keys, token = provider_keys(public(kind)), signed(id_claims(at_hash=half), kind=kind, alg=alg)
    assert (await check_id(token, keys, access_token="access")).subject == "s-1"
    with pytest.raises(TokenRefused, match="access-token"):
        await check_id(token, keys, access_token="other")
    with pytest.raises(TokenRefused, match="access-token"):
        await check_id(signed(id_claims(at_hash=7), kind=kind, alg=alg), keys, access_token="access")


async def test_a_configured_algorithm_is_the_only_one() -> None:
    with pytest.raises(TokenRefused, match="key"):
        await check_id(signed(id_claims(), kind="EC", alg="ES256"), provider_keys(public("EC"), only="RS256"))
    await check_id(signed(id_claims(), alg="PS256"), provider_keys(public("RSA"), only="PS256"))


@pytest.mark.parametrize(
    "member",
    [
        public("RSA", use="enc"),
        public("RSA", key_ops=["encrypt"]),
        public("RSA", alg="PS256"),
        public("RSA", e="AQ"),
        public("EC"),
        public("oct", alg="HS256"),
        {"kty": "RSA", "kid": "k1", "n": "AQAB", "e": "AQAB"},
        {"kty": "unknown", "kid": "k1"},
    ],
    ids=["for encryption", "key_ops", "for PS256", "exponent 1", "not of its kind", "symmetric", "short", "unknown"],
)
async def test_keys_that_are_not_for_it_do_not_verify(member: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused, match="key"):
        await check_id(signed(id_claims()), provider_keys(member))


async def test_a_kid_that_stands_twice_names_nothing() -> None:
    with pytest.raises(TokenRefused, match="key"):
        await check_id(signed(id_claims()), provider_keys(public("RSA"), public("RSA")))


async def test_without_a_kid_the_only_key_of_its_algorithm_verifies() -> None:
    token = signed(id_claims(), kid=None)
    await check_id(token, provider_keys(public("RSA"), public("EC", kid="k2")))
    with pytest.raises(TokenRefused, match="key"):
        await check_id(token, provider_keys(public("RSA"), public("RSA", kid="k2")))


async def test_an_unknown_key_makes_the_set_be_read_again_once_a_second() -> None:
    clock, sets, reads = ManualClock(NOW), [jwks(public("RSA", kid="old")), jwks(public("RSA", kid="new"))], 0

    async def read() -> bytes:
        nonlocal reads
        reads += 1
        return sets[min(reads, 2) - 1]

    keys = ProviderKeys(read, clock)
    await check_id(signed(id_claims(), kid="old"), keys)
    for _ in range(5):
        with pytest.raises(TokenRefused, match="key"):
            await check_id(signed(id_claims(), kid="new"), keys)
    assert reads == 1
    clock.advance(1_000)
    await check_id(signed(id_claims(), kid="new"), keys)
    with pytest.raises(TokenRefused, match="key"):
        await check_id(signed(id_claims(), kid="old"), keys)
    assert reads == 2


async def test_a_key_that_the_provider_took_out_is_refused_after_a_while() -> None:
    clock, sets = ManualClock(NOW), [jwks(public("RSA")), jwks(public("EC"))]

    async def read() -> bytes:
        return sets.pop(0)

    keys = ProviderKeys(read, clock)
    await check_id(signed(id_claims()), keys)
    clock.advance(KEEP)
    with pytest.raises(TokenRefused, match="key"):
        await check_id(signed(id_claims()), keys)


async def test_keys_that_cannot_be_read_are_no_keys() -> None:
    async def read() -> bytes:
        return b"<html>"

    keys = ProviderKeys(read, ManualClock(NOW))
    for _ in range(2):
        with pytest.raises(ProviderFailed):
            await check_id(signed(id_claims()), keys)


async def test_a_right_logout_token_is_taken() -> None:
    assert await check_logout(signed(logout_claims(), typ="logout+jwt")) == LogoutToken("s-1", "sid-1", "j-1", NOW)
    assert (await check_logout(signed(logout_claims(sid=None), typ="logout+jwt"))).sid == ""
    assert (await check_logout(signed(logout_claims(sub=None, exp=None), typ="application/logout+JWT"))).subject == ""


BAD_LOGOUT_TOKENS: list[tuple[str, dict[str, Any], str]] = [
    ("another issuer", {"iss": "https://evil.example"}, "issuer"),
    ("another audience", {"aud": "other"}, "audience"),
    ("no events", {"events": None}, "type"),
    ("another event", {"events": {"http://schemas.example/other": {}}}, "type"),
    ("an event that is no object", {"events": {EVENT: True}}, "type"),
    ("events as a list", {"events": [EVENT]}, "type"),
    ("a nonce", {"nonce": "n-1"}, "nonce"),
    ("an empty nonce", {"nonce": ""}, "nonce"),
    ("no iat", {"iat": None}, "claims"),
    ("iat long ago", {"iat": NOW_S - 331, "exp": None}, "stale"),
    ("iat to come", {"iat": NOW_S + 31}, "not-yet"),
    ("expired", {"exp": NOW_S - 30}, "expired"),
    ("no jti", {"jti": None}, "claims"),
    ("neither sid nor sub", {"sid": None, "sub": None}, "claims"),
    ("an empty sid", {"sid": ""}, "claims"),
    ("a number as sub", {"sub": 1}, "claims"),
]


@pytest.mark.parametrize(
    ("changed", "reason"), [row[1:] for row in BAD_LOGOUT_TOKENS], ids=[row[0] for row in BAD_LOGOUT_TOKENS]
)
async def test_a_wrong_logout_token_is_refused_for_its_reason(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        await check_logout(signed(logout_claims(**changed), typ="logout+jwt"))
    assert refused.value.reason == reason


@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt", "logout"])
async def test_a_logout_token_has_its_type(typ: str | None) -> None:
    with pytest.raises(TokenRefused, match="type"):
        await check_logout(signed(logout_claims(), typ=typ))


async def test_a_logout_token_is_signed_by_the_provider() -> None:
    with pytest.raises(TokenRefused, match="signature"):
        await check_logout(signed(logout_claims(), typ="logout+jwt", kind="EC", alg="ES256"), _other_ec())


def _other_ec() -> ProviderKeys:
    from joserfc.jwk import ECKey

    return provider_keys({**ECKey.generate_key("P-256").as_dict(private=False), "kid": "k1"})
