"""The cookie parser by octets: never a guess."""

import pytest

from sojourn.core.ids import SessionHandle
from sojourn.http.cookies import (
    cookie_name,
    expire_session_cookie,
    is_ours,
    read_session_cookie,
    set_session_cookie,
    without_ours,
)

HANDLE = SessionHandle("i" * 42 + "A", "s" * 42 + "A")  # one and the same in every process, for the names of the tests
VALUE = str(HANDLE).encode()
NAME = cookie_name("acme", secure=True)


def test_the_name_tells_realm_and_scheme() -> None:
    assert cookie_name("acme", secure=True) == b"__Host-sojourn_sid.acme"
    assert cookie_name("acme", secure=False) == b"sojourn_sid.acme"


def test_one_cookie_of_our_name_among_others_is_read() -> None:
    cookie = read_session_cookie([b"a=1; " + NAME + b"=" + VALUE + b"; theme=dark"], NAME)
    assert cookie.handle == HANDLE
    assert cookie.present
    assert not cookie.ambiguous


def test_without_the_cookie_there_is_nothing() -> None:
    for headers in ([], [b""], [b"a=1"], [b";;; =; ="], [b"sojourn_sid.acme=" + VALUE]):
        assert read_session_cookie(headers, NAME) == (False, None, False)


@pytest.mark.parametrize("second", [VALUE, b"", b"x", str(SessionHandle("j" * 42 + "A", "s" * 42 + "A")).encode()])
def test_two_cookies_of_our_name_are_no_session(second: bytes) -> None:
    one, two = NAME + b"=" + VALUE, NAME + b"=" + second
    for headers in ([one + b"; " + two], [two + b"; a=1; " + one], [one, two]):
        cookie = read_session_cookie(headers, NAME)
        assert cookie.handle is None
        assert cookie.ambiguous


@pytest.mark.parametrize(
    "name",
    [
        b" " + NAME,
        b"\t" + NAME,
        NAME + b" ",
        NAME + b"\t",
        b"\xc2\xa0" + NAME,
        NAME + b"\x00",
        b'"' + NAME + b'"',
        b"%5F_Host-sojourn_sid.acme",
        b"__Host-sojourn%5fsid.acme",
        b"__Host-sojourn%255fsid.acme",
        b"__HOST-sojourn_sid.acme",
        b"__host-Sojourn_SID.acme",
        "__Host-sojourn_sid\uff0eacme".encode(),
        "__Host-sojourn\u200b_sid.acme".encode(),
        b"__Host-sojourn_sid%2eacme",
    ],
)
def test_a_name_that_only_looks_like_ours_means_no_session(name: bytes) -> None:
    assert read_session_cookie([name + b"=" + VALUE], NAME).ambiguous
    both = read_session_cookie([NAME + b"=" + VALUE + b"; " + name + b"=" + VALUE], NAME)
    assert both.handle is None
    assert both.ambiguous
    assert is_ours(name)


@pytest.mark.parametrize("name", [b"__Host-sojourn_sid.ACME", b"__Host-sojourn_sid.acme2", b"sojourn_sid.acme"])
def test_the_cookie_of_another_realm_or_scheme_is_not_taken_for_ours(name: bytes) -> None:
    cookie = read_session_cookie([name + b"=" + VALUE + b"; " + NAME + b"=" + VALUE], NAME)
    assert cookie.handle == HANDLE


@pytest.mark.parametrize(
    "value", [b"", b"x", HANDLE.id.encode(), VALUE + b" ", b'"' + VALUE + b'"', VALUE + b".x", b"\xff" * 87, VALUE[:-1]]
)
def test_a_malformed_value_is_present_but_opens_nothing(value: bytes) -> None:
    cookie = read_session_cookie([NAME + b"=" + value], NAME)
    assert cookie.present
    assert cookie.handle is None
    assert not cookie.ambiguous


def test_our_cookies_and_their_likes_are_taken_out_and_the_rest_stays_octet_for_octet() -> None:
    header = b"; ".join(
        [
            b"a=1",
            NAME + b"=x",
            b'b="q;q"',
            b"sojourn_sid.other=y",
            b"%73ojourn_sid.acme=z",
            b"sojourn_cid.acme=c",
            b"serverId=s",
            b"__Host-sojourn_admin=t",
            b"sojourn_sidecar=stays",
        ]
    )
    assert without_ours([header]) == b'a=1; b="q;q"; sojourn_sidecar=stays'


def test_set_cookie_has_every_attribute_and_no_domain() -> None:
    assert set_session_cookie(NAME, HANDLE) == (
        b"set-cookie",
        NAME + b"=" + VALUE + b"; Path=/; HttpOnly; SameSite=Lax; Secure",
    )
    plain = set_session_cookie(cookie_name("acme", secure=False), HANDLE)[1]
    assert plain.endswith(b"; Path=/; HttpOnly; SameSite=Lax")
    assert len(plain) < 4096


def test_an_expired_cookie_keeps_the_attributes_that_its_prefix_demands() -> None:
    value = expire_session_cookie(NAME)[1]
    assert value.startswith(NAME + b"=; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert b"Max-Age=0" in value
