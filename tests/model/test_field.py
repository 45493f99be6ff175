from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.core.errors import BadOperand, FieldConflict, FieldLimit
from sojourn.model.field import (
    DEFAULT_LIMITS,
    Field,
    Limits,
    Op,
    add,
    append,
    apply,
    check_limits,
    delete,
    increment,
    is_plain_number,
    merge,
    put,
    put_if,
)

plain = st.decimals(min_value=Decimal(-(10**30)), max_value=Decimal(10**30), places=6).map(lambda d: format(d, "f"))


def results(*ops: Op, fields: dict[str, Field] | None = None, limits: Limits = DEFAULT_LIMITS) -> dict[str, str | None]:
    return dict(apply(ops, fields or {}, limits).writes)


@pytest.mark.parametrize(
    ("a", "b", "total"),
    [
        ("9223372036854775806", "1", "9223372036854775807"),
        ("0.1", "0.2", "0.3"),
        ("-12345678901234567.25", "12345678901234568", "0.75"),
        ("0.3", "-0.3", "0"),
        ("99999999999999999999999999999999999999", "-1", "99999999999999999999999999999999999998"),
    ],
)
def test_sums_are_exact(a: str, b: str, total: str) -> None:
    assert add(a, b) == total


@given(plain, plain)
def test_a_sum_is_that_of_the_decimals(a: str, b: str) -> None:
    with localcontext(prec=80):
        assert Decimal(add(a, b)) == Decimal(a) + Decimal(b)


@pytest.mark.parametrize("text", ["1e5", "+1", "01", ".5", "1.", "NaN", '"1"', "", "1" * 39, "0." + "1" * 19])
def test_only_plain_decimals_can_be_incremented(text: str) -> None:
    assert not is_plain_number(text)
    with pytest.raises(BadOperand):
        results(increment("n", text))


def test_operations_see_what_the_ones_before_them_did() -> None:
    done = results(put("n", "1"), increment("n", "2"), append("list", "1"), append("list", "2"), delete("gone"))
    assert done == {"n": "3", "list": "[1,2]", "gone": None}


def test_a_merge_keeps_the_text_of_the_members_it_does_not_name() -> None:
    fields = {"o": Field(1, '{"big":12345678901234567890,"d":0.1234567890123456789,"e":{}}')}
    done = results(merge("o", '{"e":null,"k":[1.10,{}]}'), fields=fields)
    assert done == {"o": '{"big":12345678901234567890,"d":0.1234567890123456789,"k":[1.10,{}]}'}


@pytest.mark.parametrize("op", [append("n", "1"), merge("n", "{}"), increment("s")])
def test_an_operation_that_does_not_fit_is_refused(op: Op) -> None:
    with pytest.raises(BadOperand):
        results(op, fields={"n": Field(1, "1"), "s": Field(1, '"x"')})


def test_a_conditional_put_tells_both_versions() -> None:
    with pytest.raises(FieldConflict) as caught:
        results(put_if("a", "2", 3), fields={"a": Field(7, "1")})
    assert (caught.value.expected, caught.value.found, caught.value.value) == (3, 7, "1")


def test_version_zero_means_only_while_absent() -> None:
    assert results(put_if("a", "1", 0)) == {"a": "1"}
    with pytest.raises(FieldConflict):
        results(put_if("a", "1", 0), fields={"a": Field(1, "0")})


@pytest.mark.parametrize("name", ["", "a\0b", "é" * 129])
def test_a_name_that_no_store_takes_is_refused(name: str) -> None:
    with pytest.raises(FieldLimit):
        results(put(name, "1"))


def test_a_value_at_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    limits = Limits(value=5)
    assert results(put("a", '"é1"'), limits=limits) == {"a": '"é1"'}
    with pytest.raises(FieldLimit) as caught:
        results(put("a", '"é12"'), limits=limits)
    assert (caught.value.what, caught.value.name, caught.value.limit) == ("value", "a", 5)


def test_the_number_and_the_total_of_fields_are_limited() -> None:
    check_limits({"a": "1", "b": "2"}, Limits(fields=2, total=4))
    with pytest.raises(FieldLimit, match="session limit exceeded"):
        check_limits({"a": "1", "b": "2", "c": "3"}, Limits(fields=2))
    with pytest.raises(FieldLimit):
        check_limits({"a": "1", "b": "22"}, Limits(total=4))
