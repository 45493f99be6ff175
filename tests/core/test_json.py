import contextlib
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.core.errors import InvalidJson
from sojourn.core.json import MAX_DEPTH, check_finite, decode, decode_native, encode, encode_text

NUMBERS = ["12345678901234567", "0.12345678901234567890", "10.10", "-0.0", "9223372036854775808", "1E+400", "0"]


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_comes_back_digit_for_digit(text: str) -> None:
    assert encode_text(decode(text)) == text
    assert encode_text(decode_native(text)) == text


def test_python_callers_get_floats_where_nothing_is_lost() -> None:
    assert decode_native("[0.1,10.10,7]") == [0.1, Decimal("10.10"), 7]
    assert isinstance(decode_native("0.1"), float)
    assert isinstance(decode("0.1"), Decimal)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"x":{"a":1, "b":2, "a":1}}',
        '{"a":1,"\\u0061":2}',
        "NaN",
        "Infinity",
        '"\\ud800"',
        "",
        "{",
        "01",
        "1 2",
        "'a'",
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        "[" * 100_000,
        "1" * 5000,
    ],
)
def test_what_is_not_our_json_is_refused_with_one_error(text: str) -> None:
    with pytest.raises(InvalidJson):
        decode(text)


@pytest.mark.parametrize("data", [b"\xff", b'"\xff"', b'"\xed\xa0\x80"', b"\xef\xbb\xbf1"])
def test_bytes_that_are_not_utf8_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidJson):
        decode(data)


def test_the_deepest_allowed_value_is_accepted() -> None:
    assert decode("[" * MAX_DEPTH + "]" * MAX_DEPTH)


@pytest.mark.parametrize("value", [math.nan, [math.inf], {"a": [Decimal("NaN")]}])
def test_nan_and_infinity_have_no_json_form(value: Any) -> None:
    with pytest.raises(InvalidJson):
        check_finite(value)


@pytest.mark.parametrize("value", ["\ud800", object(), {1, 2}.__iter__()])
def test_a_value_that_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(InvalidJson):
        encode(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(json_values)
def test_any_value_survives_a_round_trip(value: Any) -> None:
    assert decode(encode(value)) == value


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_our_error(data: bytes) -> None:
    with contextlib.suppress(InvalidJson):
        assert encode(decode(data))
