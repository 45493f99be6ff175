"""Attacks with tokens against the running endpoints: each is a clean 401, whatever it is made of.

`security.md` §3; the same forms against `jose.verify` where it is the one that has to refuse them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from sojourn import jose
from sojourn.bootstrap import Engine
from sojourn.core.errors import TokenRefused
from tests.http.conftest import GOOD, bearer
from tests.http.wire_client import Answer, Client

pytestmark = pytest.mark.anyio

SESSION, PIPELINE = "/realms/acme/session", "/pipeline/acme/v1/claims"


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unpart(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Forge:
    """Makes tokens from a good one and the very key that signed it: the strongest forger there is."""

    def __init__(self, token: str, key: OKPKey) -> None:
        self.token = token
        self.key = key
        self.head, self.body, self.signature = token.split(".")
        self.header: dict[str, Any] = json.loads(unpart(self.head))
        self.claims: dict[str, Any] = json.loads(unpart(self.body))

    def raw(self, head: object, body: object) -> str:
        """Exactly this header and payload, signed with the right key."""
        text = f"{part(head)}.{part(body)}"
        return f"{text}.{part(self.key.raw_value.sign(text.encode()))}"  # type: ignore[union-attr]  # an Ed25519 key

    def with_header(self, **changes: object) -> str:
        merged = {**self.header, **changes}
        return self.raw({name: value for name, value in merged.items() if value is not None}, unpart(self.body))

    def with_claims(self, **changes: object) -> str:
        merged = {**self.claims, **changes}
        return self.raw(self.header, {name: value for name, value in merged.items() if value is not None})

    def hmac(self, secret: bytes, **changes: object) -> str:
        head = {**self.header, "alg": "HS256", **changes}
        text = f"{part({name: value for name, value in head.items() if value is not None})}.{self.body}"
        return f"{text}.{part(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"

    @property
    def public(self) -> dict[str, Any]:
        return dict(self.key.as_dict(private=False))

    @property
    def spare(self) -> str:
        """The same token with other spare bits in its last character: the same bytes to a lax decoder."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        return self.token[:-1] + alphabet[alphabet.index(self.token[-1]) ^ 1]


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


ATTACKS: dict[str, Callable[[Forge], str]] = {
    "alg none": lambda forge: forge.raw({**forge.header, "alg": "none"}, unpart(forge.body)),
    "alg none without a signature": lambda forge: f"{part({**forge.header, 'alg': 'none'})}.{forge.body}.",
    "alg None in other cases": lambda forge: forge.with_header(alg="nOnE"),
    "no alg": lambda forge: forge.with_header(alg=None),
    "no signature": lambda forge: f"{forge.head}.{forge.body}.",
    "HMAC with the public key, raw": lambda forge: forge.hmac(unpart(forge.public["x"])),
    "HMAC with the public key, as text": lambda forge: forge.hmac(forge.public["x"].encode()),
    "HMAC with the public key, as JWK": lambda forge: forge.hmac(json.dumps(forge.public).encode()),
    "HMAC with an empty secret": lambda forge: forge.hmac(b""),
    "HMAC without a kid": lambda forge: forge.hmac(unpart(forge.public["x"]), kid=None),
    "another algorithm of the same key": lambda forge: forge.with_header(alg="ES256"),
    "Ed448": lambda forge: forge.with_header(alg="Ed448"),
    "an embedded key": lambda forge: own_key(forge, lambda jwk: {"jwk": jwk}),
    "an embedded key without a kid": lambda forge: own_key(forge, lambda jwk: {"jwk": jwk, "kid": None}),
    "a key elsewhere": lambda forge: forge.with_header(jku="https://keys.example/jwks.json"),
    "a certificate elsewhere": lambda forge: forge.with_header(x5u="https://keys.example/cert.pem"),
    "an embedded certificate": lambda forge: forge.with_header(x5c=["MIIB"]),
    "an unknown critical header": lambda forge: forge.with_header(crit=["exp"]),
    "an empty critical header": lambda forge: forge.with_header(crit=[]),
    "an unencoded payload": lambda forge: forge.with_header(b64=False, crit=["b64"]),
    "kid as a path": lambda forge: forge.with_header(kid="../../../../dev/null"),
    "kid as SQL": lambda forge: forge.with_header(kid="x' UNION SELECT 'a"),
    "kid as an array": lambda forge: forge.with_header(kid=[forge.header["kid"]]),
    "kid as an object": lambda forge: forge.with_header(kid={"$ne": ""}),
    "kid with a NUL": lambda forge: forge.with_header(kid=forge.header["kid"] + "\0"),
    "no kid": lambda forge: forge.with_header(kid=None),
    "typ of an ID token": lambda forge: forge.with_header(typ="JWT"),
    "typ of a logout token": lambda forge: forge.with_header(typ="logout+jwt"),
    "typ in other cases": lambda forge: forge.with_header(typ="AT+JWT"),
    "no typ": lambda forge: forge.with_header(typ=None),
    "a header key twice": lambda forge: forge.raw(part_twice(forge.header, "alg", "none"), unpart(forge.body)),
    "a claim twice": lambda forge: forge.raw(forge.header, part_twice(forge.claims, "sub", "root")),
    "exp twice": lambda forge: forge.raw(forge.header, part_twice(forge.claims, "exp", 1 << 39)),
    "padding at the signature": lambda forge: forge.token + "==",
    "padding in the header": lambda forge: f"{forge.head}=.{forge.body}.{forge.signature}",
    "a blank at the end": lambda forge: forge.token + " ",
    "a line end inside": lambda forge: forge.token.replace(".", "\t.", 1),
    "a fourth part": lambda forge: forge.token + ".x",
    "five parts": lambda forge: f"{forge.head}.a.b.c.{forge.signature}",
    "two parts": lambda forge: f"{forge.head}.{forge.body}",
    "an empty part": lambda forge: f"{forge.head}..{forge.signature}",
    "other spare bits": lambda forge: forge.spare,
    "the other base64 alphabet": lambda forge: f"{forge.head}.{forge.body}.+/{forge.signature[2:]}",
    "JSON serialization": lambda forge: json.dumps(
        {"protected": forge.head, "payload": forge.body, "signature": forge.signature}
    ),
    "a changed claim": lambda forge: (
        f"{forge.head}.{part({**forge.claims, 'scopes': ['security.root']})}.{forge.signature}"
    ),
    "deep nesting in the header": lambda forge: forge.raw(b'{"alg":"EdDSA","a":' + nested(2_000) + b"}", forge.claims),
    "deep nesting in a claim": lambda forge: forge.raw(
        forge.header, json.dumps(forge.claims).encode()[:-1] + b',"a":' + nested(2_000) + b"}"
    ),
    "huge claims": lambda forge: forge.with_claims(a="x" * 100_000),
    "a huge number": lambda forge: forge.raw(
        forge.header, json.dumps({**forge.claims, "exp": 0}).replace('"exp": 0', '"exp": 1e999999').encode()
    ),
    "thousands of digits": lambda forge: forge.raw(
        forge.header, json.dumps({**forge.claims, "iat": 0}).replace('"iat": 0', '"iat": ' + "9" * 3_000).encode()
    ),
    "exp as NaN": lambda forge: forge.raw(
        forge.header, json.dumps({**forge.claims, "exp": 0}).replace('"exp": 0', '"exp": NaN').encode()
    ),
    "exp as text": lambda forge: forge.with_claims(exp="9999999999"),
    "exp as an array": lambda forge: forge.with_claims(exp=[9_999_999_999]),
    "no exp": lambda forge: forge.with_claims(exp=None),
    "long over": lambda forge: forge.with_claims(exp=1),
    "not yet": lambda forge: forge.with_claims(nbf=1 << 39),
    "issued in the future": lambda forge: forge.with_claims(iat=1 << 39),
    "another audience": lambda forge: forge.with_claims(aud="sojourn:other:other"),
    "the audience among others": lambda forge: forge.with_claims(aud=[forge.claims["aud"], "x"]),
    "no audience": lambda forge: forge.with_claims(aud=None),
    "another issuer": lambda forge: forge.with_claims(iss="https://issuer.example"),
    "the issuer of an external principal": lambda forge: forge.with_claims(iss=forge.claims["iss"] + "/external/x"),
    "no issuer": lambda forge: forge.with_claims(iss=None),
    "another jti": lambda forge: forge.with_claims(jti="A" * 43),
    "jti as an array": lambda forge: forge.with_claims(jti=[forge.claims["jti"]]),
    "another session": lambda forge: forge.with_claims(sid="A" * 43),
    "sid as an object": lambda forge: forge.with_claims(sid={"$gt": ""}),
    "sid with a NUL": lambda forge: forge.with_claims(sid=forge.claims["sid"][:-1] + "\0"),
    "sid with a surrogate": lambda forge: forge.raw(
        forge.header, json.dumps(forge.claims).replace(forge.claims["sid"], "\\ud800").encode()
    ),
    "claims as an array": lambda forge: forge.raw(forge.header, [forge.claims]),
    "claims that are no JSON": lambda forge: forge.raw(forge.header, b"\xff\xfe"),
    "no claims": lambda forge: forge.raw(forge.header, b""),
    "a foreign key under the right kid": lambda forge: own_key(forge, lambda _: {}),
}

#: What is wrong with the form or the signature: `jose.verify` has to refuse it as well, with the keys of the realm.
OF_FORM = {
    name for name in ATTACKS if name.startswith(("alg", "HMAC", "an embedded", "a key", "a cert", "an un", "padding"))
}
OF_FORM |= {
    *(
        "no alg",
        "no signature",
        "an empty critical header",
        "kid as an array",
        "kid as an object",
        "a header key twice",
    ),
    *("a blank at the end", "a line end inside", "a fourth part", "five parts", "two parts", "an empty part"),
    *("other spare bits", "the other base64 alphabet", "JSON serialization", "a changed claim"),
    *(
        "deep nesting in the header",
        "huge claims",
        "a foreign key under the right kid",
        "another algorithm of the same key",
    ),
}


def part_twice(value: dict[str, Any], name: str, other: object) -> bytes:
    """The object with ``name`` twice: first as it was, then ``other``."""
    return json.dumps(value).encode()[:-1] + b"," + json.dumps({name: other}).encode()[1:]


def own_key(forge: Forge, header: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    """Signed with a key of the attacker's own."""
    key = OKPKey.generate_key("Ed25519")
    merged = {**forge.header, **header(dict(key.as_dict(private=False)))}
    return Forge(forge.token, key).raw(
        {name: value for name, value in merged.items() if value is not None}, unpart(forge.body)
    )


@pytest.fixture
async def forge(engine: Engine, client: Client) -> Forge:
    token = (await bearer(client, "ana"))[1].removeprefix("Bearer ")
    return Forge(token, (await engine.rules.keys.active(engine.realm("acme"))).key)


async def shown(client: Client, token: str, path: str = SESSION) -> Answer:
    return await client.get(path, ("authorization", f"Bearer {token}"))


async def test_the_forger_can_make_a_good_token(client: Client, forge: Forge) -> None:
    """Else what is refused below would prove nothing."""
    again = forge.raw(forge.header, unpart(forge.body))
    for path in (SESSION, PIPELINE):
        assert (await shown(client, again, path)).status == 200


async def test_every_attack_is_a_clean_401(client: Client, forge: Forge) -> None:
    for name, attack in ATTACKS.items():
        token = attack(forge)
        for path in (SESSION, PIPELINE):
            answer = await shown(client, token, path)
            assert (name, path, answer.status) == (name, path, 401)
            assert answer.header("www-authenticate")
            assert token.encode("latin-1", "replace") not in answer.body
            json.loads(answer.body)
    assert (await shown(client, forge.token)).status == 200


async def test_the_public_verifier_refuses_what_is_wrong_with_the_form(engine: Engine, forge: Forge) -> None:
    keys = dict(await engine.rules.keys.jwks(engine.realm("acme")))
    assert jose.verify(forge.token, keys) == unpart(forge.body)
    assert len(OF_FORM) > 30
    for name in sorted(OF_FORM):
        try:
            jose.verify(ATTACKS[name](forge), keys)
        except TokenRefused:
            continue
        # Our own tokens are bounded more narrowly than those of others.
        assert name in {"huge claims", "deep nesting in the header"}, name


async def test_a_token_for_one_purpose_serves_no_other(client: Client, engine: Engine) -> None:
    """Refresh as access, access as refresh, a token of another realm, a session handle as a token."""
    body = (await client.post("/realms/fresh/login", value=GOOD)).json()
    other = (await client.post("/realms/acme/login", value=GOOD)).json()
    desk = await client.post("/realms/desk/login", value=GOOD)
    for token in (body["refreshToken"], other["token"], desk.header("x-session-id"), body["sessionId"]):
        assert (await shown(client, token, "/realms/fresh/session")).status == 401
    assert (await shown(client, body["token"])).status == 401
    answer = await client.post("/realms/fresh/refresh", value={"refreshToken": body["token"]})
    assert answer.status == 401
    operators = await engine.rules.keys.active(engine.rules.realms.operators)
    forged = Forge(other["token"], operators.key).with_header(kid=operators.kid)
    assert (await shown(client, forged)).status == 401


CHANGES = st.sampled_from(["put", "cut", "insert", "swap"])
PUT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), min_size=1, max_size=3)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutations=st.lists(st.tuples(CHANGES, st.integers(0, 2_000), PUT), min_size=1, max_size=3))
async def test_no_mutation_of_a_good_token_gets_in(
    client: Client, forge: Forge, mutations: list[tuple[str, int, str]]
) -> None:
    text = forge.token
    for change, where, put in mutations:
        at = where % len(text)
        if change == "cut":
            text = text[:at] + text[at + 1 :]
        elif change == "swap":
            text = text[at:] + text[:at]
        else:
            text = text[:at] + put + text[at + (change == "put") :]
    answer = await shown(client, text)
    # Blanks around the value of a header are none of it.
    if text.strip(" \t") == forge.token:
        assert answer.status == 200
    else:
        assert answer.status == 401
        assert answer.json()["code"].partition(".")[0] in {"token", "auth", "session"}


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    changes=st.dictionaries(
        st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sid", "jti", "scopes", "realm", "sub"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=5,
        ),
        min_size=1,
        max_size=4,
    )
)
async def test_whatever_a_signed_token_claims_is_never_an_error_of_ours(
    client: Client, forge: Forge, changes: dict[str, Any]
) -> None:
    """With the very key, any claims: 200 or 401, and never more than the session's record lists."""
    answer = await shown(client, forge.raw(forge.header, {**forge.claims, **changes}))
    assert answer.status in {200, 401}
    if answer.status == 200:
        assert answer.json()["id"] == forge.claims["sid"]
        assert "security.root" not in answer.json()["scope"]
