"""Rules for passwords: what is missing, generated ones, and the meter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.identity.rules import (
    DEFAULT_RULE,
    PasswordRule,
    Requirements,
    broken,
    generate_password,
    generate_password_rule_based,
    password_strength,
    validate_password,
)

STRICT = PasswordRule(
    min_length=12,
    allow_repeated_chars=False,
    requirements=Requirements(upper_chars=2, lower_chars=3, symbols=1, numbers=2),
)


def test_by_default_there_are_no_rules_of_composition() -> None:
    for password in ("all small letters here", "雪が静かに降る夜の港町で待つ人", "907 114 562 388 1"):
        assert validate_password(password) == ""
    assert validate_password("too short") == "a password has at least 15 characters"


def test_every_broken_rule_has_a_line() -> None:
    lines = validate_password("aab", STRICT).splitlines()
    assert lines == [
        "a password has at least 12 characters",
        "the same character must not stand twice in a row",
        "a password has at least 2 capital letters",
        "a password has at least 2 digits",
        "a password has at least 1 symbols",
    ]
    assert {reason for reason, _ in broken("aab", STRICT)} == {"short", "rule"}
    assert validate_password("quIet Otter 94", STRICT) == "the same character must not stand twice in a row"
    assert validate_password("quIet Oter 94", STRICT) == ""
    assert "twice in a row" in validate_password("quIet OoTter 94", STRICT)


@pytest.mark.parametrize(
    "password", ["P@ssw0rd2031!", "w3lc0me...99", "#monkey123456", "iloveyou!!!!", "qwertyuiop1", "passwordpassword"]
)
def test_common_passwords_are_known_in_their_disguises(password: str) -> None:
    assert "common" in validate_password(password, PasswordRule(min_length=8))


@pytest.mark.parametrize("password", ["seven quiet otters", "my password is long", "xK7#pq2Lw9", "monkeys eat 4 plums"])
def test_what_only_holds_a_common_word_is_no_disguise(password: str) -> None:
    assert validate_password(password, PasswordRule(min_length=8)) == ""


def test_the_own_names_are_refused() -> None:
    assert "user name" in validate_password("wonderful.annabel", DEFAULT_RULE, ("wonderful.annabel",))
    assert "mail address" in validate_password(
        "annabel.the.great", DEFAULT_RULE, ("ann", "annabel.the.great@example.org")
    )


def test_generated_passwords_obey_their_rule_and_never_come_twice() -> None:
    assert len({generate_password() for _ in range(200)}) == 200
    assert len(generate_password(8)) == len(generate_password(1)) == 8
    assert not set("0O1lI") & set("".join(generate_password(100) for _ in range(20)))
    for rule in (STRICT, DEFAULT_RULE, PasswordRule(min_length=64, requirements=Requirements(symbols=30))):
        for _ in range(20):
            assert validate_password(generate_password_rule_based(rule), rule) == ""


def test_the_meter_goes_from_what_anybody_guesses_to_what_nobody_does() -> None:
    better = ["", "password", "aaaaaaaaaaaaaaaa", "otter", "otter in rain", "seven quiet otters at dawn"]
    strengths = [password_strength(password) for password in better]
    assert strengths == sorted(strengths)
    assert strengths[:3] == [0, 5, 5]
    assert strengths[-1] > 60
    assert password_strength(generate_password()) > 90
    assert password_strength("P@ssw0rd2031!") <= 5
    assert password_strength("abcdefghijklmnop") < 40
    assert password_strength("seven quiet otters at dawn", 5) == password_strength("seven")


@given(st.text(max_size=60))
def test_the_meter_stays_in_its_range(password: str) -> None:
    assert 0 <= password_strength(password) <= 100
