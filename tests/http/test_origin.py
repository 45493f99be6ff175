"""Host, scheme and client address: the socket, or the last hop that a listed proxy added."""

import pytest

from sojourn.core.errors import BadRequest, CrossSiteWrite
from sojourn.http.crosssite import guard, is_ours
from sojourn.http.errors import InsecureCookie, MisdirectedRequest, UntrustedProxy
from sojourn.http.origin import Arrival, Origins, check_realm_host
from sojourn.http.wire import Head, Header
from sojourn.model.realm import Realm, RealmConfig

LOCAL = "http://127.0.0.1:8420"
PUBLIC = "https://shop.example"


def arrive(
    origins: Origins,
    host: bytes | None,
    *headers: Header,
    peer: str = "127.0.0.1",
    server: tuple[str, int] = ("127.0.0.1", 8420),
    scheme: str = "http",
) -> Arrival:
    raw = list(headers) if host is None else [(b"host", host), *headers]
    return origins.arrival({"client": (peer, 5000), "server": server, "scheme": scheme}, Head(raw))


@pytest.mark.parametrize("host", [b"127.0.0.1:8420", b"localhost:8420", b"[::1]:8420", b"LOCALHOST:8420"])
def test_a_loopback_listener_answers_to_its_loopback_names(host: bytes) -> None:
    assert arrive(Origins(LOCAL, []), host).loopback


@pytest.mark.parametrize(
    "host",
    [b"evil.example", b"localhost", b"localhost:8421", b"localhost.evil.example:8420", b"127.0.0.1:8420@evil", b"a b",
     b"127.0.0.1:8420:8420", b"127.0.0.2:8420", b"[::1", b"]", b"localhost:\xb2"[:-1]],
)  # fmt: skip
def test_any_other_host_is_misdirected(host: bytes) -> None:
    with pytest.raises(MisdirectedRequest):
        arrive(Origins(LOCAL, []), host)


@pytest.mark.parametrize(
    "headers", [[], [(b"host", b"127.0.0.1:8420"), (b"host", b"127.0.0.1:8420")], [(b"host", b"")]]
)
def test_exactly_one_host_is_needed(headers: list[Header]) -> None:
    with pytest.raises(BadRequest):
        arrive(Origins(LOCAL, []), None, *headers)


def test_a_host_beyond_ascii_is_refused() -> None:
    with pytest.raises(BadRequest):
        arrive(Origins(LOCAL, []), b"localhost:\xb2")


def test_loopback_names_are_not_answered_where_the_socket_is_not_loopback() -> None:
    with pytest.raises(MisdirectedRequest):
        arrive(Origins(PUBLIC, []), b"localhost:8420", peer="203.0.113.5", server=("192.0.2.1", 8420))


def test_the_public_host_is_answered_with_or_without_the_port_of_its_scheme() -> None:
    origins = Origins(PUBLIC, [])
    for host in (b"shop.example", b"shop.example:443", b"SHOP.example"):
        arrival = arrive(origins, host, peer="203.0.113.5", server=("192.0.2.1", 443), scheme="https")
        assert arrival == Arrival("shop.example", https=True, address="203.0.113.5", loopback=False)
        assert arrival.origin == b"https://shop.example"
    with pytest.raises(MisdirectedRequest):
        arrive(origins, b"shop.example:8443", peer="203.0.113.5", server=("192.0.2.1", 443), scheme="https")


def test_a_realm_answers_only_on_its_hosts() -> None:
    origins = Origins(PUBLIC, [], ["acme.example"])
    realm = Realm(key=1, id="i", name="acme", config=RealmConfig(hosts=("acme.example",)))
    server = ("192.0.2.1", 443)
    check_realm_host(realm, arrive(origins, b"acme.example", peer="203.0.113.5", server=server, scheme="https"))
    with pytest.raises(MisdirectedRequest):
        check_realm_host(realm, arrive(origins, b"shop.example", peer="203.0.113.5", server=server, scheme="https"))


@pytest.mark.parametrize("name", [b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"])
def test_an_unlisted_proxy_on_loopback_is_refused_and_the_message_names_the_setting(name: bytes) -> None:
    with pytest.raises(UntrustedProxy, match="trustedProxies"):
        arrive(Origins(LOCAL, []), b"127.0.0.1:8420", (name, b"for=1.2.3.4"))


def test_forwarding_headers_of_an_unlisted_peer_elsewhere_do_not_count() -> None:
    arrival = arrive(
        Origins(PUBLIC, ["10.0.0.0/8"]),
        b"shop.example",
        (b"x-forwarded-for", b"127.0.0.1"),
        (b"x-forwarded-proto", b"https"),
        peer="203.0.113.5",
        server=("192.0.2.1", 80),
    )
    assert arrival == Arrival("shop.example", https=False, address="203.0.113.5", loopback=False)


def test_the_client_is_the_last_hop_that_is_no_listed_proxy() -> None:
    origins = Origins(PUBLIC, ["10.0.0.0/8", "127.0.0.1"])
    arrival = arrive(
        origins,
        b"internal",
        (b"x-forwarded-for", b"6.6.6.6, 198.51.100.7, 10.0.0.2"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"shop.example"),
    )
    assert arrival == Arrival("shop.example", https=True, address="198.51.100.7", loopback=False)


def test_the_standard_header_is_read_too_and_must_agree() -> None:
    origins = Origins(PUBLIC, ["127.0.0.1"])
    standard = (b"forwarded", b'for=6.6.6.6, For="[2001:db8::1]:4711";Proto=https;host=shop.example')
    assert arrive(origins, b"x", standard) == Arrival("shop.example", https=True, address="2001:db8::1", loopback=False)
    with pytest.raises(BadRequest):
        arrive(origins, b"x", standard, (b"x-forwarded-for", b"6.6.6.6"))


@pytest.mark.parametrize("hop", [b"", b"evil", b"1.2.3", b"\xff\xff", b"[", b"1.2.3.4.5:1"])
def test_a_hop_that_is_no_address_is_unknown(hop: bytes) -> None:
    arrival = arrive(Origins(PUBLIC, ["127.0.0.1"]), b"shop.example", (b"x-forwarded-for", hop))
    assert arrival.address == "unknown"


def test_a_scheme_that_is_no_scheme_is_refused() -> None:
    with pytest.raises(BadRequest):
        arrive(Origins(PUBLIC, ["127.0.0.1"]), b"shop.example", (b"x-forwarded-proto", b"javascript"))


def test_a_cookie_without_secure_needs_loopback_on_socket_host_and_public_url() -> None:
    local = arrive(Origins(LOCAL, []), b"localhost:8420")
    assert Origins(LOCAL, []).secure_cookie(local) is False
    with pytest.raises(InsecureCookie):
        Origins(PUBLIC, []).secure_cookie(local)
    with pytest.raises(InsecureCookie):
        Origins(LOCAL, []).secure_cookie(local._replace(loopback=False))
    assert Origins(PUBLIC, []).secure_cookie(local._replace(https=True)) is True


def test_a_host_behind_a_proxy_is_never_loopback() -> None:
    origins = Origins(LOCAL, ["127.0.0.1"])
    arrival = arrive(origins, b"127.0.0.1:8420", (b"x-forwarded-for", b"203.0.113.9"))
    assert not arrival.loopback


HERE = Arrival("127.0.0.1:8420", https=False, address="127.0.0.1", loopback=True)
OWN = b"http://127.0.0.1:8420"


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ([(b"sec-fetch-site", b"same-origin")], True),
        ([(b"sec-fetch-site", b"none")], True),
        ([(b"sec-fetch-site", b"same-site")], False),
        ([(b"sec-fetch-site", b"cross-site")], False),
        ([(b"sec-fetch-site", b"")], False),
        ([(b"sec-fetch-site", b"same-origin"), (b"sec-fetch-site", b"none")], False),
        ([(b"sec-fetch-site", b"cross-site"), (b"origin", OWN)], False),
        ([(b"sec-fetch-site", b"cross-site"), (b"content-type", b"application/json")], False),
        ([(b"origin", OWN)], True),
        ([(b"origin", b"http://127.0.0.1:9999")], False),
        ([(b"origin", b"https://127.0.0.1:8420")], False),
        ([(b"origin", b"null")], False),
        ([(b"origin", b"http://evil.example"), (b"content-type", b"application/json")], False),
        ([(b"origin", OWN), (b"origin", OWN)], False),
        ([], False),
        ([(b"content-type", b"application/json")], True),
        ([(b"content-type", b"text/plain;application/json")], False),
        ([(b"content-type", b"TEXT/PLAIN ; charset=utf-8")], False),
        ([(b"content-type", b"multipart/form-data; boundary=x")], False),
        ([(b"content-type", b"application/x-www-form-urlencoded")], False),
        ([(b"x-requested-with", b"fetch")], True),
        ([(b"x-session-id", b"")], True),
        ([(b"accept", b"application/json")], False),
    ],
)
def test_what_counts_as_ours(headers: list[Header], *, ours: bool) -> None:
    head = Head(headers)
    assert is_ours(head, HERE) is ours
    assert guard(head, HERE, "GET") is (not ours)
    if ours:
        assert guard(head, HERE, "POST") is False
    else:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "get", "XYZ"):
            with pytest.raises(CrossSiteWrite):
                guard(head, HERE, method)
