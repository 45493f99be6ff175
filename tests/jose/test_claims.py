"""`jose.claims`: what a payload says, strictly."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from sojourn.jose import TokenRefused, claims

NOW = 1_800_000_000_000
GOOD: dict[str, Any] = {"iss": "https://issuer", "aud": "us", "exp": 1_800_000_060, "iat": 1_800_000_000, "sub": "anna"}


def read(payload: object, **changes: Any) -> Mapping[str, Any]:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return claims(raw, **{"issuer": "https://issuer", "audience": "us", "now": NOW, **changes})


def reason(payload: object, **changes: Any) -> str:
    with pytest.raises(TokenRefused) as refused:
        read(payload, **changes)
    return refused.value.reason


def test_good_claims_come_back_exact() -> None:
    assert read({**GOOD, "n": 12345678901234567890})["n"] == 12345678901234567890


def test_the_audience_may_stand_in_a_list() -> None:
    assert read({**GOOD, "aud": ["others", "us"]})["sub"] == "anna"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"iss": None}, "issuer-missing"),
        ({"iss": "https://issuer/"}, "issuer"),
        ({"iss": ["https://issuer"]}, "issuer"),
        ({"aud": "usa"}, "audience"),
        ({"aud": ["usa"]}, "audience"),
        ({"aud": {"us": 1}}, "audience"),
        ({"exp": "1800000060"}, "claims"),
        ({"exp": True}, "claims"),
        ({"exp": -1}, "claims"),
        ({"exp": 10**400}, "claims"),
        ({"nbf": "soon"}, "claims"),
        ({"iat": [1]}, "claims"),
        ({"exp": 1_799_999_970}, "expired"),
        ({"nbf": 1_800_000_031}, "not-yet"),
        ({"iat": 1_800_000_031}, "not-yet"),
    ],
)
def test_a_claim_that_does_not_fit_is_refused(changes: dict[str, Any], expected: str) -> None:
    assert reason({**GOOD, **changes}) == expected


def test_exp_is_demanded() -> None:
    assert reason({name: value for name, value in GOOD.items() if name != "exp"}) == "claims"


def test_the_leeway_ends_at_its_very_instant() -> None:
    late = {**GOOD, "exp": 1_799_999_970.001}
    assert read(late)["sub"] == "anna"
    assert reason(late, leeway=29_999) == "expired"
    assert read({**GOOD, "nbf": 1_800_000_030})["sub"] == "anna"


@pytest.mark.parametrize("number", [b"1e999999999", b"1E400", b"NaN", b"Infinity", b"-0.1"])
def test_a_number_without_measure_is_refused(number: bytes) -> None:
    assert reason(b'{"iss":"https://issuer","aud":"us","exp":%s}' % number) == "claims"


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"\xff", b'{"iss":"a","iss":"b"}', b'{"a":1} '])
def test_what_is_not_one_object_is_refused(payload: object) -> None:
    assert reason(payload) in {"claims", "issuer-missing"}
