"""One authority per request."""

import pytest
from msgspec import convert

from sojourn.core.errors import AmbiguousCredentials, SessionUnknown, Unauthorized
from sojourn.core.ids import SessionHandle
from sojourn.http.handles import Shown, api_key, form_handles, parse_query, shown, without_credentials
from sojourn.http.wire import Head, Header
from sojourn.model.realm import Realm, RealmConfig

HANDLE = SessionHandle("i" * 42 + "A", "s" * 42 + "A")  # one and the same in every process, for the names of the tests
TEXT = str(HANDLE).encode()


def realm(**config: object) -> Realm:
    return Realm(key=1, id="i", name="acme", config=convert(config, RealmConfig))


COOKIES = realm(sessionTrackingEnabled=True)
PLAIN = realm()
HEADER = realm(environmentType="stateful", sessionTrackingEnabled=False)
QUERY = realm(environmentType="stateful", sessionTrackingEnabled=False, sidInQuery=True)

COOKIE = (b"cookie", b"sojourn_sid.acme=" + TEXT)
BEARER = (b"authorization", b"Bearer a.b.c")
SID = (b"x-session-id", TEXT)


def look(realm_: Realm, *headers: Header, query: bytes = b"") -> Shown:
    return shown(realm_, Head(headers), query, https=False)


def test_nothing_shown_is_nothing() -> None:
    assert not look(COOKIES).anything
    with pytest.raises(Unauthorized):
        look(COOKIES).session_handle()


def test_each_kind_is_read_where_the_realm_takes_it() -> None:
    assert look(COOKIES, COOKIE).session_handle() == HANDLE
    assert look(PLAIN, BEARER).bearer == "a.b.c"
    assert look(PLAIN, (b"authorization", b"bEARER a.b.c")).bearer == "a.b.c"
    assert look(HEADER, SID).via == "header"
    assert look(QUERY, query=b"x=1&ngin_sid=" + TEXT).via == "parameter"


def test_a_kind_that_the_realm_does_not_take_is_no_handle() -> None:
    assert not look(PLAIN, COOKIE, SID).anything
    assert not look(HEADER, COOKIE, query=b"ngin_sid=" + TEXT).anything
    assert not look(COOKIES, SID).anything
    assert not look(realm(sessionTrackingEnabled=True, crossSiteClients=True), COOKIE).anything


@pytest.mark.parametrize(
    ("of", "headers", "query"),
    [
        (PLAIN, [BEARER, BEARER], b""),
        (PLAIN, [BEARER, (b"authorization", b"Basic eDp5")], b""),
        (HEADER, [SID, SID], b""),
        (HEADER, [SID, BEARER], b""),
        (QUERY, [SID], b"ngin_sid=" + TEXT),
        (QUERY, [], b"ngin_sid=" + TEXT + b"&ngin_sid=" + TEXT),
        (QUERY, [BEARER], b"ngin%5fsid=x"),
    ],
)
def test_two_credentials_are_refused(of: Realm, headers: list[Header], query: bytes) -> None:
    with pytest.raises(AmbiguousCredentials) as caught:
        look(of, *headers, query=query)
    assert (caught.value.status, caught.value.code) == (400, "request.ambiguous_credentials")


def test_a_cookie_beside_an_authorization_is_kept_for_affinity() -> None:
    found = look(COOKIES, COOKIE, BEARER)
    assert found.bearer == "a.b.c"
    assert found.handle is None
    assert found.cookie.handle == HANDLE


@pytest.mark.parametrize("value", [b"x", b"", TEXT + b" ", TEXT + b"\xff"])
def test_a_malformed_handle_is_refused_and_not_skipped(value: bytes) -> None:
    found = look(HEADER, (b"x-session-id", value))
    assert found.anything
    with pytest.raises(SessionUnknown):
        found.session_handle()


def test_an_uncertain_cookie_is_no_session_at_all() -> None:
    found = look(COOKIES, COOKIE, COOKIE)
    assert found.cookie.ambiguous
    assert not found.anything


def test_another_scheme_of_authorization_is_refused() -> None:
    with pytest.raises(Unauthorized):
        look(PLAIN, (b"authorization", b"Basic eDp5"))


def test_the_api_key_is_one_header_and_a_parameter_only_where_the_realm_says_so() -> None:
    in_query = realm(apiKeyInQuery=True)
    assert api_key(PLAIN, Head([(b"apikey", b"k")]), b"apikey=q") == "k"
    assert api_key(PLAIN, Head([]), b"apikey=q") is None
    assert api_key(in_query, Head([]), b"apikey=q") == "q"
    for headers, query in (([(b"apikey", b"k")], b"apikey=q"), ([(b"apikey", b"k")] * 2, b"")):
        with pytest.raises(AmbiguousCredentials):
            api_key(in_query, Head(headers), query)


def test_the_session_parameter_leaves_a_form_body_and_the_rest_stays_octet_for_octet() -> None:
    body = b"a=%zz&ngin_sid=x&b=&&ngin%5Fsid=y&c=%FF"
    assert form_handles(body) == 2
    assert without_credentials(body) == b"a=%zz&b=&&c=%FF"


def test_a_query_of_too_many_parameters_is_not_read() -> None:
    assert parse_query(b"a=1&" * 2000) == []
    assert parse_query(b"a=1&b=%FF&a=") == [("a", "1"), ("b", "�"), ("a", "")]
