"""AuthToken: its constructor, its bounds, its life."""

from __future__ import annotations

import pytest

import sojourn
from sojourn.core.clock import DAY, MINUTE, SystemClock
from sojourn.core.errors import BadScope
from sojourn.model.token import AuthToken, BadToken


@pytest.mark.parametrize(
    ("given", "scope"),
    [
        ("a b", "a b"),
        (" a   b a ", "a b"),
        (["a", "b"], "a b"),
        (("b", "a b"), "b a"),
        (123, "vfs:ikey?123"),
        (-1898145133, "vfs:ikey?-1898145133"),
        (["a", 123], "a vfs:ikey?123"),
        ("ufs:/jobs/night.js", "ufs:/jobs/night.js"),
        ("vfs:/a%20b.js c", "vfs:/a%20b.js c"),
        ("", ""),
        ([], ""),
    ],
)
def test_21_8_each_form_of_the_constructor_becomes_words_with_one_blank_between(given: object, scope: str) -> None:
    """§21 (8): an array is joined by one space, the number 123 becomes ``vfs:ikey?123``."""
    assert AuthToken(given).scope == scope  # type: ignore[arg-type]


def test_21_9_a_new_token_expires_in_about_30_days() -> None:
    expires = AuthToken("a").expires
    assert expires is not None
    assert abs(expires - (SystemClock().now() + 30 * DAY)) < MINUTE


def test_the_default_life_counts_from_the_moment_it_is_authorized() -> None:
    assert AuthToken("a").expires_from(1_000) == 1_000 + 30 * DAY
    assert AuthToken("a", expires=77).expires_from(1_000) == 77
    assert AuthToken("a", expires=None).expires_from(1_000) is None
    changed = AuthToken("a")
    changed.expires = None
    assert changed.expires_from(1_000) is None


def test_data_and_description_are_empty_at_first_and_are_kept() -> None:
    assert (AuthToken("a").data, AuthToken("a").description) == ("", "")
    token = AuthToken("a", "opaque", description="nightly report")
    assert (token.data, token.description, token.key, token.user_key) == ("opaque", "nightly report", 0, -1)


@pytest.mark.parametrize("scope", ["a b,c", "ä", "a\x00", ["a", "b!"], "x" * 101])
def test_a_word_that_is_no_scope_is_an_error_and_not_skipped(scope: object) -> None:
    with pytest.raises(BadScope):
        AuthToken(scope)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": "x" * 4_097},
        {"description": "x" * 201},
        {"expires": 1.5},
        {"expires": True},
        {"expires": -7},
        {"expires": 1 << 53},
    ],
)
def test_what_is_out_of_bounds_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadToken):
        AuthToken("a", **wrong)  # type: ignore[arg-type]


def test_a_scope_is_no_truth_value_and_no_object() -> None:
    with pytest.raises(BadToken):
        AuthToken(True)
    with pytest.raises(BadToken):
        AuthToken([None])  # type: ignore[list-item]


def test_it_is_a_public_name() -> None:
    assert sojourn.AuthToken is AuthToken
