"""What a pipeline may send, and what is added to it."""

from __future__ import annotations

import pytest

from sojourn.http.outgoing import pipeline_reply
from sojourn.pipelines.request import PipelineReply

TYPE = ("content-type", "application/json")


def sent(*headers: tuple[str, str], status: int = 200, personal: bool = False) -> list[tuple[bytes, bytes]]:
    return list(pipeline_reply(PipelineReply(status, headers, b"{}"), "acme", personal=personal).headers)


def test_a_plain_reply_goes_out_as_it_is() -> None:
    assert sent(TYPE, ("X-Note", "fine")) == [(b"content-type", b"application/json"), (b"x-note", b"fine")]


@pytest.mark.parametrize(
    "header",
    [
        ("Connection", "close"),
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
        ("Strict-Transport-Security", "max-age=0"),
        ("Access-Control-Allow-Credentials", "true"),
        ("WWW-Authenticate", "Basic"),
        ("X-Session-Id", "x"),
        ("Set-Cookie", "__Host-sojourn_sid.acme=x"),
        ("Set-Cookie", "%73ojourn_sid.acme=x"),
        ("Set-Cookie", "serverId=x"),
        ("X-Note", "a\r\nSet-Cookie: b=c"),
        ("X-Note", "a\x00b"),
        ("X-Note", "snow ☃"),
        ("X Note", "a"),
        ("", "a"),
        ("Content-Type", "text/plain\r\nX: y"),
    ],
)
def test_what_an_author_may_not_send_is_taken_out(header: tuple[str, str]) -> None:
    assert sent(header) == []


def test_a_cookie_of_the_author_goes_out_and_is_kept_by_no_cache() -> None:
    assert sent(("Set-Cookie", "theme=dark"), ("Cache-Control", "public")) == [
        (b"set-cookie", b"theme=dark"),
        (b"cache-control", b"no-store"),
    ]


def test_a_personal_answer_is_kept_by_no_cache_whatever_the_author_says() -> None:
    assert sent(("cache-control", "public"), personal=True) == [(b"cache-control", b"no-store")]
    assert sent(("cache-control", "public")) == [(b"cache-control", b"public")]


@pytest.mark.parametrize(
    "kind",
    ["text/html", "TEXT/HTML; charset=utf-8", " image/svg+xml", "application/xhtml+xml", "text/xml", "application/xml"],
)
def test_an_active_type_is_sandboxed(kind: str) -> None:
    assert (b"content-security-policy", b"sandbox") in sent(("Content-Type", kind))


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "image/png", "text/csv"])
def test_another_type_is_not(kind: str) -> None:
    assert sent(("content-type", kind)) == [(b"content-type", kind.encode())]


def test_401_and_503_say_how_to_go_on() -> None:
    assert sent(status=401) == [(b"www-authenticate", b'Bearer realm="acme"')]
    assert sent(status=503) == [(b"retry-after", b"1")]
    assert sent(("Retry-After", "60"), status=503) == [(b"retry-after", b"60")]


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_without_content_has_none(status: int) -> None:
    assert pipeline_reply(PipelineReply(status, (), b"x"), "acme", personal=False).body == b""
