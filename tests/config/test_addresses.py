"""Addresses in settings."""

from pathlib import Path

import pytest

from sojourn.config.addresses import (
    BadAddress,
    Listen,
    StoreUrl,
    check_host,
    check_network,
    is_loopback,
    parse_listen,
    parse_origin,
    parse_store_url,
)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST", "a.localhost", "localhost."]
)
def test_loopback_is_known_by_address_and_by_name(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "0.0.0.0", "::", "localhost.example", "notlocalhost", "shop.example", "", "::ffff:10.0.0.1"]
)
def test_other_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["a", "shop.example", "xn--mller-kva.example", "10.0.0.1", "::1", "a" * 63])
def test_hosts_are_names_and_addresses(host: str) -> None:
    assert check_host(host) == host


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a b",
        "a..b",
        "-a",
        "a" * 64,
        ".".join(["a" * 60] * 5),
        "müller",
        "a/b",
        "a:1",
        "[::1]",
        "fe80::1%eth0",
        "a\n",
    ],
)
def test_other_texts_are_no_hosts(host: str) -> None:
    with pytest.raises(BadAddress):
        check_host(host)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example:443/", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("https://shop.example:80", "https://shop.example:80"),
        ("http://[::1]:8420", "http://[::1]:8420"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(url: str, origin: str) -> None:
    assert parse_origin(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "//shop.example",
        "ftp://a",
        "http://",
        "http://:80",
        "http://a/b",
        "http://a?",
        "http://a#",
        "http://u@a",
        "http://:p@a",
        "http://a:b",
        "http://a:",
        "http://a:0",
        "http://a:65536",
        "http://a b",
        "http://ä",
        "http://a\\b",
        "http://[::1",
        "http://a_\n",
    ],
)
def test_what_is_more_or_less_than_an_origin_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        parse_origin(url)


def test_a_listener_has_host_and_port() -> None:
    assert parse_listen("http://0.0.0.0:8421") == Listen("0.0.0.0", 8421)
    assert parse_listen("http://[::1]:8421/") == Listen("::1", 8421)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1",
        "https://127.0.0.1:1",
        "http://:1",
        "http://u@a:1",
        "http://a:1/x",
        "http://a:1?x",
        "127.0.0.1:1",
        "unix:/x",
    ],
)
def test_other_listeners_are_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        parse_listen(url)


def test_networks_get_their_usual_form() -> None:
    assert [
        check_network(text) for text in ("10.0.0.0/8", "10.1.2.3", "10.0.0.0/255.0.0.0", "::1", "2001:DB8::/32")
    ] == [
        "10.0.0.0/8",
        "10.1.2.3/32",
        "10.0.0.0/8",
        "::1/128",
        "2001:db8::/32",
    ]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/state.db", "/project/var/state.db"),
        ("sqlite:////data/state.db", "/data/state.db"),
        ("sqlite:///a:b c.db", "/project/a:b c.db"),
    ],
)
def test_files_of_stores_are_relative_to_the_project_unless_absolute(url: str, path: str) -> None:
    assert parse_store_url("session", url, Path("/project")) == StoreUrl("sqlite", Path(path))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite:///var/",
        "sqlite:///a?b",
        "sqlite:///a#b",
        "sqlite:///a%20b",
        "sqlite:///\0",
        "SQLITE:///a",
        "",
        "x",
    ],
)
def test_other_store_urls_are_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        parse_store_url("session", url, Path("/project"))


def test_sessions_may_be_kept_on_postgresql() -> None:
    assert parse_store_url("session", "postgresql://db/app?sslmode=require", Path("/project")) == StoreUrl(
        "postgresql", None
    )


def test_the_engine_database_is_never_memory() -> None:
    with pytest.raises(BadAddress):
        parse_store_url("engine", "memory://", Path("/project"))
