import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.core.errors import BadScope
from sojourn.model.scope import (
    NO_SCOPE,
    is_condition,
    is_reserved,
    narrow,
    parse_route_scope,
    parse_scope,
    parse_scopes,
)

words = st.frozensets(st.sampled_from(["a", "b", "c", "d"]))


@pytest.mark.parametrize("word", ["cart.write", "vfs:ikey?12", "ufs:/a%20b.js", "engine.deploy:*", "x" * 100])
def test_a_word_of_the_alphabet_is_a_scope(word: str) -> None:
    assert parse_scope(word) == word


@pytest.mark.parametrize("word", ["", "a b", "a,b", "é", "x" * 101, "*", "security.*", "a\n", "engine.deploy:* "])
def test_any_other_word_is_an_error_not_skipped(word: str) -> None:
    with pytest.raises(BadScope):
        parse_scope(word)


def test_a_list_keeps_the_first_occurrence_of_each_word() -> None:
    assert parse_scopes("b  a b\tc") == ("b", "a", "c")
    assert parse_scopes("a, b,c", commas=True) == ("a", "b", "c")
    assert parse_scopes(["a", "b"]) == ("a", "b")
    assert parse_scopes("") == ()


def test_commas_split_only_where_pipelines_write_them() -> None:
    with pytest.raises(BadScope):
        parse_scopes("a,b")


@pytest.mark.parametrize("word", ["security.root", "SECURITY.root", "Engine.shutdown", "sojourn.x", "database.a"])
def test_reserved_prefixes_are_compared_without_case(word: str) -> None:
    assert is_reserved(word)
    assert not is_reserved("x" + word)


@given(words, words, words)
def test_an_effective_scope_is_never_wider_than_any_of_its_terms(
    handle: frozenset[str], session: frozenset[str], account: frozenset[str]
) -> None:
    effective = narrow(handle, session, account)
    assert effective == handle & session & account


@given(words)
def test_a_missing_term_does_not_narrow_and_three_missing_terms_give_nothing(account: frozenset[str]) -> None:
    assert narrow(None, None, account) == account
    assert narrow(None, None, None) == NO_SCOPE


def test_an_empty_scope_means_none_never_all() -> None:
    assert narrow(frozenset(), None, frozenset({"a"})) == NO_SCOPE


def test_script_scopes_are_conditions_and_are_kept() -> None:
    handle = frozenset({"a", "ufs:/x.js"})
    assert narrow(handle, None, frozenset({"a"})) == handle
    assert is_condition("vfs:ikey?1")


def test_script_scopes_of_the_account_come_by_its_own_handles_only() -> None:
    assert narrow(frozenset(), None, frozenset({"ufs:/x.js"})) == NO_SCOPE
    assert narrow(None, frozenset({"a"}), frozenset({"a", "ufs:/x.js"})) == {"a"}
    assert narrow(None, None, frozenset({"ufs:/x.js"})) == {"ufs:/x.js"}


def test_21_47_a_route_needs_one_plain_word_each_plus_word_and_no_forbidden_one() -> None:
    """§21 (47)."""
    route = parse_route_scope("a b +c !d")
    admitted = [
        "".join(sorted(scopes))
        for scopes in map(frozenset, ("ac", "bc", "abc", "ab", "acd", "c", ""))
        if route.admits(scopes, scopes)
    ]
    assert admitted == ["ac", "bc", "abc"]


def test_a_forbidden_word_is_looked_for_in_all_that_account_and_session_have() -> None:
    route, effective = parse_route_scope("a !d"), frozenset({"a"})
    assert route.admits(effective, effective)
    assert not route.admits(effective, frozenset({"a", "d"}))


def test_without_plain_words_the_others_decide_and_without_any_everybody_may() -> None:
    assert parse_route_scope("+c").admits(frozenset({"c"}), frozenset())
    assert not parse_route_scope("+c").admits(frozenset(), frozenset({"c"}))
    assert parse_route_scope(" ").admits(frozenset(), frozenset({"d"}))


@pytest.mark.parametrize("text", ["+", "!", "a ++b", "a,b", "!ufs:/a.js", "vfs:ikey?1", "a !a", "+a !a", "-ä"])
def test_a_route_scope_that_cannot_be_meant_is_an_error(text: str) -> None:
    with pytest.raises(BadScope):
        parse_route_scope(text)
