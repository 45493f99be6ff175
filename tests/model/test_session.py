import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.model.session import MAX_TOKENS, End, IssuedToken, death, list_token

instants = st.integers(0, 2000)


def test_a_session_is_dead_at_the_very_instant_of_its_limit() -> None:
    assert death(None, last=0, idle=100, absolute=1000, now=99) is None
    assert death(None, last=0, idle=100, absolute=1000, now=100) == End("idle", 100)
    assert death(None, last=990, idle=100, absolute=1000, now=1000) == End("absolute", 1000)


def test_no_idle_limit_leaves_the_absolute_one() -> None:
    assert death(None, last=0, idle=0, absolute=1000, now=999) is None
    assert death(None, last=0, idle=0, absolute=1000, now=5000) == End("absolute", 1000)


def test_of_two_limits_at_one_instant_the_absolute_is_named() -> None:
    assert death(None, last=0, idle=100, absolute=100, now=100) == End("absolute", 100)


@given(instants, instants, instants, instants)
def test_an_end_that_was_written_stays(last: int, idle: int, absolute: int, now: int) -> None:
    end = End("logout", 5)
    assert death(end, last=last, idle=idle, absolute=absolute, now=now) is end


@given(instants, instants, instants, instants, instants)
def test_the_dead_stay_dead(last: int, idle: int, absolute: int, now: int, later: int) -> None:
    first = death(None, last=last, idle=idle, absolute=absolute, now=now)
    if first is not None:
        assert death(None, last=last, idle=idle, absolute=absolute, now=now + later) == first


def token(number: int, expires: int) -> IssuedToken:
    return IssuedToken(hash=bytes([number]), expires=expires)


def test_a_session_lists_sixteen_tokens_and_drops_the_oldest() -> None:
    tokens: tuple[IssuedToken, ...] = ()
    for number in range(MAX_TOKENS + 2):
        tokens = list_token(tokens, token(number, 100), now=0)
    assert [entry.hash[0] for entry in tokens] == list(range(2, MAX_TOKENS + 2))


@pytest.mark.parametrize(("now", "left"), [(49, 2), (50, 1)])
def test_an_expired_token_leaves_the_list_first(now: int, left: int) -> None:
    assert len(list_token((token(1, 50),), token(2, 100), now)) == left
