"""URLs of Valkey and Redis servers."""

from pathlib import Path

import pytest

from sojourn.config.addresses import BadAddress, parse_store_url
from sojourn.config.valkey_url import Place, parse_valkey_url


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("valkey://localhost", Place(hosts=(("localhost", 6379),))),
        ("redis://[::1]:7000/3", Place(hosts=(("::1", 7000),), database=3)),
        (
            "valkeys://me:p%40ss%2F@a.example,b.example:7001?cluster=true&wait=2&ca=/etc/ca.pem",
            Place(
                hosts=(("a.example", 6379), ("b.example", 7001)),
                tls=True,
                user="me",
                password="p@ss/",
                cluster=True,
                wait=2,
                ca=Path("/etc/ca.pem"),
            ),
        ),
        ("rediss://:word@h", Place(hosts=(("h", 6379),), tls=True, password="word")),
        ("valkey:///run/valkey.sock?db=2", Place(hosts=(), socket="/run/valkey.sock", database=2)),
    ],
)
def test_a_url_says_where_and_who(url: str, place: Place) -> None:
    assert parse_valkey_url(url) == place
    assert parse_store_url("session", url, Path("/p")).scheme == "valkey"


@pytest.mark.parametrize(
    "url",
    [
        "valkey://",
        "valkey:///",
        "valkey://host:0",
        "valkey://host:",
        "valkey://host:70000",
        "valkey://host/x",
        "valkey://host?fast=yes",
        "valkey://host?cluster=maybe",
        "valkey://host/1?cluster=true",
        "valkey:///run/s?cluster=true",
        "valkeys:///run/s",
        "valkey://host?wait=10",
        "valkey://host?ca=/ca.pem",
        "valkeys://host?ca=ca.pem",
        "valkey://host#x",
        "http://host",
    ],
)
def test_a_url_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        parse_valkey_url(url)


def test_no_text_of_a_place_or_an_error_shows_the_password() -> None:
    place = parse_valkey_url("valkey://me:s3cret@localhost:1")
    assert "s3cret" not in f"{place!r} {place} {place.text}"
    for url in ("valkey://me:s3cret@localhost:0", "valkey://me:s3cret@localhost?s3cret", "valkey://me:s3cret@"):
        with pytest.raises(BadAddress) as refused:
            parse_valkey_url(url)
        assert "s3cret" not in str(refused.value)


def test_only_this_very_machine_is_local() -> None:
    local = ("valkey://localhost", "valkey://127.0.0.1", "valkey://[::1]", "valkey:///run/s")
    assert all(parse_valkey_url(url).is_local for url in local)
    assert not parse_valkey_url("valkey://localhost,10.0.0.1").is_local
