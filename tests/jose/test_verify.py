"""`jose.verify`: vectors of the RFCs, and what is refused though joserfc beneath would take it."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from sojourn.identity.compact import sign
from sojourn.jose import TokenRefused, verify

JOE = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"  # RFC 7515 A
ED_KEY: dict[str, Any] = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
ED_TOKEN = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)
HS_KEY: dict[str, Any] = {
    "kty": "oct",
    "alg": "HS256",
    "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
}
HS_TOKEN = f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
ES_KEY: dict[str, Any] = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
ES_TOKEN = (
    f"eyJhbGciOiJFUzI1NiJ9.{JOE}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
RS_KEY: dict[str, Any] = {
    "kty": "RSA",
    "alg": "RS256",
    "e": "AQAB",
    "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-"
    "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665"
    "xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
}
RS_TOKEN = (
    f"eyJhbGciOiJSUzI1NiJ9.{JOE}."
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ"
    "cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eO"
    "kHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)
VECTORS = [(ED_TOKEN, ED_KEY), (HS_TOKEN, HS_KEY), (ES_TOKEN, ES_KEY), (RS_TOKEN, RS_KEY)]
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: object, payload: bytes = b"{}", key: Ed25519PrivateKey | None = None) -> tuple[str, dict[str, Any]]:
    """A token with exactly this header text, signed by an Ed25519 key."""
    key = key or Ed25519PrivateKey.generate()
    text = f"{part(header)}.{part(payload)}"
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": part(key.public_key().public_bytes_raw())}
    return f"{text}.{part(key.sign(text.encode()))}", jwk


def reason(token: str, keys: dict[str, Any]) -> str:
    with pytest.raises(TokenRefused) as refused:
        verify(token, keys)
    return refused.value.reason


@pytest.mark.parametrize(("token", "key"), VECTORS, ids=["EdDSA", "HS256", "ES256", "RS256"])
def test_the_vectors_of_the_rfcs_verify(token: str, key: dict[str, Any]) -> None:
    middle = token.split(".")[1]
    assert verify(token, key) == base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4))


def test_ps256_verifies_and_only_as_ps256() -> None:
    key = RSAKey.generate_key(2048)
    token = sign({"alg": "PS256"}, b"x", key)
    assert verify(token, {**key.as_dict(private=False), "alg": "PS256"}) == b"x"
    assert reason(token, {**key.as_dict(private=False), "alg": "RS256"}) == "algorithm"


@pytest.mark.parametrize("name", ["EdDSA", "Ed25519"])
def test_both_names_of_ed25519_are_accepted(name: str) -> None:
    token, jwk = signed({"alg": name}, b"payload")
    assert verify(token, jwk) == b"payload"
    assert verify(token, {**jwk, "alg": "Ed25519", "use": "sig", "key_ops": ["verify"]}) == b"payload"


@pytest.mark.parametrize(("token", "key"), VECTORS, ids=["EdDSA", "HS256", "ES256", "RS256"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_change_of_one_character_is_refused(token: str, key: dict[str, Any], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from([*ALPHABET, ".", "=", " ", "\n", "+", "/", "é", "\0"]).filter(token[at].__ne__))
    assert reason(token[:at] + other + token[at + 1 :], key) in {"form", "algorithm", "signature", "key"}


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, len(ED_TOKEN)), more=st.text(min_size=1, max_size=4))
def test_any_insertion_is_refused(at: int, more: str) -> None:
    assert reason(ED_TOKEN[:at] + more + ED_TOKEN[at:], ED_KEY) in {"form", "algorithm", "signature", "key"}


@settings(max_examples=200, deadline=None)
@given(text=st.text())
def test_any_text_is_a_clean_refusal(text: str) -> None:
    assert reason(text, ED_KEY) == "form"


def test_spare_bits_at_the_end_of_a_part_are_refused() -> None:
    # 64 bytes leave two meaningful bits in the last character: four characters decode to the same signature.
    last = ALPHABET.index(ED_TOKEN[-1])
    for spare in range(1, 16):
        assert reason(ED_TOKEN[:-1] + ALPHABET[last ^ spare], ED_KEY) == "form"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "EdDSA", "crit": ["exp"], "exp": 1},
        {"alg": "EdDSA", "crit": []},
        {"alg": "EdDSA", "crit": ["b64"], "b64": False},
        {"alg": "EdDSA", "jwk": ED_KEY},
        {"alg": "EdDSA", "jku": "https://keys.example/"},
        {"alg": "EdDSA", "x5u": "https://keys.example/"},
        {"alg": "EdDSA", "x5c": ["MIIB"]},
        {"alg": "EdDSA", "kid": 7},
        {"alg": "EdDSA", "typ": ["at+jwt"]},
        {"alg": ["EdDSA"]},
        {"typ": "JWT"},
        ["alg", "EdDSA"],
        b'{"alg":"EdDSA","alg":"EdDSA"}',
        b'{"alg":"EdDSA","a":{"b":1,"b":2}}',
        b"\xff\xfe",
        b'{"alg":"EdDSA"} x',
    ],
)
def test_a_header_that_is_more_than_a_plain_object_is_refused(header: object) -> None:
    assert reason(*signed(header)) == "form"


def test_an_unknown_header_that_is_not_critical_is_ignored() -> None:
    token, jwk = signed({"alg": "EdDSA", "x-trace": {"a": 1}})
    assert verify(token, jwk) == b"{}"


def test_none_and_a_missing_signature_are_refused() -> None:
    assert reason(f"{part({'alg': 'none'})}.{part(b'{}')}.", ED_KEY) == "form"
    assert reason(f"{part({'alg': 'none'})}.{part(b'{}')}.AA", ED_KEY) == "algorithm"
    assert reason(f"{part({'alg': 'NONE'})}.{part(b'{}')}.AA", HS_KEY) == "algorithm"


def test_a_public_key_is_never_an_hmac_secret() -> None:
    rsa = RSAKey.generate_key(2048)
    public = rsa.as_dict(private=False)
    forged = sign({"alg": "HS256"}, b"{}", OctKey.import_key({"kty": "oct", "k": public["n"]}))
    assert reason(forged, {**public, "alg": "RS256"}) == "algorithm"
    assert reason(sign({"alg": "HS256"}, b"{}", OctKey.import_key(HS_KEY)), ED_KEY) == "algorithm"


def test_a_detached_payload_is_refused() -> None:
    head, _, signature = ED_TOKEN.split(".")
    assert reason(f"{head}..{signature}", ED_KEY) == "form"


def test_a_token_beyond_64_kib_is_refused() -> None:
    key = Ed25519PrivateKey.generate()
    assert reason(*signed({"alg": "EdDSA"}, b"x" * 65_000, key)) == "form"
    token, jwk = signed({"alg": "EdDSA"}, b"x" * 48_000, key)
    assert len(verify(token, jwk)) == 48_000


@pytest.mark.parametrize(
    "key",
    [
        {**HS_KEY, "k": part(b"x" * 31)},
        {**HS_KEY, "k": ""},
        {**HS_KEY, "k": HS_KEY["k"] + "="},
        {**HS_KEY, "alg": "HS512"},
        {name: value for name, value in HS_KEY.items() if name != "alg"},
        {name: value for name, value in RS_KEY.items() if name != "alg"},
        {**RS_KEY, "e": "AQ"},
        {**RS_KEY, "e": "Ag"},
        {**RS_KEY, "n": part(b"\xff" * 255)},
        {**RS_KEY, "n": part(b"\xff" * 2_049)},
        {**RS_KEY, "n": None},
        {**ED_KEY, "crv": "Ed448"},
        {**ED_KEY, "crv": "X25519"},
        {**ED_KEY, "alg": "ES256"},
        {**ED_KEY, "use": "enc"},
        {**ED_KEY, "key_ops": ["sign"]},
        {**ED_KEY, "x": part(b"x" * 31)},
        {**ED_KEY, "x": part(bytes(32))},
        {**ED_KEY, "x": part(bytes(31) + b"\x80")},
        {**ES_KEY, "crv": "P-384"},
        {**ES_KEY, "y": ES_KEY["x"]},
        {**ES_KEY, "alg": "RS256"},
        {"kty": "AKP"},
        {},
    ],
)
def test_a_weak_or_unfit_key_is_refused(key: dict[str, Any]) -> None:
    token = {"oct": HS_TOKEN, "RSA": RS_TOKEN, "EC": ES_TOKEN}.get(str(key.get("kty")), ED_TOKEN)
    assert reason(token, key) == "key"


def test_a_private_key_verifies_by_its_public_part() -> None:
    private = OKPKey.generate_key("Ed25519")
    assert verify(sign({"alg": "EdDSA"}, b"x", private), private.as_dict(private=True)) == b"x"


def test_the_kid_chooses_in_a_set() -> None:
    one, two = OKPKey.generate_key("Ed25519"), ECKey.generate_key("P-256")
    keys = {"keys": [{**one.as_dict(private=False), "kid": "1"}, {**two.as_dict(private=False), "kid": "2"}]}
    assert verify(sign({"alg": "EdDSA", "kid": "1"}, b"one", one), keys) == b"one"
    assert verify(sign({"alg": "ES256", "kid": "2"}, b"two", two), keys) == b"two"
    assert reason(sign({"alg": "ES256", "kid": "1"}, b"two", two), keys) == "algorithm"
    assert reason(sign({"alg": "EdDSA", "kid": "3"}, b"one", one), keys) == "key"
    assert reason(sign({"alg": "EdDSA"}, b"one", one), keys) == "key"


def test_a_set_with_a_kid_twice_is_refused_and_one_key_needs_no_kid() -> None:
    key = OKPKey.generate_key("Ed25519")
    jwk = {**key.as_dict(private=False), "kid": "1"}
    assert reason(sign({"alg": "EdDSA", "kid": "1"}, b"x", key), {"keys": [jwk, jwk]}) == "key"
    other = {**ED_KEY, "kid": "2"}
    assert verify(sign({"alg": "EdDSA", "kid": "1"}, b"x", key), {"keys": [jwk, other]}) == b"x"
    assert reason(sign({"alg": "EdDSA", "kid": "1"}, b"x", key), {"keys": [jwk, other, other]}) == "key"
    assert verify(sign({"alg": "EdDSA"}, b"x", key), {"keys": [jwk]}) == b"x"
    assert reason(sign({"alg": "EdDSA", "kid": "2"}, b"x", key), jwk) == "key"
    assert reason(ED_TOKEN, {"keys": []}) == "key"
    assert reason(ED_TOKEN, {"keys": "none"}) == "key"
